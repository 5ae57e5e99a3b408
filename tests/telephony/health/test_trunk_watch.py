"""Trunks under watch: a gateway with a real Asterisk, and a second Asterisk as the carrier that comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jinaconnect.actions.context import Caller, OperationContext
from jinaconnect.actions.trunks.health import ari_health
from jinaconnect.app import Gateway
from jinaconnect.core.principal import system_principal
from jinaconnect.serve import listening
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.tenant import Change
from tests.client import Client
from tests.telephony.asterisk import Asterisk, frozen, loopback_address
from tests.telephony.calls.telephone import Exchange, exchange, make_trunk, settings
from tests.tenants import make_tenant

TRUNK_TYPES = {"trunk.up", "trunk.down", "trunk.degraded", "trunk.registered", "trunk.unregistered"}
CALLEE = "+12025550177"


@pytest.fixture(scope="module")
async def theirs(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asterisk]:
    """A carrier of this module's own, which it may freeze."""
    directory = tmp_path_factory.mktemp("theirs")
    running = await Asterisk.start(directory, peer_ip=loopback_address(), context="carrier")
    yield running
    await running.stop()


@pytest.fixture(scope="module")
async def phone(
    asterisk: Asterisk, theirs: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Exchange]:  # fmt: skip
    """A gateway whose tenant has a trunk with an account at the carrier."""
    var = tmp_path_factory.mktemp("var")
    given = account(theirs)
    async with exchange(asterisk, mongod.uri, http, var, theirs.ip, credentials=given) as running:
        running.more.update(mongod=mongod.uri, var=var)
        yield running


def account(carrier: Asterisk, **more: Any) -> dict[str, Any]:
    """Return what makes credentials those of the carrier's account, asked every second."""
    return {
        "sip_username": "account", "sip_password": carrier.password, "registration_required": True, "qualify_s": 1,
        **more,
    }  # fmt: skip


async def health_of(phone: Exchange, trunk: str) -> dict[str, Any]:
    """Read how a trunk is."""
    (found,) = (await phone.owner.get(f"/voice/api/ari-health/?trunk={trunk}")).ok()["trunks"]
    return dict(found)


async def until(
    phone: Exchange, fits: Callable[[dict[str, Any]], object], what: str, trunk: str | None = None
) -> dict[str, Any]:
    """Wait until a trunk is as wanted; fails with what it is instead."""
    loop = asyncio.get_running_loop()
    end = loop.time() + 30
    while not fits(now := await health_of(phone, trunk or phone.trunk)):
        if loop.time() > end:
            pytest.fail(f"{what}: not within 30 s: {now}")
        await asyncio.sleep(0.05)
    return now


async def told(phone: Exchange, trunk: str | None = None) -> list[str]:
    """Return what the tenant's log tells of a trunk's health, in order."""
    wanted = trunk or phone.trunk
    events = [each for each in await phone.owner.events() if each["subject"]["id"] == wanted]
    return [each["type"] for each in events if each["type"] in TRUNK_TYPES]


async def metrics(phone: Exchange) -> str:
    """Read the process's figures."""
    return str((await phone.owner.get("/metrics/")).ok().decode())


async def test_a_trunk_comes_up_registered_and_is_measured(phone: Exchange) -> None:
    now = await until(
        phone,
        lambda each: each["status"] == "up" and each["registration"] and each["contact"]["rtt_ms"],
        "up and registered",
    )
    assert now["contact"]["state"] == "reachable"
    assert now["registration"]["state"] == "registered"
    assert now["options"]["p50_ms"] > 0
    assert now["options"]["lost_5m"] == 0
    assert (now["asterisk"], now["profile"], now["cap"], now["calls"]) == ("main", "generic", 0, 0)
    assert sorted(await told(phone)) == ["trunk.registered", "trunk.up"]
    whole = (await phone.owner.get("/voice/api/ari-health/")).ok()
    assert whole["status"] == "up"
    assert "asterisks" not in whole
    text = str(whole)
    assert phone.asterisk.password not in text
    assert "credentials" not in text
    end = asyncio.get_running_loop().time() + 10
    while 'jc_trunks{asterisk="main",status="up"} 1.0' not in (figures := await metrics(phone)):
        assert asyncio.get_running_loop().time() < end, figures
        await asyncio.sleep(0.1)
    assert 'jc_ari_events_total{type="ContactStatusChange"}' in figures


