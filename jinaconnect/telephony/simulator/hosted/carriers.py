"""All of the sandbox's HTTP voice carriers as one client: what an adapter asks is answered here, and no host is asked.

The credentials of an account are made of its id, so that whoever simulates it can sign. Nothing outlives the process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from jinaconnect.outbound import Fetched, NotSent, Outbound, Sink
from jinaconnect.telephony.simulator.hosted.exotel import SimulatedExotel
from jinaconnect.telephony.simulator.hosted.plivo import SimulatedPlivo
from jinaconnect.telephony.simulator.hosted.telnyx import SimulatedTelnyx, public_half
from jinaconnect.telephony.simulator.hosted.twilio import SimulatedTwilio
from jinaconnect.telephony.simulator.hosted.vendor import Asked, Call, SimulatedVendor, World
from jinaconnect.telephony.simulator.hosted.vonage import SimulatedVonage

HOST = "https://simulator.invalid"
_VENDORS: Mapping[str, type[SimulatedVendor]] = {
    each.name: each
    for each in (SimulatedTwilio, SimulatedPlivo, SimulatedVonage, SimulatedTelnyx, SimulatedExotel)
}  # fmt: skip
SIMULATED_PROVIDERS = frozenset(_VENDORS)


@cache
def _pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def simulated_credentials(provider: str, account: str, secret: str) -> dict[str, Any]:
    """Return the account at a simulated carrier; `secret` is 64 hex digits made of its id."""
    base = {"base_url": f"{HOST}/{provider}/{account}"}
    match provider:
        case "twilio":
            return {**base, "account_sid": f"AC{secret[:32]}", "auth_token": secret}
        case "plivo":
            return {**base, "auth_id": f"MA{secret[:18].upper()}", "auth_token": secret}
        case "vonage":
            return {**base, "api_key": secret[:8], "api_secret": secret, "application_id": account,
                    "signature_secret": secret, "private_key_pem": _pem()}  # fmt: skip
        case "telnyx":
            return {**base, "api_key": secret, "connection_id": account, "public_key": public_half(secret)}
        case _:
            return {**base, "sid": account, "api_key": secret[:16], "api_token": secret, "subdomain": "api.exotel.com"}


class SimulatedCarriers(Outbound):
    """Answers for every simulated carrier; `secret_of` makes an account's secret, `own_url` is where we listen."""

    def __init__(
        self, loopback: Outbound, own_url: str, secret_of: Callable[[str], str], *, pace: float = 1.0
    ) -> None:  # fmt: skip
        super().__init__((), timeout_s=1)
        self._world = World(loopback, own_url, secret_of, pace)
        self._vendors = {name: kind(self._world) for name, kind in _VENDORS.items()}

    def expect(self, call: str, keys: str) -> None:
        """Have the party of a call that is about to be placed press keys."""
        self._world.keys[call] = keys

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, json: Any = None, data: Any = None,
        timeout_s: float | None = None, limit: int = 0, follow: bool = False, into: Sink | None = None,
        cut: bool = False,
    ) -> Fetched:  # fmt: skip
        """Answer a request as the carrier it is for does."""
        path = urlsplit(url).path.split("/")
        if url.startswith(f"{HOST}/") and len(path) > 3:
            vendor, asked = self._vendors.get(path[1]), Asked(method, url, path[3:], path[2], json, data)
        else:
            vendor = next((each for each in self._vendors.values() if each.serves(url)), None)
            asked = Asked(method, url, path[1:], "", json, data)
        if vendor is None:
            raise NotSent("no simulated carrier is there")
        answer = await vendor.answer(asked)
        if answer.status == 200 and into is not None:
            await into.write(answer.body)
        return answer

    def call_in(self, provider: str, account: str, url: str, caller: str, called: str, keys: str) -> Call:
        """Have somebody call a number of an account, whose calls are told to `url`."""
        return self._vendors[provider].call_in(account, url, caller, called, keys)

    async def close(self) -> None:
        """Forget everything; nobody is told."""
        tasks = [task for vendor in self._vendors.values() for task in vendor.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
