"""The store as one thing: the database, the log and its outbox, counts, and the door to each tenant's data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import ASCENDING, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from jinaconnect.core.clock import Clock
from jinaconnect.core.principal import Mode, Principal
from jinaconnect.store.collections import COLLECTIONS
from jinaconnect.store.commit import GroupCommit
from jinaconnect.store.counting import Counts
from jinaconnect.store.log import Log
from jinaconnect.store.mongo import DUPLICATE_KEY, Database, Document, guarded
from jinaconnect.store.outbox import Outbox
from jinaconnect.store.tenant import TenantStore


class Store:
    """Everything durable. `tenant()` and `of()` are the only ways to tenant data."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self.log = Log(database, clock)
        self.outbox = Outbox(database, self.log, clock)
        self.counts = Counts(database)
        self._inserts: dict[str, GroupCommit[Document, str | None]] = {}
        self._finds: dict[str, GroupCommit[tuple[str, str], Document | None]] = {}

    async def prepare(self, fresh_epoch: int) -> None:
        """Create what is missing: indexes and the log's epoch."""
        await self.log.prepare(fresh_epoch)
        await self.outbox.prepare()
        for name, collection in COLLECTIONS.items():
            for index in collection.indexes:
                keys = [("scope", ASCENDING), *index.keys]
                if index.only:
                    await self.database[name].create_index(
                        keys, name=index.name, unique=index.unique, partialFilterExpression=dict(index.only)
                    )
                else:
                    await self.database[name].create_index(keys, name=index.name, unique=index.unique)

            for across in collection.across:
                named = "_".join(["across", *(key for key, _ in across)])
                partial = {across[0][0]: {"$exists": True}}
                await self.database[name].create_index(list(across), name=named, partialFilterExpression=partial)

    @guarded
    async def across(self, collection: str, query: Mapping[str, Any]) -> list[Document]:
        """Return documents of all tenants by a key the collection declares for it; never on a request's behalf.

        Each has its partition in `scope`, by which `of()` leads back to its tenant. Raises ValueError for another key.
        """
        if not any(keys[0][0] in query for keys in COLLECTIONS[collection].across):
            raise ValueError(f"{collection} is not looked through by {sorted(query)}")
        return await self.raw(collection).find(dict(query)).to_list()

    def tenant(self, principal: Principal) -> TenantStore:
        """Return the data of a principal's tenant and mode."""
        return TenantStore(self, principal.tenant, principal.mode)

    def of(self, tenant: str, mode: Mode) -> TenantStore:
        """Return the data of a tenant for the gateway's own work (inbound facts, jobs)."""
        return TenantStore(self, tenant, mode)

    def raw(self, collection: str) -> AsyncCollection[Document]:
        """Return a bare collection; for the store's own modules."""
        return self.database[collection]

    async def find(self, collection: str, partition: str, id: str) -> Document | None:
        """Return a document of a partition by id, or None; what is asked for at one moment is one round trip.

        The reading begins after the call, so whoever awaits it sees their own writes.
        """
        group = self._finds.get(collection)
        if group is None:

            async def read(keys: list[tuple[str, str]]) -> list[Document | Exception | None]:
                return list(await self._find(collection, keys))

            group = self._finds[collection] = GroupCommit(read)
        return await group.put((partition, id))

    @guarded
    async def _find(self, collection: str, keys: Sequence[tuple[str, str]]) -> list[Document | None]:
        if len(keys) == 1:
            return [await self.database[collection].find_one({"_id": keys[0][1], "scope": keys[0][0]})]
        partitions, ids = ({key[part] for key in keys} for part in (0, 1))
        rows = self.database[collection].find({"_id": {"$in": list(ids)}, "scope": {"$in": list(partitions)}})
        found = {(row["scope"], row["_id"]): row for row in await rows.to_list()}
        return [dict(found[key]) if key in found else None for key in keys]

    async def insert(self, collection: str, docs: Sequence[Document]) -> list[str | None]:
        """Insert through the collection's group commit; per document None, or the name of the unique key taken."""
        group = self._inserts.get(collection)
        if group is None:

            async def write(batch: list[Document]) -> list[str | Exception | None]:
                return list(await self._insert(collection, batch))

            group = self._inserts[collection] = GroupCommit(write)
        if len(docs) == 1:
            return [await group.put(docs[0])]
        return list(await self._insert(collection, docs))

    @guarded
    async def _insert(self, collection: str, docs: Sequence[Document]) -> list[str | None]:
        results: list[str | None] = [None] * len(docs)
        if not docs:
            return results
        try:
            await self.database[collection].insert_many(docs, ordered=False)
        except BulkWriteError as error:
            for fault in error.details["writeErrors"]:
                if fault["code"] != DUPLICATE_KEY:
                    raise
                pattern = fault.get("keyPattern") or {}
                names = [key for key in pattern if key not in ("scope", "_id")]
                results[fault["index"]] = ", ".join(names) or "id"
        return results

    @guarded
    async def swap_many(self, collection: str, plans: Sequence[tuple[Document, Document, Document]]) -> set[str]:
        """Apply (before, update, after) plans whose document has not moved; returns the ids of those that had."""
        if not plans:
            return set()
        operations = [
            UpdateOne({"_id": before["_id"], "scope": before["scope"], "rev": before["rev"]}, update)
            for before, update, _ in plans
        ]
        result = await self.database[collection].bulk_write(operations, ordered=False)
        if result.matched_count == len(plans):
            return set()
        # The server counts, it does not name: the plans that went in have left their token on the document.
        ids = [before["_id"] for before, _, _ in plans]
        rows = self.database[collection].find({"_id": {"$in": ids}}, {"rev": 1, "swap": 1})
        tokens = {row["_id"]: row.get("swap") async for row in rows}
        return {before["_id"] for before, update, _ in plans if tokens.get(before["_id"]) != update["$set"].get("swap")}
