"""Calls that come in over a real Asterisk, from SIPp: routing, IVR by DTMF, transfer to an agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jinaconnect.actions.live.supervisor import STALE_S
from jinaconnect.actions.trunks.settling import claims_of, release_number
from jinaconnect.core.calls.document import new_call
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.tenant import Change
from jinaconnect.telephony.ari.errors import AriNotFound
from jinaconnect.telephony.trunks.credentials import sip_credentials
from jinaconnect.telephony.trunks.pjsip import trunk_objects
from jinaconnect.telephony.trunks.profile import profile
from jinaconnect.telephony.trunks.push import push
from tests.telephony.asterisk import Asterisk, loopback_address, sipp, until
from tests.telephony.calls.graphs import menu
from tests.telephony.calls.phone import telephone
from tests.telephony.calls.telephone import ENDED, OWN, TERMINAL, Exchange, exchange, sip
from tests.tenants import Tenant, make_tenant

CALLER = "+12025550166"
REJECT = {"type": "reject", "cause": "USER_BUSY"}


@pytest.fixture(scope="module")
async def phone(
    asterisk: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Exchange]:
    """A gateway whose trunk leads to an address where SIPp plays the carrier, on both ways."""
    carrier, second = loopback_address(5060), loopback_address(5060)
    credentials = {"inbound_hosts": [second]}
    var = tmp_path_factory.mktemp("var")
    async with exchange(asterisk, mongod.uri, http, var, carrier, credentials=credentials) as running:
        running.more.update(carrier=carrier, second=second)
        yield running


async def _newest(phone: Exchange, number: str) -> dict[str, object]:
    end = asyncio.get_running_loop().time() + 10
    while True:
        calls = [each for each in await phone.calls(direction="inbound") if each["to_number"] == number]
        if calls:
            return calls[0]
        assert asyncio.get_running_loop().time() < end, "no call came in"
        await asyncio.sleep(0.03)


async def test_a_call_to_nobody_is_refused_and_told(phone: Exchange, tmp_path: Path) -> None:
    target = phone.asterisk.ip
    async with sipp(tmp_path, "uac_refused", target=target, number="+12025550190", caller=CALLER,
                    ip=phone.more["carrier"]) as caller:  # fmt: skip
        await caller.finished()
        assert "404" in caller.messages()
    told = await phone.owner.wait_for_events(lambda found: any(each["type"] == "call.rejected" for each in found))
    told = [event for event in told if event["type"] == "call.rejected"]
    assert told[-1]["data"]["to_number"] == "+12025550190"
    assert told[-1]["data"]["hangup_cause"] == "NUMBER_UNALLOCATED"
    assert not [each for each in await phone.calls() if each["to_number"] == "+12025550190"]


async def test_keys_lead_through_an_ivr(phone: Exchange, tmp_path: Path) -> None:
    template = await phone.template(menu())
    await phone.route("+12025550191", {"type": "template", "template": template})
    async with sipp(tmp_path, "uac_keys_wait", target=phone.asterisk.ip, number="+12025550191", caller=CALLER,
                    keys="1", ip=phone.more["carrier"]) as caller:  # fmt: skip
        call = await _newest(phone, "+12025550191")
        ended = await phone.ended(str(call["id"]))
        assert await caller.finished() == 0
    assert (ended["status"], ended["from_number"], ended["direction"]) == ("COMPLETED", CALLER, "inbound")
    assert ended["contact"] is not None
    events = await phone.events(ended["id"])
    assert [event["data"]["digit"] for event in events if event["type"] == "call.dtmf"] == ["1"]
    assert [event["data"]["node"] for event in events if event["type"] == "call.ivr_step"] == ["ask", "bye", "end"]
    assert [event["type"] for event in events if event["type"] in TERMINAL] == ["call.completed"]
    message = await phone.until(ended["id"], lambda each: each["team_inbox_message"], "the inbox entry")
    inbox = (await phone.owner.ask("GET", f"/team-inbox/api/messages/?contact={ended['contact']}")).ok()["results"]
    assert message["team_inbox_message"] in [each["id"] for each in inbox]


async def test_an_ivr_hands_the_caller_to_an_agent(
    phone: Exchange, tmp_path: Path
) -> None:
    template = await phone.template(menu("+12025550188"))
    await phone.route("+12025550192", {"type": "template", "template": template})
    async with (
        sipp(tmp_path, "uas_answer", ip=phone.more["carrier"]),
        sipp(tmp_path, "uac_keys_wait", target=phone.asterisk.ip, number="+12025550192", caller=CALLER, keys="2",
             ip=phone.more["second"]),
    ):  # fmt: skip
        call = str((await _newest(phone, "+12025550192"))["id"])
        bridged = await phone.until(call, lambda each: any(
            leg["role"] == "party" and leg["state"] == "up" for leg in each["legs"]), "the second leg")  # fmt: skip
        await phone.until(call, lambda each: each["status"] == "IN_PROGRESS", "talking")
        child = next(leg["call"] for leg in bridged["legs"] if leg["role"] == "party")
        assert (await phone.order(call, "hangup")).status == 200
        await phone.ended(call)
        second = await phone.ended(child)
    assert second["parent_call"] == call
    assert second["to_number"] == "+12025550188"
    assert second["status"] in ENDED
    types = await phone.types(call)
    assert "call.bridged" in types
    assert [event["data"]["ok"] for event in await phone.events(call) if event["type"] == "call.transferred"] == [True]
    assert [type for type in await phone.types(child) if type in TERMINAL] == ["call.completed"]


async def test_a_call_above_the_trunks_cap_finds_it_busy(phone: Exchange) -> None:
    template = await phone.template(menu())
    await phone.route("+12025550193", {"type": "template", "template": template})
    path = f"/voice/api/provider-configs/{phone.trunk}/"
    (await phone.owner.patch(path, {"max_concurrent_calls": 1})).ok()
    async with telephone(ip=phone.more["carrier"]) as customers:
        first = customers.dial(phone.asterisk.ip, "+12025550193", caller=CALLER)
        await until(lambda: first.up, "the first caller being answered")
        second = customers.dial(phone.asterisk.ip, "+12025550193", caller="+12025550165")
        await second.ended()
        assert second.status == 486
        await phone.owner.wait_for_events(lambda events: any(
            each["type"] == "call.rejected"
            and (each["data"]["hangup_cause"], each["data"]["sip_code"]) == ("USER_BUSY", 486) for each in events
        ))  # fmt: skip
        first.hang_up()
        await phone.ended(str((await _newest(phone, "+12025550193"))["id"]))
        third = customers.dial(phone.asterisk.ip, "+12025550193", caller=CALLER)
        await until(lambda: third.up, "a caller being answered once there is room")
        third.hang_up()
    (await phone.owner.patch(path, {"max_concurrent_calls": 0})).ok()


async def test_a_call_that_arrives_is_begun_by_its_arrival_alone(phone: Exchange) -> None:
    """Between a call's row and its beginning the supervisor looks for calls to place, and must not take it for one."""
    services = phone.gateway.services
    owner = phone.gateway.fleet.owner("main")
    assert owner is not None
    supervisor = owner.supervisor
    assert supervisor is not None
    store = services.store.of(phone.tenant.id, "live")
    for direction, kind in (("inbound", "route"), ("outbound", "outward")):
        doc = new_call(
            services.ids.new("call"), direction=direction, from_number=CALLER, to_number="+12025550194",
            provider_config=phone.trunk, switch="main", plan={"kind": kind}, at=services.clock(),
        )  # fmt: skip
        await store.insert("calls", doc)
        await supervisor.look()
        assert supervisor.call(doc["_id"]) is None
        old = services.clock() - timedelta(seconds=STALE_S + 1)
        await store.change("calls", doc["_id"], lambda _, old=old: Change(set={"created_at": old}))
        await supervisor.look()
        assert (await phone.ended(doc["_id"]))["status"] == "FAILED", "one whose arrival broke off has its end"


