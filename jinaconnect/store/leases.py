"""Who owns what there is one of: a lease by name, renewed while its holder lives.

A holder that dies on this machine is noticed at once by its process id; on another machine by the end of its lease.
"""

from __future__ import annotations

from datetime import timedelta

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from jinaconnect.core.clock import Clock
from jinaconnect.store.due import Due
from jinaconnect.store.mongo import Database, guarded

TTL = timedelta(seconds=6)
RENEW_S = 1.5  # well within the lease, and how soon a waiting process looks again


class Leases:
    """Takes, renews and gives back leases for this process."""

    def __init__(self, database: Database, clock: Clock, due: Due) -> None:
        self._rows = database["leases"]
        self._clock = clock
        self._due = due

    @property
    def holder(self) -> str:
        """This process's name."""
        return self._due.process

    @guarded
    async def take(self, name: str) -> bool:
        """Take or renew a lease; False while another process holds it."""
        now = self._clock()
        held = await self._rows.find_one({"_id": name})
        if held is not None and held["by"] != self.holder and held["until"] > now and not self._due.died(held["by"]):
            return False
        before = {"_id": name} if held is None else {"_id": name, "by": held["by"], "until": held["until"]}
        try:
            row = await self._rows.find_one_and_update(
                before, {"$set": {"by": self.holder, "until": now + TTL}}, upsert=held is None,
                return_document=ReturnDocument.AFTER,
            )  # fmt: skip
        except DuplicateKeyError:
            return False
        return row is not None and row["by"] == self.holder

    @guarded
    async def give_back(self, name: str) -> None:
        """End a lease of this process, so that the next holder need not wait."""
        await self._rows.delete_one({"_id": name, "by": self.holder})
