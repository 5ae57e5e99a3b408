"""Group commit: what waits for the disk at one moment goes there together.

A majority-and-journal write costs about the same for one document as for a hundred, so every insert of a collection
passes through one queue: while a batch is on its way the next one gathers. An idle queue adds no wait, a busy one may
let a burst come in whole.

Changes of one document are the opposite: they wait for each other (`Turns`), since only one of those made at a moment
can hold.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Hashable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar

import structlog

from jinaconnect.core.errors import Unavailable

LATE_S, MOST_LANES = 0.01, 64  # what has waited for so long goes in a lane of its own
BUSY_LANES = 2  # one batch is made while the database has the other
SEVERAL = 4  # items on their way that tell of a busy moment
MOMENT_S, MOMENTS = 0.002, 4

logger = structlog.get_logger(__name__)
Spawn = Callable[[Coroutine[Any, Any, None]], "asyncio.Task[None]"]
Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Gathers items and hands them to `write` in batches; each caller gets its own result or error.

    `write` returns one result per item, in order; a result that is an exception is raised in that caller alone. When
    it raises anything but Unavailable, each item of the batch is written by itself: what is wrong with one fails
    nobody else. With several `lanes` as many batches are on their way at once, where their order does not matter, and
    more while the database is slow: who comes then waits for one write, and not for another's before. With a `key`,
    items of one key are in one batch at a time, so that they are written in the order they came; and where batches are
    large, no more than two are on their way, so that they stay large.
    With `bursts`, a batch after one of several items, or beside another one, waits while more come in, for some
    milliseconds at most: what comes alone does not. `spawn` starts the task that writes, for whoever keeps account of
    those.
    """

    def __init__(
        self, write: Callable[[list[Item]], Awaitable[Sequence[Result | Exception]]], *, limit: int = 500,
        lanes: int = 1, bursts: bool = False, spawn: Spawn = asyncio.create_task,
        key: Callable[[Item], Hashable] | None = None,
    ) -> None:  # fmt: skip
        self._write = write
        self._limit = limit
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._lanes = lanes
        self._draining = 0
        self._bursts = bursts
        self._spawn = spawn
        self._key = key
        self._under_way: set[Hashable] = set()
        self._several = self._busy = False
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def idle(self) -> bool:
        """Whether nothing is waiting or on its way."""
        return not self._waiting and not self._draining

    async def put(self, item: Item) -> Result:
        """Write one item and return its result."""
        return await self.queued(item)

    async def put_many(self, items: Sequence[Item]) -> list[Result]:
        """Write items and return their results, in order."""
        return await asyncio.gather(*map(self.queued, items))

    def queued(self, item: Item) -> asyncio.Future[Result]:
        """Have one item written; what is returned has its result, or its error."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._key is not None:
            if self._draining < self._most and self._key(item) not in self._under_way:
                self._open()
        elif self._draining < self._lanes:
            self._open()
        elif self._lanes > 1 and len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(LATE_S, self._beside)
        return future

    @property
    def _most(self) -> int:
        busy = self._key is not None and (self._busy or len(self._under_way) >= SEVERAL)
        return min(self._lanes, BUSY_LANES) if busy else self._lanes

    def _open(self) -> None:
        self._draining += 1
        task = self._spawn(self._drain())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _beside(self) -> None:
        """Begin another batch beside those under way, where something has waited for them."""
        if self._waiting and self._draining < MOST_LANES:
            self._open()

    async def _drain(self) -> None:
        try:
            while self._waiting:
                if self._bursts and (self._several or self._under_way):
                    await self._burst()
                batch, keys = self._take()
                if not batch:
                    break  # what waits is of keys under way: whoever has them goes on with it
                self._several, self._busy = len(batch) > 1, len(batch) >= SEVERAL
                self._under_way |= keys
                try:
                    results = await self._written([item for item, _ in batch])
                finally:
                    self._under_way -= keys
                for (_, future), result in zip(batch, results, strict=True):
                    if future.done():
                        continue
                    if isinstance(result, Exception):
                        future.set_exception(result)
                    else:
                        future.set_result(result)
                if self._draining > self._most:
                    break  # the others go on with what waits
        finally:
            self._draining -= 1

    def _take(self) -> tuple[list[tuple[Item, asyncio.Future[Result]]], set[Hashable]]:
        """Take the next batch off what waits, with the keys in it."""
        if self._key is None:
            batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
            return batch, set()
        taken: list[tuple[Item, asyncio.Future[Result]]] = []
        left: list[tuple[Item, asyncio.Future[Result]]] = []
        keys: set[Hashable] = set()
        for entry in self._waiting:
            key = self._key(entry[0])
            if len(taken) < self._limit and key not in self._under_way:
                taken.append(entry)
                keys.add(key)
            else:
                left.append(entry)
        self._waiting = left
        return taken, keys

    async def _burst(self) -> None:
        """Return when a moment has brought nothing more, or enough of them have passed."""
        for _ in range(MOMENTS):
            before = len(self._waiting)
            if before >= self._limit:
                return
            await asyncio.sleep(MOMENT_S)
            if len(self._waiting) == before:
                return

    async def _written(self, items: list[Item]) -> Sequence[Result | Exception]:
        try:
            return await self._write(items)
        except Unavailable as error:
            return [error] * len(items)
        except Exception as error:
            if len(items) == 1:
                return [error]
            logger.error("commit.one_by_one", items=len(items), error=repr(error)[:500])
        return [(await self._written([item]))[0] for item in items]


class Idling(Protocol):
    """What may be let go while it is idle."""

    @property
    def idle(self) -> bool:
        """Whether it has nothing to do."""


Key = TypeVar("Key", bound=Hashable)
Kind = TypeVar("Kind", bound=Idling)


class Kept(Generic[Key, Kind]):
    """One of a kind for each key, such as a queue per tenant: those used last are kept, and all that are busy."""

    def __init__(self, make: Callable[[Key], Kind], most: int) -> None:
        self._make = make
        self._most = most
        self._held: OrderedDict[Key, Kind] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def peek(self, key: Key) -> Kind | None:
        """Return the one of a key if there is one."""
        return self._held.get(key)

    def get(self, key: Key) -> Kind:
        """Return the one of a key, made where it is missing."""
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = self._make(key)
            self._let_go()
        self._held.move_to_end(key)
        return held

    def _let_go(self) -> None:
        for key in [key for key, _ in zip(self._held, range(len(self._held) - self._most), strict=False)]:
            if self._held[key].idle:
                del self._held[key]
            else:
                self._held.move_to_end(key)


class Turns:
    """Gives those who ask for the same key their turn one after another, in the order they came."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, key: Hashable) -> AsyncIterator[None]:
        """Wait for the turn of a key and hold it."""
        lock, users = self._waiting.get(key) or (asyncio.Lock(), 0)
        self._waiting[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._waiting.pop(key)
            if users > 1:
                self._waiting[key] = (lock, users - 1)
