"""Words for rows that were stored before words were kept: brought along in the background, some at a time.

Where it has got to stands in the database, so that it goes on after a restart. Until a collection is through, searches
look at a bounded part of it.
"""

from __future__ import annotations

import time
from typing import Any

import structlog
from pymongo import UpdateOne

from jinaconnect.store.collections import COLLECTIONS
from jinaconnect.store.databases.indexes import unhurried
from jinaconnect.store.databases.mongo import Database, Document, guarded

BATCH = 1_000
ASK_AGAIN_S = 5.0

logger = structlog.get_logger(__name__)


class Words:
    """Tells whether a collection can be searched by words, and brings it there."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = database["upkeep"]
        self._done: set[str] = set()
        self._ask_at: dict[str, float] = {}

    async def prepare(self) -> None:
        """Note which collections are empty: everything that comes has its words."""
        for name, collection in COLLECTIONS.items():
            if collection.worded is not None and await self._database[name].find_one({}, {"_id": 1}) is None:
                await self._put(name, {"done": True})

    async def ready(self, name: str) -> bool:
        """Tell whether all rows of a collection have their words."""
        if COLLECTIONS[name].worded is None:
            return False
        if name not in self._done and time.monotonic() >= self._ask_at.get(name, 0.0):
            self._ask_at[name] = time.monotonic() + ASK_AGAIN_S
            if (await self._get(name) or {}).get("done"):
                self._done.add(name)
        return name in self._done

    async def bring(self, name: str) -> bool:
        """Give some rows their words; returns whether there may be more."""
        worded = COLLECTIONS[name].worded
        if worded is None or await self.ready(name):
            return False
        after = (await self._get(name) or {}).get("after", "")
        rows = await self._next(name, after, worded.paths)
        if rows:
            await self._write(name, [(row["_id"], worded.of(row)) for row in rows if "words" not in row])
            await self._put(name, {"after": rows[-1]["_id"]})
            return True
        await self._put(name, {"done": True})
        self._done.add(name)
        logger.info("words.complete", collection=name)
        return False

    @guarded
    async def _next(self, name: str, after: str, paths: tuple[str, ...]) -> list[Document]:
        fields: dict[str, Any] = {"words": 1, **dict.fromkeys(paths, 1)}
        with unhurried():
            rows = self._database[name].find({"_id": {"$gt": after}}, fields, sort=[("_id", 1)], limit=BATCH)
            return await rows.to_list()

    @guarded
    async def _write(self, name: str, found: list[tuple[str, list[str]]]) -> None:
        """Write words; a row that was changed meanwhile has its own."""
        operations = [
            UpdateOne({"_id": id, "words": {"$exists": False}}, {"$set": {"words": words}}) for id, words in found
        ]
        if operations:
            with unhurried():
                await self._database[name].bulk_write(operations, ordered=False)

    @guarded
    async def _get(self, name: str) -> Document | None:
        return await self._rows.find_one({"_id": f"words:{name}"})

    @guarded
    async def _put(self, name: str, fields: Document) -> None:
        await self._rows.update_one({"_id": f"words:{name}"}, {"$set": fields}, upsert=True)