async def test_callers_are_known_after_their_trunk_was_pushed_again_and_one_taken_away_meanwhile_is_gone(
    phone: Exchange,
) -> None:
    template = await phone.template(menu())
    await phone.route("+12025550196", {"type": "template", "template": template})
    voice, client = phone.gateway.fleet, phone.gateway.fleet.switch("main").client
    gone = trunk_objects("trk_gone", profile("generic"), sip_credentials(sip(loopback_address(5060))))
    assert await push(client, gone) == []
    path = f"/voice/api/provider-configs/{phone.trunk}/"
    for mode in ("auto", "rfc4733"):
        (await phone.owner.patch(path, {"credentials": {"dtmf_mode": mode}})).ok()
    await voice.push("main")  # as after a break of the link
    for each in gone:
        with pytest.raises(AriNotFound):
            await client.objects.get(each.kind, each.id)
    async with telephone(ip=phone.more["carrier"]) as customers:
        talk = customers.dial(phone.asterisk.ip, "+12025550196", caller=CALLER)
        await until(lambda: talk.up, "the caller being answered")
        call = await _newest(phone, "+12025550196")
        assert call["from_number"] == CALLER
        assert call["contact"] is not None
        talk.hang_up()
        await phone.ended(str(call["id"]))


@asynccontextmanager
async def _rival(phone: Exchange, **body: Any) -> AsyncIterator[tuple[Tenant, str]]:
    """Have another tenant with a trunk of its own, by default somewhere else."""
    other = await make_tenant(phone.gateway, phone.url, phone.http)
    body = {"name": "Rival", "provider": "sip", "credentials": sip(loopback_address(5060)), **body}
    trunk = str((await other().post("/voice/api/provider-configs/", body)).ok(201)["id"])
    try:
        yield other, trunk
    finally:
        (await other().patch(f"/voice/api/provider-configs/{trunk}/", {"enabled": False})).ok()


