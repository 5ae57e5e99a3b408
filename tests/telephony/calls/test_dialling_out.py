"""People who dial from their own telephones: a call of theirs over the tenant's trunks, or a plain refusal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jinaconnect.actions.trunks.voice_app import voice_app_id
from jinaconnect.store.tenant import Change
from tests.handlers.people import Person
from tests.telephony.asterisk import loopback_address, sipp, until
from tests.telephony.calls.desks import DEVICES, give_device, newcomer, registered
from tests.telephony.calls.parties import CUSTOMER, nothing_left
from tests.telephony.calls.phone import Phone, Talk, telephone
from tests.telephony.calls.sound import AGENT_HZ, CUSTOMER_HZ
from tests.telephony.calls.telephone import OWN, TERMINAL, Exchange, make_trunk

ROUTES = "/voice/api/outbound-routes/"
SECOND = "+12025550124"  # the number of the second trunk


@pytest.fixture
async def ann(phone: Exchange) -> Person:
    """An agent without a telephone so far."""
    return await newcomer(phone)


async def test_a_telephone_dials_out_over_its_tenants_trunk(phone: Exchange, ann: Person) -> None:
    async with telephone() as desk, telephone(ip=phone.more["carrier"]) as customers:
        await registered(phone, ann, desk)
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
    made = await give_device(ann)
    async with telephone() as line:
        line.account(made["credentials"]["username"], "wrong")
        talk = line.dial(phone.asterisk.ip, CUSTOMER, caller=line.user)
        await talk.ended()
        assert not talk.up
        assert talk.status in (401, 403)


async def _created(phone: Exchange) -> int:
    return sum(event["type"] == "call.created" for event in await phone.owner.events())


async def _refused(phone: Exchange, desk: Phone, status: int) -> None:
    """Dial in vain: the telephone is told why, and there is no call."""
    before = await _created(phone)
    talk = desk.dial(phone.asterisk.ip, CUSTOMER, caller=desk.user)
    await talk.ended()
    assert (talk.up, talk.status) == (False, status)
    assert await _created(phone) == before


async def _dialled(phone: Exchange, desk: Phone, customers: Phone) -> tuple[Talk, Talk, str]:
    """Dial the customer, whose telephone rings then; returns both ends and the call."""
    nth = len(customers.talks) + 1
    agent = desk.dial(phone.asterisk.ip, CUSTOMER, caller=desk.user)
    customer = await customers.talk(nth)
    return agent, customer, (await phone.calls(direction="outbound"))[0]["id"]


@pytest.mark.parametrize(("status", "cause"), [(486, "USER_BUSY"), (480, "NO_ANSWER"), (603, "CALL_REJECTED")])
async def test_who_dials_is_told_why_nobody_answers(phone: Exchange, ann: Person, status: int, cause: str) -> None:
    async with telephone() as desk, telephone("ring", ip=phone.more["carrier"]) as customers:
        await registered(phone, ann, desk)
        agent, customer, call = await _dialled(phone, desk, customers)
        await until(lambda: agent.status == 180, "ringing at the agent")
        customer.refuse(status)
        await agent.ended()
        assert not agent.up
        assert agent.status == (403 if status == 603 else status)
        ended = await phone.ended(call)
        assert (ended["status"], ended["hangup_cause"], ended["sip_code"]) == ("FAILED", cause, status)
    await nothing_left(phone)


async def test_who_dials_may_give_up(phone: Exchange, ann: Person) -> None:
    async with telephone() as desk, telephone("ring", ip=phone.more["carrier"]) as customers:
        await registered(phone, ann, desk)
        agent, customer, call = await _dialled(phone, desk, customers)
        await until(lambda: agent.status == 180, "ringing at the agent")
        agent.cancel()
        await customer.ended()
        assert not customer.up
        assert (await phone.ended(call))["status"] == "CANCELED"
        assert len([type for type in await phone.types(call) if type in TERMINAL]) == 1
    await nothing_left(phone)


async def test_a_dialled_call_counts_against_the_trunks_cap(phone: Exchange, ann: Person) -> None:
    path = f"/voice/api/provider-configs/{phone.trunk}/"
    async with telephone() as desk, telephone(ip=phone.more["carrier"]) as customers:
        await registered(phone, ann, desk)
        (await phone.owner.patch(path, {"max_concurrent_calls": 1})).ok()
        agent, customer, call = await _dialled(phone, desk, customers)
        await until(lambda: agent.up, "the agent being connected")
        await _refused(phone, desk, 486)
        customer.hang_up()
        await phone.ended(call)
        agent, customer, call = await _dialled(phone, desk, customers)
        await until(lambda: agent.up, "the agent being connected once there is room")
        agent.hang_up()
        await phone.ended(call)
        (await phone.owner.patch(path, {"max_concurrent_calls": 0})).ok()
    await nothing_left(phone)


async def test_who_does_not_want_calls_is_not_called_from_a_telephone(phone: Exchange, ann: Person) -> None:
    async with telephone() as desk, telephone(ip=phone.more["carrier"]) as customers:
        await registered(phone, ann, desk)
        _, customer, call = await _dialled(phone, desk, customers)
        customer.hang_up()
        contact = (await phone.ended(call))["contact"]
        store = phone.gateway.services.store.of(phone.tenant.id, "live")
        for wishes in ({"dnc": True}, {"dnc": False, "opt_outs": {"VOICE": "2026-01-01T00:00:00Z"}}):
            await store.change("contacts", contact, lambda _, wishes=wishes: Change(set=wishes))
            await _refused(phone, desk, 403)
        await store.change("contacts", contact, lambda _: Change(set={"opt_outs": {}}))
        assert len(customers.talks) == 1


async def test_a_telephone_dials_while_its_person_may_call(phone: Exchange, ann: Person) -> None:
    """The telephone stays registered; what its person may do is asked at every call."""
    roles = {row["slug"]: row["id"] for row in (await phone.owner.get("/tenants/roles/?page_size=100")).ok()["results"]}
    members = "/tenants/members/"
    async with telephone() as desk, telephone(ip=phone.more["carrier"]) as customers:
        await registered(phone, ann, desk)
        (await phone.owner.patch(f"{members}{ann.member}/role/", {"role_id": roles["viewer"]})).ok()
        await _refused(phone, desk, 403)
        (await phone.owner.patch(f"{members}{ann.member}/role/", {"role_id": roles["agent"]})).ok()
        _, customer, call = await _dialled(phone, desk, customers)
        customer.hang_up()
        await phone.ended(call)
        app = f"/voice/api/tenant-voice-app/{voice_app_id(phone.tenant.id)}/"
        (await phone.owner.patch(app, {"is_enabled": False})).ok()
        await _refused(phone, desk, 403)
        (await phone.owner.patch(app, {"is_enabled": True})).ok()
        (await phone.owner.delete(f"{members}{ann.member}/")).ok(204)
        await _refused(phone, desk, 403)
        assert len(customers.talks) == 1


async def test_a_removed_telephone_does_not_dial(phone: Exchange, ann: Person) -> None:
    async with telephone() as desk, telephone(ip=phone.more["carrier"]) as customers:
        made = await registered(phone, ann, desk)
        (await ann.client.delete(f"{DEVICES}{made['id']}/")).ok(204)
        talk = desk.dial(phone.asterisk.ip, CUSTOMER, caller=desk.user)
        await talk.ended()
        assert not talk.up
        assert talk.status in (401, 403, 404)
        assert not customers.talks


# ---- a carrier that fails a call while an agent waits on the line


@pytest.fixture
async def second(phone: Exchange) -> AsyncIterator[str]:
    """A second trunk, the next of the routes to every number; its carrier's address is `phone.more["second"]`."""
    if "second" not in phone.more:
        phone.more["second"] = loopback_address(5060)
        phone.more["trunk"] = await make_trunk(phone.tenant, phone.more["second"], from_numbers=[SECOND])
    trunk, named = str(phone.more["trunk"]), []
    for place, each in enumerate((phone.trunk, trunk)):
        body = {"name": "R", "provider_config": each, "priority": -place}
        named.append((await phone.owner.post(ROUTES, body)).ok(201)["id"])
    yield trunk
    for id in named:
        (await phone.owner.delete(f"{ROUTES}{id}/")).ok(204)


