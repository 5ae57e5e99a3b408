"""Who owns what there is one of: a lease by name, renewed while its holder lives.

A holder that dies on this machine is noticed at once by its process id; on another machine by the end of its lease.
When that is, is told by the database's clock alone: the processes' own may differ.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from jinaconnect.store.databases.mongo import Database, Document, guarded
from jinaconnect.store.due import Due

TTL = timedelta(seconds=6)
RENEW_S = 1.5  # well within the lease, and how soon a waiting process looks again


class Leases:
    """Takes, renews and gives back leases for this process."""

    def __init__(self, database: Database, due: Due) -> None:
        self._rows = database["leases"]
        self._due = due
        self._generations: dict[str, int] = {}

    @property
    def holder(self) -> str:
        """This process's name."""
        return self._due.process

    def generation(self, name: str) -> int:
        """Return how the lease was numbered when this process last took it; it grows with every change of holder."""
        return self._generations[name]

    @guarded
    async def take(self, name: str) -> bool:
        """Take or renew a lease; False while another process holds it."""
        held = await self._rows.find_one({"_id": name})
        free: Document = {"_id": name, "by": None if held is None else held["by"]}
        if held is not None and held["by"] != self.holder and not self._due.died(held["by"]):
            free["$expr"] = {"$lte": ["$until", "$$NOW"]}
        # A lease that was not numbered yet begins above all that could have been; one that has run out begins anew
        # even for its own holder, who may have been stopped meanwhile.
        kept = {"$and": [{"$eq": ["$by", self.holder]}, {"$gt": ["$until", "$$NOW"]}]}
        generation = {"$add": [{"$ifNull": ["$generation", {"$toLong": "$$NOW"}]}, {"$cond": [kept, 0, 1]}]}
        until = {"$add": ["$$NOW", int(TTL.total_seconds() * 1000)]}
        try:
            row = await self._rows.find_one_and_update(
                free, [{"$set": {"by": self.holder, "until": until, "generation": generation}}],
                upsert=held is None, return_document=ReturnDocument.AFTER,
            )  # fmt: skip
        except DuplicateKeyError:
            return False
        if row is None:
            return False
        self._generations[name] = int(row["generation"])
        return True

    @guarded
    async def renew(self, names: Collection[str]) -> set[str]:
        """Renew leases this process holds, all in one write; returns those that are still its own."""
        if not names:
            return set()
        mine: Document = {"_id": {"$in": list(names)}, "by": self.holder, "$expr": {"$gt": ["$until", "$$NOW"]}}
        until = {"$add": ["$$NOW", int(TTL.total_seconds() * 1000)]}
        result = await self._rows.update_many(mine, [{"$set": {"until": until}}])
        if result.matched_count == len(names):
            return set(names)
        return {row["_id"] for row in await self._rows.find(mine, {"_id": 1}).to_list()}

    @guarded
    async def takeable(self, names: Collection[str]) -> set[str]:
        """Return which leases nobody seems to hold; to be taken one by one."""
        query: Document = {"_id": {"$in": list(names)}, "$expr": {"$gt": ["$until", "$$NOW"]}}
        held = await self._rows.find(query, {"by": 1}).to_list()
        return set(names) - {row["_id"] for row in held if row["by"] and not self._due.died(row["by"])}

    @guarded
    async def give_back(self, name: str) -> None:
        """End a lease of this process, so that the next holder need not wait."""
        await self._rows.update_one({"_id": name, "by": self.holder}, [{"$set": {"by": "", "until": "$$NOW"}}])
