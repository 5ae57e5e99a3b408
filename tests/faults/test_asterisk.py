"""Asterisk dies, freezes, is cut off; the gateway dies: every call ends once, what lives goes on, nothing is left."""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jinaconnect.actions.live.call import LiveCall
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.client import Client, until
from tests.processes import GatewayProcess, running
from tests.telephony.asterisk import Asterisk, carrier, frozen, own_asterisk
from tests.telephony.cable import Cable
from tests.telephony.calls.desks import give_device, newcomer
from tests.telephony.calls.graphs import graph
from tests.telephony.calls.phone import telephone
from tests.telephony.calls.telephone import ENDED, OWN, TERMINAL, Exchange, exchange, sip

__all__ = ["carrier", "own_asterisk"]

MANY = 20
PATIENT = graph(
    "wait", {"wait": ("voice.gather_dtmf", {"timeout_seconds": 60, "max_digits": 4, "retries": 5}),
             "end": ("voice.hangup", {})},
    ("wait", "timeout", "end"), ("wait", "invalid", "end"), ("wait", "default", "end"),
)  # fmt: skip


def _account(carrier: Asterisk) -> dict[str, str]:
    """Return the account the carrier knows us by, wherever we call from."""
    return {"sip_username": "account", "sip_password": carrier.password}


@pytest.fixture
async def phone(
    own_asterisk: Asterisk, carrier: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path: Path
) -> AsyncIterator[Exchange]:
    """A gateway with an Asterisk that may be broken and a carrier that answers every number."""
    account = _account(carrier)
    async with exchange(own_asterisk, mongod.uri, http, tmp_path / "var", carrier.ip, credentials=account) as running:
        yield running


async def _talking(phone: Exchange, count: int) -> list[str]:
    template = await phone.template(PATIENT)
    calls = await asyncio.gather(
        *(phone.place(f"+120255501{n:02d}", template=template) for n in range(count))
    )
    for call in calls:
        await phone.until(call, lambda each: each["status"] == "IN_PROGRESS", "an answer", 30)
    return list(calls)


async def _one_end_each(phone: Exchange, calls: list[str]) -> None:
    ends: dict[str, list[str]] = {call: [] for call in calls}
    for event in await phone.owner.events("start"):
        if event["type"] in TERMINAL and event["call_id"] in ends:
            ends[event["call_id"]].append(event["type"])
    assert {call: len(each) for call, each in ends.items()} == dict.fromkeys(calls, 1)


async def _nothing_left(asterisk: Asterisk) -> None:
    async def empty() -> bool:
        told = await asterisk.cli("core show channels count")
        bridges = await asterisk.cli("bridge show all")
        return "0 active channels" in told and "jc-" not in bridges

    await until(empty, 30)


async def _told(phone: Exchange, type: str) -> list[dict[str, Any]]:
    return [event["data"] for event in await phone.owner.events("start") if event["type"] == type]


async def _receipt(phone: Exchange) -> dict[str, Any]:
    """Return what was told of the last reconciliation, which is told beside the rest."""

    async def there() -> bool:
        lost = len(await _told(phone, "ari.lost"))
        return len(await _told(phone, "ari.reconciled")) >= lost

    await until(there, 20)
    return (await _told(phone, "ari.reconciled"))[-1]


async def _standing(phone: Exchange, wanted: bool, within_s: float = 30) -> None:
    async def as_wanted() -> bool:
        return await phone.gateway.fleet.standing("main") is wanted

    await until(as_wanted, within_s)


async def test_a_killed_asterisk_ends_its_calls_once(phone: Exchange) -> None:
    calls = await _talking(phone, MANY)
    await phone.asterisk.kill()
    await _standing(phone, False)
    body = {"to_number": "+12025550150", "tts_text": "Hello.", "provider_config_id": phone.trunk}
    refused = await phone.owner.ask("POST", "/voice/api/calls/", body)
    refused.refused(503, "asterisk_down")
    assert int(refused.headers["Retry-After"]) > 0
    await phone.asterisk.start_again()
    ended = [await phone.ended(call, 40) for call in calls]
    assert {(each["status"], each["inferred"]) for each in ended} == {("COMPLETED", True)}
    await _one_end_each(phone, calls)
    receipt = await _receipt(phone)
    assert (receipt["ended"], receipt["adopted"], receipt["restart"]) == (MANY, 0, True)
    assert receipt["gap_ms"] > 0
    assert len(await _told(phone, "ari.lost")) == 1
    again = await phone.place("+12025550151")  # the trunk was pushed to the new Asterisk
    assert (await phone.ended(again))["status"] == "COMPLETED"
    await _nothing_left(phone.asterisk)


async def test_a_frozen_asterisk_keeps_its_calls(phone: Exchange) -> None:
    calls = await _talking(phone, MANY)
    with frozen(phone.asterisk):
        await _standing(phone, False)
        (await phone.order(calls[0], "hold")).refused(503, "unavailable")
    await _standing(phone, True)
    assert (await _receipt(phone))["adopted"] == MANY
    assert {(await phone.call(call))["status"] for call in calls} == {"IN_PROGRESS"}
    for call in calls:
        (await phone.order(call, "hangup")).ok()
    for call in calls:
        ended = await phone.ended(call)
        assert (ended["status"], ended["inferred"]) == ("COMPLETED", False)
    await _one_end_each(phone, calls)
    await _nothing_left(phone.asterisk)


