"""Keys of real telephones: what is pressed is what is kept, however it is sent, and each press once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.telephony.asterisk import sipp, until
from tests.telephony.calls.graphs import graph
from tests.telephony.calls.parties import CUSTOMER, meeting
from tests.telephony.calls.phone import Talk, telephone
from tests.telephony.calls.sound import DIGITS
from tests.telephony.calls.telephone import Exchange, make_trunk

ALL = DIGITS + "1111" + "2#2#"
MODES = {"rfc4733": "rfc2833", "info": "info", "inband": "inband", "both": "auto_info"}


@pytest.fixture(scope="module")
async def phone(phone: Exchange) -> Exchange:
    """A gateway with a trunk for each way of sending keys, all to one address, and an IVR that listens."""
    asking = {"max_digits": 32, "timeout_seconds": 60, "inter_digit_s": 60, "retries": 0}
    listening = graph("ask", {"ask": ("voice.gather_dtmf", asking), "end": ("voice.hangup", {})},
                      ("ask", "timeout", "end"))  # fmt: skip
    at = phone.more["carrier"]
    phone.more["listening"] = await phone.template(listening)
    for way, mode in MODES.items():
        phone.more[way] = await make_trunk(phone.tenant, at, name=way, credentials={"dtmf_mode": mode})
    return phone


async def _stored(phone: Exchange, call: str) -> str:
    rows = (await phone.owner.get(f"/voice/api/call-events/?call_id={call}&page_size=100")).ok()["results"]
    ordered = sorted(rows, key=lambda row: row["sequence"])
    return "".join(row["payload"]["digit"] for row in ordered if row["event_type"] == "dtmf")


async def _told(phone: Exchange, call: str, count: int) -> list[dict[str, Any]]:
    """Wait for as many keys in the log."""
    found: list[dict[str, Any]] = []

    def enough(events: list[dict[str, Any]]) -> bool:
        found[:] = [each for each in events if each["type"] == "call.dtmf" and each["call_id"] == call]
        return len(found) >= count

    await phone.owner.wait_for_events(enough)
    return found


async def _by_info(phone: Exchange, call: str, talk: Talk, keys: str) -> None:
    for pressed, key in enumerate(keys, 1):
        talk.press_by_info(key)
        await _told(phone, call, pressed)  # who presses has a finger, not a queue


@pytest.mark.parametrize("way", ["rfc4733", "info", "inband"])
async def test_what_is_pressed_is_what_is_kept(phone: Exchange, way: str) -> None:
    async with telephone(ip=phone.more["carrier"]) as customers, phone.owner.socket() as socket:
        await socket.ready()
        await socket.subscribe(topics=["calls"])
        call = await phone.place(CUSTOMER, provider_config_id=phone.more[way], template=phone.more["listening"])
        talk = await customers.talking()
        await phone.until(call, lambda each: any(
            event["event_type"] == "ivr_step" for event in each["recent_events"]), "the IVR listening")  # fmt: skip
        match way:
            case "info":
                await _by_info(phone, call, talk, ALL)
            case "inband":
                talk.line.press_in_band(ALL)
            case _:
                talk.line.press(ALL)
        told = await _told(phone, call, len(ALL))
        live = await socket.until(lambda events: sum(each["type"] == "call.dtmf" for each in events) >= len(ALL))
        talk.hang_up()
        await phone.ended(call)
    assert "".join(event["data"]["digit"] for event in told) == ALL
    assert "".join(each["data"]["digit"] for each in live if each["type"] == "call.dtmf") == ALL
    assert await _stored(phone, call) == ALL
    assert {event["data"]["from"] for event in told} == {"customer"}
    assert all(40 <= event["data"]["duration_ms"] <= 400 for event in told)
    doc = await phone.gateway.services.store.of(phone.tenant.id, "live").get("calls", call)
    assert doc["ivr"]["state"]["buffer"] == ALL


async def test_a_key_sent_in_two_ways_counts_once(phone: Exchange, tmp_path: Path) -> None:
    async with sipp(tmp_path, "uas_keys_both", ip=phone.more["carrier"], keys="7", key="7") as customer:
        call = await phone.place(CUSTOMER, provider_config_id=phone.more["both"], template=phone.more["listening"])
        await _told(phone, call, 1)
        await until(lambda: customer.messages().count("INFO sip") >= 1, "the key by INFO")
        (await phone.order(call, "hangup")).ok()
        await phone.ended(call)
        assert await _stored(phone, call) == "7"


async def test_every_key_of_a_telephone_that_sends_two_ways_counts_once(phone: Exchange) -> None:
    keys = "338*8"
    async with telephone(ip=phone.more["carrier"]) as customers:
        call = await phone.place(CUSTOMER, provider_config_id=phone.more["rfc4733"], template=phone.more["listening"])
        talk = await customers.talking()
        await phone.until(call, lambda each: any(
            event["event_type"] == "ivr_step" for event in each["recent_events"]), "the IVR listening")  # fmt: skip
        for pressed, key in enumerate(keys, 1):
            talk.line.press(key)
            await until(talk.line.holds, "the key being held")
            talk.press_by_info(key)
            await _told(phone, call, pressed)
            await until(lambda: not talk.line.holds(), "the key being let go")
        talk.press_by_info("#")
        await _told(phone, call, len(keys) + 1)
        assert await _stored(phone, call) == keys + "#"
        talk.hang_up()
        await phone.ended(call)


async def test_keys_go_both_ways_between_people(phone: Exchange) -> None:
    async with meeting(phone) as met:
        met.agent.line.press("42")
        await _told(phone, met.id, 2)
        met.customer.line.press("7")
        told = await _told(phone, met.id, 3)
        assert [(event["data"]["digit"], event["data"]["from"]) for event in told] == [
            ("4", "agent"), ("2", "agent"), ("7", "customer"),
        ]  # fmt: skip
        await until(lambda: (met.agent.line.keys, met.customer.line.keys) == ("7", "42"), "the keys at the other side")
        await met.order("dtmf", digits="19w*#AD", between_ms=60, duration_ms=80)
        await until(lambda: met.customer.line.keys.endswith("19*#AD"), "the keys at the customer's telephone")
        assert [event["data"]["digits"] for event in await met.told("call.keys_sent")] == ["19w*#AD"]
