"""kill -9 of the gateway under load, again and again: nothing acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
from collections import Counter
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pymongo import AsyncMongoClient

from jinaconnect.store.collections import COLLECTIONS
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.client import until
from tests.faults.carrier_side import Site, site
from tests.processes import GatewayProcess

KILLS = [20, pytest.param(50, marks=[pytest.mark.long, pytest.mark.timeout(1800)])]
SEED = int(os.environ.get("JC_TEST_SEED", secrets.randbelow(2**32)))
CUSTOMERS = 8
AT_ONCE = 24


class Load:
    """Customers who write and agents who answer; both repeat themselves until they are told it was taken."""

    def __init__(self, here: Site, contacts: list[tuple[str, str]], chance: random.Random) -> None:
        self._site = here
        self._contacts = contacts
        self._chance = chance
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(AT_ONCE)
        self.received: list[str] = []
        self.sent: dict[str, str] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Begin something new all the time until told to stop, then wait until all of it was taken."""
        count = 0
        while not stop.is_set():
            count += 1
            await self._room.acquire()
            self._begin(self._reply(f"key-{count}") if count % 3 == 0 else self._write(f"wamid.K{count}"))
            await asyncio.sleep(0.01)
        async with asyncio.timeout(90):
            await asyncio.gather(*self._tasks)

    def _begin(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, id: str) -> None:
        sender, _ = self._chance.choice(self._contacts)
        body = self._site.carrier.text(sender, f"text of {id}", id=id)
        tries = 0
        while not await self._taken(self._site.hears(body), 200):
            tries += 1
            await asyncio.sleep(0.05)
        self.received.append(id)
        self._room.release()

    async def _reply(self, key: str) -> None:
        _, contact = self._chance.choice(self._contacts)
        waiting = True
        while True:
            try:
                answer = await self._site.reply(contact, f"answer {key}", key)
            except (aiohttp.ClientError, OSError, TimeoutError):
                await asyncio.sleep(0.05)
                continue
            if answer.status == 201:
                break
            assert answer.status in (409, 503), (answer.status, answer.body)
            if waiting:  # a key whose first request was cut off stays taken for a while: let others go on
                waiting = False
                self._room.release()
            await asyncio.sleep(0.25)
        self.sent[key] = answer.body["id"]
        if waiting:
            self._room.release()

    @staticmethod
    async def _taken(call: Any, wanted: int) -> bool:
        try:
            status = await call
        except (aiohttp.ClientError, OSError, TimeoutError):
            return False
        assert status in (wanted, 503), status
        return bool(status == wanted)


@pytest.mark.parametrize("kills", KILLS)
async def test_kill_9_at_random_moments_loses_and_doubles_nothing(
    mongod: EmbeddedMongo, tmp_path: Path, kills: int
) -> None:
    print(f"seed {SEED}, kills {kills}")
    chance = random.Random(SEED)
    name = f"killed_{secrets.token_hex(4)}"
    settings = {"JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": name, "JC_OUTBOUND__TIMEOUT_S": "2"}
    async with site(GatewayProcess(tmp_path, settings)) as here, AsyncMongoClient(mongod.uri) as client:
        contacts = [await here.customer() for _ in range(CUSTOMERS)]
        load = Load(here, contacts, chance)
        stop = asyncio.Event()
        running = asyncio.create_task(load.run(stop))
        for _ in range(kills):
            await asyncio.sleep(chance.uniform(0.02, 0.5))
            await here.gateway.kill()
            await here.gateway.start()
        stop.set()
        await running

        database = client[name]

        async def settled() -> bool:
            waiting = [await database[place].count_documents({}) for place in ("inbound", "jobs")]
            waiting += [
                await database[place].count_documents({"pending.0": {"$exists": True}})
                for place, collection in COLLECTIONS.items()
                if collection.tells
            ]
            waiting.append(await database["messages"].count_documents({"due": {"$exists": True}}))
            return not any(waiting)

        await until(settled, 90)
        await _nothing_lost_or_doubled(here, load, database, kills)


async def _nothing_lost_or_doubled(here: Site, load: Load, database: Any, kills: int) -> None:
    rows = await database["messages"].find({}).to_list()
    inbound = Counter(row["carrier_id"] for row in rows if row["direction"] == "INCOMING")
    outgoing = {row["_id"]: row for row in rows if row["direction"] == "OUTGOING"}
    print(f"{len(load.received)} received, {len(load.sent)} sent, {Counter(r['status'] for r in outgoing.values())}")
    assert len(load.received) > kills
    assert len(load.sent) > kills / 2
    assert {id: inbound[id] for id in load.received if inbound[id] != 1} == {}
    assert len(inbound) == len(load.received) + CUSTOMERS

    assert len(set(load.sent.values())) == len(load.sent)
    assert set(outgoing) == set(load.sent.values())
    for id, row in outgoing.items():
        count = here.carrier.accepted[id]
        assert row["status"] in ("SENT", "UNKNOWN"), (id, row["status"])
        assert count == 1 if row["status"] == "SENT" else count <= 1, (id, row["status"], count)
    assert set(here.carrier.accepted) <= set(outgoing)

    events = await here.owner.events()
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    told = Counter((event["type"], event["subject"]["id"]) for event in events)
    assert [key for key, times in told.items() if times != 1 and key[0].startswith("message.")] == []
    for row in rows:
        first = "message.received" if row["direction"] == "INCOMING" else "message.queued"
        assert told[first, row["_id"]] == 1
        if row["direction"] == "OUTGOING":
            assert told[f"message.{row['status'].lower()}", row["_id"]] == 1

    for _, contact in load._contacts:
        theirs = [row for row in rows if row["contact"] == contact]
        doc = await database["contacts"].find_one({"_id": contact})
        assert doc["chat"]["unread"] == sum(row["direction"] == "INCOMING" for row in theirs)

    # What was sent without our knowing is found by the carrier's report.
    unknown = [id for id, row in outgoing.items() if row["status"] == "UNKNOWN" and here.carrier.accepted[id]]
    for id in unknown:
        assert await here.hears(here.carrier.report(id, "delivered")) == 200
    for id in unknown:
        await here.until_status(id, "DELIVERED")
