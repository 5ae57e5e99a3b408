"""Outbound calls over a real Asterisk, with SIPp as the carrier: every way they can end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.telephony.asterisk import Asterisk, loopback_address, sipp
from tests.telephony.calls.telephone import TERMINAL, Exchange, exchange, make_trunk

CALLEE = "+12025550177"
SAID = {"to_number": CALLEE, "tts_text": "Hello."}


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
    assert "pending" not in ended["provider_call_id"], "the carrier's records name it by its SIP Call-ID"
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


async def test_a_carrier_that_fails_hands_the_call_to_the_next_trunk(phone: Exchange, tmp_path: Path) -> None:
    """The first trunk's carrier answers 503, the second's takes the call; a carrier that is away is passed over."""
    other = loopback_address(5060)
    second = await make_trunk(phone.tenant, other)
    path, named = "/voice/api/outbound-routes/", []
    for place, trunk in enumerate((phone.trunk, second)):
        body = {"name": "R", "provider_config": trunk, "priority": -place}
        named.append((await phone.owner.post(path, body)).ok(201)["id"])
    try:
        failing = sipp(tmp_path, "uas_refuse_503", ip=phone.more["carrier"])
        async with failing, sipp(tmp_path, "uas_answer", ip=other) as carrier:
            call = await phone.place(CALLEE, provider_config_id=None)
            ended = await phone.ended(call)
            assert await carrier.finished() == 0
        assert (ended["status"], ended["provider_config"]) == ("COMPLETED", second)
        types = await phone.types(call)
        assert (types.count("call.dialing"), types.count("call.rerouted")) == (2, 1)
        assert [type for type in types if type in TERMINAL] == ["call.completed"]
        async with sipp(tmp_path, "uas_refuse_486", ip=phone.more["carrier"]):
            call = await phone.place(CALLEE, provider_config_id=None)
            assert (await phone.ended(call))["hangup_cause"] == "USER_BUSY"
        assert "call.rerouted" not in await phone.types(call)
        states = phone.gateway.services.store.raw("trunk_states")
        down = {"scope": f"{phone.tenant.id}:live", "asterisk": "main", "status": "down"}
        await states.update_one({"_id": second}, {"$set": down}, upsert=True)
        asked = (await phone.owner.post("/voice/api/calls/?dry_run=true", SAID)).ok()["routing"]
        assert {each["provider_config"]: each["reason"] for each in asked["skipped"]} == {second: "trunk_down"}
    finally:
        for id in named:
            (await phone.owner.delete(f"{path}{id}/")).ok(204)
