"""kill -9 of the gateway while calls end: each is charged once, by its card, and the books agree with the calls."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
from pymongo import AsyncMongoClient

from jinaconnect.core.billing.money import MICRO
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.client import Client, until
from tests.faults.test_killed_calls import again
from tests.processes import GatewayProcess, running
from tests.telephony.calls.telephone import OWN
from tests.telephony.providers.fake import FakeCall
from tests.telephony.providers.lines import CALLS, CUSTOMER, TRUNKS, playing

COUNT, KILLS, PAID = 8, 2, 100


async def test_calls_that_end_while_the_gateway_is_killed_are_charged_once(
    mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")
    chance, name = random.Random(seed), f"charges_{secrets.token_hex(4)}"
    settings = {"JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": name, "JC_OUTBOUND__TIMEOUT_S": "3"}
    gateway = GatewayProcess(tmp_path, settings)
    async with AsyncExitStack() as stack:
        client: AsyncMongoClient[dict[str, Any]] = await stack.enter_async_context(AsyncMongoClient(mongod.uri))
        carrier = await stack.enter_async_context(playing("plivo", http))
        await stack.enter_async_context(running(gateway))
        demo = (await gateway.seed())[0]
        owner = Client(gateway.url, demo["keys"]["live"]["owner"], http)
        status, told = await gateway.command("wallet", demo["id"], "--on", "--pay-in", str(PAID), "--reference", "r1")
        assert status == 0, told
        fields = {"name": "P", "provider": "plivo", "from_numbers": [OWN], "max_concurrent_calls": 0}
        trunk = (await owner.post(TRUNKS, {**fields, "credentials": carrier.account})).ok(201)["id"]
        card = {"name": "All", "provider_config": trunk, "destination_prefix": "+", "rate_per_minute": "0.6",
                "billing_increment_seconds": 1, "valid_from": "2020-01-01T00:00:00Z"}  # fmt: skip
        (await owner.post("/voice/api/rate-cards/", card)).ok(201)
        said = {"to_number": CUSTOMER, "provider_config_id": trunk, "tts_text": "Hello."}
        placed = [(await owner.post(CALLS, said)).ok(201)["id"] for _ in range(COUNT)]

        async def asked() -> bool:
            return len(carrier.calls) == COUNT

        await until(asked, 60)
        for call in carrier.calls:
            assert await call.answer() is not None

        async def end(call: FakeCall) -> None:
            await asyncio.sleep(chance.uniform(0, 0.6 * KILLS))
            await again(lambda: call.status("completed", seconds=2))

        ends = [asyncio.create_task(end(call)) for call in carrier.calls]
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.1, 0.8))
            await gateway.kill()
            await gateway.start()
        await asyncio.gather(*ends)
        database = client[name]

        async def booked() -> bool:
            rows = await database["calls"].find({"_id": {"$in": placed}}).to_list()
            return all(row["ended_at"] is not None and "due" not in row for row in rows)

        await until(booked, 120)
        calls = {row["_id"]: row for row in await database["calls"].find({"_id": {"$in": placed}}).to_list()}
        keys = Counter(row["key"] for row in await database["ledger"].find({"call": {"$in": placed}}).to_list())
        wanted = {f"call:{call}:{part}": 1 for call in placed for part in ("reserve", "settle")}
        assert keys == wanted
        spent = sum(row["charge"]["settled"] for row in calls.values())
        assert spent == sum(row["duration_seconds"] * MICRO // 100 for row in calls.values())
        wallet = (await owner.get("/tenants/host-wallet/")).ok()
        assert (wallet["balance"], wallet["reserved"]) == (round(PAID - spent / MICRO, 6), 0)
        status, told = await gateway.command("verify", demo["id"])
        assert (status, told) == (0, "1 organisations, 0 faults\n"), told
