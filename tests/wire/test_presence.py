"""Presence with many people: bounded bytes, few words to Redis, nobody left over from processes that have ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets.protocol import Protocol, Side

from jinaconnect.core.principal import Principal
from jinaconnect.realtime.presence import BYTES_PER_S, LEASE_S, MOST, TYPING_S, Presence
from jinaconnect.store.coordination.notifications import Kind, read
from jinaconnect.store.databases.redis import RedisLink
from tests.client import until
from tests.processes import linked, redis

SCOPE = "ten_1:live"
PERSON = Principal(
    kind="user", id="usr_0", tenant="ten_1", mode="live", role="manager", role_id="rol_1", role_name="Manager",
    priority=60, permissions=frozenset({"inbox.view"}), name="Ann Lee",
)  # fmt: skip


@dataclass
class Clock:
    """A clock that is put forward."""

    at: datetime = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def pass_s(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Client:
    """The end of a session's socket."""

    id: str
    principal: Principal | None
    bytes: int = 0
    frames: list[dict[str, Any]] = field(default_factory=list)

    def send(self, data: bytes) -> None:
        self.bytes += len(data)
        peer = Protocol(Side.CLIENT, max_size=None)
        peer.receive_data(data)
        self.frames += [json.loads(each.data) for each in peer.events_received()]  # type: ignore[union-attr]

    @property
    def shown(self) -> dict[str, Any]:
        return self.frames[-1] if self.frames else {"members": [], "total": 0}


def person(number: int, **other: Any) -> Principal:
    return replace(PERSON, id=f"usr_{number:04d}", name=f"Person {number}", **other)


def joined(presence: Presence, numbers: Iterable[int], **other: Any) -> list[Client]:
    clients = [Client(f"ses_{number:04d}", person(number, **other)) for number in numbers]
    for client in clients:
        presence.join(SCOPE, client)
    return clients


def say(presence: Presence, client: Client, viewing: str | None = None, typing: bool = False) -> None:
    assert client.principal is not None
    presence.say(client.principal, client.id, viewing, typing)


async def settles(clients: list[Client], total: int) -> None:
    async def told() -> bool:
        return all(client.shown["total"] == total for client in clients)

    await until(told, 60)


async def test_a_few_people_see_each_other_whole() -> None:
    presence = Presence(Clock())
    clients = joined(presence, range(5))
    for client in clients:
        say(presence, client, "conv_1", client is clients[0])
    await settles(clients, 5)
    for client in clients:
        assert [m["user_id"] for m in client.shown["members"]] == [f"usr_{n:04d}" for n in range(5)]
        assert [m["typing"] for m in client.shown["members"]] == [True, False, False, False, False]
    late = joined(presence, [9])
    await settles(late, 5)  # whoever joins is told who is there


async def test_a_list_names_those_who_look_at_the_same_first() -> None:
    presence = Presence(Clock())
    clients = joined(presence, range(3 * MOST))
    for number, client in enumerate(clients):
        say(presence, client, "conv_mine" if number >= 3 * MOST - 3 else f"conv_{number}")
    await settles(clients, 3 * MOST)
    members = clients[-1].shown["members"]
    assert len(members) == MOST
    assert [m["user_id"] for m in members if m["viewing"] == "conv_mine"] == [
        f"usr_{n:04d}" for n in range(3 * MOST - 3, 3 * MOST)
    ]


async def test_row_scoping_hides_what_others_look_at() -> None:
    presence = Presence(Clock())
    agent, other, beside = joined(presence, range(3))
    agent.principal = person(0, role="agent")
    say(presence, agent, "conv_1")
    say(presence, other, "conv_2", True)
    say(presence, beside, "conv_1", True)
    await settles([agent, other, beside], 3)
    assert [(m["viewing"], m["typing"]) for m in agent.shown["members"]] == [
        ("conv_1", False), (None, False), ("conv_1", True),
    ]  # fmt: skip
    assert [m["viewing"] for m in other.shown["members"]] == ["conv_1", "conv_2", "conv_1"]


