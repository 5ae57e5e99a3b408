"""People's telephones on a real Asterisk: registered with a password, rung for calls that come in and go out."""

from __future__ import annotations

import pytest

from tests.handlers.people import Person
from tests.telephony.asterisk import until
from tests.telephony.calls.desks import (
    CALLER,
    DEVICES,
    device_state,
    give_device,
    incoming,
    newcomer,
    number_to,
    registered,
    unregister,
)
from tests.telephony.calls.graphs import graph
from tests.telephony.calls.parties import CUSTOMER, nothing_left
from tests.telephony.calls.phone import telephone
from tests.telephony.calls.sound import AGENT_HZ, CUSTOMER_HZ
from tests.telephony.calls.telephone import TERMINAL, Exchange

AT_ONCE = 6


@pytest.fixture(scope="module")
async def phone(phone: Exchange) -> Exchange:
    """A gateway with an IVR that says goodbye."""
    goodbye = graph("bye", {"bye": ("voice.play", {"tts_text": "Nobody is here."}), "end": ("voice.hangup", {})},
                    ("bye", "done", "end"))  # fmt: skip
    phone.more["goodbye"] = await phone.template(goodbye)
    return phone


@pytest.fixture
async def ann(phone: Exchange) -> Person:
    """An agent without a telephone so far."""
    return await newcomer(phone)


async def test_a_softphone_registers_with_its_password_alone(phone: Exchange, ann: Person) -> None:
    made = await give_device(ann)
    account = made["credentials"]
    assert await device_state(ann, made["id"]) == "unregistered"
    async with telephone() as line:
        assert await line.register(account["domain"], account["username"], "wrong") in (401, 403)
        assert await line.register(account["domain"], "dev_nobody", account["password"]) in (401, 403, 404)
        assert await device_state(ann, made["id"]) == "unregistered"
        assert await line.register(account["domain"], account["username"], account["password"]) == 200
        assert await device_state(ann, made["id"]) == "registered"
        assert [row["registration"]["state"] for row in (await ann.client.get(DEVICES)).ok()["results"]
                if row["id"] == made["id"]] == ["registered"]  # fmt: skip
        assert await line.register(account["domain"], account["username"], account["password"], expires=0) == 200
        assert await device_state(ann, made["id"]) == "unregistered"
        (await ann.client.delete(f"{DEVICES}{made['id']}/")).ok(204)
        assert await line.register(account["domain"], account["username"], account["password"]) in (401, 403, 404)


async def test_a_browsers_telephone_is_told_its_socket(phone: Exchange, ann: Person) -> None:
    account = (await give_device(ann, transport="webrtc"))["credentials"]
    assert account["websocket_url"] == f"ws://{phone.asterisk.ip}:8088/ws"
    async with phone.http.ws_connect(account["websocket_url"], protocols=("sip",)) as socket:
        assert socket.protocol == "sip"


async def test_a_call_is_placed_from_a_softphone(phone: Exchange, ann: Person) -> None:
    async with telephone("ring") as desk, telephone(ip=phone.more["carrier"]) as customers:
        made = await registered(phone, ann, desk)
        call = await phone.place(CUSTOMER, device=made["id"])
        agent = await desk.talk()
        assert not customers.talks
        agent.answer()
        customer = await customers.talking()
        agent.line.say(AGENT_HZ)
        customer.line.say(CUSTOMER_HZ)
        await agent.line.until_hears(CUSTOMER_HZ, "the agent")
        await customer.line.until_hears(AGENT_HZ, "the customer")
        shown = await phone.call(call)
        leg = shown["legs"][0]
        assert (leg["role"], leg["user"], leg["device"]) == ("agent", ann.id, made["id"])
        customer.hang_up()
        await agent.ended()
        assert (await phone.ended(call))["status"] == "COMPLETED"
    await nothing_left(phone)