async def test_a_cut_link_finds_out_what_it_missed(
    own_asterisk: Asterisk, carrier: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    cable = Cable(own_asterisk.ip, 8088)
    url = await cable.lay()
    async with exchange(
        own_asterisk, mongod.uri, http, tmp_path / "var", carrier.ip, asterisk_url=url, credentials=_account(carrier)
    ) as phone:
        calls = await _talking(phone, MANY)
        cable.cut()
        await _standing(phone, False)
        gone = calls[: MANY // 2]
        async with own_asterisk.client() as ari:
            for call in gone:
                await ari.channels.hangup(f"jc-{call}-cust")
        cable.mend()
        await _standing(phone, True)
        for call in gone:
            ended = await phone.ended(call)
            assert (ended["status"], ended["inferred"]) == ("COMPLETED", True)
        receipt = await _receipt(phone)
        assert (receipt["ended"], receipt["adopted"]) == (MANY // 2, MANY - MANY // 2)
        for call in calls[MANY // 2 :]:
            (await phone.order(call, "hangup")).ok()
            assert (await phone.ended(call))["inferred"] is False
        await _one_end_each(phone, calls)
        await _nothing_left(own_asterisk)
    await cable.roll_up()


async def test_who_waits_when_the_link_is_cut_has_their_customer_called(
    own_asterisk: Asterisk, carrier: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An agent has answered, and the link is cut before the customer is dialled: nobody else would ever dial them."""
    cable, reached = Cable(own_asterisk.ip, 8088), asyncio.Event()
    url = await cable.lay()

    async def stop_here(call: LiveCall) -> None:
        reached.set()
        await asyncio.Event().wait()

    async with exchange(
        own_asterisk, mongod.uri, http, tmp_path / "var", carrier.ip, asterisk_url=url, credentials=_account(carrier)
    ) as phone, telephone() as desk:
        made = await give_device(await newcomer(phone))
        account = made["credentials"]
        assert await desk.register(own_asterisk.ip, account["username"], account["password"]) == 200
        with monkeypatch.context() as cut:
            cut.setattr(LiveCall, "call_customer", stop_here)
            call = await phone.place("+12025550171", device=made["id"])
            agent = await desk.talking()
            await asyncio.wait_for(reached.wait(), 20)
            cable.cut()
            await _standing(phone, False)
        cable.mend()
        await _standing(phone, True)
        await phone.until(call, lambda each: each["status"] == "IN_PROGRESS", "the customer's answer", 30)
        assert agent.up
        assert (await phone.types(call)).count("call.dialing") == 1
        (await phone.order(call, "hangup")).ok()
        await agent.ended()
        await phone.ended(call)
        await _one_end_each(phone, [call])
    await cable.roll_up()


async def test_second_legs_count_as_the_calls_they_are(
    own_asterisk: Asterisk, carrier: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    cable = Cable(own_asterisk.ip, 8088)
    url = await cable.lay()
    async with exchange(
        own_asterisk, mongod.uri, http, tmp_path / "var", carrier.ip, asterisk_url=url, credentials=_account(carrier)
    ) as phone:
        calls = await _talking(phone, 4)
        for call in calls:
            (await phone.order(call, "transfer", to="+12025550199", via="bridge")).ok()
        parties = []
        for call in calls:
            told = await _party(phone, call)
            await phone.until(told, lambda each: each["status"] == "IN_PROGRESS", "the party's answer")
            parties.append(told)
        cable.cut()
        await _standing(phone, False)
        async with own_asterisk.client() as ari:
            for call in calls[:2]:
                for leg in (await ari.channels.list()):
                    if call in leg.id:
                        await ari.channels.hangup(leg.id)
        cable.mend()
        await _standing(phone, True)
        receipt = await _receipt(phone)
        assert (receipt["ended"], receipt["adopted"]) == (4, 4)
        await _one_end_each(phone, calls[:2] + parties[:2])
        for call in calls[2:]:
            (await phone.order(call, "hangup")).ok()
            await phone.ended(call)
        await _nothing_left(own_asterisk)
    await cable.roll_up()


async def _party(phone: Exchange, call: str) -> str:
    """Return the call of whom a call was transferred to."""
    found: list[str] = []

    async def there() -> bool:
        found[:] = [each["id"] for each in await phone.calls() if each["parent_call"] == call]
        return bool(found)

    await until(there, 20)
    return found[0]


class Field:
    """A gateway as a process of its own, with the demo tenant and a trunk."""

    def __init__(self, gateway: GatewayProcess, client: Client) -> None:
        self.gateway = gateway
        self.client = client
        self.trunk = ""
        self.template = ""

    async def begin(self, carrier: Asterisk) -> None:
        """Configure a trunk and an IVR that waits."""
        account = sip(carrier.ip, **_account(carrier))
        body = {"name": "Carrier", "provider": "sip", "credentials": account, "from_numbers": [OWN],
                "max_concurrent_calls": 0}  # fmt: skip
        self.trunk = (await self.client.post("/voice/api/provider-configs/", body)).ok(201)["id"]
        template = {"name": "Patient", "template_kind": "ivr_menu", "graph": PATIENT}
        self.template = (await self.client.post("/voice/api/templates/", template)).ok(201)["id"]

    async def place(self, number: str) -> str:
        """Place a call."""
        body = {"to_number": number, "provider_config_id": self.trunk, "template": self.template}
        call: str = (await self.client.post("/voice/api/calls/", body)).ok(201)["id"]
        return call

    async def status(self, call: str) -> str:
        """Return a call's status."""
        status: str = (await self.client.get(f"/voice/api/calls/{call}/")).ok()["status"]
        return status

    async def all(self, calls: list[str], statuses: set[str], within_s: float = 40) -> None:
        """Wait until every call is in one of the statuses."""

        async def there() -> bool:
            return {await self.status(call) for call in calls} <= statuses

        await until(there, within_s)


@asynccontextmanager
async def _field(
    asterisk: Asterisk, carrier: Asterisk, http: aiohttp.ClientSession, var: Path
) -> AsyncIterator[Field]:
    section = {"name": "main", "url": asterisk.url, "user": "jinaconnect", "password": asterisk.password}
    gateway = GatewayProcess(var, {"JC_VOICE__ASTERISKS": json.dumps([section])})
    async with running(gateway):
        seeded = await gateway.seed()
        field = Field(gateway, Client(gateway.url, seeded[0]["keys"]["live"]["owner"], http))

        async def link() -> bool:
            answer = await field.client.get("/voice/api/ari-health/")
            return bool(answer.status == 200 and answer.body["status"] != "down")

        await until(link, 30)
        await field.begin(carrier)
        yield field


async def test_a_killed_gateway_adopts_its_calls(
    own_asterisk: Asterisk, carrier: Asterisk, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with _field(own_asterisk, carrier, http, tmp_path / "var") as field:
        calls = [await field.place(f"+120255501{n:02d}") for n in range(MANY)]
        await field.all(calls, {"IN_PROGRESS"})
        field.gateway.send(signal.SIGKILL)
        assert field.gateway.process is not None
        await field.gateway.process.wait()
        gone = calls[:5]
        async with own_asterisk.client() as ari:
            for call in gone:
                await ari.channels.hangup(f"jc-{call}-cust")
        await field.gateway.start()
        await field.all(gone, ENDED)
        living = calls[5:]
        assert {await field.status(call) for call in living} == {"IN_PROGRESS"}

        async def reconciled() -> bool:
            told = [event for event in await field.client.events("start") if event["type"] == "ari.reconciled"]
            return bool(told) and told[-1]["data"]["adopted"] == len(living) and told[-1]["data"]["ended"] == 5

        await until(reconciled, 20)
        for call in living:
            (await field.client.post(f"/voice/api/calls/{call}/hangup/", {})).ok()
        await field.all(living, ENDED)
        ends = [event["call_id"] for event in await field.client.events("start") if event["type"] in TERMINAL]
        assert sorted(ends) == sorted(calls)
        await _nothing_left(own_asterisk)


async def test_a_gateway_killed_while_it_dials_dials_nobody_twice(
    own_asterisk: Asterisk, carrier: Asterisk, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with _field(own_asterisk, carrier, http, tmp_path / "var") as field:
        keys = [secrets.token_hex(8) for _ in range(MANY)]

        async def place(n: int) -> str | None:
            body = {"to_number": f"+120255501{n:02d}", "provider_config_id": field.trunk, "template": field.template}
            try:
                answer = await field.client.post("/voice/api/calls/", body, headers={"Idempotency-Key": keys[n]})
            except aiohttp.ClientError:
                return None
            return str(answer.body["id"]) if answer.status == 201 else None

        first = [asyncio.create_task(place(n)) for n in range(MANY)]
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        field.gateway.send(signal.SIGKILL)
        known = [call for call in await asyncio.gather(*first) if call is not None]
        assert field.gateway.process is not None
        await field.gateway.process.wait()
        await field.gateway.start()

        async def settled() -> bool:
            rows = (await field.client.get("/voice/api/calls/?page_size=100")).ok()["results"]
            return all(row["status"] in ENDED | {"IN_PROGRESS"} for row in rows)

        await until(settled, 60)
        rows = (await field.client.get("/voice/api/calls/?page_size=100")).ok()["results"]
        assert {call for call in known} <= {row["id"] for row in rows}
        numbers = [row["to_number"] for row in rows]
        assert len(numbers) == len(set(numbers))
        for row in rows:
            if row["status"] == "IN_PROGRESS":
                (await field.client.post(f"/voice/api/calls/{row['id']}/hangup/", {})).ok()
        await field.all([row["id"] for row in rows], ENDED)
        ends = [event["call_id"] for event in await field.client.events("start") if event["type"] in TERMINAL]
        assert sorted(ends) == sorted(row["id"] for row in rows)
        await _nothing_left(own_asterisk)
