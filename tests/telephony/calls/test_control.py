"""What people order of a call between an agent and a customer: each hears what they should, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from tests.telephony.asterisk import until
from tests.telephony.calls.parties import CUSTOMER, meeting
from tests.telephony.calls.phone import telephone
from tests.telephony.calls.sound import AGENT_HZ, CUSTOMER_HZ
from tests.telephony.calls.telephone import TERMINAL, Exchange
from tests.tenants import make_tenant

LONG = "This is a rather long announcement that goes on and on, so that it can be stopped before it has ended. " * 3



async def test_the_agent_is_rung_first_and_both_hear_each_other(phone: Exchange) -> None:
    async with telephone("ring") as agents, telephone(ip=phone.more["carrier"]) as customers:
        call = await phone.place(CUSTOMER, device=agents.uri)
        agent = await agents.talk()
        await phone.until(call, lambda each: each["legs"][0]["state"] == "ringing", "the agent's telephone ringing")
        assert not customers.talks
        agent.answer()
        customer = await customers.talking()
        agent.line.say(AGENT_HZ)
        customer.line.say(CUSTOMER_HZ)
        await agent.line.until_hears(CUSTOMER_HZ, "the agent")
        await customer.line.until_hears(AGENT_HZ, "the customer")
        shown = await phone.call(call)
        assert [(leg["role"], leg["state"]) for leg in shown["legs"]] == [("agent", "up"), ("customer", "up")]
        agent.hang_up()
        await customer.ended()
        ended = await phone.ended(call)
    assert (ended["status"], ended["hangup_cause"]) == ("COMPLETED", "NORMAL_CLEARING")
    types = await phone.types(call)
    assert types.index("call.answered") < types.index("call.bridged") < types.index("call.completed")
    assert [type for type in types if type in TERMINAL] == ["call.completed"]


async def test_the_customer_hanging_up_ends_the_agents_call(phone: Exchange) -> None:
    async with meeting(phone) as met:
        met.customer.hang_up()
        await met.agent.ended()
        assert (await phone.ended(met.id))["status"] == "COMPLETED"


async def test_hangup_ends_both(phone: Exchange) -> None:
    async with meeting(phone) as met:
        answer = await met.order("hangup", reason="done")
        assert answer == {"call_id": met.id, "hung_up": True}
        await met.agent.ended()
        await met.customer.ended()
        assert (await phone.ended(met.id))["status"] == "COMPLETED"


async def test_an_agent_who_does_not_answer_ends_the_call_unplaced(phone: Exchange) -> None:
    async with telephone("busy") as agents, telephone(ip=phone.more["carrier"]) as customers:
        call = await phone.place(CUSTOMER, device=agents.uri)
        ended = await phone.ended(call)
        assert len(agents.talks) == 1
        assert not customers.talks
    assert ended["status"] in ("FAILED", "CANCELED")
    assert ended["started_at"] is None
    assert len([type for type in await phone.types(call) if type in TERMINAL]) == 1


async def test_an_agent_who_leaves_while_the_customer_rings_takes_the_call_back(phone: Exchange) -> None:
    async with telephone() as agents, telephone("ring", ip=phone.more["carrier"]) as customers:
        call = await phone.place(CUSTOMER, device=agents.uri)
        customer = await customers.talk()
        (await agents.talking()).hang_up()
        await customer.ended()
        ended = await phone.ended(call)
    assert ended["status"] == "CANCELED"
    assert ended["started_at"] is None


async def test_a_customer_on_hold_hears_music_and_not_the_agent(phone: Exchange) -> None:
    async with meeting(phone) as met:
        assert (await met.order("hold"))["held"] is True
        await until(lambda: met.customer.line.hears_else(AGENT_HZ, CUSTOMER_HZ), "music for the customer")
        await met.agent.line.until_not(CUSTOMER_HZ, "the agent")
        await met.refused("hold")
        assert (await met.order("unhold"))["held"] is False
        await met.together()
        await met.refused("unhold")
        assert [event["actor"]["type"] for event in await met.told("call.held")] == ["api_key"]
        resumed = await met.told("call.resumed")
        assert [event["actor"] for event in resumed] == [event["actor"] for event in await met.told("call.held")]


async def test_an_agent_may_leave_a_call_on_hold(phone: Exchange) -> None:
    async with meeting(phone) as met:
        await met.order("hold")
        met.agent.hang_up()
        await met.customer.ended()
        assert (await phone.ended(met.id))["status"] == "COMPLETED"


@pytest.mark.parametrize("side", ["customer", "agent"])
async def test_a_muted_side_is_not_heard_until_unmuted(phone: Exchange, side: str) -> None:
    async with meeting(phone) as met:
        muted, listener, other = (
            (CUSTOMER_HZ, met.agent.line, met.customer.line) if side == "customer"
            else (AGENT_HZ, met.customer.line, met.agent.line)
        )  # fmt: skip
        assert (await met.order("mute", side=side))["muted"] == [side]
        await listener.until_not(muted, f"the one who does not hear the {side}")
        await met.refused("mute", side=side)
        await other.until_hears(AGENT_HZ if side == "customer" else CUSTOMER_HZ, "who is muted")
        assert (await met.order("unmute", side=side))["muted"] == []
        await met.together()
        await met.refused("unmute", side=side)
        assert [event["data"]["side"] for event in await met.told("call.muted")] == [side]
        assert [event["data"]["side"] for event in await met.told("call.unmuted")] == [side]


@pytest.mark.parametrize("to", ["both", "customer", "agent"])
async def test_what_is_played_is_heard_by_whom_it_is_for(phone: Exchange, to: str) -> None:
    async with meeting(phone) as met:
        met.agent.line.say(0)
        met.customer.line.say(0)
        sides = {"agent": met.agent.line, "customer": met.customer.line}
        for name, line in sides.items():
            await until(line.quiet, f"silence for the {name}")
        answer = await phone.order(met.id, "play", tts_text=LONG, to=to)
        assert answer.status == 200, answer.body
        hearers = [line for name, line in sides.items() if to in ("both", name)]
        for line in hearers:
            await until(lambda line=line: line.hears_else(AGENT_HZ, CUSTOMER_HZ), f"speech for {to}")
        for name, line in sides.items():
            if to not in ("both", name):
                assert line.quiet(), f"the {name} hears what is for the {to}"
        await met.order("stop-play")
        for name, line in sides.items():
            await until(line.quiet, f"silence for the {name} again")
        played = await met.wait_told("call.played")
        assert [(event["data"]["to"], event["actor"]["type"]) for event in played] == [(to, "api_key")]
        await met.refused("stop-play")
        met.agent.line.say(AGENT_HZ)
        met.customer.line.say(CUSTOMER_HZ)
        await met.together()


async def test_keys_are_pressed_towards_the_customer(phone: Exchange) -> None:
    async with meeting(phone) as met:
        await met.order("dtmf", digits="42#w7D", between_ms=80, duration_ms=80)
        heard = met.customer.line
        await until(lambda: heard.keys == "42#7D", "keys at the customer", 10, lambda: heard.keys)
        assert met.agent.line.keys == ""
        sent = await met.told("call.keys_sent")
        assert [event["data"]["digits"] for event in sent] == ["42#w7D"]
        answer = await phone.order(met.id, "dtmf", digits="12x")
        assert "digits" in answer.refused(400, "validation_error")


async def test_before_the_answer_nothing_but_the_end_can_be_ordered(phone: Exchange) -> None:
    async with telephone("ring") as agents, telephone(ip=phone.more["carrier"]):
        call = await phone.place(CUSTOMER, device=agents.uri)
        await agents.talk()
        bodies = [("transfer", {"to": "+12025550178"}), ("transfer", {"to": "+12025550178", "mode": "attended"}),
                  ("complete", {}), ("cancel", {}), ("hold", {}), ("unhold", {}), ("mute", {}), ("unmute", {}),
                  ("play", {"tts_text": "Hello."}), ("stop-play", {}), ("dtmf", {"digits": "1"}),
                  *(("record", {"do": do}) for do in ("start", "pause", "resume", "stop"))]  # fmt: skip
        before = await phone.types(call)
        for action, body in bodies:
            (await phone.order(call, action, **body)).refused(409, "invalid_state")
        assert await phone.types(call) == before
        assert (await phone.order(call, "hangup")).ok()["hung_up"] is True
        await phone.ended(call)
        for action, body in bodies:
            (await phone.order(call, action, **body)).refused(409, "invalid_state")


async def test_a_call_is_another_tenants_business_alone(phone: Exchange) -> None:
    other = await make_tenant(phone.gateway, phone.url, phone.http)
    async with meeting(phone) as met:
        bodies = {"hangup": {}, "transfer": {"to": "+12025550178"}, "complete": {}, "cancel": {}, "hold": {},
                  "unhold": {}, "mute": {}, "unmute": {}, "play": {"tts_text": "Hello."}, "stop-play": {},
                  "dtmf": {"digits": "1"}, "record": {"do": "start"}}  # fmt: skip
        before = await phone.types(met.id)
        for action, body in bodies.items():
            answer = await other("owner").ask("POST", f"/voice/api/calls/{met.id}/{action}/", body)
            answer.refused(404, "not_found")
            answer = await phone.tenant("owner", "test").ask("POST", f"/voice/api/calls/{met.id}/{action}/", body)
            answer.refused(404, "not_found")
        viewer = await phone.tenant("viewer").ask("POST", f"/voice/api/calls/{met.id}/hold/", {})
        assert viewer.status == 403
        assert await phone.types(met.id) == before
        await met.together()


async def test_the_same_idempotency_key_has_one_effect(phone: Exchange) -> None:
    async with meeting(phone) as met:
        headers = {"Idempotency-Key": f"keys-{met.id}"}
        path, body = f"/voice/api/calls/{met.id}/dtmf/", {"digits": "5"}
        first, again = await asyncio.gather(
            phone.owner.ask("POST", path, body, headers=headers), phone.owner.ask("POST", path, body, headers=headers)
        )
        assert 200 in (first.status, again.status)
        third = await phone.owner.ask("POST", path, body, headers=headers)
        assert third.status == 200
        await met.order("dtmf", digits="9")
        await until(lambda: met.customer.line.keys.endswith("9"), "the key after it")
        assert met.customer.line.keys == "59"
        assert [event["data"]["digits"] for event in await met.told("call.keys_sent")] == ["5", "9"]
    placed = {"to_number": CUSTOMER, "provider_config_id": phone.trunk, "tts_text": "Hello."}
    headers = {"Idempotency-Key": f"place-{met.id}"}
    async with telephone(ip=phone.more["carrier"]) as customers:
        first = await phone.owner.ask("POST", "/voice/api/calls/", placed, headers=headers)
        again = await phone.owner.ask("POST", "/voice/api/calls/", placed, headers=headers)
        assert (first.status, again.status, again.body["id"]) == (201, 201, first.body["id"])
        await phone.ended(first.body["id"])
        assert len(customers.talks) == 1
    changed = await phone.owner.ask("POST", "/voice/api/calls/", {**placed, "tts_text": "Bye."}, headers=headers)
    assert changed.status in (409, 422)


async def test_the_longest_call_is_ended(phone: Exchange) -> None:
    async with meeting(phone, max_duration_s=3) as met:
        await met.customer.ended()
        await met.agent.ended()
        ended = await phone.ended(met.id)
    assert ended["status"] == "COMPLETED"
    assert ended["duration_seconds"] in (2, 3, 4)


async def test_a_call_is_controlled_over_the_socket_too(phone: Exchange) -> None:
    async with meeting(phone) as met, phone.owner.socket() as socket:
        await socket.ready()
        await socket.subscribe(topics=["calls"])

        async def ask(action: str, **body: object) -> dict[str, object]:
            await socket.send(
                type="request", id=action, operation=f"voice.calls.{action}", params={"id": met.id}, body=body
            )
            return dict(await socket.next("result", "error"))

        held = await ask("hold")
        assert (held["status"], held["body"]["held"]) == (200, True)  # type: ignore[index]
        refused = await ask("hold")
        assert (refused["type"], refused["status"], refused["code"]) == ("error", 409, "invalid_state")
        assert (await ask("unhold"))["status"] == 200
        await met.together()
        assert (await ask("hangup"))["status"] == 200
        live = await socket.until(lambda events: any(each["type"] in TERMINAL for each in events))
        types = [each["type"] for each in live
                 if each["call_id"] == met.id and not each["type"].startswith("message.")]  # fmt: skip
        assert types[-3:] == ["call.held", "call.resumed", "call.completed"]
        await met.customer.ended()