async def test_a_number_rings_all_telephones_of_a_person_and_the_first_to_answer_has_the_call(
    phone: Exchange, ann: Person
) -> None:
    async with telephone("ring") as desk, telephone("ring") as mobile, telephone(ip=phone.more["carrier"]) as customers:
        for line in (desk, mobile):
            await registered(phone, ann, line)
        number = await number_to(phone, {"type": "device", "user": ann.id, "ring_s": 20})
        customer = customers.dial(phone.asterisk.ip, number, caller=CALLER)
        first, second = await desk.talk(), await mobile.talk()
        assert first.caller == CALLER
        assert not customer.up
        second.answer()
        await until(lambda: customer.up, "the customer being answered")
        await first.ended()
        second.line.say(AGENT_HZ)
        customer.line.say(CUSTOMER_HZ)
        await second.line.until_hears(CUSTOMER_HZ, "the agent")
        await customer.line.until_hears(AGENT_HZ, "the customer")
        call = await phone.call(await incoming(phone, number))
        assert call["user"] == ann.id
        second.hang_up()
        await customer.ended()
        ended = await phone.ended(call["id"])
    assert ended["status"] == "COMPLETED"
    assert len([type for type in await phone.types(ended["id"]) if type in TERMINAL]) == 1
    await nothing_left(phone)


@pytest.mark.parametrize("why", ["nobody", "busy", "silence", "away"])
async def test_where_nobody_answers_the_route_goes_on(phone: Exchange, ann: Person, why: str) -> None:
    then = {"type": "template", "template": phone.more["goodbye"]}
    async with telephone("busy" if why == "busy" else "ring") as desk, telephone(ip=phone.more["carrier"]) as customers:
        if why == "away":
            await give_device(ann)
        elif why != "nobody":
            await registered(phone, ann, desk)
        route = {"type": "device", "user": ann.id, "ring_s": 5, "then": then}
        number = await number_to(phone, route)
        customer = customers.dial(phone.asterisk.ip, number, caller=CALLER)
        await until(lambda: customer.up, "the announcement", 15)
        await customer.ended()
        call = await incoming(phone, number)
        ended = await phone.ended(call)
        assert len(desk.talks) == (why in ("busy", "silence"))
        if desk.talks:
            await desk.talks[0].ended()
    assert ended["status"] == "COMPLETED"
    assert "call.ivr_step" in await phone.types(call)


async def test_without_a_further_stop_an_unanswered_call_ends_unanswered(phone: Exchange, ann: Person) -> None:
    async with telephone("ring") as desk, telephone(ip=phone.more["carrier"]) as customers:
        await registered(phone, ann, desk)
        number = await number_to(phone, {"type": "device", "user": ann.id, "ring_s": 5})
        customer = customers.dial(phone.asterisk.ip, number, caller=CALLER)
        await desk.talk()
        await customer.ended(15)
        ended = await phone.ended(await incoming(phone, number))
    assert (ended["status"], ended["hangup_cause"], ended["started_at"]) == ("FAILED", "NO_ANSWER", None)
    await nothing_left(phone)


async def test_a_caller_who_gives_up_silences_the_telephone(phone: Exchange, ann: Person) -> None:
    async with telephone("ring") as desk, telephone(ip=phone.more["carrier"]) as customers:
        await registered(phone, ann, desk)
        number = await number_to(phone, {"type": "device", "user": ann.id, "ring_s": 30})
        customer = customers.dial(phone.asterisk.ip, number, caller=CALLER)
        ringing = await desk.talk()
        await until(lambda: customer.status == 180, "ringing at the caller")
        customer.cancel()
        await ringing.ended()
        ended = await phone.ended(await incoming(phone, number))
    assert (ended["status"], ended["hangup_cause"], ended["started_at"]) == ("CANCELED", "NORMAL_CLEARING", None)
    canceled = [each["data"] for each in await phone.events(ended["id"]) if each["type"] == "call.canceled"]
    assert [each["by"] for each in canceled] == ["caller"]
    entry = await phone.until(ended["id"], lambda each: each["team_inbox_message"], "the inbox entry")
    message = (await phone.owner.get(f"/team-inbox/api/messages/{entry['team_inbox_message']}/")).ok()
    assert "canceled by the caller" in message["content"]["body"]["text"]
    assert len([type for type in await phone.types(ended["id"]) if type in TERMINAL]) == 1
    await nothing_left(phone)


