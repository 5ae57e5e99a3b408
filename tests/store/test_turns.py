"""Turns are given out in a row, each a fixed time after the one before, by all processes together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from jinaconnect.store.coordination.turns import Turns
from tests.processes import linked, redis


@asynccontextmanager
async def processes(where: str) -> AsyncIterator[list[Turns]]:
    """The turns of one process alone, or of three that share Redis."""
    if where == "process":
        yield [Turns()]
        return
    async with redis() as server, AsyncExitStack() as stack:
        links = [await stack.enter_async_context(linked(server, name)) for name in ("one", "two", "three")]
        yield [Turns(link) for link in links]


@pytest.mark.parametrize("where", ["process", "redis"])
async def test_turns_are_apart_whoever_takes_them(where: str) -> None:
    async with processes(where) as everybody:
        loop = asyncio.get_running_loop()
        before, at = loop.time(), []

        async def take(turns: Turns) -> None:
            wait = await turns.take("bot", 60)
            at.append(loop.time() - before + wait)

        await asyncio.gather(*(take(everybody[n % len(everybody)]) for n in range(12)))
        took = loop.time() - before
        for place, moment in enumerate(sorted(at)):
            assert 60 * place - 0.001 <= moment <= 60 * place + took + 0.001
        assert await everybody[0].take("another bot", 60) == 0, "one bot's turns are nothing to another's"


@pytest.mark.parametrize("where", ["process", "redis"])
async def test_nobody_has_a_turn_while_a_key_is_held(where: str) -> None:
    async with processes(where) as everybody:
        first, last = everybody[0], everybody[-1]
        assert await last.held("bot") == 0
        await first.hold("bot", 600)
        await first.hold("bot", 60)
        assert 500 < await last.held("bot") <= 600, "a shorter hold ends no longer one"
        assert 500 < await last.take("bot", 1) <= 600
        assert 500 < await first.take("bot", 1) <= 601


async def test_a_process_gives_out_its_own_turns_while_redis_is_away() -> None:
    async with redis() as server, linked(server) as link:
        turns = Turns(link)
        await server.kill()
        await turns.hold("bot", 600)
        assert 500 < await turns.take("bot", 1) <= 600
        assert await turns.held("bot") > 500
