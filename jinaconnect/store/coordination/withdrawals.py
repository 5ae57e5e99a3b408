"""Withdrawn access as a fact of the database, numbered 1, 2, 3, … in the order of the commits, as the log is.

A bell can be missed, and a process can die between a change and its bell. So whatever changes what somebody may do also
leaves a row here that names the tenants. The process that writes it tells its own doors at once; every
process reads each second, and when the bell rings, the rows it has not seen, in one query whatever the number of
tenants, and looks again at what it has open for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import DuplicateKeyError
from pymongo.read_concern import ReadConcern
from pymongo.results import UpdateResult
from pymongo.write_concern import WriteConcern

from jinaconnect.core.errors import Unavailable
from jinaconnect.store.commit import GroupCommit
from jinaconnect.store.databases.mongo import Database, guarded

KEPT = 10_000  # rows; a process that was away for longer looks again at everybody
PRUNE_EVERY = 1_000
_ACCESS = ("member.", "role.", "key.", "tenant.")


def changes_access(type: str) -> bool:
    """Tell whether an event of this type changes what somebody may do."""
    return type.startswith(_ACCESS)


@dataclass(frozen=True, slots=True)
class Change:
    """An update of many rows that withdraws access of tenants, with what is changed `beside` it where any row fits."""

    tenants: tuple[str, ...]
    collection: str
    query: Mapping[str, Any]
    fields: Mapping[str, Any]
    beside: tuple[Change, ...] = ()


class Withdrawals:
    """Notes withdrawals and tells those that this process has not heard of."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows = database["withdrawals"]
        self._seen = 0
        self._own: set[int] = set()  # numbers this process has written, and told, itself
        self._look = asyncio.Lock()
        self._group: GroupCommit[Change | tuple[str, ...], int] = GroupCommit(self._write)
        self.listeners: list[Callable[[str | None], None]] = []
        self.noted: list[Callable[[], None]] = []

    async def prepare(self) -> None:
        """Begin with what comes from now on."""
        self._seen = await self._head()

    async def note(self, tenants: Iterable[str]) -> None:
        """Leave word that the access of tenants has changed; to be repeated until it succeeds."""
        await self._group.put(tuple(tenants))

    async def change(self, change: Change) -> int:
        """Update rows and leave word of it in one transaction; returns how many rows were changed."""
        return await self._group.put(change)

    async def look(self) -> None:
        """Tell the listeners the tenants of rows not seen before, or None where too much was missed; never raises."""
        async with self._look:
            try:
                rows = await self._after(self._seen)
            except Unavailable:
                return
            if not rows:
                return
            seen, self._seen = self._seen, rows[-1]["_id"]
            news = {tenant for row in rows if row["_id"] not in self._own for tenant in row["tenants"]}
            self._own = {number for number in self._own if number > self._seen}
            self._tell((None,) if rows[0]["_id"] != seen + 1 else news)

    def _tell(self, tenants: Iterable[str | None]) -> None:
        for tenant in tenants:
            for listener in self.listeners:
                listener(tenant)

    @guarded
    async def _after(self, number: int) -> list[dict[str, Any]]:
        return await self._rows.find({"_id": {"$gt": number}}, sort=[("_id", 1)]).to_list()

    @guarded
    async def _head(self) -> int:
        row = await self._rows.find_one({}, {"_id": 1}, sort=[("_id", -1)])
        return int(row["_id"]) if row else 0

    @guarded
    async def _write(self, batch: list[Change | tuple[str, ...]]) -> Sequence[int | Exception]:
        tenants = sorted({t for item in batch for t in (item.tenants if isinstance(item, Change) else item)})
        changes = [item for item in batch if isinstance(item, Change)]
        while True:
            number = await self._head() + 1
            try:
                if changes:
                    done = await self._together(number, tenants, changes)
                else:
                    await self._rows.insert_one({"_id": number, "tenants": tenants})
                    done = []
                break
            except DuplicateKeyError:
                continue  # another process has taken the number
        self._own.add(number)
        self._tell(tenants)
        for noted in self.noted:
            noted()
        if number % PRUNE_EVERY == 0:
            await self._rows.delete_many({"_id": {"$lte": number - KEPT}})
        counts = iter(done)
        return [next(counts) if isinstance(item, Change) else 0 for item in batch]

    async def _together(self, number: int, tenants: list[str], changes: list[Change]) -> list[int]:
        async def write(session: AsyncClientSession) -> list[int]:
            counts = []
            for change in changes:
                found = await self._update(change, session)
                for each in change.beside if found.matched_count else ():
                    await self._update(each, session)
                counts.append(found.modified_count)
            await self._rows.insert_one({"_id": number, "tenants": tenants}, session=session)
            return counts

        async with self._database.client.start_session() as session:
            return await session.with_transaction(
                write, read_concern=ReadConcern("majority"), write_concern=WriteConcern("majority", j=True)
            )

    async def _update(self, change: Change, session: AsyncClientSession) -> UpdateResult:
        rows = self._database[change.collection]
        return await rows.update_many(dict(change.query), {"$set": dict(change.fields)}, session=session)