async def test_only_the_first_of_two_who_answer_at_once_has_the_call(phone: Exchange, ann: Person) -> None:
    """Two answers may cross the cancelling of either: the caller must not be left with nobody, or with both."""
    async with telephone("ring") as desk, telephone("ring") as mobile, telephone(ip=phone.more["carrier"]) as customers:
        for line in (desk, mobile):
            await registered(phone, ann, line)
        number = await number_to(phone, {"type": "device", "user": ann.id, "ring_s": 20})
        for nth in range(1, AT_ONCE + 1):
            customer = customers.dial(phone.asterisk.ip, number, caller=CALLER)
            first, second = await desk.talk(nth), await mobile.talk(nth)
            first.answer()
            second.answer()
            await until(lambda each=customer: each.up, "the customer being answered")
            await until(lambda both=(first, second): any(each.over for each in both), "one telephone being let go")
            left = second if first.over else first
            left.line.say(AGENT_HZ)
            customer.line.say(CUSTOMER_HZ)
            await left.line.until_hears(CUSTOMER_HZ, "the agent")
            await customer.line.until_hears(AGENT_HZ, "the customer")
            assert not left.over
            customer.hang_up()
            await left.ended()
            ended = await phone.ended(await incoming(phone, number))
            assert ended["status"] == "COMPLETED"
    await nothing_left(phone)


async def test_who_answers_and_hangs_up_at_once_ends_the_call(phone: Exchange, ann: Person) -> None:
    async with telephone("ring") as desk, telephone(ip=phone.more["carrier"]) as customers:
        await registered(phone, ann, desk)
        number = await number_to(phone, {"type": "device", "user": ann.id, "ring_s": 20})
        for nth in range(1, AT_ONCE + 1):
            customer = customers.dial(phone.asterisk.ip, number, caller=CALLER)
            ringing = await desk.talk(nth)
            ringing.answer()
            ringing.hang_up()
            await customer.ended()
            ended = await phone.ended(await incoming(phone, number))
            assert ended["hangup_cause"] in ("NORMAL_CLEARING", "NO_ANSWER")
            assert len([type for type in await phone.types(ended["id"]) if type in TERMINAL]) == 1
    await nothing_left(phone)


async def test_a_route_tries_one_person_after_the_other(phone: Exchange, ann: Person) -> None:
    ben = await newcomer(phone, name="Ben")
    async with telephone("busy") as hers, telephone("ring") as his, telephone(ip=phone.more["carrier"]) as customers:
        await registered(phone, ann, hers)
        await registered(phone, ben, his)
        then = {"type": "device", "user": ben.id, "ring_s": 20, "then": {"type": "reject", "cause": "CALL_REJECTED"}}
        number = await number_to(phone, {"type": "device", "user": ann.id, "ring_s": 20, "then": then})
        customer = customers.dial(phone.asterisk.ip, number, caller=CALLER)
        ringing = await his.talk()
        assert len(hers.talks) == 1
        ringing.answer()
        await until(lambda: customer.up, "the customer being answered")
        call = await incoming(phone, number)
        assert (await phone.until(call, lambda each: each["user"], "who talks"))["user"] == ben.id
        customer.hang_up()
        await phone.ended(call)
        his.conduct = "busy"
        customer = customers.dial(phone.asterisk.ip, number, caller=CALLER)
        await customer.ended()
        assert (customer.up, customer.status) == (False, 403)
        ended = await phone.ended(await incoming(phone, number))
        assert (ended["status"], ended["hangup_cause"]) == ("FAILED", "CALL_REJECTED")
    await nothing_left(phone)