async def test_a_carrier_that_goes_and_comes_back_is_told_of_once_each(phone: Exchange, theirs: Asterisk) -> None:
    await until(phone, lambda each: each["status"] == "up", "up")
    before = await told(phone)
    with frozen(theirs):
        now = await until(phone, lambda each: each["status"] == "down", "down")
        assert now["contact"] == {"state": "unreachable", "rtt_ms": None}
        body = {"to_number": CALLEE, "provider_config_id": phone.trunk, "tts_text": "Hello."}
        (await phone.owner.post("/voice/api/calls/", body)).refused(503, "trunk_down")
        assert (await phone.owner.get("/voice/api/ari-health/")).ok()["status"] == "degraded"
        await until(phone, lambda each: each["options"]["lost_5m"] > 2, "every lost OPTIONS")
    await until(phone, lambda each: each["status"] == "up", "up again")
    of_reach = [type for type in (await told(phone))[len(before) :] if "registered" not in type]
    assert of_reach == ["trunk.down", "trunk.up"]
    events = [each for each in await phone.owner.events() if each["type"] == "trunk.down"]
    assert events[-1]["data"] == {"asterisk": "main", "status": "down", "reason": "unreachable"}
    assert events[-1]["actor"]["id"] == "telephony"


async def test_a_wrong_password_degrades_the_trunk_and_goes_with_it(phone: Exchange, theirs: Asterisk) -> None:
    trunk = await make_trunk(phone.tenant, theirs.ip, name="Wrong", credentials=account(theirs, sip_password="wrong"))
    now = await until(phone, lambda each: each["status"] == "degraded", "degraded", trunk)
    await until(phone, lambda each: each["registration"]["state"] == "rejected", "rejected", trunk)
    assert now["contact"]["state"] == "reachable"
    assert (await told(phone, trunk))[-1:] in (["trunk.unregistered"], ["trunk.degraded"])
    assert (await phone.owner.get("/voice/api/ari-health/")).ok()["status"] == "degraded"
    other = await health_of(phone, phone.trunk)  # the same account, with the right password
    assert (other["status"], other["registration"]["state"]) == ("up", "registered")
    await (data := phone.gateway.services.store.of(phone.tenant.id, "live")).change(
        "trunks", trunk, lambda doc: Change(set={"deleted_at": phone.gateway.services.clock()})
    )
    await phone.gateway.fleet.trunk_changed(data.scope, trunk)
    loop = asyncio.get_running_loop()
    end = loop.time() + 45
    while await data.find("trunk_states", trunk) is not None:
        assert loop.time() < end, "the state of a removed trunk stays"
        await asyncio.sleep(0.1)


async def test_a_registrar_that_cannot_be_reached_has_rejected_nothing(phone: Exchange, theirs: Asterisk) -> None:
    given = account(theirs, sip_transport="tcp")
    trunk = await make_trunk(phone.tenant, loopback_address(5060), name="Silent", credentials=given)
    await until(phone, lambda each: each["registration"] is not None, "a registration that failed", trunk)
    now = await until(phone, lambda each: each["registration"]["state"] == "unreachable", "unreachable", trunk)
    assert now["contact"]["state"] == "unreachable"
    assert (await told(phone, trunk)).count("trunk.unregistered") == 1


async def test_a_trunk_nobody_answers_at_is_down_from_the_start(phone: Exchange) -> None:
    given = {"qualify_s": 1}
    trunk = await make_trunk(phone.tenant, loopback_address(5060), name="Nobody", credentials=given)
    await until(phone, lambda each: each["status"] == "down", "down", trunk)
    assert await told(phone, trunk) == ["trunk.down"]


async def test_a_trunk_that_is_asked_rarely_is_not_down_before_it_was_asked(phone: Exchange, theirs: Asterisk) -> None:
    trunk = await make_trunk(phone.tenant, theirs.ip, name="Rarely", credentials={"qualify_s": 3600})
    await until(phone, lambda each: each["status"] == "up", "up", trunk)
    assert await told(phone, trunk) == ["trunk.up"]


