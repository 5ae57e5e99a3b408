"""A broadcast of calls whose gateway is killed again and again: nobody's telephone rings twice."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import Counter
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pymongo import AsyncMongoClient

from jinaconnect.actions.hosted.control import DOUBT
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.client import Client, until
from tests.faults.test_broadcasts import people
from tests.faults.test_killed_calls import again, follow
from tests.processes import GatewayProcess, running
from tests.telephony.calls.graphs import menu
from tests.telephony.calls.telephone import ENDED, OWN
from tests.telephony.providers.lines import TRUNKS, playing

LINES = 4
OVER = ("SENT", "PARTIALLY_SENT", "FAILED")


@pytest.mark.parametrize(("provider", "count", "kills"), [
    ("twilio", 10, 3), pytest.param("telnyx", 60, 12, marks=pytest.mark.long),
])  # fmt: skip
async def test_a_killed_gateway_dials_nobody_twice(
    mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path: Path, provider: str, count: int, kills: int
) -> None:
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")
    chance, name = random.Random(seed), f"callcast_{secrets.token_hex(4)}"
    settings = {"JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": name, "JC_OUTBOUND__TIMEOUT_S": "3"}
    gateway = GatewayProcess(tmp_path, settings)
    async with AsyncExitStack() as stack:
        client: AsyncMongoClient[dict[str, Any]] = await stack.enter_async_context(
            AsyncMongoClient(mongod.uri, tz_aware=True)
        )
        database = client[name]
        carrier = await stack.enter_async_context(playing(provider, http))
        await stack.enter_async_context(running(gateway))
        tenant = (await gateway.seed())[0]
        owner = Client(gateway.url, tenant["keys"]["live"]["owner"], http)
        docs = people(f"{tenant['id']}:live", count)
        await database["contacts"].insert_many([{**doc, "tags": ["called"]} for doc in docs])
        account = {"name": provider, "provider": provider, "from_numbers": [OWN], "max_concurrent_calls": LINES}
        trunk = (await owner.post(TRUNKS, {**account, "credentials": carrier.account})).ok(201)["id"]
        graph = {"name": "Menu", "template_kind": "ivr_menu", "graph": menu()}
        template = (await owner.post("/voice/api/templates/", graph)).ok(201)["id"]
        written = {
            "name": "Calls", "platform": "VOICE", "status": "QUEUED", "category": "UTILITY", "app": trunk,
            "voice_template": template, "select_all": True, "tag_filter": ["called"],
        }  # fmt: skip
        id = (await owner.post("/broadcast/", written)).ok(201)["id"]
        follower = asyncio.create_task(follow(carrier, chance))
        await database["broadcasts"].update_one({"_id": id}, {"$set": {"due.at": datetime.now(UTC)}})
        for _ in range(kills):
            before = len(carrier.calls)

            async def some(before: int = before) -> bool:
                return len(carrier.calls) > before

            await until(some, 60)
            await asyncio.sleep(chance.uniform(0, 0.3))
            await gateway.kill()
            await gateway.start()

        async def over() -> dict[str, Any] | None:
            # One whose asking was cut off before it left is in doubt for minutes: let them have passed.
            seconds = DOUBT // timedelta(seconds=1)
            ago = {"$dateSubtract": {"startDate": "$hosted.asked", "unit": "second", "amount": seconds}}
            doubtful = {"broadcast": id, "provider_call_id": {"$regex": "^pending-"}, "status": "INITIATING"}
            old = {"hosted.asked": {"$lt": datetime.now(UTC) - timedelta(seconds=10)}}
            await database["calls"].update_many(
                {**doubtful, **old}, [{"$set": {"hosted.asked": ago, "due.at": ago}}]
            )
            body: dict[str, Any] = (await again(lambda: owner.get(f"/broadcast/{id}/"))).ok()
            return body if body["status"] in OVER else None

        ended = await until(over, 150)
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
        rang = Counter(call.wanted["to"] for call in carrier.calls)
        assert max(rang.values()) == 1, "nobody's telephone rang twice"
        rows = await database["broadcast_rows"].find({"broadcast": id}).to_list()
        calls = await database["calls"].find({"broadcast": id}).to_list()
        assert len(rows) == len(calls) == count, "each has one call"
        assert {call["status"] for call in calls} <= set(ENDED)
        by_id = {call["_id"]: call for call in calls}
        for row in rows:
            told, call = (row["status"], row["outcome"], rang[row["phone"]]), by_id[row["call"]]
            if call["status"] == "COMPLETED" and not call["duration_seconds"]:
                assert told == ("FAILED", "failed", 1), "answer and end were told at one moment, after a start"
                continue
            assert told in {("DELIVERED", "answered", 1), ("UNKNOWN", "unknown", 0), ("UNKNOWN", "unknown", 1)}, told
        unknown = sum(row["status"] == "UNKNOWN" for row in rows)
        assert unknown == ended["unknown_count"] <= kills * LINES, "only of calls that were being asked for"
        assert ended["pending_count"] == ended["sending_count"] == 0
