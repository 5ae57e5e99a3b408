"""A gateway with a real Asterisk and SIPp or a second Asterisk as its carrier, and what tests of calls ask of it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jinaconnect.app import Gateway
from jinaconnect.config import Asterisk as AsteriskSection
from jinaconnect.config import Config, Http, OutboundSection, Voice
from jinaconnect.serve import listening
from tests import payloads
from tests.client import Client, until
from tests.conftest import PLENTY
from tests.telephony.asterisk import Asterisk
from tests.tenants import Tenant, make_tenant

TERMINAL = {"call.completed", "call.failed", "call.canceled"}
ENDED = {"COMPLETED", "FAILED", "CANCELED"}
OWN = "+12025550123"


@dataclass
class Exchange:
    """A running gateway with its Asterisk, a tenant of its own and that tenant's trunk."""

    gateway: Gateway
    asterisk: Asterisk
    tenant: Tenant
    trunk: str
    http: aiohttp.ClientSession
    url: str
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def owner(self) -> Client:
        """The tenant's owner."""
        return self.tenant("owner")

    async def place(self, number: str, **body: Any) -> str:
        """Place a call that says something unless told otherwise; returns its id."""
        ways = ("tts_text", "audio_url", "template", "flow_id", "device")
        if not any(way in body for way in ways):
            body["tts_text"] = "Hello."
        body = {"to_number": number, "provider_config_id": self.trunk, **body}
        answer = await self.owner.ask("POST", "/voice/api/calls/", body)
        assert answer.status == 201, answer.body
        return str(answer.body["id"])

    async def call(self, id: str) -> dict[str, Any]:
        """Read a call."""
        return dict((await self.owner.ask("GET", f"/voice/api/calls/{id}/")).ok())

    async def until(
        self, id: str, fits: Callable[[dict[str, Any]], object], what: str, deadline_s: float = 15
    ) -> dict[str, Any]:
        """Wait until a call fits; fails with what it is instead."""
        loop = asyncio.get_running_loop()
        end = loop.time() + deadline_s
        while True:
            call = await self.call(id)
            if fits(call):
                return call
            if loop.time() > end:
                pytest.fail(f"{what}: not within {deadline_s:g} s; {await self.story(id)}")
            await asyncio.sleep(0.03)

    async def ended(self, id: str, deadline_s: float = 20) -> dict[str, Any]:
        """Wait for a call's end, and until it is told: a call is shown a moment before its event has a number."""
        call = await self.until(id, lambda call: call["status"] in ENDED, "the call's end", deadline_s)

        async def told() -> bool:
            return bool(TERMINAL & set(await self.types(id)))

        await until(told, deadline_s)
        return call

    async def events(self, id: str) -> list[dict[str, Any]]:
        """Return the call's events from the tenant's log."""
        return await self.owner.events("start", call=id)

    async def types(self, id: str) -> list[str]:
        """Return the types of the call's events, in order, without its inbox entry, which is told beside them."""
        return [event["type"] for event in await self.events(id) if not event["type"].startswith("message.")]

    async def story(self, id: str) -> list[tuple[int, str, Any]]:
        """Return the call's timeline in short."""
        answer = (await self.owner.ask("GET", f"/voice/api/calls/{id}/timeline/")).ok()
        return [(item["offset_ms"], item["type"], item["detail"]) for item in answer["items"]]

    async def order(self, id: str, action: str, **body: Any) -> Any:
        """Order something of a live call."""
        return await self.owner.ask("POST", f"/voice/api/calls/{id}/{action}/", body)

    async def calls(self, **query: str) -> list[dict[str, Any]]:
        """Return the tenant's calls, newest first."""
        text = "&".join(f"{key}={value}" for key, value in query.items())
        return list((await self.owner.ask("GET", f"/voice/api/calls/?page_size=200&{text}")).ok()["results"])

    async def recordings(self, call: str) -> list[dict[str, Any]]:
        """Return the call's recordings."""
        return list((await self.owner.ask("GET", f"/voice/api/recordings/?call_id={call}")).ok()["results"])

    async def template(self, graph: dict[str, Any], name: str = "IVR") -> str:
        """Make an IVR; returns its id."""
        body = {"name": name, "template_kind": "ivr_menu", "graph": graph}
        answer = await self.owner.ask("POST", "/voice/api/templates/", body)
        assert answer.status == 201, answer.body
        return str(answer.body["id"])

    async def route(self, number: str, route: dict[str, Any]) -> None:
        """Route a number of the trunk."""
        body = {"number": number, "provider_config": self.trunk, "name": number, "route": route}
        answer = await self.owner.ask("POST", "/voice/api/numbers/", body)
        assert answer.status == 201, answer.body


def sip(proxy: str, **more: Any) -> dict[str, Any]:
    """Return the credentials of a trunk that is known by address."""
    return {
        "sip_username": "", "sip_password": "", "sip_realm": proxy.partition(":")[0], "sip_proxy": proxy,
        "registration_required": False, "qualify_s": 0, "sip_transport": "udp", **more,
    }  # fmt: skip


async def make_trunk(tenant: Tenant, proxy: str, **more: Any) -> str:
    """Configure a trunk over REST; returns its id."""
    credentials = sip(proxy, **more.pop("credentials", {}))
    body = {
        "name": "Carrier", "provider": "sip", "credentials": credentials, "from_numbers": [OWN],
        "max_concurrent_calls": 0, **more,
    }  # fmt: skip
    answer = await tenant("owner").ask("POST", "/voice/api/provider-configs/", body)
    assert answer.status == 201, answer.body
    return str(answer.body["id"])


def settings(asterisk: Asterisk, var: Path, url: str | None = None, **more: Any) -> Config:
    """Return the configuration of a gateway with one Asterisk, reached at `url` where that is not its own."""
    section = AsteriskSection(url=url or asterisk.url, user="jinaconnect", password=asterisk.password)
    return Config(
        var_dir=var, http=Http(port=0, drain_s=2), limits=PLENTY,
        outbound=OutboundSection(allow_networks=("127.0.0.0/8",), timeout_s=3), voice=Voice(asterisks=(section,)),
        **more,
    )  # fmt: skip


@asynccontextmanager
async def exchange(
    asterisk: Asterisk, mongodb_uri: str, http: aiohttp.ClientSession, var: Path, proxy: str, *,
    asterisk_url: str | None = None, **trunk: Any,
) -> AsyncIterator[Exchange]:  # fmt: skip
    """Run a gateway on a database of its own, with an Asterisk and a trunk to `proxy`."""
    config = settings(asterisk, var, asterisk_url)
    config.mongodb.database = f"calls_{secrets.token_hex(6)}"
    sockets = listening(config)
    gateway = Gateway(config)
    await gateway.start(mongodb_uri, sockets)
    payloads.watch(gateway.services.store.log)
    try:
        await standing(gateway)
        url = gateway.services.settings.own_url
        tenant = await make_tenant(gateway, url, http)
        trunk_id = await make_trunk(tenant, proxy, **trunk)
        yield Exchange(gateway, asterisk, tenant, trunk_id, http, url)
    finally:
        await gateway.stop()


async def standing(gateway: Gateway, name: str = "main", deadline_s: float = 20) -> None:
    """Wait until calls can be placed."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while not await gateway.fleet.standing(name):
        assert loop.time() < end, "the link to Asterisk does not stand"
        await asyncio.sleep(0.02)
