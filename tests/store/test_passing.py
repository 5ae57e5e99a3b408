"""What passes by itself is said to be away for a moment, and ends no loop."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure
from redis.asyncio import Redis

from jinaconnect.app import repeat
from jinaconnect.core.errors import Unavailable
from jinaconnect.store.databases.commands import DEADLINE_S
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.databases.mongo import answering
from jinaconnect.store.databases.redis import QUIET_S
from tests.client import until
from tests.processes import linked, redis

PASSING = (6, 7, 43, 89, 91, 134, 175, 189, 262, 9001, 10107, 11600, 11601, 11602, 13435, 13436)


@pytest.mark.parametrize("code", PASSING)
async def test_an_error_that_passes_is_unavailable(code: int) -> None:
    with pytest.raises(Unavailable):
        async with answering():
            raise OperationFailure("not now", code)


async def test_a_label_of_the_driver_is_believed() -> None:
    with pytest.raises(Unavailable):
        async with answering():
            raise OperationFailure("not now", 424242, {"errorLabels": ["RetryableWriteError"]})
    with pytest.raises(OperationFailure):
        async with answering():
            raise OperationFailure("never", 2)


async def test_a_cursor_that_is_gone_is_unavailable(mongod: EmbeddedMongo) -> None:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongod.uri)
    rows = client["passing"]["rows"]
    try:
        await rows.insert_many([{"n": n} for n in range(10)])
        cursor = rows.find({}, batch_size=2)
        await cursor.next()
        await client["passing"].command("killCursors", "rows", cursors=[cursor.cursor_id])
        with pytest.raises(Unavailable):
            async with answering():
                await cursor.to_list()
    finally:
        await client.drop_database("passing")
        await client.close()


async def test_a_loop_outlives_what_it_calls() -> None:
    called = 0
    done = asyncio.Event()

    def broken() -> None:
        nonlocal called
        called += 1
        if called == 3:
            done.set()
        raise LookupError("a row that is not understood")

    loop = asyncio.create_task(repeat(0.0, broken))
    try:
        async with asyncio.timeout(20):
            await done.wait()
    finally:
        loop.cancel()


async def test_a_bell_that_is_not_understood_silences_none_after_it() -> None:
    async with redis() as server, linked(server) as link:
        heard: list[str] = []

        def hear(text: str) -> None:
            if text == "nonsense":
                raise ValueError(text)
            heard.append(text)

        link.heard.append(hear)
        assert await link.ring("nonsense")
        assert await link.ring("sense")

        async def there() -> bool:
            return heard == ["sense"]

        await until(there)


async def test_many_commands_at_once_do_not_make_redis_look_away() -> None:
    async with redis() as server, linked(server) as link:
        assert all(await asyncio.gather(*(link.ring(f"bell {n}") for n in range(1200))))
        assert await link.ring("and one more")
        assert link.healthy


@pytest.mark.parametrize("steps", [1, 3, 4, 8])  # of the loop, until the process has no more time: also amid connecting
async def test_a_process_that_had_no_time_does_not_take_redis_for_away(steps: int) -> None:
    async with redis() as server, linked(server) as link:
        bells = asyncio.gather(*(link.ring(f"bell {n}") for n in range(200)))
        for _ in range(steps):
            await asyncio.sleep(0)
        time.sleep(3 * DEADLINE_S)  # noqa: ASYNC251 - nothing else of this process goes on, as beside a busy neighbour
        assert all(await bells)
        assert await link.ring("and one more")


async def test_a_command_that_cannot_be_written_fails_by_itself() -> None:
    async with redis() as server, linked(server) as link:
        asked = [link.hold("present", {"ann": text}, 60) for text in ("here", "\ud800", "away")]
        first, odd, last = await asyncio.gather(*asked, return_exceptions=True)
        assert (first, last) == (True, True)
        assert isinstance(odd, UnicodeEncodeError)


async def test_a_command_that_is_refused_leaves_the_answers_of_others_theirs() -> None:
    async with redis() as server, linked(server) as link:
        await link.hold("present", {"ann": "here"}, 60)
        turn, present, taken = await asyncio.gather(
            link.turn("present", 1), link.all("present"), link.take(["uses"], [3], [60])
        )
        assert (turn, present, taken) == (None, {"ann": "here"}, [1])


async def test_a_redis_that_has_nothing_to_say_is_not_taken_for_away(capsys: pytest.CaptureFixture[str]) -> None:
    async with redis() as server, linked(server) as link:
        watched = Redis.from_url(server.url, decode_responses=True)

        async def asked_again() -> bool:
            clients = await watched.client_list()
            return any(client["cmd"] == "ping" and int(client["age"]) >= 3 * QUIET_S for client in clients)

        try:
            await until(asked_again)
            assert link.healthy
        finally:
            await watched.aclose()
    assert "redis.lost" not in capsys.readouterr().out
