"""The feed: what is read goes on with the next number or a gap is told; each event once, in order, to every reader."""

from __future__ import annotations

import asyncio
import os
import secrets
from dataclasses import replace
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandListener

from jinaconnect.core.clock import system_clock
from jinaconnect.core.cursor import Cursors, Position
from jinaconnect.core.errors import CursorExpired, Invalid
from jinaconnect.core.events.event import MAX_BYTES, Event, Recorded, recorded
from jinaconnect.core.events.view import View
from jinaconnect.core.ids import Ids
from jinaconnect.realtime import hub as hub_module
from jinaconnect.realtime.hub import Feed, Hub, encode_socket
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.databases.mongo import connect
from jinaconnect.store.log import Log
from jinaconnect.store.store import Store
from tests.client import until
from tests.conftest import Running
from tests.laws.test_log import other_process, row
from tests.tenants import Tenant

IDS = Ids(system_clock, os.urandom)
LATE = system_clock().replace(year=2100)


class Listening:
    """A reader that keeps what it was sent."""

    def __init__(self, position: int) -> None:
        self.position = self.began = position
        self.seqs: list[int] = []
        self.gaps = 0

    def send(self, frame: bytes) -> None:
        self.seqs += [int(seq) for seq in frame.decode().split()]

    def gap(self, error: CursorExpired) -> None:
        self.gaps += 1

    async def drained(self) -> None:
        await asyncio.sleep(0)

    def joined(self) -> None:
        self.news_from = self.position


def numbers(feed: Feed, events: list[Any]) -> bytes:
    """Encode events as their numbers."""
    return " ".join(str(event.seq) for event in events).encode() + b" "


def view_of(scope: str) -> View:
    return View(scope, frozenset({"inbox"}))


def a_scope() -> str:
    return f"{IDS.new('ten')}:live"


@pytest.fixture
async def store(mongod: EmbeddedMongo) -> Any:
    """A store on a database of its own."""
    client, database = connect(mongod.uri, f"feed_{secrets.token_hex(4)}", timeout_s=5)
    made = Store(database, system_clock)
    await made.prepare(1)
    yield made
    await client.drop_database(database.name)
    await client.close()


async def append(log: Log, scope: str, count: int) -> None:
    await log.append(scope, [row(str(number)) for number in range(count)])


# --- retention ------------------------------------------------------------------------------------------------------


async def test_what_another_process_forgot_is_told_at_every_door(
    gateway: Running, mongod: EmbeddedMongo, tenant: Tenant
) -> None:
    scope = f"{tenant.id}:live"
    log, owner = gateway.services.store.log, tenant()
    await append(log, scope, 40)
    cursor = gateway.services.cursors.write(scope, Position(log.epoch, 2))
    assert len(await owner.events(cursor)) == 38
    await (await other_process(mongod, gateway)).log.forget(scope, LATE)
    (await owner.get("/events/", params={"after": cursor})).refused(410, "cursor_expired")
    (await owner.get("/events/stream/", params={"after": cursor})).refused(410, "cursor_expired")
    async with owner.socket() as socket:
        await socket.ready()
        await socket.send(type="subscribe", after=cursor)
        assert (await socket.next("gap", "subscribed"))["type"] == "gap"
        assert (await socket.next("subscribed"))["recovered"] is False
    assert [event["seq"] for event in await owner.events("start")] == [40]


async def test_a_follower_that_retention_overtakes_is_told_of_the_gap(store: Store) -> None:
    scope, log = a_scope(), store.log
    await append(log, scope, 1_600)
    feed = await Hub(log, Cursors(b"k")).enter(scope)

    class Slow(Listening):
        async def drained(self) -> None:
            if self.seqs[-1] == 500:
                await log.forget(scope, LATE)

    reader = Slow(0)
    await feed.follow(reader, view_of(scope), numbers)
    await append(log, scope, 1)
    await until(lambda: _got(reader, 1_601))
    assert reader.seqs == [*range(1, 501), 1_601]
    assert reader.gaps == 1


