"""Transfers: blind over a leg of ours or by the carrier (REFER), and after a consultation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.telephony.asterisk import sipp, until
from tests.telephony.calls.desks import give_device, newcomer, registered
from tests.telephony.calls.graphs import graph
from tests.telephony.calls.parties import CUSTOMER, Meeting, meeting, nothing_left
from tests.telephony.calls.phone import Phone, Refer, Talk, telephone
from tests.telephony.calls.sound import AGENT_HZ, CUSTOMER_HZ
from tests.telephony.calls.telephone import TERMINAL, Exchange

THIRD = "+12025550188"
THIRD_HZ = 1_900
LINE = "+12025550195"
CALLER = "+12025550166"


@pytest.fixture(scope="module")
async def phone(phone: Exchange) -> Exchange:
    """A gateway whose trunk leads to an address where the customers' telephones are; one number waits for keys."""
    asking = {"max_digits": 1, "timeout_seconds": 60, "retries": 0}
    nodes = {"ask": ("voice.gather_dtmf", asking), "pressed": ("set_variable", {"name": "pressed", "value": True}),
             "end": ("voice.hangup", {})}  # fmt: skip
    waiting = graph("ask", nodes, ("ask", "timeout", "end"), ("ask", "5", "pressed"), ("pressed", "done", "end"))
    await phone.route(LINE, {"type": "template", "template": await phone.template(waiting)})
    return phone


async def _third(met: Meeting) -> Talk:
    """Return the second call at the customers' telephone: the third party, who speaks a tone of their own."""
    third = await met.customers.talking(2)
    third.line.say(THIRD_HZ)
    return third


async def _outcome(met: Meeting) -> list[bool]:
    return [event["data"]["ok"] for event in await met.wait_told("call.transferred")]


@pytest.mark.parametrize("to", ["number", "address"])
async def test_a_blind_transfer_hands_the_customer_over_and_lets_the_agent_go(phone: Exchange, to: str) -> None:
    async with meeting(phone) as met, telephone() as others:
        await met.order("transfer", to=THIRD if to == "number" else others.uri, via="bridge")
        third = await _third(met) if to == "number" else await others.talking()
        third.line.say(THIRD_HZ)
        await met.agent.ended()
        await third.line.until_hears(CUSTOMER_HZ, "the third party")
        await met.customer.line.until_hears(THIRD_HZ, "the customer")
        assert await _outcome(met) == [True]
        transferring = await met.told("call.transferring")
        assert [event["actor"]["type"] for event in transferring] == ["api_key"]
        assert (await phone.call(met.id))["status"] == "IN_PROGRESS"
        children = await phone.calls(parent_call=met.id)
        assert [each["to_number"] for each in children] == ([THIRD] if to == "number" else [])
        met.customer.hang_up()
        await third.ended()
        ended = await phone.ended(met.id)
        assert ended["status"] == "COMPLETED"
        for each in children:
            assert (await phone.ended(each["id"]))["status"] == "COMPLETED"
            assert len([type for type in await phone.types(each["id"]) if type in TERMINAL]) == 1
    await nothing_left(phone)


async def test_the_third_party_leaving_ends_the_call(phone: Exchange) -> None:
    async with meeting(phone) as met:
        await met.order("transfer", to=THIRD, via="bridge")
        third = await _third(met)
        await met.agent.ended()
        await third.line.until_hears(CUSTOMER_HZ, "the third party")
        third.hang_up()
        await met.customer.ended()
        assert (await phone.ended(met.id))["status"] == "COMPLETED"
    await nothing_left(phone)


async def test_a_customer_on_hold_is_not_on_hold_after_a_transfer(phone: Exchange) -> None:
    async with meeting(phone) as met:
        await met.order("mute", side="agent")
        await met.order("hold")
        await met.order("transfer", to=THIRD, via="bridge")
        third = await _third(met)
        await met.customer.line.until_hears(THIRD_HZ, "the customer")
        await third.line.until_hears(CUSTOMER_HZ, "the third party")
        shown = await phone.call(met.id)
        assert (shown["held"], shown["muted"]) == (False, [])
        await met.refused("unhold")