async def test_one_that_is_never_asked_stays_unknown(phone: Exchange, theirs: Asterisk) -> None:
    trunk = await make_trunk(phone.tenant, theirs.ip, name="Never", credentials={"qualify_s": 0})
    data = phone.gateway.services.store.of(phone.tenant.id, "live")
    loop = asyncio.get_running_loop()
    end = loop.time() + 45
    while await data.find("trunk_states", trunk) is None:
        assert loop.time() < end, "the trunk is not watched"
        await asyncio.sleep(0.05)
    assert (await health_of(phone, trunk))["status"] == "unknown"
    assert await told(phone, trunk) == []


async def test_the_test_asks_now_and_tells_of_the_registration(phone: Exchange, theirs: Asterisk) -> None:
    await until(phone, lambda each: (each["registration"] or {}).get("state") == "registered", "registered")
    path = f"/voice/api/provider-configs/{phone.trunk}/test/"
    answer = (await phone.owner.post(path)).ok()
    assert answer["options"]["ok"] is True
    assert answer["options"]["rtt_ms"] > 0
    assert answer["registration"]["state"] == "registered"
    assert answer["registration"]["since"] is not None
    assert "call" not in answer
    with frozen(theirs):
        assert (await phone.owner.post(path)).ok()["options"] == {"ok": False, "rtt_ms": None, "sip_code": None}
    await until(phone, lambda each: each["status"] == "up", "up again")


@pytest.mark.parametrize(
    ("number", "ok", "sip_code", "cause"),
    [(CALLEE, True, 200, "NORMAL_CLEARING"), ("+12025550190", False, 486, "USER_BUSY")],
)
async def test_the_test_calls_and_reports(
    phone: Exchange, theirs: Asterisk, number: str, ok: bool, sip_code: int, cause: str
) -> None:
    await until(phone, lambda each: each["status"] in ("up", "degraded"), "up")
    if not ok:
        await theirs.cli(f"dialplan add extension {number},1,Hangup,17 into carrier replace")
    answer = (await phone.owner.post(f"/voice/api/provider-configs/{phone.trunk}/test/", {"call_to": number})).ok()
    call = answer["call"]
    assert (call["ok"], call["sip_code"], call["cause"]) == (ok, sip_code, cause)
    assert (call["pdd_ms"] is not None) == ok
    assert answer["options"]["ok"] is True
    assert f'jc_calls_total{{status="{"COMPLETED" if ok else "FAILED"}"}}' in await metrics(phone)
    placed = (await phone.calls())[0]
    assert (placed["to_number"], placed["metadata"]["trunk_test"]) == (number, True)
    await phone.ended(placed["id"])
    now = await health_of(phone, phone.trunk)
    assert now["windows"]["5m"]["attempts"] >= 1