async def test_a_number_another_tenant_has_claimed_at_one_address_is_refused_whatever_the_way(phone: Exchange) -> None:
    routed, listed, free = "+12025550141", "+12025550142", "+12025550143"
    await phone.route(routed, REJECT)
    path = f"/voice/api/provider-configs/{phone.trunk}/"
    (await phone.owner.patch(path, {"from_numbers": [OWN, listed]})).ok()
    carrier = phone.more["carrier"]
    async with _rival(phone, from_numbers=[listed]) as (other, trunk):  # elsewhere the number may be anybody's
        own = f"/voice/api/provider-configs/{trunk}/"
        for there in (sip(carrier), sip(loopback_address(5060), inbound_hosts=[f"{carrier}/30"])):
            detail = (await other().patch(own, {"credentials": there})).refused(409, "number_taken")
            assert list(detail) == ["credentials"]
        (await other().patch(own, {"from_numbers": []})).ok()
        (await other().patch(own, {"credentials": sip(carrier)})).ok()
        for number in (routed, listed):
            detail = (await other().patch(own, {"from_numbers": [free, number]})).refused(409, "number_taken")
            assert list(detail) == ["from_numbers"]
            body = {"number": number, "provider_config": trunk, "name": "Mine", "route": REJECT}
            detail = (await other().post("/voice/api/numbers/", body)).refused(409, "number_taken")
            assert list(detail) == ["number"]
        (await other().post("/voice/api/numbers/", {**body, "number": free})).ok(201)
        # The operator, who asked the carrier, settles it.
        services = phone.gateway.services
        for number in (routed, listed):
            assert [each.tenant for each in await claims_of(services, number)] == [phone.tenant.id]
            assert await release_number(services, number, other.id) == 0
            assert await release_number(services, number, phone.tenant.id) == 1
            (await other().post("/voice/api/numbers/", {**body, "number": number})).ok(201)
            assert [each.tenant for each in await claims_of(services, number)] == [other.id]
        assert (await phone.owner.get(path)).ok()["from_numbers"] == [OWN]
        told = [(each["type"], each["actor"]) for each in await phone.owner.events("start")]
        assert ("number.deleted", {"type": "system", "id": "operator"}) in told
        assert ("trunk.updated", {"type": "system", "id": "operator"}) in told


async def test_calls_at_a_shared_address_go_to_who_claimed_the_number_first_and_else_to_nobody(
    phone: Exchange,
) -> None:
    template = await phone.template(menu())
    await phone.route("+12025550144", {"type": "template", "template": template})
    (await phone.owner.patch(f"/voice/api/provider-configs/{phone.trunk}/", {"from_numbers": [OWN]})).ok()
    carrier, services = phone.more["carrier"], phone.gateway.services
    async with (
        _rival(phone, credentials=sip(carrier), default_route=REJECT) as (one, trunk),
        _rival(phone, credentials=sip(loopback_address(5060), inbound_hosts=[f"{carrier}/31"]), default_route=REJECT),
        telephone(ip=carrier) as customers,
    ):
        # As it could be claimed before it was refused.
        await services.store.of(one.id, "live").insert("numbers", {
            "_id": services.ids.new("num"), "number": "+12025550144", "provider_config": trunk, "name": "Mine",
            "route": REJECT, "created_at": services.clock(), "updated_at": services.clock(),
        })  # fmt: skip
        talk = customers.dial(phone.asterisk.ip, "+12025550144", caller=CALLER)
        await until(lambda: talk.up or talk.over, "the caller being answered")
        assert talk.up, talk.status
        talk.hang_up()
        await phone.ended(str((await _newest(phone, "+12025550144"))["id"]))
        nobodys = customers.dial(phone.asterisk.ip, "+12025550145", caller=CALLER)
        await nobodys.ended()
        assert nobodys.status == 404
        for tenant in (one, phone.tenant):
            told = [each["data"].get("to_number") for each in await tenant().events("start")]
            assert "+12025550145" not in told