async def test_a_blind_transfer_nobody_takes_ends_the_call_and_says_so(phone: Exchange) -> None:
    async with meeting(phone) as met:
        met.customers.conduct = "busy"
        await met.order("transfer", to=THIRD, via="bridge")
        assert await _outcome(met) == [False]
        await met.customer.ended()
        ended = await phone.ended(met.id)
        child = (await phone.calls(parent_call=met.id))[0]
        assert ended["status"] == "COMPLETED"
        assert (child["status"], child["hangup_cause"], child["sip_code"]) == ("FAILED", "USER_BUSY", 486)
    await nothing_left(phone)


async def test_what_cannot_be_called_is_named_and_changes_nothing(phone: Exchange) -> None:
    async with meeting(phone) as met:
        before = await phone.types(met.id)
        for to in ("12", "sip:nobody", "sip:x@10.0.0.1", "dev_missing", "somebody", "usr_missing"):
            assert "to" in (await phone.order(met.id, "transfer", to=to)).refused(400, "validation_error")
        assert "via" in (await phone.order(met.id, "transfer", to=THIRD, via="post")).refused(400, "validation_error")
        assert await phone.types(met.id) == before
        await met.together()


# ---- by the carrier


@asynccontextmanager
async def _caller(phone: Exchange, refers: Refer) -> AsyncIterator[tuple[str, Talk, Phone]]:
    """Have a customer call the number that waits for keys."""
    async with telephone(ip=phone.more["carrier"], refer=refers) as customers:
        talk = customers.dial(phone.asterisk.ip, LINE, caller=CALLER)
        await until(lambda: talk.up, "the call being answered")
        call = (await phone.calls(direction="inbound"))[0]["id"]
        await phone.until(call, lambda each: each["status"] == "IN_PROGRESS", "the call being answered")
        yield call, talk, customers


async def _told(phone: Exchange, call: str) -> list[Any]:
    await phone.until(call, lambda each: any(
        event["event_type"] == "transferred" for event in each["recent_events"]) or each["status"] != "IN_PROGRESS",
        "the transfer's outcome")  # fmt: skip
    return [event["data"]["ok"] for event in await phone.events(call) if event["type"] == "call.transferred"]


@asynccontextmanager
async def _trunk(phone: Exchange, **account: bool) -> AsyncIterator[None]:
    """Have the trunk's account say something of itself for a while."""
    path = f"/voice/api/provider-configs/{phone.trunk}/"
    (await phone.owner.patch(path, {"credentials": account})).ok()
    try:
        yield
    finally:
        (await phone.owner.patch(path, {"credentials": dict.fromkeys(account, False)})).ok()


@pytest.mark.parametrize("via", ["auto", "refer"])
async def test_a_carrier_that_takes_the_refer_has_the_customer(phone: Exchange, via: str) -> None:
    async with _trunk(phone, takes_refer=via == "auto"), _caller(phone, "accept") as (call, talk, customers):
        (await phone.order(call, "transfer", to=THIRD, via=via)).ok()
        await talk.ended()
        assert talk.refer_to == f"sip:{THIRD}@{phone.more['carrier']}"
        ended = await phone.ended(call)
        assert ended["status"] == "COMPLETED"
        assert [event["data"]["ok"] for event in await phone.events(call) if event["type"] == "call.transferred"] == [
            True
        ]
        assert len(customers.talks) == 1
    await nothing_left(phone)


async def test_a_carrier_that_is_not_known_to_refer_is_not_asked(phone: Exchange) -> None:
    async with _caller(phone, "refuse") as (call, talk, customers):
        (await phone.order(call, "transfer", to=THIRD)).ok()
        third = await customers.talking(2, 15)
        assert talk.refer_to == ""
        talk.line.say(CUSTOMER_HZ)
        third.line.say(THIRD_HZ)
        await talk.line.until_hears(THIRD_HZ, "the customer")
        await third.line.until_hears(CUSTOMER_HZ, "the third party")
        assert await _told(phone, call) == [True]
        talk.hang_up()
        await phone.ended(call)
        await third.ended()
    await nothing_left(phone)


