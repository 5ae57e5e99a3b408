"""How many rows a list has, in bounded time.

Counting walks an index, so a count that is not done within its budget is answered from the last one made in the
background (at most some seconds old) and flagged as inexact. The first page of a million rows costs what one of a
thousand does.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from bson import encode
from pymongo.errors import ExecutionTimeout

from jinaconnect.core.errors import Unavailable
from jinaconnect.store.mongo import Database, guarded

FLOOR = 1_000  # rows counted exactly at every request; well under a millisecond of index
BUDGET_MS = 20_000  # for the count in the background
KEEP_S = 10.0
REMEMBERED = 1_000


class Counts:
    """Counts documents of list queries, remembering the large ones."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[bytes, tuple[float, int]] = OrderedDict()
        self._running: dict[bytes, asyncio.Task[None]] = {}

    @guarded
    async def count(self, collection: str, query: Mapping[str, Any]) -> tuple[int, bool]:
        """Return (count, exact)."""
        few = await self._database[collection].count_documents(query, limit=FLOOR + 1)
        if few <= FLOOR:
            return few, True
        key = collection.encode() + b"\0" + encode(dict(query))
        known = self._known.get(key)
        if known is None or known[0] < time.monotonic():
            self._refresh(key, collection, query)
        if known is None:
            # The first time it is worth a short wait: most lists are counted well within it.
            await asyncio.wait([self._running[key]], timeout=0.05)
            known = self._known.get(key)
        return (known[1], False) if known else (few, False)

    def _refresh(self, key: bytes, collection: str, query: Mapping[str, Any]) -> None:
        if key not in self._running:
            task = asyncio.create_task(self._count_all(key, collection, query))
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))

    async def _count_all(self, key: bytes, collection: str, query: Mapping[str, Any]) -> None:
        try:
            total = await self._count(collection, query)
        except (Unavailable, ExecutionTimeout):
            return
        self._known[key] = (time.monotonic() + KEEP_S, total)
        self._known.move_to_end(key)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    @guarded
    async def _count(self, collection: str, query: Mapping[str, Any]) -> int:
        return await self._database[collection].count_documents(query, maxTimeMS=BUDGET_MS)