async def test_a_live_reader_is_told_when_the_log_was_thinned_out_under_its_feed(
    store: Store, mongod: EmbeddedMongo
) -> None:
    scope, log = a_scope(), store.log
    _, database = connect(mongod.uri, store.database.name, timeout_s=5)
    other = Store(database, system_clock)
    await other.prepare(1)
    await append(other.log, scope, 5)
    hub = Hub(log, Cursors(b"k"))
    feed = await hub.enter(scope)
    reader = Listening(feed.tip)
    await feed.follow(reader, view_of(scope), numbers)
    await until(lambda: _true(feed._tail is None))  # the look with which a feed opens could still see all twenty
    await append(other.log, scope, 20)
    await other.log.forget(scope, LATE)
    hub.ring(scope, 25)
    await until(lambda: _true(reader.gaps == 1 and reader.position == 25))
    await append(log, scope, 1)
    await until(lambda: _got(reader, 26))
    assert reader.seqs == [26]


async def test_a_list_says_how_new_it_is_whoever_wrote(gateway: Running, mongod: EmbeddedMongo, tenant: Tenant) -> None:
    scope = f"{tenant.id}:live"
    await append(gateway.services.store.log, scope, 1)
    await append((await other_process(mongod, gateway)).log, scope, 30)

    async def nothing_follows() -> bool:
        cursor = (await tenant().get("/contacts/")).ok()["cursor"]
        return not await tenant().events(cursor)

    await until(nothing_follows)


# --- each event once, in order --------------------------------------------------------------------------------------


async def test_who_joins_while_events_go_out_gets_each_once(store: Store) -> None:
    scope, log = a_scope(), store.log
    hub = Hub(log, Cursors(b"k"))
    feed = await hub.enter(scope)
    view = view_of(scope)
    crowd = [Listening(0) for _ in range(2_000)]
    for reader in crowd:
        await feed.follow(reader, view, numbers)
    late: list[Listening] = []
    for seq in range(1, 61):
        feed.offer([recorded(scope, {**row("x"), "seq": seq, "recorded": system_clock()})])
        for _ in range(2):  # in the middle of a round to so many
            await asyncio.sleep(0)
            reader = Listening(feed.tip)
            late.append(reader)
            await feed.follow(reader, view, numbers)
    await until(lambda: _true(all(reader.position == 60 for reader in (*crowd, *late))))
    assert all(reader.seqs == list(range(reader.began + 1, 61)) for reader in (*crowd, *late))


async def test_who_left_while_events_go_out_is_sent_nothing_more(store: Store) -> None:
    scope, log = a_scope(), store.log
    feed = await Hub(log, Cursors(b"k")).enter(scope)
    view = view_of(scope)
    crowd = [Listening(0) for _ in range(1_500)]

    class Leaves(Listening):
        def send(self, frame: bytes) -> None:
            super().send(frame)
            for reader in crowd:
                if not reader.seqs and not isinstance(reader, Leaves):
                    feed.leave(reader, view, numbers)
                    left.append(reader)
                    reader.position = 0  # as if it began anew

    left: list[Listening] = []
    first = Leaves(0)
    crowd.append(first)
    for reader in crowd:
        await feed.follow(reader, view, numbers)
    await append(log, scope, 1)
    await until(lambda: _true(feed._flush is None))
    assert left
    assert all((reader.position, reader.seqs) == (0, []) for reader in left)


# --- what it costs --------------------------------------------------------------------------------------------------