@pytest.mark.parametrize("via", ["auto", "refer"])
@pytest.mark.parametrize("refers", ["refuse", "fail", "wait"])
async def test_a_customer_who_is_still_here_after_a_refer_goes_on_in_the_ivr_and_nobody_else_is_called(
    phone: Exchange, refers: Refer, via: str
) -> None:
    async with _trunk(phone, takes_refer=via == "auto"), _caller(phone, refers) as (call, talk, customers):
        (await phone.order(call, "transfer", to=THIRD, via=via)).ok()
        assert await _told(phone, call) == [None], "what the carrier did is not known"
        assert talk.refer_to
        assert (await phone.call(call))["status"] == "IN_PROGRESS"
        assert not talk.over
        talk.line.press("5")
        ended = await phone.ended(call)
        assert (ended["status"], ended["hangup_cause"]) == ("COMPLETED", "NORMAL_CLEARING")
        steps = [event["data"]["node"] for event in await phone.events(call) if event["type"] == "call.ivr_step"]
        assert steps == ["ask", "pressed", "end"]
        await talk.ended()
        assert len(customers.talks) == 1
    await nothing_left(phone)


async def test_a_telephone_of_ours_is_nobody_a_carrier_could_call(phone: Exchange) -> None:
    async with _caller(phone, "accept") as (call, talk, _):
        made = await give_device(await newcomer(phone))
        answer = await phone.order(call, "transfer", to=made["id"], via="refer")
        assert "via" in answer.refused(400, "validation_error")
        assert not talk.over
        talk.hang_up()
        await phone.ended(call)


# ---- asked for by a party


@asynccontextmanager
async def _from_desk(phone: Exchange) -> AsyncIterator[Meeting]:
    """Have somebody talk with a customer whom they dialled from their registered telephone."""
    ann = await newcomer(phone)
    async with telephone() as desk, telephone(ip=phone.more["carrier"]) as customers:
        await registered(phone, ann, desk)
        agent = desk.dial(phone.asterisk.ip, CUSTOMER, caller=desk.user)
        customer = await customers.talking()
        await until(lambda: agent.up, "the agent being connected")
        agent.line.say(AGENT_HZ)
        customer.line.say(CUSTOMER_HZ)
        met = Meeting(phone, (await phone.calls(user=ann.id))[0]["id"], agent, customer, desk, customers)
        await met.together()
        yield met


async def test_a_telephone_hands_its_customer_over(phone: Exchange) -> None:
    async with _from_desk(phone) as met:
        met.agent.refer(f"sip:{THIRD}@{phone.asterisk.ip}")
        third = await _third(met)
        await met.agent.ended()
        assert met.agent.referred == 202
        await third.line.until_hears(CUSTOMER_HZ, "the third party")
        await met.customer.line.until_hears(THIRD_HZ, "the customer")
        (transferring,) = await met.told("call.transferring")
        assert (transferring["data"]["to"], transferring["actor"]["type"]) == (THIRD, "user")
        assert await _outcome(met) == [True]
        met.customer.hang_up()
        await third.ended()
        assert (await phone.ended(met.id))["status"] == "COMPLETED"
    await nothing_left(phone)


async def test_a_telephone_that_leaves_right_after_its_refer_leaves_nobody_alone(phone: Exchange) -> None:
    async with _from_desk(phone) as met:
        met.customers.conduct = "busy"
        met.agent.refer(f"sip:{THIRD}@{phone.asterisk.ip}")
        met.agent.hang_up()
        await met.customer.ended()
        assert (await phone.ended(met.id))["status"] == "COMPLETED"
    await nothing_left(phone)


async def test_a_telephone_that_names_nobody_is_declined_and_talks_on(phone: Exchange) -> None:
    async with _from_desk(phone) as met:
        met.agent.refer(f"sip:nobody@{phone.asterisk.ip}")
        await until(lambda: any("603" in each for each in met.agent.notified), "the telephone being declined",
                    seen=lambda: met.agent.notified)  # fmt: skip
        await met.together()
        assert await met.told("call.transferring") == []
        met.agent.hang_up()
        assert (await phone.ended(met.id))["status"] == "COMPLETED"
    await nothing_left(phone)