async def test_a_telephone_that_was_removed_or_whose_person_left_is_not_reached(phone: Exchange, ann: Person) -> None:
    ben = await newcomer(phone, name="Ben")
    async with telephone("ring") as hers, telephone("ring") as his, telephone(ip=phone.more["carrier"]) as customers:
        made = await registered(phone, ann, hers)
        await registered(phone, ben, his)
        (await ann.client.delete(f"{DEVICES}{made['id']}/")).ok(204)
        (await phone.owner.delete(f"/tenants/members/{ben.member}/")).ok(204)
        then = {"type": "device", "user": ben.id, "ring_s": 20}
        number = await number_to(phone, {"type": "device", "user": ann.id, "ring_s": 20, "then": then})
        customer = customers.dial(phone.asterisk.ip, number, caller=CALLER)
        await customer.ended()
        assert not customer.up
        assert (await phone.ended(await incoming(phone, number)))["hangup_cause"] == "NO_ANSWER"
        assert not hers.talks
        assert not his.talks
        answer = await phone.owner.post("/voice/api/calls/", {"to_number": CUSTOMER, "device": made["id"]})
        assert list(answer.refused(400, "validation_error")) == ["device"]


@pytest.mark.parametrize("why", ["busy", "silence", "away"])
async def test_a_customer_is_not_called_for_an_agent_who_does_not_answer(
    phone: Exchange, ann: Person, why: str
) -> None:
    async with telephone("busy" if why == "busy" else "ring") as desk, telephone(ip=phone.more["carrier"]) as customers:
        made = await registered(phone, ann, desk)
        if why == "away":
            await unregister(desk, made)
        call = await phone.place(CUSTOMER, device=made["id"], timeout_s=5)
        ended = await phone.ended(call)
        assert len(desk.talks) == (why != "away")
        assert not customers.talks
    assert (ended["status"], ended["hangup_cause"], ended["started_at"]) == ("FAILED", "NO_ANSWER", None)
    assert "call.dialing" not in await phone.types(call)
    await nothing_left(phone)


async def test_an_agent_hears_ringing_until_the_customer_does_not_take_the_call(phone: Exchange, ann: Person) -> None:
    async with telephone() as desk, telephone("ring", ip=phone.more["carrier"]) as customers:
        made = await registered(phone, ann, desk)
        call = await phone.place(CUSTOMER, device=made["id"])
        agent, customer = await desk.talking(), await customers.talk()
        await until(lambda: not agent.line.quiet(), "the agent hearing it ring")
        customer.refuse(486)
        await agent.ended()
        ended = await phone.ended(call)
        assert (ended["status"], ended["hangup_cause"], ended["started_at"]) == ("FAILED", "USER_BUSY", None)
        call = await phone.place(CUSTOMER, device=made["id"])
        agent, customer = await desk.talking(2), await customers.talk(2)
        agent.hang_up()
        await customer.ended()
        assert (await phone.ended(call))["status"] == "CANCELED"
    await nothing_left(phone)


async def test_agents_place_calls_from_their_own_telephones_alone(phone: Exchange, ann: Person) -> None:
    ben = await newcomer(phone, name="Ben")
    async with telephone() as desk, telephone(ip=phone.more["carrier"]) as customers:
        made = await registered(phone, ann, desk)
        body = {"to_number": CUSTOMER, "device": made["id"]}
        (await ben.client.post("/voice/api/calls/", body)).refused(403, "permission_denied")
        assert not await phone.calls(user=ben.id)
        assert not desk.talks
        placed = (await ann.client.post("/voice/api/calls/", body)).ok(201)
        await customers.talking()
        (await ben.client.post(f"/voice/api/calls/{placed['id']}/hangup/", {})).refused(404, "not_found")
        (await ann.client.post(f"/voice/api/calls/{placed['id']}/hangup/", {})).ok()
        await phone.ended(placed["id"])
    await nothing_left(phone)
