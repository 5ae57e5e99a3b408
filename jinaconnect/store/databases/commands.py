"""Commands to Redis: what is asked at one moment goes to it together, over one connection."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from jinaconnect.store.ending import ended

DEADLINE_S = 0.25
AWAY_S = 1.0  # how long nothing is asked after it did not answer
TOGETHER = 500  # commands of one turn, which its deadline is for
LATE_S = 0.05  # a timer that is later than this tells of a process that had no time, not of Redis

logger = structlog.get_logger(__name__)
T = TypeVar("T")


class Commands:
    """One connection, and the commands that wait for its next turn."""

    def __init__(self, redis: Redis) -> None:
        self._connection = redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]
        self._connection.socket_connect_timeout = None  # a turn's deadline is for connecting as well
        self._waiting: list[tuple[list[bytes], asyncio.Future[Any]]] = []
        self._turns: asyncio.Task[None] | None = None
        self._away_until = 0.0

    async def ask(self, *command: Any) -> Any:
        """Return what Redis answers a command, None when it is away or refuses it."""
        if self._is_away():
            return None
        packed = self._connection.pack_command(*command)  # here, so that one with odd text fails by itself
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((packed, answer))
        if self._turns is None or self._turns.done():
            self._turns = asyncio.create_task(self._take_turns())
        return await answer

    def is_back(self) -> None:
        """Ask again at once: Redis was heard."""
        self._away_until = 0.0

    async def close(self) -> None:
        """Answer what waits with None, and close the connection."""
        if self._turns is not None:
            await ended((self._turns,))
        await self._connection.disconnect(nowait=True)

    def _is_away(self) -> bool:
        return asyncio.get_running_loop().time() < self._away_until

    async def _take_turns(self) -> None:
        turn: list[tuple[list[bytes], asyncio.Future[Any]]] = []
        try:
            while self._waiting:
                turn, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
                answers = [None] * len(turn) if self._is_away() else await self._answers([asked for asked, _ in turn])
                for (_, answer), found in zip(turn, answers, strict=True):
                    if not answer.done():
                        answer.set_result(found)
        finally:  # closed, or failed in a way nobody thought of: nobody waits for ever
            for _, answer in turn + self._waiting:
                if not answer.done():
                    answer.set_result(None)
            self._waiting = []

    async def _answers(self, commands: Sequence[list[bytes]]) -> Sequence[Any]:
        try:
            answers = await _in_time(self._exchange(commands))
        except (RedisError, OSError, TimeoutError):
            answers = None
        except Exception:  # whatever it was, the next turn begins on a new connection
            logger.exception("redis.commands_failed")
            answers = None
        if answers is None or any(isinstance(answer, RedisError) for answer in answers):
            self._away_until = asyncio.get_running_loop().time() + AWAY_S
        if answers is None:
            await self._connection.disconnect(nowait=True)
            return [None] * len(commands)
        return [None if isinstance(answer, RedisError) else answer for answer in answers]

    async def _exchange(self, commands: Sequence[list[bytes]]) -> list[Any]:
        packed = [part for command in commands for part in command]
        await self._connection.send_packed_command(packed, check_health=False)
        return [await self._answer() for _ in commands]

    async def _answer(self) -> Any:
        try:
            return await self._connection.read_response()
        except RedisError as error:
            if not self._connection.is_connected:
                raise
            return error  # of this command alone


async def _in_time(exchange: Coroutine[Any, Any, T]) -> T:
    """Return what an exchange gives within the deadline; raises TimeoutError.

    Where the timer itself comes late the answer may lie there unread: it is waited for once more.
    """
    loop = asyncio.get_running_loop()
    work = asyncio.create_task(exchange)
    try:
        began = loop.time()
        await asyncio.wait((work,), timeout=DEADLINE_S)
        if not work.done() and loop.time() - began > DEADLINE_S + LATE_S:
            await asyncio.wait((work,), timeout=DEADLINE_S)
        if work.done():
            return work.result()
        raise TimeoutError
    finally:
        await ended((work,))