@pytest.mark.parametrize("who", ["agent", "customer"])
async def test_a_carriers_party_may_not_transfer(phone: Exchange, who: str) -> None:
    async with meeting(phone) as met:
        party: Talk = getattr(met, who)
        party.refer(f"sip:{THIRD}@{phone.asterisk.ip}")
        await until(lambda: party.referred, "an answer to the REFER")
        assert party.referred == 603
        await met.together()
        assert len(met.customers.talks) == 1
        assert (await phone.call(met.id))["status"] == "IN_PROGRESS"


async def test_a_carriers_party_may_transfer_where_its_trunk_allows_it_but_never_the_customer(phone: Exchange) -> None:
    async with _trunk(phone, may_refer=True), meeting(phone) as met:
        met.customer.refer(f"sip:{THIRD}@{phone.asterisk.ip}")
        await until(lambda: any("603" in each for each in met.customer.notified), "the customer being declined")
        await met.together()
        met.agent.refer(f"sip:{THIRD}@{phone.asterisk.ip}")
        third = await _third(met)
        await met.agent.ended()
        await third.line.until_hears(CUSTOMER_HZ, "the third party")
        assert await _outcome(met) == [True]
        third.hang_up()
        await met.customer.ended()
        assert (await phone.ended(met.id))["status"] == "COMPLETED"
    await nothing_left(phone)


@pytest.mark.parametrize("scenario", ["uas_refer_refuse", "uas_refer_fail"])
async def test_a_called_party_can_be_referred_too(phone: Exchange, tmp_path: Path, scenario: str) -> None:
    async with telephone() as agents, sipp(tmp_path, scenario, ip=phone.more["carrier"]) as customer:
        call = await phone.place(CUSTOMER, device=agents.uri)
        agent = await agents.talking()
        await phone.until(call, lambda each: any(
            event["event_type"] == "bridged" for event in each["recent_events"]), "the bridge")  # fmt: skip
        (await phone.order(call, "transfer", to=THIRD, via="refer")).ok()
        assert await _told(phone, call) == [None]
        assert f"sip:{THIRD}@" in customer.notes()
        # The agent was not sent away: the transfer did not happen.
        assert not agent.over
        assert (await phone.call(call))["status"] == "IN_PROGRESS"
        agent.hang_up()
        await phone.ended(call)
        assert await customer.finished() == 0


# ---- after a consultation


async def _consult(met: Meeting, to: str = THIRD) -> str | None:
    answer = await met.order("transfer", to=to, mode="attended")
    consultation: str | None = answer["consultation"]
    await until(lambda: met.customer.line.hears_else(AGENT_HZ, CUSTOMER_HZ, THIRD_HZ), "music for the customer")
    return consultation


@pytest.mark.parametrize("under", ["call", "consultation"])
async def test_a_consultation_is_completed(phone: Exchange, under: str) -> None:
    async with meeting(phone) as met:
        consultation = await _consult(met)
        assert consultation is not None
        third = await _third(met)
        await met.agent.line.until_hears(THIRD_HZ, "the agent")
        await third.line.until_hears(AGENT_HZ, "the consulted party")
        assert met.customer.line.hears_else(AGENT_HZ, CUSTOMER_HZ, THIRD_HZ)
        await met.refused("transfer", to=THIRD, mode="attended")
        (await phone.order(met.id if under == "call" else consultation, "complete")).ok()
        await met.agent.ended()
        await met.customer.line.until_hears(THIRD_HZ, "the customer")
        await third.line.until_hears(CUSTOMER_HZ, "the consulted party")
        assert await _outcome(met) == [True]
        await met.refused("complete")
        third.hang_up()
        await met.customer.ended()
        assert (await phone.ended(met.id))["status"] == "COMPLETED"
        child = await phone.ended(consultation)
        assert (child["status"], child["parent_call"], child["to_number"]) == ("COMPLETED", met.id, THIRD)
    await nothing_left(phone)


