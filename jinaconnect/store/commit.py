"""Group commit: what waits for the disk at one moment goes there together.

A majority-and-journal write costs about the same for one document as for a hundred, so every insert of a collection
passes through one queue: while a batch is on its way the next one gathers. An idle queue adds no wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Gathers items and hands them to `write` in batches; each caller gets its own result or error.

    `write` returns one result per item, in order; a result that is an exception is raised in that caller alone. With
    several `lanes` as many batches are on their way at once, where their order does not matter.
    """

    def __init__(
        self, write: Callable[[list[Item]], Awaitable[Sequence[Result | Exception]]], *, limit: int = 500,
        lanes: int = 1,
    ) -> None:  # fmt: skip
        self._write = write
        self._limit = limit
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._lanes = lanes
        self._draining = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def put(self, item: Item) -> Result:
        """Write one item and return its result."""
        return await self._queued(item)

    async def put_many(self, items: Sequence[Item]) -> list[Result]:
        """Write items and return their results, in order."""
        return await asyncio.gather(*map(self._queued, items))

    def _queued(self, item: Item) -> asyncio.Future[Result]:
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._draining < self._lanes:
            self._draining += 1
            task = asyncio.create_task(self._drain())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._limit], self._waiting[self._limit :]
                try:
                    results = await self._write([item for item, _ in batch])
                except Exception as error:
                    for _, future in batch:
                        if not future.done():
                            future.set_exception(error)
                    continue
                for (_, future), result in zip(batch, results, strict=True):
                    if future.done():
                        continue
                    if isinstance(result, Exception):
                        future.set_exception(result)
                    else:
                        future.set_result(result)
        finally:
            self._draining -= 1