class Commands(CommandListener):
    """Counts what is asked of the database."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: Any) -> None:
        self.names.append(event.command_name)

    def succeeded(self, event: Any) -> None:
        """Nothing to count."""

    def failed(self, event: Any) -> None:
        """Nothing to count."""


async def test_a_look_costs_one_query_however_many_scopes_are_read(store: Store, mongod: EmbeddedMongo) -> None:
    commands = Commands()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongod.uri, tz_aware=True, event_listeners=[commands])
    here = Store(client.get_database(store.database.name), system_clock)
    await here.prepare(1)
    hub = Hub(here.log, Cursors(b"k"))
    scopes = [a_scope() for _ in range(50)]
    feeds = [await hub.enter(scope) for scope in scopes]
    readers = [Listening(0) for _ in scopes]
    for feed, reader in zip(feeds, readers, strict=True):
        await append(store.log, feed.scope, 1)
        await feed.follow(reader, view_of(feed.scope), numbers)
    await _looked(hub)
    await _looked(hub)
    await until(lambda: _true(all(reader.seqs == [1] for reader in readers)))
    await _looked(hub)
    await until(lambda: _true(all(feed._tail is None for feed in feeds)))
    commands.names.clear()
    await _looked(hub)
    assert commands.names == ["find"]
    await append(store.log, scopes[7], 2)
    await _looked(hub)
    await until(lambda: _got(readers[7], 3))
    assert readers[7].seqs == [1, 2, 3]
    await client.close()


async def test_a_look_costs_one_query_while_no_log_holds_anything(store: Store, mongod: EmbeddedMongo) -> None:
    commands = Commands()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongod.uri, tz_aware=True, event_listeners=[commands])
    here = Store(client.get_database(store.database.name), system_clock)
    await here.prepare(1)
    hub = Hub(here.log, Cursors(b"k"))
    feed = await hub.enter(a_scope())
    for _ in range(3):
        await _looked(hub)
        await until(lambda: _true(feed._tail is None))
    commands.names.clear()
    await _looked(hub)
    await _looked(hub)
    assert commands.names == ["find", "find"]
    await append(store.log, feed.scope, 1)
    await _looked(hub)
    await until(lambda: _true(feed.tip == 1))
    await client.close()


async def test_a_look_finds_what_came_after_a_mark_that_was_forgotten(store: Store) -> None:
    scope, other = a_scope(), a_scope()
    await append(store.log, scope, 3)
    mark, _ = await store.log.appended_since(None)
    await append(store.log, other, 2)
    assert (await store.log.appended_since(mark))[1] == {scope: 3, other: 2}
    await store.raw("events").delete_many({"scope": scope})
    _, heads = await store.log.appended_since(mark)
    assert heads == {other: 2}


async def test_rings_are_bounded_in_sum(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "RINGS_BYTES", 20_000)
    hub = Hub(store.log, Cursors(b"k"))
    feeds = [await hub.enter(a_scope()) for _ in range(8)]
    for feed in feeds:
        await append(store.log, feed.scope, 6)
    assert sum(feed.bytes for feed in feeds) == hub._bytes <= 20_000
    assert feeds[-1].after(0) is not None
    assert [event.seq for event in await feeds[0].page(0, 10)] == [1, 2, 3, 4, 5, 6], "the log has what a ring let go"


async def test_crossing_subscribes_leave_no_reader_behind(gateway: Running, tenant: Tenant) -> None:
    hub, scope = gateway.ports.hub, f"{tenant.id}:live"
    await append(gateway.services.store.log, scope, 1)
    async with tenant().socket() as socket:
        for topics in (["inbox"], ["account"], ["inbox", "account"]):
            await socket.send(type="subscribe", topics=topics)
        told = [(await socket.next("subscribed"))["topics"] for _ in range(3)]
        assert told == [["inbox"], ["account"], ["inbox", "account"]]
        assert hub._feeds[scope].readers == 1
    await until(lambda: _true(hub._feeds[scope].readers == 0))
    assert scope in hub._idle


async def test_frames_are_cut_where_clients_still_take_them(store: Store) -> None:
    scope = a_scope()
    feed = await Hub(store.log, Cursors(b"k")).enter(scope)
    rows = [{**row(str(number)), "data": {"text": "x" * 27_000}} for number in range(60)]
    await store.log.append(scope, rows)
    events: list[Recorded] = []
    while len(events) < 60:
        page = await feed.page(len(events), 100)
        assert sum(len(event.json) for event in page) <= hub_module.RING_BYTES, "nor does more than this go out at once"
        events += page
    sizes = []
    data = encode_socket(feed, [*events, replace(events[-1], json=b'"' + b"y" * 300_000 + b'"')])
    while data:
        head = {126: 4, 127: 10}.get(data[1], 2)
        size = data[1] if head == 2 else int.from_bytes(data[2:head], "big")
        sizes.append(size)
        data = data[head + size :]
    assert len(sizes) == 8
    assert max(sizes[:-1]) <= 262_144 < sizes[-1], "one event is never cut"


async def test_an_event_larger_than_readers_are_sent_is_refused_where_it_is_made(
    gateway: Running, tenant: Tenant
) -> None:
    store = gateway.services.store.of(tenant.id, "live")
    head = await gateway.services.store.log.head(store.scope)
    event = Event(
        id=IDS.new("evt"), type="contact.updated", occurred_at=system_clock(), actor={"type": "system", "id": "test"},
        subject="x", data={"text": "x" * MAX_BYTES},
    )  # fmt: skip
    with pytest.raises(Invalid):
        await store.insert("contacts", {"_id": IDS.new("cnt")}, [event])
    assert await gateway.services.store.log.head(store.scope) == head


async def _looked(hub: Hub) -> None:
    hub.look()
    assert hub._looking is not None
    await hub._looking


async def _got(reader: Listening, seq: int) -> bool:
    return seq in reader.seqs


async def _true(value: bool) -> bool:
    return value
