"""Two gateways and one Asterisk: one owns it; when that one dies the other goes on with its calls, IVRs included."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.client import Client, until
from tests.processes import GatewayProcess, redis, running
from tests.telephony.asterisk import Asterisk, carrier, own_asterisk, sipp
from tests.telephony.calls.graphs import graph
from tests.telephony.calls.telephone import ENDED, OWN, TERMINAL, sip

__all__ = ["carrier", "own_asterisk"]

TAKEN_OVER_S = 10.0
ASKED_S = 15
ASKS = graph(
    "ask", {"ask": ("voice.gather_dtmf", {"timeout_seconds": ASKED_S, "max_digits": 1, "retries": 0}),
            "bye": ("voice.play", {"tts_text": "You pressed {{digits}}."}), "end": ("voice.hangup", {})},
    ("ask", "timeout", "end"), ("ask", "default", "bye"), ("bye", "done", "end"),
)  # fmt: skip


@asynccontextmanager
async def _pair(
    asterisk: Asterisk, mongod: EmbeddedMongo, tmp_path: Path, database: str
) -> AsyncIterator[list[GatewayProcess]]:
    section = {"name": "main", "url": asterisk.url, "user": "jinaconnect", "password": asterisk.password}
    async with redis() as bell:
        settings = {
            "JC_VOICE__ASTERISKS": json.dumps([section]), "JC_MONGODB__URI": mongod.uri,
            "JC_MONGODB__DATABASE": database, "JC_REDIS__URL": bell.url, "JC_SECRETS__MASTER_KEY": "m" * 43 + "=",
        }  # fmt: skip
        gateways = [GatewayProcess(tmp_path / f"var{n}", settings) for n in range(2)]
        async with running(gateways[0]), running(gateways[1]):
            yield gateways


async def _owner(client: Client) -> str | None:
    answer = await client.get("/voice/api/ari-health/")
    if answer.status != 200 or answer.body["status"] == "down":
        return None
    rows = answer.body.get("asterisks") or []
    return next((str(row["owner"]) for row in rows if row["name"] == "main" and row["status"] == "up"), None)


async def test_the_second_gateway_takes_over(
    own_asterisk: Asterisk, carrier: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with _pair(own_asterisk, mongod, tmp_path, "takeover") as gateways:
        seeded = await gateways[0].seed()
        key = seeded[0]["keys"]["live"]["owner"]
        clients = [Client(each.url, key, http) for each in gateways]

        async def standing() -> bool:
            body = (await clients[0].get("/voice/api/ari-health/")).body
            return bool(body.get("status") not in (None, "down"))

        await until(standing, 30)
        account = sip(carrier.ip, sip_username="account", sip_password=carrier.password)
        body = {"name": "C", "provider": "sip", "credentials": account, "from_numbers": [OWN],
                "max_concurrent_calls": 0}  # fmt: skip
        trunk = (await clients[1].post("/voice/api/provider-configs/", body)).ok(201)["id"]
        made = await clients[1].post(
            "/voice/api/templates/", {"name": "Asks", "template_kind": "ivr_menu", "graph": ASKS}
        )
        template = made.ok(201)["id"]
        place = {"to_number": "+12025550170", "provider_config_id": trunk, "template": template}
        calls = [(await client.post("/voice/api/calls/", place)).ok(201)["id"] for client in clients]

        async def talking() -> bool:
            rows = [(await clients[0].get(f"/voice/api/calls/{call}/")).ok() for call in calls]
            return {row["status"] for row in rows} == {"IN_PROGRESS"}

        await until(talking, 20)
        # Both processes can order a call, whoever keeps it.
        for client in clients:
            (await client.post(f"/voice/api/calls/{calls[0]}/hold/", {})).refused(409, "invalid_state")
        owner = await _holder(mongod)
        dying = next(n for n, each in enumerate(gateways) if f":{each.pid}:" in owner)
        gateways[dying].send(signal.SIGKILL)
        living = clients[1 - dying]

        async def taken() -> bool:
            receipts = await _receipts(living)
            return await _holder(mongod) != owner and bool(receipts) and receipts[-1]["adopted"] == 2

        await until(taken, TAKEN_OVER_S)
        (await living.post(f"/voice/api/calls/{calls[1]}/hangup/", {})).ok()
        # The IVR of the other goes on at its node: nobody presses a key, so it ends by its own timeout.

        async def over() -> bool:
            rows = [(await living.get(f"/voice/api/calls/{call}/")).ok() for call in calls]
            return {row["status"] for row in rows} <= ENDED

        await until(over, 60)
        events = await living.events("start")
        assert sorted(event["call_id"] for event in events if event["type"] in TERMINAL) == sorted(calls)
        steps = [event["data"]["node"] for event in events
                 if event["type"] == "call.ivr_step" and event["call_id"] == calls[0]]  # fmt: skip
        assert steps == ["ask", "end"]


async def test_an_owner_that_was_stopped_does_nothing_in_calls_that_are_anothers_by_then(
    own_asterisk: Asterisk, carrier: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    async with _pair(own_asterisk, mongod, tmp_path, "takeover") as gateways:
        key = (await gateways[0].seed())[0]["keys"]["live"]["owner"]
        clients = [Client(each.url, key, http) for each in gateways]

        async def standing() -> bool:
            return bool((await clients[0].get("/voice/api/ari-health/")).body.get("status") not in (None, "down"))

        await until(standing, 30)
        body = {"name": "C", "provider": "sip", "from_numbers": [OWN], "max_concurrent_calls": 0,
                "credentials": sip(carrier.ip, sip_username="account", sip_password=carrier.password)}  # fmt: skip
        trunk = (await clients[1].post("/voice/api/provider-configs/", body)).ok(201)["id"]
        made = await clients[1].post("/voice/api/templates/", {
            "name": "Asks", "template_kind": "ivr_menu", "graph": ASKS})  # fmt: skip
        place = {"to_number": "+12025550170", "provider_config_id": trunk, "template": made.ok(201)["id"]}
        call = (await clients[0].post("/voice/api/calls/", place)).ok(201)["id"]

        async def steps() -> list[str]:
            told = await living.events("start", call=call)
            return [event["data"]["node"] for event in told if event["type"] == "call.ivr_step"]

        owner = await _holder(mongod)
        stopped = next(n for n, each in enumerate(gateways) if f":{each.pid}:" in owner)
        living = clients[1 - stopped]

        async def asked() -> bool:
            return await steps() == ["ask"]

        await until(asked, 20)
        asked_at = time.monotonic()
        gateways[stopped].send(signal.SIGSTOP)
        try:

            async def taken() -> bool:
                receipts = await _receipts(living)
                return await _holder(mongod) != owner and bool(receipts) and receipts[-1]["adopted"] == 1

            await until(taken, 30)

            async def due() -> bool:
                return time.monotonic() > asked_at + ASKED_S + 0.5

            await until(due, ASKED_S + 5)  # by its own timer the stopped one would go on now
        finally:
            gateways[stopped].send(signal.SIGCONT)

        async def awake() -> bool:
            return "owner.lease_lost" in gateways[stopped].told()

        await until(awake, 20)
        assert (await clients[stopped].get(f"/voice/api/calls/{call}/")).ok()["status"] == "IN_PROGRESS"
        assert await steps() == ["ask"]
        links = [event["type"] for event in await living.events("start") if event["type"].startswith("ari.")]
        assert links[-2:] == ["ari.connected", "ari.reconciled"], "what it lost is the other's by then"
        # An order that comes to the one that was stopped is carried out by the one that keeps the call.
        (await clients[stopped].post(f"/voice/api/calls/{call}/hangup/", {})).ok()

        async def over() -> bool:
            return (await living.get(f"/voice/api/calls/{call}/")).ok()["status"] in ENDED

        await until(over, 20)
        assert await steps() == ["ask"]
        events = await living.events("start", call=call)
        assert [event["type"] for event in events if event["type"] in TERMINAL] == ["call.completed"]


async def _receipts(client: Client) -> list[dict[str, Any]]:
    return [event["data"] for event in await client.events("start") if event["type"] == "ari.reconciled"]


async def _holder(mongod: EmbeddedMongo) -> str:
    from pymongo import AsyncMongoClient

    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongod.uri)
    try:
        row = await client["takeover"]["leases"].find_one({"_id": "switch:main"})
    finally:
        await client.close()
    return "" if row is None else str(row["by"])


async def test_an_ivr_survives_its_gateway(
    own_asterisk: Asterisk, carrier: Asterisk, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    section = {"name": "main", "url": own_asterisk.url, "user": "jinaconnect", "password": own_asterisk.password}
    gateway = GatewayProcess(tmp_path / "var", {"JC_VOICE__ASTERISKS": json.dumps([section])})
    async with running(gateway):
        seeded = await gateway.seed()
        client = Client(gateway.url, seeded[0]["keys"]["live"]["owner"], http)

        async def standing() -> bool:
            return bool((await client.get("/voice/api/ari-health/")).body.get("status") not in (None, "down"))

        await until(standing, 30)
        # A party that presses its key only when told to.
        async with sipp(tmp_path, "uas_keys_late", key="7") as party:
            account = sip(party.ip, dtmf_mode="info")
            body = {"name": "C", "provider": "sip", "credentials": account, "from_numbers": [OWN]}
            trunk = (await client.post("/voice/api/provider-configs/", body)).ok(201)["id"]
            made = await client.post(
                "/voice/api/templates/", {"name": "Asks", "template_kind": "ivr_menu", "graph": ASKS}
            )
            place = {"to_number": "+12025550170", "provider_config_id": trunk, "template": made.ok(201)["id"]}
            call = (await client.post("/voice/api/calls/", place)).ok(201)["id"]

            async def asked() -> bool:
                return "call.ivr_step" in [event["type"] for event in await client.events("start", call=call)]

            await until(asked, 15)
            gateway.send(signal.SIGKILL)
            assert gateway.process is not None
            await gateway.process.wait()
            await gateway.start()
            await until(standing, 30)

            async def taken_up() -> bool:  # the new owner takes its calls up in a moment: until then it says so
                answer = await client.post(f"/voice/api/calls/{call}/dtmf/", {"digits": "1"})
                return answer.status != 503 and bool(answer.ok())

            await until(taken_up, 15)

            async def ended() -> bool:
                return (await client.get(f"/voice/api/calls/{call}/")).ok()["status"] in ENDED

            await until(ended, 40)
        events = await client.events("start", call=call)
        assert [event["data"]["digit"] for event in events if event["type"] == "call.dtmf"] == ["7"]
        assert [event["data"]["node"] for event in events if event["type"] == "call.ivr_step"] == ["ask", "bye", "end"]
        assert [event["type"] for event in events if event["type"] in TERMINAL] == ["call.completed"]


