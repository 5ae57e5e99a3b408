"""Many new documents whose events wait together on one row, instead of on each of them.

The row of a batch is written first, the documents behind it, then their events go to the log, and the row is removed.
Each document says which batch it came with (`told_with`): whoever changes one before its batch is told tells its first
events before their own (`Outbox`). What was cut off is told from the row (`tell_batches`): by whoever adds the
same batch again, which finds the ids there that it had taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinaconnect.core.events.event import Event
from jinaconnect.store import ahead
from jinaconnect.store.ahead import Trail
from jinaconnect.store.alike import TenantAlike
from jinaconnect.store.collections import BATCHES, COLLECTIONS, TOLD_WITH, UNLOGGED
from jinaconnect.store.databases.encoded import PACKED, Encoded, packed, waiting_on
from jinaconnect.store.databases.mongo import Document, check_storable, guarded


@dataclass(frozen=True, slots=True)
class Batch:
    """New documents as they are stored, the events of each, and the row on which these wait."""

    collection: str
    id: str
    docs: Sequence[bytes]
    told: Sequence[Sequence[Encoded]]
    row: bytes


class TenantBatches(TenantAlike):
    """Adds documents in batches."""

    def batch(
        self, collection: str, id: str, items: Sequence[tuple[Mapping[str, Any], Sequence[Event]]]
    ) -> Batch:
        """Return documents, each with its events, which leave nothing elsewhere; some megabytes of them at most.

        It may take a moment, and nothing is awaited: it is for a thread.
        """
        now, worded, docs = self._store.clock(), COLLECTIONS[collection].worded, []
        for doc, _ in items:
            full: Document = {
                "created_at": now, "updated_at": now, **doc, "scope": self._partition(collection), "rev": 1,
                "pending": [], TOLD_WITH: id,
            }  # fmt: skip
            if worded is not None:
                full["words"] = worded.of(full)
            docs.append(check_storable(full))
        told = [[Encoded.of(event_row(event)) for event in events] for _, events in items]
        waiting = packed(row for rows in told for row in rows)
        row = {"_id": id, "scope": self._partition(BATCHES), "created_at": now, "updated_at": now, PACKED: waiting}
        return Batch(collection, id, docs, told, check_storable(row))

    async def insert_batch(self, batch: Batch) -> list[str | None]:
        """Add the documents of a batch and tell their events.

        Returns for each None, or the name of the unique key that is taken. One that is there by its id counts as added.
        Raises Unavailable, after which `tell_batches` comes first.
        """
        trail = Trail()
        await self._ahead(BATCHES, [batch.row], trail)
        taken = await self._ahead(batch.collection, batch.docs, trail)
        results = [None if name == "id" else name for name in taken]
        rows = [row for rows, name in zip(batch.told, results, strict=True) if name is None for row in rows]
        if rows:
            await self._store.log.append(self.scope, rows, trail)
        if not trail.unbroken:
            await self._again(batch.collection, batch.docs)
        await self.remove(BATCHES, batch.id)
        return results

    async def tell_batches(self, collection: str, prefix: str) -> None:
        """Tell what batches whose ids begin so have left untold of the documents that are there."""
        rows = await self.select(BATCHES, {"_id": {"$gte": prefix, "$lt": prefix + "\uffff"}}, sort=[("_id", 1)])
        for row in rows:
            events = waiting_on(row, self._store.database)
            ids = list({event["contact"] for event in events})
            found = await self.select(collection, {"_id": {"$in": ids}}, fields={"_id": 1})
            there = {doc["_id"] for doc in found}
            told = [event for event in events if event["contact"] in there]
            if told:
                await self._store.log.append(self.scope, told)
            await self.remove(BATCHES, row["_id"])

    @guarded
    async def _ahead(self, collection: str, docs: Sequence[bytes], trail: Trail) -> list[str | None]:
        done = await ahead.insert(self._store.database, collection, docs, ordered=False, concern=ahead.TAKEN)
        trail.note(done.term)
        taken = done.taken()
        return [taken.get(place) for place in range(len(docs))]

    @guarded
    async def _again(self, collection: str, docs: Sequence[bytes]) -> None:
        """Write documents that may be lost with the term of a primary; what is there stays as it is."""
        (await ahead.insert(self._store.database, collection, docs, ordered=False, concern=ahead.DURABLE)).taken()


def event_row(event: Event) -> Document:
    """Return the row of an event as it goes to the log."""
    row = event.row()
    for name in UNLOGGED:
        row.pop(name, None)
    return row
