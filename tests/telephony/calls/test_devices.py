"""People's telephones on a real Asterisk: registered with a password, rung for calls that come in, dialling out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.conftest import Running
from tests.handlers.people import Person, add_person
from tests.telephony.asterisk import until
from tests.telephony.calls.graphs import graph
from tests.telephony.calls.parties import CUSTOMER, nothing_left
from tests.telephony.calls.phone import Phone, telephone
from tests.telephony.calls.sound import AGENT_HZ, CUSTOMER_HZ
from tests.telephony.calls.telephone import OWN, TERMINAL, Exchange

DEVICES = "/voice/api/devices/"
CALLER = "+12025550169"


@pytest.fixture(scope="module")
async def phone(phone: Exchange) -> Exchange:
    """A gateway whose trunk leads to an address where the customers' telephones are."""
    goodbye = graph("bye", {"bye": ("voice.play", {"tts_text": "Nobody is here."}), "end": ("voice.hangup", {})},
                    ("bye", "done", "end"))  # fmt: skip
    phone.more.update(goodbye=await phone.template(goodbye))
    return phone


@pytest.fixture
async def ann(phone: Exchange) -> Person:
    """An agent without a telephone so far."""
    return await add_person(Running(phone.url, phone.gateway.services, phone.gateway), phone.tenant, "agent")


async def _device(who: Person, name: str = "Desk", **more: Any) -> dict[str, Any]:
    return dict((await who.client.post(DEVICES, {"name": name, "kind": "softphone", **more})).ok(201))


async def _state(who: Person, device: str) -> str:
    return str((await who.client.get(f"{DEVICES}{device}/")).ok()["registration"]["state"])


async def _registered(phone: Exchange, who: Person, line: Phone) -> dict[str, Any]:
    """Give a person a telephone and register it."""
    made = await _device(who)
    account = made["credentials"]
    assert account["domain"] == phone.asterisk.ip
    assert await line.register(account["domain"], account["username"], account["password"]) == 200
    return made


@asynccontextmanager
async def _number(phone: Exchange, route: dict[str, Any]) -> AsyncIterator[str]:
    """Have a number that goes somewhere."""
    serial = phone.more["numbers"] = phone.more.get("numbers", 0) + 1
    number = f"+1202555{200 + serial:04d}"
    await phone.route(number, route)
    yield number


async def _incoming(phone: Exchange, number: str) -> str:
    return next(each["id"] for each in await phone.calls(direction="inbound") if each["to_number"] == number)


async def test_a_softphone_registers_with_its_password_alone(phone: Exchange, ann: Person) -> None:
    made = await _device(ann)
    account = made["credentials"]
    assert await _state(ann, made["id"]) == "unregistered"
    async with telephone() as line:
        assert await line.register(account["domain"], account["username"], "wrong") in (401, 403)
        assert await line.register(account["domain"], "dev_nobody", account["password"]) in (401, 403, 404)
        assert await _state(ann, made["id"]) == "unregistered"
        assert await line.register(account["domain"], account["username"], account["password"]) == 200
        assert await _state(ann, made["id"]) == "registered"
        assert [row["registration"]["state"] for row in (await ann.client.get(DEVICES)).ok()["results"]
                if row["id"] == made["id"]] == ["registered"]  # fmt: skip
        assert await line.register(account["domain"], account["username"], account["password"], expires=0) == 200
        assert await _state(ann, made["id"]) == "unregistered"
        (await ann.client.delete(f"{DEVICES}{made['id']}/")).ok(204)
        assert await line.register(account["domain"], account["username"], account["password"]) in (401, 403, 404)


async def test_a_browsers_telephone_is_told_its_socket(phone: Exchange, ann: Person) -> None:
    account = (await _device(ann, transport="webrtc"))["credentials"]
    assert account["websocket_url"] == f"ws://{phone.asterisk.ip}:8088/ws"
    async with phone.http.ws_connect(account["websocket_url"], protocols=("sip",)) as socket:
        assert socket.protocol == "sip"


