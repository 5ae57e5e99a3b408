"""The store as one thing: the database, the log and its outbox, counts, and the door to each tenant's data."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from functools import reduce
from types import MappingProxyType
from typing import Any

from jinaconnect.core.ids import encode
from jinaconnect.core.principal import Mode, Principal, parse_scope
from jinaconnect.store.collections import COLLECTIONS
from jinaconnect.store.databases.indexes import settle
from jinaconnect.store.databases.mongo import Document, guarded
from jinaconnect.store.reads import SeveralReads, TenantReads
from jinaconnect.store.rows import Rows
from jinaconnect.store.tenant import TenantStore

PAGE = 500  # documents read at once of those that are overdue


class Store(Rows):
    """Everything durable. `tenant()` and `of()` are the only ways to tenant data, `of_several()` reads some."""

    async def prepare(self, fresh_epoch: int) -> None:
        """Create what is missing: indexes and the log's epoch."""
        await self.log.prepare(fresh_epoch)
        await self.withdrawals.prepare()
        await self.outbox.prepare()
        for name, collection in COLLECTIONS.items():
            await settle(self.database[name], collection.built())
            if collection.kept is not None:
                seconds = int(collection.kept.total_seconds())
                await self.database[name].create_index("created_at", name="kept", expireAfterSeconds=seconds)
        await self.words.prepare()

    @guarded
    async def across(
        self, collection: str, query: Mapping[str, Any], limit: int = 0, sort: Sequence[tuple[str, int]] = ()
    ) -> list[Document]:
        """Return documents of all tenants by a key the collection declares for it; never on a request's behalf.

        Each has its partition in `scope`, by which `of()` leads back to its tenant. Raises ValueError for another key.
        """
        if not any(keys[0][0] in query for keys in COLLECTIONS[collection].across):
            raise ValueError(f"{collection} is not looked through by {sorted(query)}")
        return await self.raw(collection).find(dict(query), limit=limit, sort=list(sort) or None).to_list()

    async def changed(self, collection: str, since: datetime) -> list[Document]:
        """Return documents of all tenants that were changed since a moment, or came here with their organisation."""
        found = await self.across(collection, {"updated_at": {"$gte": since}})
        found += await self.across(collection, {"arrived_at": {"$gte": since}})
        return list({row["_id"]: row for row in found}.values())

    async def overdue(
        self, collection: str, key: str, before: datetime, query: Mapping[str, Any] = MappingProxyType({}),
    ) -> AsyncIterator[Document]:  # fmt: skip
        """Yield documents of all tenants in which a time is past, the earliest first; `key` is one that `across` takes.

        Each comes once: one that is left as it is keeps no other from being reached, however many of them there are.
        """
        passed: dict[str, Any] = {}
        while rows := await self.across(collection, {**query, key: {"$lt": before}, **passed}, PAGE, [(key, 1)]):
            for row in rows:
                yield row
            last = _at(rows[-1], key)
            alike = [row["_id"] for row in rows if _at(row, key) == last]
            if passed and passed[key]["$gte"] == last:
                alike += passed["_id"]["$nin"]
            passed = {key: {"$gte": last, "$lt": before}, "_id": {"$nin": alike}}

    @guarded
    async def made_between(
        self, collection: str, prefix: str, times: tuple[int, int], query: Mapping[str, Any]
    ) -> Document | None:
        """Return a document that fits and was made between two times (ms), of whatever tenant.

        For what only its id can lead back to a tenant; never on a request's behalf.
        """
        first, last = (encode(prefix, moment, bytes(10)) for moment in times)
        return await self.raw(collection).find_one({"_id": {"$gte": first, "$lt": last}, **query})

    @guarded
    async def anywhere(self, collection: str, id: str) -> Document | None:
        """Return a document by id, of whatever tenant; never on a request's behalf."""
        return await self.raw(collection).find_one({"_id": id})

    def tenant(self, principal: Principal) -> TenantStore:
        """Return the data of a principal's tenant and mode."""
        return TenantStore(self, principal.tenant, principal.mode)

    def of(self, tenant: str, mode: Mode) -> TenantStore:
        """Return the data of a tenant for the gateway's own work (inbound facts, jobs)."""
        return TenantStore(self, tenant, mode)

    def of_several(self, tenants: Sequence[str]) -> TenantReads:
        """Return what several tenants have in live mode, to read, for the deployment's own people."""
        return SeveralReads(self, tenants)

    def within(self, scope: str) -> TenantStore:
        """Return the store of a partition by its key."""
        return self.of(*parse_scope(scope))


def _at(document: Mapping[str, Any], path: str) -> Any:
    return reduce(lambda part, name: part[name], path.split("."), document)
