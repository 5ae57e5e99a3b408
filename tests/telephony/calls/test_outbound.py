"""Outbound calls over a real Asterisk, with SIPp as the carrier: every way they can end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.telephony.asterisk import Asterisk, loopback_address, sipp
from tests.telephony.calls.telephone import TERMINAL, Exchange, exchange

CALLEE = "+12025550177"


@pytest.fixture(scope="module")
async def phone(
    asterisk: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Exchange]:
    """A gateway whose trunk leads to an address where SIPp plays the carrier."""
    carrier = loopback_address(5060)
    async with exchange(asterisk, mongod.uri, http, tmp_path_factory.mktemp("var"), carrier) as running:
        running.more["carrier"] = carrier
        yield running


async def test_an_answered_call_is_spoken_to_and_ends(phone: Exchange, tmp_path: Path) -> None:
    async with sipp(tmp_path, "uas_answer", ip=phone.more["carrier"]) as carrier:
        call = await phone.place(CALLEE)
        ended = await phone.ended(call)
        assert await carrier.finished() == 0
    assert ended["status"] == "COMPLETED"
    assert ended["hangup_cause"] == "NORMAL_CLEARING"
    assert ended["started_at"] is not None
    assert ended["inferred"] is False
    types = await phone.types(call)
    assert types[:2] == ["call.created", "call.dialing"]
    assert "call.answered" in types
    assert [event["data"]["ok"] for event in await phone.events(call) if event["type"] == "call.played"] == [True]
    assert types[-1] == "call.completed"
    assert [type for type in types if type in TERMINAL] == ["call.completed"]
    events = (await phone.owner.ask("GET", f"/voice/api/call-events/?call_id={call}&page_size=100")).ok()["results"]
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert {"initiated", "answered", "completed"} <= {event["event_type"] for event in events}


@pytest.mark.parametrize(
    ("scenario", "sip_code", "cause"),
    [
        ("uas_refuse_486", 486, "USER_BUSY"), ("uas_refuse_404", 404, "NUMBER_UNALLOCATED"),
        ("uas_refuse_403", 403, "CALL_REJECTED"), ("uas_refuse_480", 480, "NO_ANSWER"),
        ("uas_refuse_503", 503, "NORMAL_TEMPORARY_FAILURE"), ("uas_refuse_603", 603, "CALL_REJECTED"),
    ],
)  # fmt: skip
async def test_a_refusal_is_told_as_the_carrier_meant_it(
    phone: Exchange, tmp_path: Path, scenario: str, sip_code: int, cause: str
) -> None:
    async with sipp(tmp_path, scenario, ip=phone.more["carrier"]):
        call = await phone.place(CALLEE)
        ended = await phone.ended(call)
    assert (ended["status"], ended["hangup_cause"], ended["sip_code"]) == ("FAILED", cause, sip_code)
    assert ended["started_at"] is None
    assert [type for type in await phone.types(call) if type in TERMINAL] == ["call.failed"]


async def test_nobody_answers(phone: Exchange, tmp_path: Path) -> None:
    async with sipp(tmp_path, "uas_ring", ip=phone.more["carrier"]):
        call = await phone.place(CALLEE, timeout_s=5)
        ended = await phone.ended(call)
    assert (ended["status"], ended["hangup_cause"]) == ("FAILED", "NO_ANSWER")
    assert "call.ringing" in await phone.types(call)


async def test_a_call_is_given_up_while_it_rings(phone: Exchange, tmp_path: Path) -> None:
    async with sipp(tmp_path, "uas_ring", ip=phone.more["carrier"]):
        call = await phone.place(CALLEE)
        await phone.until(call, lambda each: each["status"] == "RINGING", "ringing")
        assert (await phone.order(call, "hangup")).ok() == {"call_id": call, "hung_up": True}
        ended = await phone.ended(call)
    assert (ended["status"], ended["hangup_cause"]) == ("CANCELED", "NORMAL_CLEARING")
    again = (await phone.order(call, "hangup")).ok()
    assert again == {"call_id": call, "hung_up": False, "status": "CANCELED"}
    assert [type for type in await phone.types(call) if type in TERMINAL] == ["call.canceled"]


async def test_early_media_counts_as_ringing(phone: Exchange, tmp_path: Path) -> None:
    async with sipp(tmp_path, "uas_early_media", ip=phone.more["carrier"]):
        call = await phone.place(CALLEE)
        ended = await phone.ended(call)
    assert ended["status"] == "COMPLETED"
    ringing = [event for event in await phone.events(call) if event["type"] == "call.ringing"]
    assert [event["data"].get("early_media") for event in ringing] == [True]
