"""How many rows a list has, and other figures of many rows, in bounded time.

Counting walks an index and often the rows behind it, so more than a few are counted in the background, one count at a
time and no further than anybody reads on, and flagged as inexact. The first page of a million rows costs what one of a
thousand does. What was made is kept for some seconds, or for so long that making it is a small part of the time; while
it is known that there are many, none are counted at all.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import pymongo
from bson import encode
from pymongo.errors import ExecutionTimeout

from jinaconnect.core.errors import Unavailable
from jinaconnect.store.databases.mongo import Database, Document, guarded

MOST = 100_000  # rows counted at all; a count that ends there says that there may be more
FLOOR = 1_000  # rows counted exactly at every request; well under a millisecond of index
BUDGET_S = 20.0  # for what is made in the background, whatever deadline requests have
KEEP_S = 10.0
KEEP_TIMES, KEEP_FIGURES_TIMES = 100, 20  # as long as it took
REMEMBERED, REMEMBERED_FIGURES = 1_000, 100
COUNT_WAIT_S, FIGURES_WAIT_S = 0.05, 2.0  # for the first time something is asked: mostly it is made well within
BACKGROUND = "background"  # says in the database's profile that no request waits for it

Make = Callable[[], Awaitable[Any]]


class _Remembered:
    """What was made in the background, by key; asked for when it is old, it is made again."""

    def __init__(self, most: int, wait_s: float, times: int) -> None:
        self._most, self._wait_s, self._times = most, wait_s, times
        self._turn = asyncio.Semaphore()  # requests have the rest of the database to themselves
        self._known: OrderedDict[bytes, tuple[float, Any]] = OrderedDict()
        self._running: dict[bytes, asyncio.Task[None]] = {}

    async def get(self, key: bytes, make: Make) -> Any:
        """Return what is known, None where nothing was made in time."""
        known = self._known.get(key)
        if known is None or known[0] < time.monotonic():
            self._refresh(key, make)
        if known is None:
            await asyncio.wait([self._running[key]], timeout=self._wait_s)
            known = self._known.get(key)
        return None if known is None else known[1]

    def fresh(self, key: bytes) -> Any:
        """Return what was made lately, None where nothing was."""
        known = self._known.get(key)
        return known[1] if known is not None and known[0] >= time.monotonic() else None

    def _refresh(self, key: bytes, make: Make) -> None:
        if key not in self._running:
            task = asyncio.create_task(self._keep(key, make))
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))

    async def _keep(self, key: bytes, make: Make) -> None:
        async with self._turn:
            begun = time.monotonic()
            try:
                made = await make()
            except (Unavailable, ExecutionTimeout):
                return
            ends = time.monotonic()
        self._known[key] = (ends + max(KEEP_S, self._times * (ends - begun)), made)
        self._known.move_to_end(key)
        while len(self._known) > self._most:
            self._known.popitem(last=False)


class Counts:
    """Counts documents of list queries, remembering the large ones."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts = _Remembered(REMEMBERED, COUNT_WAIT_S, KEEP_TIMES)
        self._figures = _Remembered(REMEMBERED_FIGURES, FIGURES_WAIT_S, KEEP_FIGURES_TIMES)

    async def count(self, collection: str, query: Mapping[str, Any]) -> tuple[int, bool]:
        """Return (count, exact)."""
        key = _key(collection, query, ())
        known = self._counts.fresh(key)
        if known is not None and known > FLOOR:
            return known, False
        few = await self._few(collection, query)
        if few <= FLOOR:
            return few, True
        known = await self._counts.get(key, lambda: self._count(collection, query))
        return (few if known is None else known), False

    async def figures(
        self, collection: str, query: Mapping[str, Any], stages: Sequence[Mapping[str, Any]]
    ) -> tuple[list[Document], bool]:
        """Return what a pipeline makes of the documents that fit, and whether it is exact.

        Raises Unavailable where it cannot be made for now.
        """
        key = _key(collection, query, stages)
        if self._figures.fresh(key) is None and await self._few(collection, query) <= FLOOR:
            return await self._made(collection, query, stages), True
        known = await self._figures.get(key, lambda: self._made_beside(collection, query, stages))
        if known is None:
            raise Unavailable("The figures are being made.", retry_after=5)
        return known, False

    @guarded
    async def _few(self, collection: str, query: Mapping[str, Any]) -> int:
        return await self._database[collection].count_documents(query, limit=FLOOR + 1)

    @guarded
    async def _count(self, collection: str, query: Mapping[str, Any]) -> int:
        with pymongo.timeout(BUDGET_S):
            return await self._database[collection].count_documents(query, limit=MOST, comment=BACKGROUND)

    @guarded
    async def _made(
        self, collection: str, query: Mapping[str, Any], stages: Sequence[Mapping[str, Any]], comment: str | None = None
    ) -> list[Document]:
        rows = await self._database[collection].aggregate([{"$match": query}, *stages], comment=comment)
        return await rows.to_list()

    async def _made_beside(
        self, collection: str, query: Mapping[str, Any], stages: Sequence[Mapping[str, Any]]
    ) -> list[Document]:
        with pymongo.timeout(BUDGET_S):
            return await self._made(collection, query, stages, BACKGROUND)


def _key(collection: str, query: Mapping[str, Any], stages: Sequence[Mapping[str, Any]]) -> bytes:
    return collection.encode() + b"\0" + encode({"query": dict(query), "stages": [dict(stage) for stage in stages]})
