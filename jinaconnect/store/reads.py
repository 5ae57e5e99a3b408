"""Reading a tenant's data: by id, by what is asked for, in order, counted, and looked for in a bounded part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.core.errors import NotFound
from jinaconnect.core.principal import Mode, scope_of
from jinaconnect.store.collections import COLLECTIONS
from jinaconnect.store.databases.mongo import Document, guarded
from jinaconnect.store.looking import LOOKED_AT, Order, Way, all_of, paths
from jinaconnect.store.rows import Rows


class TenantReads:
    """Reads one tenant's data in one mode: the partition is part of every query."""

    def __init__(self, store: Rows, tenant: str, mode: Mode) -> None:
        self._store = store
        self.tenant = tenant
        self.mode: Mode = mode
        self.scope = scope_of(tenant, mode)

    def _partition(self, collection: str) -> Any:
        return self.scope if COLLECTIONS[collection].by_mode else self.tenant

    def _within(self, collection: str, query: Mapping[str, Any]) -> Document:
        refuse_partition(query)
        return {"scope": self._partition(collection), **query}

    async def find(self, collection: str, id: str) -> Document | None:
        """Return a document by id, or None."""
        return await self._store.find(collection, self._partition(collection), id)

    async def get(self, collection: str, id: str) -> Document:
        """Return a document by id; raises NotFound for an unknown or foreign one alike."""
        doc = await self.find(collection, id)
        if doc is None or doc.get("deleted_at") is not None:
            raise NotFound()
        return doc

    @guarded
    async def find_one(self, collection: str, query: Mapping[str, Any]) -> Document | None:
        """Return the first document that fits."""
        return await self._store.raw(collection).find_one(self._within(collection, query))

    async def find_by(self, collection: str, key: str, value: Any) -> list[Document]:
        """Return the documents with a value in an indexed key, in no order; for what many ask at one moment."""
        refuse_partition({key: value})
        return await self._store.find_by(collection, key, self._partition(collection), value)

    async def find_under(
        self, collection: str, keys: tuple[str, str], value: str, among: Sequence[str]
    ) -> list[Document]:
        """Return the documents with a value in the first of an index's keys and any of some in the next one."""
        refuse_partition({keys[0]: value, keys[1]: among})
        return await self._store.find_under(collection, keys, self._partition(collection), value, among)

    @guarded
    async def select(
        self,
        collection: str,
        query: Mapping[str, Any],
        *,
        sort: Sequence[tuple[str, int]] = (("_id", -1),),
        skip: int = 0,
        limit: int = 0,
        fields: Mapping[str, int] | None = None,
    ) -> list[Document]:
        """Return the documents that fit, in order; `limit` 0 means all."""
        cursor = self._store.raw(collection).find(
            self._within(collection, query), fields, sort=list(sort), skip=skip, limit=limit
        )
        return await cursor.to_list()

    @guarded
    async def aggregate(self, collection: str, pipeline: Sequence[Mapping[str, Any]]) -> list[Document]:
        """Run a pipeline on the tenant's part of a collection."""
        for stage in pipeline:
            if "$lookup" in stage or "$unionWith" in stage or "$graphLookup" in stage:
                raise ValueError("a pipeline may not reach into another collection")
            refuse_partition(stage.get("$match", {}))
        first = {"$match": {"scope": self._partition(collection)}}
        cursor = await self._store.raw(collection).aggregate([first, *pipeline])
        return await cursor.to_list()

    async def look(
        self, collection: str, way: Way, order: Order, *, skip: int = 0, limit: int, most: int
    ) -> tuple[list[Document], int, str | None]:
        """Return the documents that fit among the first `most` rows of a way, how many fit, and the last row's id.

        The id is None where there were no more rows than were looked at.
        """
        found: list[Mapping[str, Any]] = [{"$match": all_of(way.rest)}]
        page: list[Mapping[str, Any]] = [
            {"$sort": dict(order)}, {"$skip": skip}, {"$limit": limit}, {"$project": {"_id": 1}},
        ]  # fmt: skip
        seen = {"$group": {"_id": None, "n": {"$sum": 1}, "last": {"$last": "$_id"}}}
        pipeline: list[Mapping[str, Any]] = [
            {"$match": all_of(way.first)}, {"$sort": dict(way.order)}, {"$limit": most},
            # What is carried along and sorted is no more than what is asked for: the page is fetched by its ids.
            {"$project": dict.fromkeys(["_id", *paths((*way.rest, dict(order)))], 1)},
            {"$facet": {"rows": [*found, *page], "total": [*found, {"$count": "n"}], "seen": [seen]}},
        ]  # fmt: skip
        [answer] = await self.aggregate(collection, pipeline)
        ids = [row["_id"] for row in answer["rows"]]
        rows = {row["_id"]: row for row in await self.select(collection, {"_id": {"$in": ids}})} if ids else {}
        total = answer["total"][0]["n"] if answer["total"] else 0
        whole = not answer["seen"] or answer["seen"][0]["n"] < most
        return [rows[id] for id in ids if id in rows], total, None if whole else answer["seen"][0]["last"]

    async def wide(self, collection: str, way: Way) -> bool:
        """Tell whether a way has more rows than are looked through for a page."""
        rows, _ = await self.count(collection, all_of(way.first))
        return rows > LOOKED_AT

    async def gather(self, collection: str, way: Way, most: int) -> tuple[set[str], bool]:
        """Return the ids of those that fit among so many rows of a way, and whether there were no more rows."""
        found = [{"$match": all_of(way.rest)}, {"$project": {"_id": 1}}]
        pipeline: list[Mapping[str, Any]] = [
            {"$match": all_of(way.first)}, *([{"$sort": dict(way.order)}] if way.order else []), {"$limit": most},
            {"$project": dict.fromkeys(["_id", *paths(way.rest)], 1)},
            {"$facet": {"ids": found, "seen": [{"$count": "n"}]}},
        ]  # fmt: skip
        [answer] = await self.aggregate(collection, pipeline)
        seen = answer["seen"][0]["n"] if answer["seen"] else 0
        return {row["_id"] for row in answer["ids"]}, seen < most

    async def searchable(self, collection: str) -> bool:
        """Tell whether all documents of a collection have the words they are searched by."""
        return await self._store.words.ready(collection)

    @guarded
    async def few(self, collection: str, query: Mapping[str, Any], most: int) -> int:
        """Return how many documents fit, counted to `most`."""
        return await self._store.raw(collection).count_documents(self._within(collection, query), limit=most)

    @guarded
    async def tally(self, collection: str, query: Mapping[str, Any]) -> int:
        """Return exactly how many documents fit; for queries that walk few rows of an index."""
        return await self._store.raw(collection).count_documents(self._within(collection, query))

    async def count(self, collection: str, query: Mapping[str, Any]) -> tuple[int, bool]:
        """Return how many documents fit and whether the number is exact (see `store/counting.py`)."""
        return await self._store.counts.count(collection, self._within(collection, query))

    async def figures(
        self, collection: str, query: Mapping[str, Any], stages: Sequence[Mapping[str, Any]]
    ) -> tuple[list[Document], bool]:
        """Return what a pipeline makes of the documents that fit and whether it is exact (see `store/counting.py`)."""
        return await self._store.counts.figures(collection, self._within(collection, query), stages)


class SeveralReads(TenantReads):
    """Lists what several tenants have in live mode as if it were one's, in the order of all."""

    def __init__(self, store: Rows, tenants: Sequence[str]) -> None:
        super().__init__(store, "", "live")
        self._tenants = list(tenants)

    def _partition(self, collection: str) -> Any:
        by_mode = COLLECTIONS[collection].by_mode
        return {"$in": [scope_of(tenant, "live") if by_mode else tenant for tenant in self._tenants]}


def refuse_partition(query: Mapping[str, Any]) -> None:
    """Raise ValueError for a query that names the partition."""
    for key, value in query.items():
        if key == "scope" or key.startswith("scope."):
            raise ValueError("the partition is not the caller's to name")
        if key in ("$or", "$and", "$nor"):
            for clause in value:
                refuse_partition(clause)