async def test_the_same_key_of_two_people_is_two_presses(phone: Exchange) -> None:
    async with meeting(phone) as met:
        await _consult(met)
        third = await _third(met)
        await third.line.until_hears(AGENT_HZ, "the consulted party")
        for key in "5", "9":
            met.customer.line.press(key)
            third.line.press(key)
        told = await met.wait_told("call.dtmf", 4)
        pressed = sorted((event["data"]["from"], event["data"]["digit"]) for event in told)
        assert pressed == [("agent", "5"), ("agent", "9"), ("customer", "5"), ("customer", "9")]
        await met.order("cancel")


async def test_a_consultation_is_given_up(phone: Exchange) -> None:
    async with meeting(phone) as met:
        consultation = await _consult(met)
        third = await _third(met)
        await third.line.until_hears(AGENT_HZ, "the consulted party")
        await met.order("cancel")
        await third.ended()
        await met.together()
        assert await _outcome(met) == [False]
        assert (await phone.ended(str(consultation)))["status"] == "COMPLETED"
        await met.refused("cancel")
        await met.refused("complete")


async def test_a_consultation_that_rings_cannot_be_completed_but_given_up(phone: Exchange) -> None:
    async with meeting(phone) as met:
        met.customers.conduct = "ring"
        consultation = await _consult(met)
        third = await met.customers.talk(2)
        await met.refused("complete")
        await met.order("cancel")
        await third.ended()
        await met.together()
        assert (await phone.ended(str(consultation)))["started_at"] is None


async def test_a_consulted_party_who_refuses_brings_the_agent_back(phone: Exchange) -> None:
    async with meeting(phone) as met:
        met.customers.conduct = "busy"
        consultation = (await met.order("transfer", to=THIRD, mode="attended"))["consultation"]
        await met.together()
        assert await _outcome(met) == [False]
        assert (await phone.ended(consultation))["hangup_cause"] == "USER_BUSY"
        met.customers.conduct = "answer"
        await _consult(met)
        assert await met.customers.talking(3)


async def test_a_consulted_party_who_leaves_brings_the_agent_back(phone: Exchange) -> None:
    async with meeting(phone) as met:
        await _consult(met)
        third = await _third(met)
        await met.agent.line.until_hears(THIRD_HZ, "the agent")
        third.hang_up()
        await met.together()
        assert await _outcome(met) == [False]


@pytest.mark.parametrize("conduct", ["answer", "ring"])
async def test_the_customer_leaving_during_a_consultation_ends_everything(phone: Exchange, conduct: Any) -> None:
    async with meeting(phone) as met:
        met.customers.conduct = conduct
        consultation = await _consult(met)
        third = await met.customers.talk(2)
        if conduct == "answer":
            third.line.say(THIRD_HZ)
            await met.agent.line.until_hears(THIRD_HZ, "the agent")
        met.customer.hang_up()
        await met.agent.ended()
        await third.ended()
        assert (await phone.ended(met.id))["status"] == "COMPLETED"
        await phone.ended(str(consultation))
        await nothing_left(phone)


@pytest.mark.parametrize("conduct", ["answer", "ring"])
async def test_an_agent_who_leaves_a_consultation_leaves_the_customer_with_the_consulted(
    phone: Exchange, conduct: Any
) -> None:
    async with meeting(phone) as met:
        met.customers.conduct = conduct
        await _consult(met)
        third = await met.customers.talk(2)
        third.line.say(THIRD_HZ)
        if conduct == "answer":
            await met.agent.line.until_hears(THIRD_HZ, "the agent")
        met.agent.hang_up()
        await phone.until(met.id, lambda each: [
            leg["state"] for leg in each["legs"] if leg["role"] == "agent"] == ["ended"], "the agent gone")  # fmt: skip
        if conduct == "ring":
            third.answer()
        await met.customer.line.until_hears(THIRD_HZ, "the customer")
        await third.line.until_hears(CUSTOMER_HZ, "the consulted party")
        assert await _outcome(met) == [True]
        met.customer.hang_up()
        await third.ended()
        await phone.ended(met.id)
    await nothing_left(phone)
