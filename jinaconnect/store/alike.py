"""Many documents changed in the same way by one statement, which costs the database a third of one for each.

For documents that one process has to itself and that tell of nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from jinaconnect.store import ahead
from jinaconnect.store.ahead import Trail
from jinaconnect.store.databases.mongo import BY_ID, Document, check_storable, fault_error, guarded
from jinaconnect.store.reads import TenantReads, refuse_partition

AT_ONCE = 100  # documents of one statement, in which each looks for its own values


class TenantAlike(TenantReads):
    """Changes many documents alike, and removes such as tell of nothing."""

    @guarded
    async def change_alike(
        self, collection: str, ids: Sequence[str], was: Mapping[str, Any], fields: Mapping[str, Any],
        own: Mapping[str, Sequence[Any]] = MappingProxyType({}), trail: Trail | None = None,
    ) -> int:  # fmt: skip
        """Set fields of those documents that fit `was`; returns how many did.

        `own` are the fields in which each has its own value, in the order of the ids. With a `trail` it goes ahead of
        the log (see `store/ahead.py`). Raises Invalid for what cannot be stored.
        """
        refuse_partition({**was, **fields, **own})
        fitted = 0
        for start in range(0, len(ids), AT_ONCE):
            part = list(ids[start : start + AT_ONCE])
            place = {"$indexOfArray": [{"$literal": part}, "$_id"]}
            set: Document = {name: {"$literal": value} for name, value in fields.items()}
            for name, values in own.items():
                set[name] = {"$arrayElemAt": [{"$literal": list(values[start : start + AT_ONCE])}, place]}
            statement: Document = {
                "q": self._within(collection, {"_id": {"$in": part}, **was}),
                "u": [{"$set": {"updated_at": self._store.clock(), **set, "rev": {"$add": ["$rev", 1]}}}],
                "multi": True, "hint": BY_ID,
            }  # fmt: skip
            fitted += await self._run(collection, statement, trail)
        return fitted

    @guarded
    async def merge_each(
        self, collection: str, field: str, docs: Sequence[Document], values: Sequence[Mapping[str, Any]],
        trail: Trail | None = None,
    ) -> int:  # fmt: skip
        """Merge what each document is given into a field of it that is an object, where it has not moved.

        Returns how many had not; which, the documents say. With a `trail` it goes ahead of the log, as `change_alike`.
        """
        refuse_partition({field: None})
        fitted = 0
        for start in range(0, len(docs), AT_ONCE):
            part, given = docs[start : start + AT_ONCE], list(values[start : start + AT_ONCE])
            ids, revisions = [doc["_id"] for doc in part], [doc["rev"] for doc in part]
            place = {"$indexOfArray": [{"$literal": ids}, "$_id"]}
            unmoved = {"$eq": ["$rev", {"$arrayElemAt": [revisions, place]}]}
            merged = {"$mergeObjects": [f"${field}", {"$arrayElemAt": [{"$literal": given}, place]}]}
            statement: Document = {
                "q": self._within(collection, {"_id": {"$in": ids}, "$expr": unmoved}),
                "u": [{"$set": {field: merged, "rev": {"$add": ["$rev", 1]}}}],
                "multi": True, "hint": BY_ID,
            }  # fmt: skip
            fitted += await self._run(collection, statement, trail)
        return fitted

    async def _run(self, collection: str, statement: Document, trail: Trail | None) -> int:
        check_storable(statement)
        concern = ahead.DURABLE if trail is None else ahead.TAKEN
        done = await ahead.update(self._store.database, collection, [statement], concern=concern)
        if trail is not None:
            trail.note(done.term)
        for fault in done.faults:
            raise fault_error(fault)
        return done.fitted

    async def remove(self, collection: str, id: str) -> bool:
        """Delete a document that has nothing to tell; returns whether it was there."""
        return await self._remove(collection, id)

    @guarded
    async def remove_many(self, collection: str, ids: Sequence[str]) -> None:
        """Delete documents that have nothing to tell; those that are gone already are left out."""
        await self._store.raw(collection).delete_many(self._within(collection, {"_id": {"$in": list(ids)}}))

    @guarded
    async def _remove(self, collection: str, id: str) -> bool:
        result = await self._store.raw(collection).delete_one(self._within(collection, {"_id": id}))
        return bool(result.deleted_count)
