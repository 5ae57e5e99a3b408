"""What events leave behind elsewhere follows them in a moment, together; whoever reads it does not wait for that."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jinaconnect.core.clock import system_clock
from jinaconnect.core.events.event import Event
from jinaconnect.core.ids import Ids
from jinaconnect.core.inbox.timeline import entry
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.databases.mongo import Database, connect, ping
from jinaconnect.store.outbox import PULLED_AT_ONCE
from jinaconnect.store.store import Store
from jinaconnect.store.tenant import TenantStore
from tests.client import until

IDS = Ids(system_clock, os.urandom)
WITHIN_S = 90.0  # for a database that was killed to be back, on a busy machine too


@asynccontextmanager
async def stored(folder: Path) -> AsyncIterator[tuple[EmbeddedMongo, Database, Store]]:
    mongo = await EmbeddedMongo.start(folder)
    client, database = connect(mongo.uri, "jc", timeout_s=10)
    store = Store(database, system_clock)
    try:
        await store.prepare(1)
        yield mongo, database, store
    finally:
        await store.outbox.drain()
        await client.close()
        await mongo.stop()


def note(name: str) -> tuple[dict[str, Any], list[Event]]:
    """Return a document whose event leaves an entry in a timeline."""
    id, actor = IDS.new("cnt"), {"type": "system", "id": "test"}
    event = Event(
        IDS.new("evt"), "ticket.closed", system_clock(), actor, id, {"name": name}, contact=id,
        timeline=entry("TICKET_CLOSED", by=name),
    )  # fmt: skip
    return {"_id": id, "name": name}, [event]


async def left(data: TenantStore) -> int:
    return len(await data.select("timeline", {}))


async def waiting(data: TenantStore) -> int:
    return sum(bool(doc["pending"]) for doc in await data.select("tags", {}))


async def test_what_is_told_in_one_moment_is_taken_off_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jinaconnect.store.outbox.GATHER_S", 3600.0)  # a moment that lasts as long as the test
    async with stored(tmp_path) as (_, database, store):
        data = store.of("ten_a", "live")
        await database.command("profile", 2)
        for place in range(5):
            doc, events = note(f"n{place}")
            await data.insert("tags", {**doc, "name_key": doc["name"]}, events)
        assert (await left(data), await waiting(data)) == (0, 5)
        await store.outbox.drain()
        assert (await left(data), await waiting(data)) == (5, 0)
        await database.command("profile", 0)
        wrote = {"command.insert": "timeline", "command.update": "tags"}
        for command, collection in wrote.items():
            ns = f"jc.{collection}"
            ops = await database["system.profile"].find({command: collection, "ns": ns}).to_list()
            assert len(ops) <= 1, ops
        several = [note(f"m{place}") for place in range(PULLED_AT_ONCE)]
        await data.insert_many("tags", [({**doc, "name_key": doc["name"]}, events) for doc, events in several])

        async def all_off() -> bool:  # of many nothing waits for more
            return not await waiting(data)

        await until(all_off)
        assert await left(data) == 5 + PULLED_AT_ONCE


async def test_whoever_reads_what_is_left_behind_has_it_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jinaconnect.store.outbox.GATHER_S", 3600.0)
    async with stored(tmp_path) as (_, _, store):
        data = store.of("ten_a", "live")
        doc, events = note("one")
        await data.insert("tags", {**doc, "name_key": "one"}, events)
        assert await left(data) == 0
        await data.settle("tags")
        assert (await left(data), await waiting(data)) == (1, 0)
        await store.outbox.drain()  # once more, and only once there
        assert (await left(data), await store.log.head("ten_a:live")) == (1, 1)


async def test_a_server_that_is_killed_has_the_row_or_the_event_that_it_comes_of(tmp_path: Path) -> None:
    async with stored(tmp_path) as (mongo, database, store):
        data = store.of("ten_a", "live")
        several = [note(f"r{each}") for each in range(PULLED_AT_ONCE)]  # taken off at once
        await data.insert_many("tags", [({**doc, "name_key": doc["name"]}, events) for doc, events in several])
        os.kill(mongo.pid, signal.SIGKILL)  # in the middle of it, or before what it wrote is on the disk
        await until(lambda: _answers(database), WITHIN_S)
        docs = await data.select("tags", {})
        told = {row["_id"] for doc in docs for row in doc["pending"]}
        rows = {"evt_" + row["_id"].partition("_")[2] for row in await data.select("timeline", {})}
        assert len(docs) == len(told | rows) == PULLED_AT_ONCE
        await data.settle("tags")
        assert (await left(data), await waiting(data)) == (PULLED_AT_ONCE, 0)


async def _answers(database: Database) -> bool:
    try:
        await ping(database)
        await database["probe"].insert_one({})
    except Exception:
        return False
    return True