async def _talk(agent: Talk, customer: Talk) -> None:
    agent.line.say(AGENT_HZ)
    customer.line.say(CUSTOMER_HZ)
    await agent.line.until_hears(CUSTOMER_HZ, "the agent")
    await customer.line.until_hears(AGENT_HZ, "the customer")


async def _moved_once(phone: Exchange, call: str, second: str) -> None:
    """The call's story: two attempts, the second over the second trunk, one end."""
    events = await phone.events(call)
    [moved] = [event["data"] for event in events if event["type"] == "call.rerouted"]
    assert {name: moved[name] for name in ("from", "to", "hangup_cause")} == {
        "from": phone.trunk, "to": second, "hangup_cause": "NORMAL_TEMPORARY_FAILURE",
    }  # fmt: skip
    types = [event["type"] for event in events]
    assert (types.count("call.routed"), types.count("call.dialing"), types.count("call.answered")) == (1, 2, 1)
    assert [type for type in types if type in TERMINAL] == ["call.completed"]
    shown = await phone.call(call)
    assert (shown["provider_config"], shown["from_number"]) == (second, SECOND)


async def test_who_dialled_waits_while_the_next_trunk_is_tried(
    phone: Exchange, ann: Person, second: str, tmp_path: Path
) -> None:
    failing = sipp(tmp_path, "uas_refuse_503", ip=phone.more["carrier"])
    async with telephone() as desk, failing, telephone(ip=phone.more["second"]) as customers:
        await registered(phone, ann, desk)
        agent = desk.dial(phone.asterisk.ip, CUSTOMER, caller=desk.user)
        customer = await customers.talking()
        assert customer.caller == SECOND
        await until(lambda: agent.up, "the agent being connected")
        await _talk(agent, customer)
        call = (await phone.calls(direction="outbound"))[0]
        assert [each["role"] for each in call["legs"]].count("agent") == 1
        customer.hang_up()
        await agent.ended()
        assert (await phone.ended(call["id"]))["status"] == "COMPLETED"
    await _moved_once(phone, call["id"], second)
    await nothing_left(phone)


