"""The collections as they lie in the database: read and written by id, with what else waits at the moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError, WriteError

from jinaconnect.core.clock import Clock
from jinaconnect.core.errors import Invalid, Unavailable
from jinaconnect.store import ahead
from jinaconnect.store.ahead import Trail
from jinaconnect.store.commit import GroupCommit, Turns
from jinaconnect.store.coordination.withdrawals import Withdrawals
from jinaconnect.store.counting import Counts
from jinaconnect.store.databases.mongo import (
    BY_ID,
    DUPLICATE_KEY,
    IMMUTABLE_FIELD,
    Database,
    Document,
    check_storable,
    fault_error,
    faults_of,
    guarded,
    key_name,
    or_fail,
)
from jinaconnect.store.figures.folding import Folds
from jinaconnect.store.log import Log
from jinaconnect.store.outbox import Outbox
from jinaconnect.store.words import Words

Keys = tuple[str, str]  # the leading keys of an index, behind the partition
Under = tuple[str, str, Sequence[str]]  # a partition, a value of the first key, some of the next one
Swap = tuple[Document, Document]  # a document as it was read, and what is to become of it
Led = tuple[Document, Document, Document]  # the same, and the document as it is then


class Rows:
    """What is stored, of all tenants, and the log that tells of it; tenant data is reached through `TenantStore`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self.log = Log(database, clock)
        self.withdrawals = Withdrawals(database)
        self.outbox = Outbox(database, self.log, clock, self.withdrawals)
        self.counts = Counts(database)
        self.words = Words(database)
        self.folds = Folds(database)
        self.turns = Turns()
        self._swaps: dict[str, GroupCommit[Swap, bool | str]] = {}
        self._leads: dict[str, GroupCommit[Led, tuple[bool | str, Any]]] = {}
        self._inserts: dict[str, GroupCommit[Document, str | None]] = {}
        self._first: dict[str, GroupCommit[Document, tuple[str | None, Any]]] = {}
        self._looks: dict[tuple[str, str], GroupCommit[tuple[str, Any], list[Document]]] = {}
        self._unders: dict[tuple[str, Keys], GroupCommit[Under, list[Document]]] = {}
        self._finds: dict[str, GroupCommit[tuple[str, str], Document | None]] = {}

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

    async def find_by(self, collection: str, key: str, partition: str, value: Any) -> list[Document]:
        """Return the documents of a partition with a value in an indexed key; what is asked for together goes together.

        As with `find`, the reading begins after the call.
        """
        group = self._looks.get((collection, key))
        if group is None:

            async def read(asked: list[tuple[str, Any]]) -> list[list[Document] | Exception]:
                return list(await self._find_by(collection, key, asked))

            group = self._looks[collection, key] = GroupCommit(read)
        return await group.put((partition, value))

    async def find_under(
        self, collection: str, keys: Keys, partition: str, value: str, among: Sequence[str]
    ) -> list[Document]:
        """Return the documents of a partition with a value in the first of an index's keys and any of some in the next.

        What is asked for together goes together, as with `find_by`.
        """
        group = self._unders.get((collection, keys))
        if group is None:

            async def read(asked: list[Under]) -> list[list[Document] | Exception]:
                return list(await self._find_under(collection, keys, asked))

            group = self._unders[collection, keys] = GroupCommit(read)
        return await group.put((partition, value, among))

    @guarded
    async def _find_under(
        self, collection: str, keys: Keys, asked: Sequence[Under]
    ) -> list[list[Document]]:  # fmt: skip
        partitions, values = ({each[part] for each in asked} for part in (0, 1))
        among = {wanted for each in asked for wanted in each[2]}
        query: Document = {"scope": {"$in": list(partitions)}, keys[0]: {"$in": list(values)}}
        rows = await self.database[collection].find({**query, keys[1]: {"$in": list(among)}}).to_list()
        return [
            [dict(row) for row in rows if (row["scope"], row[keys[0]]) == (partition, value) and row[keys[1]] in own]
            for partition, value, own in asked
        ]

    @guarded
    async def _find_by(self, collection: str, key: str, asked: Sequence[tuple[str, Any]]) -> list[list[Document]]:
        partitions, values = ({each[part] for each in asked} for part in (0, 1))
        within: Document = {"scope": {"$in": list(partitions)}, key: {"$in": list(values)}}
        if len(asked) == 1:
            within = {"scope": asked[0][0], key: asked[0][1]}
        found: dict[tuple[str, Any], list[Document]] = {}
        for row in await self.database[collection].find(within).to_list():
            for value in row[key] if isinstance(row[key], list) else (row[key],):
                found.setdefault((row["scope"], value), []).append(row)
        return [[dict(row) for row in found.get(each, ())] for each in asked]

    async def insert(self, collection: str, docs: Sequence[Document]) -> list[str | None]:
        """Insert through the collection's group commit; per document None, or the name of the unique key taken.

        Raises Invalid, and writes none of them, when one cannot be stored.
        """
        for doc in docs:
            check_storable(doc)
        group = self._inserts.get(collection)
        if group is None:

            async def write(batch: list[Document]) -> list[str | Exception | None]:
                return await self._insert(collection, batch)

            group = self._inserts[collection] = GroupCommit(write, lanes=2)
        return await group.put_many(docs)

    @guarded
    async def _insert(self, collection: str, docs: Sequence[Document]) -> list[str | Exception | None]:
        results: list[str | Exception | None] = [None] * len(docs)
        if not docs:
            return results
        try:
            await self.database[collection].insert_many(docs, ordered=False)
        except BulkWriteError as error:
            for fault in faults_of(error):
                results[fault["index"]] = key_name(fault) if fault["code"] == DUPLICATE_KEY else fault_error(fault)
        return results

    async def insert_first(self, collection: str, docs: Sequence[Document], trail: Trail) -> list[str | None]:
        """Insert as `insert` does, through the group commit, ahead of the log (see `store/ahead.py`)."""
        for doc in docs:
            check_storable(doc)
        group = self._first.get(collection)
        if group is None:

            async def write(batch: list[Document]) -> list[tuple[str | None, Any] | Exception]:
                own = Trail()
                try:
                    done: list[str | Exception | None] = list(await self.insert_ahead(collection, batch, own))
                except Unavailable:  # it may have been done: what is there is told by its id
                    done = await self._insert(collection, batch)
                taken = [place for place, outcome in enumerate(done) if isinstance(outcome, str)]
                again = await self._insert(collection, [batch[place] for place in taken])
                for place, outcome in zip(taken, again, strict=True):  # who was first is durable, and read, after this
                    done[place] = outcome
                return [each if isinstance(each, Exception) else (each, own.term) for each in done]

            group = self._first[collection] = GroupCommit(write, lanes=2)
        results = await group.put_many(docs)
        for _, term in results:
            trail.note(term)
        return [result for result, _ in results]

    @guarded
    async def insert_ahead(self, collection: str, docs: Sequence[Document], trail: Trail) -> list[str | None]:
        """Insert as `insert` does, ahead of the log (see `store/ahead.py`)."""
        results: list[str | None] = [None] * len(docs)
        rows = [check_storable(doc) for doc in docs]
        if rows:
            done = await ahead.insert(self.database, collection, rows, ordered=False, concern=ahead.TAKEN)
            trail.note(done.term)
            for place, key in done.taken().items():
                results[place] = key
        return results

    async def swap(self, collection: str, before: Document, update: Document) -> bool | str:
        """Update a document if it is still at the revision of `before`; travels with what else waits at the moment.

        True when it was done, False when the document has moved or is gone, else the name of the unique key taken.
        Raises Invalid when the update cannot be stored.
        """
        check_storable(update)
        group = self._swaps.get(collection)
        if group is None:

            async def write(batch: list[Swap]) -> list[bool | str | Exception]:
                return await self._swap(collection, batch)

            group = self._swaps[collection] = GroupCommit(write, lanes=2)
        return await group.put((before, update))

    async def lead(
        self, collection: str, before: Document, update: Document, after: Document, trail: Trail
    ) -> bool | str:  # fmt: skip
        """Update as `swap` does, ahead of the log (see `store/ahead.py`); `after` is what the document is then."""
        check_storable(update)
        group = self._leads.get(collection)
        if group is None:

            async def write(batch: list[Led]) -> list[tuple[bool | str, Any] | Exception]:
                return await self._lead(collection, batch)

            group = self._leads[collection] = GroupCommit(write, lanes=2)
        outcome, term = await group.put((before, update, after))
        trail.note(term)
        return outcome

    async def _lead(self, collection: str, batch: Sequence[Led]) -> list[tuple[bool | str, Any] | Exception]:
        trail = Trail()
        try:
            done = await self._swap_ahead(collection, [(before, update) for before, update, _ in batch], trail)
        except Unavailable:  # it may have been done: the driver gives the command once
            done = [await self.lead_again(collection, *each) for each in batch]
        for place, outcome in enumerate(done):
            if outcome is False or isinstance(outcome, str):  # what was first is durable, and read, after this
                [done[place]] = await self._swap(collection, [batch[place][:2]])
        return [each if isinstance(each, Exception) else (each, trail.term) for each in done]

    @guarded
    async def lead_again(self, collection: str, before: Document, update: Document, after: Document) -> bool | str:
        """Do an update, durably, that may have been done, or lost with a term of the primary; as `swap` answers."""
        [done] = await self._swap(collection, [(before, update)])
        if isinstance(done, Exception):
            raise done
        if done is not False:
            return done
        present = await self.database[collection].find_one({"_id": before["_id"], "scope": before["scope"]})
        return present is not None and _at_rest(present) == _at_rest(after)

    async def swap_many(
        self, collection: str, swaps: Sequence[Swap], trail: Trail | None = None
    ) -> list[bool | str | Exception]:
        """Do several swaps in one round trip, each with an outcome of its own (see `swap`), which may be its error.

        With a `trail` they go ahead of the log (see `store/ahead.py`).
        """
        if trail is not None:
            return await self._swap_ahead(collection, swaps, trail)
        results: list[bool | str | Exception] = []
        for _, update in swaps:
            try:
                check_storable(update)
                results.append(True)
            except Invalid as error:
                results.append(error)
        good = [place for place, result in enumerate(results) if result is True]
        done = await self._swap(collection, [swaps[place] for place in good])
        for place, outcome in zip(good, done, strict=True):
            results[place] = outcome
        return results

    @guarded
    async def _swap_ahead(self, collection: str, swaps: Sequence[Swap], trail: Trail) -> list[bool | str | Exception]:
        results: list[bool | str | Exception] = [True] * len(swaps)
        places: list[int] = []
        updates: list[Document] = []
        for place, (before, update) in enumerate(swaps):
            try:
                encoded = RawBSONDocument(check_storable(or_fail(update)))  # as it travels: not encoded again
            except Invalid as error:
                results[place] = error
                continue
            places.append(place)
            updates.append({"q": _revision(before), "u": encoded, "upsert": True, "hint": BY_ID})
        if updates:
            done = await ahead.update(self.database, collection, updates, concern=ahead.TAKEN)
            trail.note(done.term)
            for fault in done.faults:
                results[places[fault["index"]]] = _outcome(fault)
        return results

    @guarded
    async def _swap(self, collection: str, swaps: Sequence[Swap]) -> list[bool | str | Exception]:
        if not swaps:
            return []
        if len(swaps) == 1:
            before, update = swaps[0]
            try:
                result = await self.database[collection].update_one(_revision(before), update, hint=BY_ID)
            except DuplicateKeyError as error:
                return [key_name(error.details or {})]
            except WriteError as error:
                return [fault_error({"errmsg": str(error), **(error.details or {}), "code": error.code})]
            return [bool(result.matched_count)]
        operations = [
            UpdateOne(_revision(before), or_fail(update), upsert=True, hint=BY_ID) for before, update in swaps
        ]
        results: list[bool | str | Exception] = [True] * len(swaps)
        try:
            await self.database[collection].bulk_write(operations, ordered=False)
        except BulkWriteError as error:
            for fault in faults_of(error):
                results[fault["index"]] = _outcome(fault)
        return results


def _at_rest(doc: Document) -> Document:
    """Return a document without what telling its events changes of it."""
    return {name: value for name, value in doc.items() if name not in ("pending", "number")}


def _outcome(fault: Mapping[str, Any]) -> bool | str | Exception:
    if fault["code"] == IMMUTABLE_FIELD:
        return False
    return key_name(fault) if fault["code"] == DUPLICATE_KEY else fault_error(fault)


def _revision(doc: Document) -> Document:
    return {"_id": doc["_id"], "scope": doc["scope"], "rev": doc["rev"]}
