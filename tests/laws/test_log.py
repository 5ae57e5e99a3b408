"""The log: dense numbers under concurrent writers, whatever fails between a change and its event."""

from __future__ import annotations

import asyncio
import os

from jinaconnect.core.clock import system_clock
from jinaconnect.core.ids import Ids
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.databases.mongo import connect
from jinaconnect.store.store import Store
from tests.conftest import Running

IDS = Ids(system_clock, os.urandom)


def row(mark: str) -> dict[str, object]:
    return {
        "_id": IDS.new("evt"),
        "type": "contact.updated",
        "at": system_clock(),
        "actor": {"type": "system", "id": "test"},
        "subject": mark,
        "data": {"mark": mark},
        "contact": None,
        "call": None,
        "channel": None,
        "seen": {"c": False, "a": None, "b": None, "o": None},
    }


async def other_process(mongod: EmbeddedMongo, running: Running) -> Store:
    """Return a store as a second process would have it: own client, own appenders."""
    _, database = connect(mongod.uri, running.services.store.database.name, timeout_s=5)
    store = Store(database, system_clock)
    await store.prepare(1)
    return store


async def test_eight_writers_in_two_processes_leave_no_hole(gateway: Running, mongod: EmbeddedMongo) -> None:
    scope = f"{IDS.new('ten')}:live"
    stores = [gateway.services.store, await other_process(mongod, gateway)]

    async def writer(number: int) -> list[int]:
        log = stores[number % 2].log
        numbers: list[int] = []
        for turn in range(25):
            numbers += await log.append(scope, [row(f"{number}.{turn}.{part}") for part in range(1 + turn % 3)])
        return numbers

    written = await asyncio.gather(*(writer(number) for number in range(8)))
    everything = sorted(number for numbers in written for number in numbers)
    assert everything == list(range(1, len(everything) + 1))
    assert all(numbers == sorted(numbers) for numbers in written), "one writer's events keep their order"
    kept = await stores[0].log.read(scope, 0, 10_000)
    assert [event.seq for event in kept] == everything


async def test_an_event_appended_twice_keeps_its_number(gateway: Running, mongod: EmbeddedMongo) -> None:
    scope = f"{IDS.new('ten')}:live"
    second = await other_process(mongod, gateway)
    rows = [row("a"), row("b"), row("c")]
    first = await gateway.services.store.log.append(scope, rows)
    again = await second.log.append(scope, [row("before"), *rows[1:], row("after")])
    assert first == [1, 2, 3]
    assert again == [4, 2, 3, 5]
    assert [event.seq for event in await second.log.read(scope, 0, 10)] == [1, 2, 3, 4, 5]


async def test_the_head_outlives_retention(gateway: Running) -> None:
    scope = f"{IDS.new('ten')}:live"
    log = gateway.services.store.log
    await log.append(scope, [row(str(number)) for number in range(5)])
    assert await log.forget(scope, system_clock().replace(year=2100)) == 4
    extent = await log.extent(scope)
    assert (extent.oldest, extent.head) == (5, 5)
    assert await log.append(scope, [row("next")]) == [6]