async def test_a_call_is_placed_from_a_softphone(phone: Exchange, ann: Person) -> None:
    async with telephone("ring") as desk, telephone(ip=phone.more["carrier"]) as customers:
        made = await _registered(phone, ann, desk)
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
            await _registered(phone, ann, line)
        async with _number(phone, {"type": "device", "user": ann.id, "ring_s": 20}) as number:
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
            call = await phone.call(await _incoming(phone, number))
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
            await _device(ann)
        elif why != "nobody":
            await _registered(phone, ann, desk)
        route = {"type": "device", "user": ann.id, "ring_s": 5, "then": then}
        async with _number(phone, route) as number:
            customer = customers.dial(phone.asterisk.ip, number, caller=CALLER)
            await until(lambda: customer.up, "the announcement", 15)
            await customer.ended()
            call = await _incoming(phone, number)
            ended = await phone.ended(call)
        assert len(desk.talks) == (why in ("busy", "silence"))
        if desk.talks:
            await desk.talks[0].ended()
    assert ended["status"] == "COMPLETED"
    assert "call.ivr_step" in await phone.types(call)


async def test_without_a_further_stop_an_unanswered_call_ends_unanswered(phone: Exchange, ann: Person) -> None:
    async with telephone("ring") as desk, telephone(ip=phone.more["carrier"]) as customers:
        await _registered(phone, ann, desk)
        async with _number(phone, {"type": "device", "user": ann.id, "ring_s": 5}) as number:
            customer = customers.dial(phone.asterisk.ip, number, caller=CALLER)
            await desk.talk()
            await customer.ended(15)
            ended = await phone.ended(await _incoming(phone, number))
    assert (ended["status"], ended["hangup_cause"], ended["started_at"]) == ("FAILED", "NO_ANSWER", None)
    await nothing_left(phone)


async def test_a_caller_who_gives_up_silences_the_telephone(phone: Exchange, ann: Person) -> None:
    async with telephone("ring") as desk, telephone(ip=phone.more["carrier"]) as customers:
        await _registered(phone, ann, desk)
        async with _number(phone, {"type": "device", "user": ann.id, "ring_s": 30}) as number:
            customer = customers.dial(phone.asterisk.ip, number, caller=CALLER)
            ringing = await desk.talk()
            await until(lambda: customer.status == 180, "ringing at the caller")
            customer.cancel()
            await ringing.ended()
            ended = await phone.ended(await _incoming(phone, number))
    assert ended["started_at"] is None
    assert len([type for type in await phone.types(ended["id"]) if type in TERMINAL]) == 1
    await nothing_left(phone)


async def test_a_telephone_dials_out_over_its_tenants_trunk(phone: Exchange, ann: Person) -> None:
    async with telephone() as desk, telephone(ip=phone.more["carrier"]) as customers:
        await _registered(phone, ann, desk)
        agent = desk.dial(phone.asterisk.ip, CUSTOMER, caller=desk.user)
        customer = await customers.talking()
        assert customer.caller == OWN, "the carrier sees the tenant's number"
        await until(lambda: agent.up, "the agent being connected")
        agent.line.say(AGENT_HZ)
        customer.line.say(CUSTOMER_HZ)
        await agent.line.until_hears(CUSTOMER_HZ, "the agent")
        await customer.line.until_hears(AGENT_HZ, "the customer")
        call = (await phone.calls(direction="outbound"))[0]
        assert (call["to_number"], call["from_number"], call["user"]) == (CUSTOMER, OWN, ann.id)
        agent.hang_up()
        await customer.ended()
        assert (await phone.ended(call["id"]))["status"] == "COMPLETED"
        refused = desk.dial(phone.asterisk.ip, "12", caller=desk.user)
        await refused.ended()
        assert not refused.up
    await nothing_left(phone)


async def test_a_stranger_does_not_dial_out(phone: Exchange, ann: Person) -> None:
    made = await _device(ann)
    async with telephone() as line:
        line.account(made["credentials"]["username"], "wrong")
        talk = line.dial(phone.asterisk.ip, CUSTOMER, caller=line.user)
        await talk.ended()
        assert not talk.up
        assert talk.status in (401, 403)