async def test_an_asterisk_that_dies_and_comes_back_takes_its_trunks_with_it_and_forgets_nothing_of_them(
    own_asterisk: Asterisk, theirs: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    given = {"qualify_s": 600}
    async with exchange(own_asterisk, mongod.uri, http, tmp_path, theirs.ip, credentials=given) as phone:
        await until(phone, lambda each: each["status"] == "up", "up")
        before = await told(phone)
        await own_asterisk.kill()
        now = await until(phone, lambda each: each["status"] == "down", "down with its Asterisk")
        await phone.owner.wait_for_events(lambda events: any(each["type"] == "trunk.down" for each in events))
        assert now["contact"]["state"] == "unknown"
        data = phone.gateway.services.store.of(phone.tenant.id, "live")
        samples = len((await data.get("trunk_states", phone.trunk))["options"])
        await own_asterisk.start_again()
        await until(phone, lambda each: each["status"] == "up", "up again")
        end = asyncio.get_running_loop().time() + 20
        while len((await data.get("trunk_states", phone.trunk))["options"]) == samples:
            assert asyncio.get_running_loop().time() < end, "the trunk is not asked again"
            await asyncio.sleep(0.1)
        assert (before, await told(phone)) == (["trunk.up"], ["trunk.up", "trunk.down", "trunk.up"])
        events = await phone.owner.events()
        assert [each["data"]["reason"] for each in events if each["type"] == "trunk.down"] == ["asterisk_down"]
        links = ["ari.lost", "ari.connected", "ari.reconciled"]
        await phone.owner.wait_for_events(
            lambda events: [each["type"] for each in events if each["type"] in links][-3:] == links
        )


async def test_an_asterisk_nobody_has_is_shown_lost_and_leaves_the_inbox_ready(
    phone: Exchange, http: aiohttp.ClientSession
) -> None:
    config = settings(phone.asterisk, phone.more["var"])
    config.mongodb.database = f"{phone.gateway.config.mongodb.database}_alone"
    sockets = listening(config)
    alone = Gateway(config, "web")
    await alone.start(phone.more["mongod"], sockets)
    try:
        url, switches = alone.services.settings.own_url, alone.services.switch_status
        tenant = await make_tenant(alone, url, http)
        ready = (await tenant().get("/readyz/")).ok()
        assert (ready["status"], ready["checks"]["asterisk"]) == ("degraded", "down")
        assert (await tenant().get("/voice/api/ari-health/")).ok()["status"] == "down"
        now = alone.services.clock()
        link = {"state": "connected", "since": now, "reconnects_24h": 2, "last_event_at": now}
        told = {"status": "up", "link": link, "owner": "somebody", "calls": 1, "request_ms": {"p50": 0.2, "p99": 1.5}}
        await switches.put("main", told)
        assert (await tenant().get("/voice/api/ari-health/")).ok()["status"] == "up"
        assert (await tenant().get("/readyz/")).ok()["checks"]["asterisk"] == "up"
        assert 'jc_asterisk_request_p99_ms{asterisk="main"} 1.5' in (await tenant().get("/metrics/")).ok().decode()
        # Its owner has died: what it said last holds no longer.
        await switches.put("main", {**told, "seen_at": now - timedelta(seconds=16)})
        assert (await tenant().get("/voice/api/ari-health/")).ok()["status"] == "down"
        assert (await tenant().get("/readyz/")).ok()["checks"]["asterisk"] == "down"
        assert 'jc_asterisk_up{asterisk="main"} 0.0' in (await tenant().get("/metrics/")).ok().decode()
        (shown,) = (await ari_health(_operator(alone, tenant.id)))["asterisks"]
        assert (shown["status"], shown["link"]["state"], shown["owner"]) == ("down", "lost", None)
        assert shown["link"]["reconnects_24h"] == 2
    finally:
        await alone.stop()


def _operator(gateway: Gateway, tenant: str) -> OperationContext:
    """Return the context of one of the deployment's own people."""
    principal = replace(system_principal(tenant, "live"), permissions=frozenset({"voice.view", "voice.platform"}))
    return OperationContext(gateway.services, gateway.ports, principal, Caller("test"))


async def test_a_second_process_tells_nothing_again_shows_the_asterisk_to_operators_and_tests_too(
    phone: Exchange, theirs: Asterisk, http: aiohttp.ClientSession
) -> None:
    await until(phone, lambda each: each["status"] == "up" and each["registration"], "up and registered")
    before = await told(phone)
    data = phone.gateway.services.store.of(phone.tenant.id, "live")
    (key,) = [each["_id"] for each in await data.select("api_keys", {"name": "owner live"})]
    config = settings(phone.asterisk, phone.more["var"])
    config.mongodb.database = phone.gateway.config.mongodb.database
    config.voice = config.voice.model_copy(update={"operators": (key,)})
    sockets = listening(config)
    second = Gateway(config, "web")
    await second.start(phone.more["mongod"], sockets)
    try:
        client = Client(second.services.settings.own_url, phone.owner.credential, http)
        (shown,) = (await client.get("/voice/api/ari-health/")).ok()["asterisks"]
        assert (shown["name"], shown["status"], shown["link"]["state"]) == ("main", "up", "connected")
        assert shown["version"].startswith("22.")
        assert shown["owner"] == phone.gateway.services.leases.holder
        # It does not own the Asterisk, and tests all the same.
        answer = (await client.post(f"/voice/api/provider-configs/{phone.trunk}/test/")).ok()
        assert answer["options"]["ok"] is True
        ready = (await client.get("/readyz/")).ok()
        assert (ready["status"], ready["checks"]["asterisk"]) == ("ok", "up")
        await phone.gateway.fleet.stop()
        second.fleet.start()
        row = await data.get("trunk_states", phone.trunk)
        loop = asyncio.get_running_loop()
        end = loop.time() + 45
        while (await data.get("trunk_states", phone.trunk))["options"] == row["options"]:
            assert loop.time() < end, "the second process does not watch"
            await asyncio.sleep(0.1)
        assert await told(phone) == before
    finally:
        await second.stop()
