"""kill -9 of the gateway while its calls live at HTTP carriers: each has one end, and is placed at most once."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
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
from tests.processes import GatewayProcess, running
from tests.telephony.calls.graphs import menu
from tests.telephony.calls.telephone import ENDED, OWN, TERMINAL
from tests.telephony.providers.fake import FAKE, FakeCall, FakeCarrier
from tests.telephony.providers.lines import CALLS, CARRIERS, CUSTOMER, TRUNKS, playing

PROVIDERS = [name for name in CARRIERS if name != FAKE]


async def again(act: Callable[[], Awaitable[Any]]) -> Any:
    """Do something until it is taken, as carriers repeat what was not."""
    while True:
        try:
            found = await act()
            if found != 503:
                return found
        except (aiohttp.ClientError, OSError, TimeoutError, AssertionError):
            pass
        await asyncio.sleep(0.05)


async def live(call: FakeCall, chance: random.Random) -> None:
    """Play a call: rings, is answered, is silent once, presses a key, hears the rest, and is reported to have ended."""

    async def step(**told: str) -> None:
        await asyncio.sleep(chance.uniform(0, 0.4))
        url = call.next
        await again(lambda: call.turn(url, **told))

    await again(lambda: call.status("ringing"))
    await again(call.answer)
    for told in ({}, {"digits": "1"}, {}, {}):
        if not call.ends and any("next" in each for each in call.document):
            await step(**told)
    await again(lambda: call.status("completed", seconds=2))


async def follow(carrier: FakeCarrier, chance: random.Random) -> None:
    """Play every call the carrier is asked for."""
    seen = 0
    async with asyncio.TaskGroup() as lives:
        while True:
            async with carrier.arrived:
                for call in carrier.calls[seen:]:
                    lives.create_task(live(call, chance))
                seen = len(carrier.calls)
                await carrier.arrived.wait()


@pytest.mark.parametrize(("each", "kills"), [(3, 3), pytest.param(20, 12, marks=pytest.mark.long)])
async def test_calls_in_flight_have_one_end_each(
    mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path: Path, each: int, kills: int
) -> None:
    seed = secrets.randbelow(2**32)
    print(f"seed {seed}")
    chance, name = random.Random(seed), f"calls_{secrets.token_hex(4)}"
    settings = {"JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": name, "JC_OUTBOUND__TIMEOUT_S": "3"}
    gateway = GatewayProcess(tmp_path, settings)
    async with AsyncExitStack() as stack:
        client: AsyncMongoClient[dict[str, Any]] = await stack.enter_async_context(AsyncMongoClient(mongod.uri))
        carriers = {each: await stack.enter_async_context(playing(each, http)) for each in PROVIDERS}
        await stack.enter_async_context(running(gateway))
        owner = Client(gateway.url, (await gateway.seed())[0]["keys"]["live"]["owner"], http)
        body = {"name": "Menu", "template_kind": "ivr_menu", "graph": menu()}
        template = (await owner.post("/voice/api/templates/", body)).ok(201)["id"]
        placed: list[str] = []

        async def place(trunk: str, number: int) -> None:
            await asyncio.sleep(chance.uniform(0, 0.5 * kills))
            wanted = {"to_number": CUSTOMER, "provider_config_id": trunk, "template": template}
            key = {"Idempotency-Key": f"{trunk}-{number}"}

            async def post() -> int:
                answer = await owner.post(CALLS, wanted, headers=key)
                if answer.status == 201:
                    placed.append(answer.body["id"])
                return 503 if answer.status in (409, 503) else answer.status

            assert await again(post) == 201

        asked: Counter[str] = Counter()
        followers = [asyncio.create_task(follow(carrier, chance)) for carrier in carriers.values()]
        placing = []
        for provider, carrier in carriers.items():
            fields = {"name": provider, "provider": provider, "from_numbers": [OWN], "max_concurrent_calls": 0}
            trunk = (await owner.post(TRUNKS, {**fields, "credentials": carrier.account})).ok(201)["id"]
            placing += [asyncio.create_task(place(trunk, number)) for number in range(each)]
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.2, 1.0))
            await gateway.kill()
            await gateway.start()
        await asyncio.gather(*placing)
        calls = client[name]["calls"]
        left: list[dict[str, Any]] = []

        async def over() -> bool:
            # One whose asking was cut off before it left is in doubt for minutes: let them have passed.
            seconds = DOUBT // timedelta(seconds=1)
            ago = {"$dateSubtract": {"startDate": "$hosted.asked", "unit": "second", "amount": seconds}}
            doubtful = {"_id": {"$in": placed}, "provider_call_id": {"$regex": "^pending-"}, "status": "INITIATING"}
            old = {"hosted.asked": {"$lt": datetime.now(UTC) - timedelta(seconds=10)}}
            await calls.update_many({**doubtful, **old}, [{"$set": {"hosted.asked": ago, "due.at": ago}}])
            left[:] = await calls.find({"_id": {"$in": placed}, "status": {"$nin": list(ENDED)}}).to_list()
            return not left

        try:
            await until(over, 120)
        finally:
            for row in left:
                shown = ("status", "hosted", "due", "provider_call_id", "ending", "ivr")
                print({name: row.get(name) for name in shown})
        for follower in followers:
            follower.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
        assert len(placed) == each * len(PROVIDERS)
        for call in placed:
            events = [event["type"] for event in await owner.events("start", call=call)]
            asked.update(event for event in events if event in TERMINAL)
            assert len([event for event in events if event in TERMINAL]) == 1, (call, events)
        rows = await calls.find({"_id": {"$in": placed}}).to_list()
        ids = Counter(row["provider_call_id"] for row in rows)
        assert max(ids.values()) == 1
        print(asked)
        assert asked["call.completed"] > 0