@pytest.mark.parametrize("viewing", [None, "conv_1"])
async def test_what_hundreds_say_is_told_within_bounds(viewing: str | None) -> None:
    presence, loop = Presence(Clock()), asyncio.get_running_loop()
    clients = joined(presence, range(600))
    begun = loop.time()
    for client in clients:
        say(presence, client, viewing)
        await asyncio.sleep(0.002)
    await settles(clients, 600)
    once = 600 * MOST * 200  # a round to everybody
    assert sum(client.bytes for client in clients) <= 2 * BYTES_PER_S * (loop.time() - begun) + 2 * once


async def test_typing_and_leases_end() -> None:
    clock = Clock()
    presence = Presence(clock)
    one, two = joined(presence, range(2))
    say(presence, one, "conv_1", True)
    say(presence, two, "conv_1")
    await settles([one, two], 2)
    clock.pass_s(LEASE_S - 1)
    presence.keep(SCOPE, two.id)
    clock.pass_s(2)
    presence.sweep()
    await settles([one, two], 1)
    assert [m["user_id"] for m in one.shown["members"]] == ["usr_0001"]


def heard(presence: Presence, text: str) -> None:
    """Take a notification as a process does."""
    kind, words = read(text)
    if kind is Kind.PRESENT:
        presence.heard(*words)


@asynccontextmanager
async def processes(clock: Clock, count: int = 2) -> AsyncIterator[list[tuple[Presence, RedisLink]]]:
    """Several processes' presence on one Redis."""
    async with redis() as server, AsyncExitStack() as stack:
        made: list[tuple[Presence, RedisLink]] = []
        for number in range(count):
            link = await stack.enter_async_context(linked(server, f"process {number}"))
            presence = Presence(clock, link)
            link.heard.append(lambda text, presence=presence: heard(presence, text))  # type: ignore[misc]
            made.append((presence, link))
        yield made


async def _calls(link: RedisLink) -> int:
    stats = await link._redis.info("commandstats")
    return sum(int(row["calls"]) for name, row in stats.items() if name in ("cmdstat_hset", "cmdstat_eval"))


async def test_hundreds_present_cost_redis_a_few_words() -> None:
    clock = Clock()
    async with processes(clock) as made:
        (here, link), (there, other) = made
        clients, watching = joined(here, range(600)), joined(there, [900])
        for client in clients:
            say(here, client, "conv_1")
        await settles(watching, 600)
        before = await _calls(link)
        for _ in range(10):  # ten sweeps in which everybody has said something
            clock.pass_s(1)
            for client in clients:
                here.keep(SCOPE, client.id)
            here.sweep()
            await asyncio.sleep(0)
        assert await _calls(link) - before <= 10
        clock.pass_s(LEASE_S / 3)
        for client in clients:
            here.keep(SCOPE, client.id)
        here.sweep()

        async def renewed() -> bool:
            fields = await link.all(f"jc:presence:{SCOPE}")
            ends = (clock() + timedelta(seconds=LEASE_S)).timestamp()
            return bool(fields) and all(json.loads(text)["until"] == ends for text in (fields or {}).values())

        await until(renewed)
        assert link.healthy
        assert other.healthy
        say(here, clients[3], "conv_1", True)

        async def typing() -> bool:
            return any(m["typing"] for m in watching[0].shown["members"])

        await until(typing)
        clock.pass_s(TYPING_S + 1)
        there.sweep()  # the end of typing is told without a word from the other process

        async def quiet() -> bool:
            return not any(m["typing"] for m in watching[0].shown["members"])

        await until(quiet)


async def test_people_of_a_process_that_ended_are_taken_away() -> None:
    clock = Clock()
    async with processes(clock) as made:
        (dead, link), (alive, _other) = made
        clients, watching = joined(dead, range(3)), joined(alive, [900])
        for client in clients:
            say(dead, client, "conv_1")
        await settles(watching, 3)
        await link.stop()  # it is gone, and has taken nothing away
        clock.pass_s(LEASE_S + 1)
        alive.sweep()
        await settles(watching, 0)
        clock.pass_s(LEASE_S)
        say(alive, watching[0])
        alive.heard(SCOPE)

        async def only_ours() -> bool:
            return list(await made[1][1].all(f"jc:presence:{SCOPE}") or {}) == [watching[0].id]

        await until(only_ours)
