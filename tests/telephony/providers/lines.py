"""Tenants with an account at a played HTTP carrier, and their calls."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.client import Client, until
from tests.telephony.calls.telephone import ENDED, OWN, TERMINAL
from tests.telephony.providers.fake import FAKE, FakeCall, FakeCarrier
from tests.telephony.providers.played.exotel import ExotelCarrier
from tests.telephony.providers.played.plivo import PlivoCarrier
from tests.telephony.providers.played.telnyx import TelnyxCarrier
from tests.telephony.providers.played.twilio import TwilioCarrier
from tests.telephony.providers.played.vonage import VonageCarrier
from tests.tenants import Tenant

CALLS = "/voice/api/calls/"
TRUNKS = "/voice/api/provider-configs/"
CUSTOMER = "+12025550111"
CARRIERS: dict[str, type[FakeCarrier]] = {
    FAKE: FakeCarrier, "twilio": TwilioCarrier, "plivo": PlivoCarrier, "vonage": VonageCarrier,
    "telnyx": TelnyxCarrier, "exotel": ExotelCarrier,
}  # fmt: skip


@asynccontextmanager
async def playing(name: str, http: aiohttp.ClientSession, **how: Any) -> AsyncIterator[FakeCarrier]:
    """Play a carrier."""
    made = CARRIERS[name](http, **how)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def events_of(client: Client, call: str) -> list[dict[str, Any]]:
    """Return a call's events once it is told of; what is told behind a later answer, a look at the call waits for.

    Of a call that came in nothing is told until it is known who calls, for which its carrier does not wait.
    """
    events: list[dict[str, Any]] = []

    async def told() -> bool:
        (await client.get(f"{CALLS}{call}/")).ok()
        events[:] = await client.events("start", call=call)
        return any(event["type"] == "call.created" for event in events)

    await until(told, 20)
    return events


@dataclass
class Line:
    """A tenant with an account at the carrier."""

    tenant: Tenant
    carrier: FakeCarrier
    trunk: str

    @property
    def owner(self) -> Client:
        """The tenant's owner."""
        return self.tenant("owner")

    async def place(self, **body: Any) -> str:
        """Place a call; returns its id."""
        way = body if {"template", "device", "audio_url"} & body.keys() else {"tts_text": "Hello.", **body}
        answer = await self.owner.post(CALLS, {"to_number": CUSTOMER, "provider_config_id": self.trunk, **way})
        return str(answer.ok(201)["id"])

    async def call(self, id: str) -> dict[str, Any]:
        """Read a call."""
        return dict((await self.owner.get(f"{CALLS}{id}/")).ok())

    async def events(self, id: str) -> list[dict[str, Any]]:
        """Return a call's events (`events_of`)."""
        return await events_of(self.owner, id)

    async def types(self, id: str) -> list[str]:
        """Return the types of a call's events (`events_of`)."""
        return [event["type"] for event in await self.events(id)]

    async def has(self, id: str, **fields: Any) -> dict[str, Any]:
        """Wait until a call has these fields."""
        shown: dict[str, Any] = {}

        async def there() -> bool:
            shown.update(await self.call(id))
            return all(shown[name] == value for name, value in fields.items())

        await until(there, 20)
        return shown

    async def ended(self, id: str) -> dict[str, Any]:
        """Wait for a call's end, with one terminal event and what follows it."""
        shown: dict[str, Any] = {}

        async def over() -> bool:
            shown.update(await self.call(id))
            return shown["status"] in ENDED and "team_inbox_message" in shown

        await until(over, 20)
        told: list[str] = []

        async def heard() -> bool:  # the row may go ahead of its event
            told[:] = [each for each in await self.types(id) if each in TERMINAL]
            return bool(told)

        await until(heard, 20)
        assert len(told) == 1, told
        return shown

    async def ivr(self, document: dict[str, Any]) -> str:
        """Make a template; returns its id."""
        body = {"name": "Menu", "template_kind": "ivr_menu", "graph": document}
        return str((await self.owner.post("/voice/api/templates/", body)).ok(201)["id"])


async def at(tenant: Tenant, carrier: FakeCarrier, **more: Any) -> Line:
    """Give a tenant an account at a carrier."""
    fields = {"name": "Line", "provider": carrier.provider, "from_numbers": [OWN], **more}
    fields["credentials"] = carrier.account
    return Line(tenant, carrier, (await tenant().post(TRUNKS, fields)).ok(201)["id"])


async def talking(line: Line, **body: Any) -> tuple[str, FakeCall]:
    """Place a call that is answered; returns its id and the call at the carrier."""
    before = len(line.carrier.calls)
    call = await line.place(**body)
    there = await line.carrier.placed(before + 1)
    await line.has(call, provider_call_id=there.id)
    assert await there.status("ringing") == 200
    await there.answer()
    return call, there
