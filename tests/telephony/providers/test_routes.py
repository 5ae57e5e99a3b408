"""Outgoing calls go their routes: chosen, told, and over the next carrier where one fails them, each at most once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from jinaconnect.actions.calls.rerouting import Rerouter
from jinaconnect.store.due import LEASE, Claim, Lease
from tests.client import Client, until
from tests.conftest import Running
from tests.telephony.calls.telephone import OWN, TERMINAL
from tests.telephony.providers.fake import FakeCarrier
from tests.telephony.providers.lines import CALLS, CUSTOMER, TRUNKS, Line, at, events_of, playing
from tests.telephony.providers.test_sandbox import ended
from tests.tenants import Tenant

ROUTES = "/voice/api/outbound-routes/"
TEMPORARY, BUSY, HANGS_UP = "+12025550106", "+12025550103", "+12025550108"
SAID = {"to_number": CUSTOMER, "tts_text": "Hello."}


async def route(client: Client, trunk: str, **fields: Any) -> str:
    body = {"name": "R", "provider_config": trunk, **fields}
    return str((await client.post(ROUTES, body)).ok(201)["id"])


async def told(client: Client, call: str, type: str) -> list[dict[str, Any]]:
    return [event["data"] for event in await events_of(client, call) if event["type"] == type]


@pytest.fixture
async def lines(tenant: Tenant, http: aiohttp.ClientSession) -> AsyncIterator[list[Line]]:
    """A tenant with accounts at two carriers, the first of which is preferred."""
    async with AsyncExitStack() as stack:
        made: list[Line] = []
        for place, name in enumerate(("plivo", "twilio")):
            carrier: FakeCarrier = await stack.enter_async_context(playing(name, http))
            line = await at(tenant, carrier, from_numbers=[f"{OWN[:-1]}{place}"])
            await route(tenant(), line.trunk, priority=10 - place)
            made.append(line)
        yield made


async def test_a_carrier_that_fails_a_call_hands_it_to_the_next(lines: list[Line]) -> None:
    first, second = lines
    owner = first.owner
    call = (await owner.post(CALLS, SAID)).ok(201)
    assert call["provider_config"] == first.trunk
    [decision] = await told(owner, call["id"], "call.routed")
    assert [each["provider_config"] for each in decision["candidates"]] == [first.trunk, second.trunk]
    assert (decision["provider_config"], decision["skipped"]) == (first.trunk, [])
    failing = await first.carrier.placed()
    assert await failing.status("ringing") == 200
    late = failing.wanted["turn"]
    assert await failing.status("failed") == 200
    good = await second.carrier.placed()
    assert good.wanted["from"] == f"{OWN[:-1]}1"
    await second.has(call["id"], provider_config=second.trunk, provider_call_id=good.id)
    # What the first carrier says from now on concerns nobody any more.
    assert await failing.status("failed") == 200
    assert await failing.status("completed", seconds=9) == 200
    assert any("hangup" in each for each in await failing.turn(late, status="in-progress"))
    await good.answer()
    await good.turn()
    await good.status("completed", seconds=4)
    shown = await second.ended(call["id"])
    assert (shown["status"], shown["hangup_cause"], shown["from_number"]) == (
        "COMPLETED", "NORMAL_CLEARING", f"{OWN[:-1]}1"
    )  # fmt: skip
    [moved] = await told(owner, call["id"], "call.rerouted")
    assert {name: moved[name] for name in ("from", "to", "hangup_cause", "status")} == {
        "from": first.trunk, "to": second.trunk, "hangup_cause": "NORMAL_TEMPORARY_FAILURE", "status": "QUEUED",
    }  # fmt: skip
    types = await second.types(call["id"])
    assert types.count("call.dialing") == 2
    timeline = (await owner.get(f"{CALLS}{call['id']}/timeline/")).ok()["items"]
    assert {"call.routed", "call.rerouted"} <= {item["type"] for item in timeline}
    assert (len(first.carrier.calls), len(second.carrier.calls)) == (1, 1)


@pytest.mark.parametrize(("answer", "moves"), [(401, True), (503, True), (400, False), ("lost", False), (500, False)])
async def test_only_a_carrier_that_certainly_did_nothing_is_left(
    lines: list[Line], answer: int | str, moves: bool
) -> None:
    """An answer that never came, and one that leaves it open, are waited for; a refusal of the call is the end."""
    first, second = lines
    first.carrier.next.append(answer)
    call = (await first.owner.post(CALLS, SAID)).ok(201)["id"]
    if moves:
        there = await second.carrier.placed()
        await second.has(call, provider_config=second.trunk, provider_call_id=there.id)
        return
    if answer == 400:
        assert (await first.ended(call))["hangup_cause"] == "CALL_REJECTED"
    else:
        async def doubted() -> bool:
            items = (await first.owner.get(f"{CALLS}{call}/timeline/")).ok()["items"]
            return (await first.call(call))["status"] == "INITIATING" and len(items) > 2

        await until(doubted, 20)
    assert (await first.call(call))["provider_config"] == first.trunk
    assert not second.carrier.calls


@pytest.mark.parametrize("word", ["busy", "no-answer"])
async def test_a_busy_line_is_not_a_dead_carrier(lines: list[Line], word: str) -> None:
    first, second = lines
    call = (await first.owner.post(CALLS, SAID)).ok(201)["id"]
    there = await first.carrier.placed()
    await there.status(word)
    shown = await first.ended(call)
    assert (shown["status"], shown["provider_config"]) == ("FAILED", first.trunk)
    assert not second.carrier.calls
    assert await told(first.owner, call, "call.rerouted") == []


async def test_who_is_named_carries_the_call_whatever_the_routes_say(lines: list[Line]) -> None:
    first, second = lines
    call = await second.place()
    there = await second.carrier.placed()
    await there.status("failed")
    shown = await second.ended(call)
    assert (shown["status"], shown["provider_config"]) == ("FAILED", second.trunk)
    assert not first.carrier.calls
    assert await told(second.owner, call, "call.routed") == []


async def test_a_call_that_is_called_off_is_not_tried_elsewhere(lines: list[Line]) -> None:
    first, second = lines
    call = (await first.owner.post(CALLS, SAID)).ok(201)["id"]
    there = await first.carrier.placed()
    await first.has(call, provider_call_id=there.id)
    assert (await first.owner.post(f"{CALLS}{call}/hangup/", {})).ok()["hung_up"]
    await there.status("failed")
    assert (await first.ended(call))["status"] == "CANCELED"
    assert not second.carrier.calls


async def test_the_last_failure_is_the_calls_and_ends_it_once(lines: list[Line]) -> None:
    first, second = lines
    call = (await first.owner.post(CALLS, SAID)).ok(201)["id"]
    await (await first.carrier.placed()).status("failed")
    there = await second.carrier.placed()
    await asyncio.gather(*(there.status("failed") for _ in range(3)))
    shown = await second.ended(call)
    assert (shown["status"], shown["hangup_cause"]) == ("FAILED", "NORMAL_TEMPORARY_FAILURE")


async def test_a_trunk_that_is_down_is_passed_over_and_said_so(gateway: Running, tenant: Tenant) -> None:
    """In test mode: a SIP trunk that does not answer, a disabled account, a full one, and the one that is left."""
    client, store = tenant("owner", "test"), gateway.services.store.of(tenant.id, "test")
    down = (await client.get(TRUNKS, params={"provider": "sip"})).ok()["results"][0]["id"]
    state = {"_id": down, "asterisk": "sandbox", "status": "down"}
    await store.insert("trunk_states", state)
    made = {}
    for name, fields in (("twilio", {"enabled": False}), ("vonage", {"max_concurrent_calls": 1}), ("plivo", {})):
        body = {"name": name, "provider": name, "from_numbers": [OWN], **fields}
        made[name] = (await client.post(TRUNKS, body)).ok(201)["id"]
    for place, trunk in enumerate((down, *made.values())):
        await route(client, trunk, destination_prefix="+1", priority=-place)
    waits = {"to_number": "+12025550102", "tts_text": "Hello."}
    asked = (await client.post(f"{CALLS}?dry_run=true", waits)).ok()
    assert asked["routing"]["provider_config"] == made["vonage"]
    held = (await client.post(CALLS, waits)).ok(201)
    assert held["provider_config"] == made["vonage"]
    call = (await client.post(CALLS, {**waits, "to_number": HANGS_UP})).ok(201)
    assert call["provider_config"] == made["plivo"]
    [decision] = await told(client, call["id"], "call.routed")
    assert {each["provider_config"]: each["reason"] for each in decision["skipped"]} == {
        down: "trunk_down", made["twilio"]: "disabled", made["vonage"]: "full",
    }  # fmt: skip
    for trunk in (made["vonage"], made["plivo"]):
        (await client.patch(f"{TRUNKS}{trunk}/", {"enabled": False})).ok()
    refused = await client.post(CALLS, waits)
    assert "trunk_down" in refused.refused(503, "no_route")


async def test_from_a_trunk_of_ours_to_a_carrier_and_back(gateway: Running, tenant: Tenant) -> None:
    """The number fails over every carrier: each of them is tried once, whatever carries it."""
    client = tenant("owner", "test")
    sip = (await client.get(TRUNKS, params={"provider": "sip"})).ok()["results"][0]["id"]
    trunks = [sip]
    for name in ("twilio", "telnyx", "vonage"):
        trunk = (await client.post(TRUNKS, {"name": name, "provider": name, "from_numbers": [OWN]})).ok(201)["id"]
        trunks.append(trunk)
    order = [trunks[1], sip, trunks[2], trunks[3]]
    for place, trunk in enumerate(order):
        await route(client, trunk, priority=-place)
    for number, tried in ((TEMPORARY, order), (BUSY, order[:1])):
        call = (await client.post(CALLS, {"to_number": number, "tts_text": "Hello."})).ok(201)["id"]
        assert (await ended(client, call))["status"] == "FAILED"
        moves = await told(client, call, "call.rerouted")
        assert [each["to"] for each in moves] == tried[1:]
        types = [event["type"] for event in await events_of(client, call)]
        assert len([each for each in types if each in TERMINAL]) == 1
        assert types.count("call.dialing") == len(tried)


async def test_a_gateway_cut_off_between_two_carriers_goes_on_once(gateway: Running, lines: list[Line]) -> None:
    """The state that a kill leaves between an attempt that failed and the next, taken up by whoever comes."""
    first, second = lines
    first.carrier.next.append("lost")
    call = (await first.owner.post(CALLS, SAID)).ok(201)["id"]
    raw, now = gateway.services.store.raw("calls"), gateway.services.clock()

    async def asked() -> bool:
        row = await raw.find_one({"_id": call})
        return row is not None and row["hosted"]["asked"] is not None and row["due"]["by"] is None

    await until(asked, 20)
    failed = {"cause": "NETWORK_OUT_OF_ORDER", "sip_code": None, "at": now}
    left_by = {"at": now, "by": "elsewhere/0/0:1:dead", "tries": 1}
    await raw.update_one({"_id": call}, {"$set": {"rerouting": failed, "due": left_by}, "$unset": {"slot": ""}})
    rerouter = Rerouter(gateway.services, gateway.ports.worker, gateway.ports.calls)
    claim = Claim(await raw.find_one({"_id": call}) or {}, 2, True, Lease(now + LEASE))
    await asyncio.gather(*(rerouter.attend(claim) for _ in range(4)))
    there = await second.carrier.placed()
    await second.has(call, provider_config=second.trunk, provider_call_id=there.id)
    assert len(await told(second.owner, call, "call.rerouted")) == 1
    assert len(second.carrier.calls) == 1


async def test_a_number_comes_in_over_whichever_carrier(tenant: Tenant) -> None:
    """Its row at one of them says where it goes, unless the other says otherwise."""
    client = tenant("owner", "test")
    sip = (await client.get(TRUNKS, params={"provider": "sip"})).ok()["results"][0]["id"]
    body = {"name": "Hi", "template_kind": "tts_script", "tts_text": "Hello."}
    template = (await client.post("/voice/api/templates/", body)).ok(201)["id"]
    number = {"number": "+12025550142", "provider_config": sip, "route": {"type": "template", "template": template}}
    (await client.post("/voice/api/numbers/", number)).ok(201)
    account = {"name": "P", "provider": "plivo", "from_numbers": [number["number"]]}
    trunk = (await client.post(TRUNKS, account)).ok(201)["id"]
    came = {"channel": "voice", "from": HANGS_UP, "to": number["number"]}
    call = (await client.post("/sandbox/inbound/", came)).ok(201)["call_id"]
    shown = (await client.get(f"{CALLS}{call}/")).ok()
    assert (shown["provider_config"], shown["template"]) == (trunk, template)
    (await client.patch(f"{TRUNKS}{trunk}/", {"default_route": {"type": "reject", "cause": "USER_BUSY"}})).ok()
    assert (await client.post("/sandbox/inbound/", came)).ok(201)["call_id"] is None


async def test_routes_are_kept_changed_and_removed(tenant: Tenant, new_tenant: Any) -> None:
    owner = tenant()
    trunk = (await owner.post(TRUNKS, {"name": "P", "provider": "plivo", "from_numbers": [OWN]})).ok(201)["id"]
    made = (await owner.post(ROUTES, {"name": "India", "provider_config": trunk, "destination_prefix": "+91"})).ok(201)
    assert (made["priority"], made["weight"], made["is_active"], made["from_number"]) == (0, 100, True, None)
    path = f"{ROUTES}{made['id']}/"
    assert (await owner.patch(path, {"weight": 7})).ok()["weight"] == 7
    replaced = (await owner.ask("PUT", path, {"name": "All", "provider_config": trunk})).ok()
    assert (replaced["destination_prefix"], replaced["weight"]) == ("+", 100)
    for fields, named in (
        ({"provider_config": "trk_none"}, "provider_config"), ({"destination_prefix": "91"}, "destination_prefix"),
        ({"weight": 0}, "weight"), ({"from_number": "x"}, "from_number"), ({"priority": None}, "priority"),
    ):  # fmt: skip
        assert list((await owner.patch(path, fields)).refused(400, "validation_error")) == [named]
    for role in ("manager", "agent"):
        (await tenant(role).get(ROUTES)).refused(403, "permission_denied")
    (await (await new_tenant())().get(path)).refused(404, "not_found")
    (await owner.delete(path)).ok(204)
    assert (await owner.get(ROUTES)).ok()["count"] == 0