async def test_whose_telephone_was_rung_waits_while_the_next_trunk_is_tried(
    phone: Exchange, ann: Person, second: str, tmp_path: Path
) -> None:
    failing = sipp(tmp_path, "uas_refuse_503", ip=phone.more["carrier"])
    async with telephone() as desk, failing, telephone("ring", ip=phone.more["second"]) as customers:
        made = await registered(phone, ann, desk)
        call = await phone.place(CUSTOMER, device=made["id"], provider_config_id=None)
        agent = await desk.talking()
        customer = await customers.talk()
        await phone.until(call, lambda each: each["status"] == "RINGING", "ringing at the second carrier's")
        assert agent.up
        assert len(desk.talks) == 1
        customer.answer()
        await _talk(agent, customer)
        agent.hang_up()
        await customer.ended()
        assert (await phone.ended(call))["status"] == "COMPLETED"
    await _moved_once(phone, call, second)
    await nothing_left(phone)


@pytest.mark.parametrize("scenario", ["uas_refuse_486", "uas_refuse_603"])
async def test_a_customer_who_declines_is_not_called_again(
    phone: Exchange, ann: Person, second: str, tmp_path: Path, scenario: str
) -> None:
    refusing = sipp(tmp_path, scenario, ip=phone.more["carrier"])
    async with telephone() as desk, refusing, telephone(ip=phone.more["second"]) as customers:
        made = await registered(phone, ann, desk)
        call = await phone.place(CUSTOMER, device=made["id"], provider_config_id=None)
        agent = await desk.talking()
        await agent.ended()
        assert (await phone.ended(call))["status"] == "FAILED"
        assert not customers.talks
    assert "call.rerouted" not in await phone.types(call)
    await nothing_left(phone)


async def test_an_agent_who_gives_up_meanwhile_ends_the_call(
    phone: Exchange, ann: Person, second: str, tmp_path: Path
) -> None:
    failing = sipp(tmp_path, "uas_refuse_503", ip=phone.more["carrier"])
    async with telephone() as desk, failing, telephone("ring", ip=phone.more["second"]) as customers:
        made = await registered(phone, ann, desk)
        call = await phone.place(CUSTOMER, device=made["id"], provider_config_id=None)
        agent, customer = await desk.talking(), await customers.talk()
        agent.hang_up()
        await customer.ended()
        assert not customer.up
        assert (await phone.ended(call))["status"] == "CANCELED"
    await nothing_left(phone)


async def test_where_every_trunk_fails_the_agent_is_told(
    phone: Exchange, ann: Person, second: str, tmp_path: Path
) -> None:
    """The last trunk at its cap is passed over; without a cap it is tried, and fails as well."""
    path = f"/voice/api/provider-configs/{second}/"
    for cap, tried in ((1, 1), (0, 2)):
        (await phone.owner.patch(path, {"max_concurrent_calls": cap})).ok()
        first = sipp(tmp_path / str(cap), "uas_refuse_503", ip=phone.more["carrier"])
        last = sipp(tmp_path / str(cap), "uas_refuse_503", ip=phone.more["second"])
        async with telephone() as desk, first:
            await registered(phone, ann, desk)
            if cap:
                async with telephone("ring", ip=phone.more["second"]) as others:
                    held = await phone.place(CUSTOMER, provider_config_id=second)
                    await others.talk()
                    agent = desk.dial(phone.asterisk.ip, CUSTOMER, caller=desk.user)
                    await agent.ended()
                    call = (await phone.calls(direction="outbound"))[0]["id"]
                    await phone.ended(call)
                    (await phone.order(held, "hangup")).ok()
                    await phone.ended(held)
            else:
                async with last:
                    agent = desk.dial(phone.asterisk.ip, CUSTOMER, caller=desk.user)
                    await agent.ended()
                    call = (await phone.calls(direction="outbound"))[0]["id"]
                    await phone.ended(call)
        assert not agent.up
        assert agent.status in (500, 503)
        shown = await phone.call(call)
        assert (shown["status"], shown["hangup_cause"]) == ("FAILED", "NORMAL_TEMPORARY_FAILURE")
        types = await phone.types(call)
        assert types.count("call.dialing") == tried
        assert len([type for type in types if type in TERMINAL]) == 1
    await nothing_left(phone)
