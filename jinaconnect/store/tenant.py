"""The only way to a tenant's data.

A `TenantStore` is bound to one tenant and mode. It puts the partition into every filter, insert and pipeline and
refuses a caller that names it, so a query cannot leave its tenant however it is written.

A change and its events are one atomic write: the events are pushed onto the document's own `pending` list, appended
to the log right after, and taken off the list once they are numbered. Whatever a crash leaves on a list the sweep in
`store/outbox.py` brings to the log.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from jinaconnect.core.errors import Conflict, NotFound, Unavailable
from jinaconnect.core.events.event import Event
from jinaconnect.store.ahead import Trail
from jinaconnect.store.batches import TenantBatches
from jinaconnect.store.collections import COLLECTIONS
from jinaconnect.store.databases.mongo import Document, check_storable
from jinaconnect.store.reads import refuse_partition
from jinaconnect.store.together import ANNOUNCED, Planned, Removal, commit

WITHIN_S = 15.0  # for tries on a document that other processes change as well, before the caller shall come back
PAUSE_S = 0.02  # between two tries, growing, by chance shorter
MAX_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class Change:
    """What a decision does to a document: fields set (dotted paths allowed), fields removed, events told."""

    set: Mapping[str, Any] = field(default_factory=dict)
    unset: Sequence[str] = ()
    events: Sequence[Event] = ()


Decide = Callable[[Document], Change | None]
Look = Callable[[Document], Awaitable[Change | None]]


@dataclass(frozen=True, slots=True)
class Step:
    """A change of one document; `decide` is as with `TenantStore.change`."""

    collection: str
    id: str
    decide: Decide


@dataclass(frozen=True, slots=True)
class Leaving:
    """A document that goes altogether, and what is told of that."""

    collection: str
    id: str
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class Addition:
    """A new document, and what is told of it."""

    collection: str
    doc: Mapping[str, Any]
    events: Sequence[Event] = ()


@dataclass(frozen=True, slots=True)
class Written:
    """A document after a write, the number of the last event it caused (None without one), and whose log that is."""

    doc: Document
    seq: int | None
    scope: str


class Duplicate(Conflict):
    """A unique key is taken; `index` names which."""

    code = "already_exists"

    def __init__(self, index: str) -> None:
        super().__init__(f"Something with the same {index} exists already.")
        self.index = index


class TenantStore(TenantBatches):
    """Reads and writes one tenant's data in one mode."""

    async def insert(
        self, collection: str, doc: Mapping[str, Any], events: Sequence[Event] = (), *, tell: bool = True
    ) -> Written:
        """Add a document with its events; raises Duplicate when a unique key is taken.

        With `tell=False` the events wait on the document until `tell()`, so that what belongs to them can be written
        before anyone hears of it.
        """
        written = await self.insert_many(collection, [(doc, events)], tell=tell)
        if isinstance(written[0], Duplicate):
            raise written[0]
        return written[0]

    async def insert_many(
        self, collection: str, items: Sequence[tuple[Mapping[str, Any], Sequence[Event]]], *, tell: bool = True,
        trail: Trail | None = None,
    ) -> list[Written | Duplicate]:  # fmt: skip
        """Add documents, each with its events; a taken unique key fails its own document alone.

        They go ahead of their events (see `store/ahead.py`) where those are told at once, or with the `trail` given.
        """
        now = self._store.clock()
        docs = [self._new(collection, doc, events, now) for doc, events in items]
        own = Trail() if tell and all(doc["pending"] for doc in docs) else None
        ahead = trail if trail is not None else own
        if ahead is not None:
            results = await self._store.insert_first(collection, docs, ahead)
        else:
            results = await self._store.insert(collection, docs)
        for place, result in enumerate(results):
            if result == "id":  # an interrupted operation run again: its row is there, and so are its ids
                docs[place] = await self.get(collection, docs[place]["_id"])
                results[place] = None
        good = [doc for doc, result in zip(docs, results, strict=True) if result is None]
        seqs = await self.tell_all([(collection, good)], own) if tell else {}
        if own is not None and good and not own.unbroken:
            await self.restore(collection, good)
        return [
            Written(doc, seqs.get(doc["_id"]), self.scope) if result is None else Duplicate(result)
            for doc, result in zip(docs, results, strict=True)
        ]

    async def tell(self, collection: str, docs: Sequence[Document]) -> dict[str, int]:
        """Bring the pending events of documents to the log; returns `{document id: number of its last event}`."""
        return await self.tell_all([(collection, docs)])

    async def tell_all(
        self, groups: Sequence[tuple[str, Sequence[Document]]], trail: Trail | None = None
    ) -> dict[str, int]:
        """Bring the pending events of documents of several collections to the log, in this order."""
        return await self._store.outbox.publish(groups, trail)

    async def restore(self, collection: str, docs: Sequence[Document]) -> None:
        """Write documents again that went ahead of the log and may be lost; what is there stays as it is."""
        await self._store.insert(collection, docs)

    async def settle(self, collection: str, docs: Sequence[Document] | None = None) -> None:
        """Bring what documents have pending to the rows that are made of it (see `Outbox.settle`).

        `docs` are read after the position of the log that goes with the answer; None: all of the collection.
        """
        if docs is None:
            docs = await self._store.outbox.waiting(collection, self._partition(collection))
        if any(doc.get("pending") for doc in docs):
            await self._store.outbox.settle([(collection, docs)])

    def _new(self, collection: str, doc: Mapping[str, Any], events: Sequence[Event], now: datetime) -> Document:
        if "scope" in doc:
            raise ValueError("the partition is not the caller's to name")
        full = {"created_at": now, "updated_at": now, **doc}
        full.update(scope=self._partition(collection), rev=1, pending=[_pending(event, self.scope) for event in events])
        if (worded := COLLECTIONS[collection].worded) is not None:
            full["words"] = worded.of(full)
        return full

    async def change(
        self, collection: str, id: str, decide: Decide, *, known: Document | None = None, tell: bool = True,
        trail: Trail | None = None,
    ) -> Written:  # fmt: skip
        """Decide on the present document and write the outcome if it is still the present one.

        `decide` is pure and may run several times; it returns None for "nothing to do" and raises to refuse. `known`
        is the document as its only writer holds it, which saves reading it. Changes of one document by this process
        wait for each other; only other processes can make it move meanwhile. With `tell=False` it is one durable write,
        and what it has to tell is `pending` on the document, until `tell()`; with a `trail` it goes ahead of that (see
        `store/ahead.py`). Raises NotFound, Duplicate, Invalid for what cannot be stored, whatever `decide` raises, and
        Unavailable when the document will not hold still.
        """

        async def look(doc: Document) -> Change | None:
            return decide(doc)

        return await self.change_after(collection, id, look, known=known, tell=tell, trail=trail)

    async def change_after(
        self, collection: str, id: str, look: Look, *, known: Document | None = None, tell: bool = True,
        trail: Trail | None = None,
    ) -> Written:  # fmt: skip
        """Do as `change` does, with a decision that looks at other things first.

        What `look` finds holds for the document it was given: where that has moved meanwhile, it looks again.
        """
        ends, pause = time.monotonic() + WITHIN_S, PAUSE_S
        # Until it is durable, since what is read is. What goes ahead with a trail is not yet: who comes next then finds
        # that the document has moved, by a write that waits for it, and decides again.
        async with self._store.turns.of((collection, id)):
            while True:
                before, known = known or await self.get(collection, id), None
                change = await look(before)
                if change is None:
                    return Written(before, None, self.scope)
                if (written := await self._swap(collection, before, change, tell, trail)) is not None:
                    return written
                if time.monotonic() > ends:
                    raise Unavailable("Too many changes to the same thing at once.", retry_after=1)
                await asyncio.sleep(random.uniform(0, pause))
                pause = min(2 * pause, MAX_PAUSE_S)

    async def _swap(
        self, collection: str, before: Document, change: Change, tell: bool, trail: Trail | None
    ) -> Written | None:
        """Write a change and tell of it, the change ahead of its events; None where the document has moved."""
        update, after = self._plan(collection, before, change)
        ahead = trail if trail is not None else Trail()
        if trail is not None or (change.events and tell):
            done = await self._store.lead(collection, before, update, after, ahead)
        else:
            done = await self._store.swap(collection, before, update)
        if isinstance(done, str):
            raise Duplicate(done)
        if not done:
            return None
        if trail is not None or not tell:
            return Written(after, None, self.scope)
        seqs = await self.tell_all([(collection, [after])], ahead)
        if change.events and not ahead.unbroken:
            await self._store.lead_again(collection, before, update, after)
        return Written(after, seqs.get(before["_id"]), self.scope)

    def _plan(self, collection: str, before: Document, change: Change) -> tuple[Document, Document]:
        refuse_partition(change.set)
        now = self._store.clock()
        fields = {"updated_at": now, **change.set, "rev": before["rev"] + 1}
        rows = [_pending(event, self.scope) for event in change.events]
        update: Document = {"$set": fields}
        if change.unset:
            update["$unset"] = dict.fromkeys(change.unset, "")
        if rows:
            update["$push"] = {"pending": {"$each": rows}}
        after = applied(before, fields, change.unset, rows)
        worded = COLLECTIONS[collection].worded
        if worded is not None and worded.touched(change.set):
            fields["words"] = after["words"] = worded.of(after)
        return update, after

    async def change_many(
        self, collection: str, decisions: Mapping[str, Decide], known: Iterable[Document], *, tell: bool = True,
        trail: Trail | None = None,
    ) -> list[Document]:  # fmt: skip
        """Decide on several documents at once, in one round trip where none of them moves.

        `known` holds freshly read documents; whatever moved since is decided again by itself. Returns the documents
        as they are now, without those removed meanwhile; with `tell=False` what they have to tell waits for `tell()`,
        with a `trail` those that have not moved go ahead of that (see `store/ahead.py`).
        Raises Duplicate, and Invalid for what cannot be stored, when the others are written.
        """
        results: list[Document] = []
        plans: list[tuple[Document, Document, Document]] = []
        for before in known:
            change = decisions[before["_id"]](before)
            if change is None:
                results.append(before)
            else:
                plans.append((before, *self._plan(collection, before, change)))
        if not plans:
            return results
        swapped = await self._store.swap_many(collection, [(before, update) for before, update, _ in plans], trail)
        done = [after for (_, _, after), result in zip(plans, swapped, strict=True) if result is True]
        if tell:
            await self.tell(collection, done)
        for (before, _, _), result in zip(plans, swapped, strict=True):
            if result is False:
                with suppress(NotFound):  # removed meanwhile
                    moved = await self.change(collection, before["_id"], decisions[before["_id"]])
                    done.append({**moved.doc, "pending": []})
        for result in swapped:
            if isinstance(result, str):
                raise Duplicate(result)
            if isinstance(result, Exception):
                raise result
        return [*results, *done]

    async def change_together(self, steps: Sequence[Step], removing: Sequence[Leaving] = ()) -> list[Written]:
        """Decide on several documents and remove others, all of it or nothing; returns those that stay, then the rest.

        Raises as `change` does, and NotFound where one to be removed is gone.
        """
        ends, pause = time.monotonic() + WITHIN_S, PAUSE_S
        async with contextlib.AsyncExitStack() as turns:
            keys = {(step.collection, step.id) for step in steps} | {(each.collection, each.id) for each in removing}
            for key in sorted(keys):
                await turns.enter_async_context(self._store.turns.of(key))  # in one order: nobody waits in a ring
            while (done := await self._together(steps, removing)) is None:
                if time.monotonic() > ends:
                    raise Unavailable("Too many changes to the same thing at once.", retry_after=1)
                await asyncio.sleep(random.uniform(0, pause))
                pause = min(2 * pause, MAX_PAUSE_S)
        written = []
        for collection, doc, told in done:
            seqs = await self.tell(collection, [told]) if told is not None else {}
            written.append(Written(doc, seqs.get(doc["_id"]), self.scope))
        return written

    async def _together(
        self, steps: Sequence[Step], removing: Sequence[Leaving]
    ) -> list[tuple[str, Document, Document | None]] | None:
        """Return where each document's events wait, the document and what keeps them; None where one has moved."""
        plans: list[Planned] = []
        removals: list[Removal] = []
        done: list[tuple[str, Document, Document | None]] = []
        for step in steps:
            before = await self.get(step.collection, step.id)
            change = step.decide(before)
            if change is None:
                done.append((step.collection, before, None))
                continue
            update, after = self._plan(step.collection, before, change)
            check_storable(update)
            plans.append(Planned(step.collection, before, update))
            done.append((step.collection, after, after))
        for each in removing:
            before = await self.get(each.collection, each.id)
            removals.append((each.collection, before))
            # What it had still to tell goes before its end.
            row = self.announcement(each.id, *([each.event] if each.event else []), before=before.get("pending", ()))
            done.append((ANNOUNCED, before, row if row["pending"] else None))
        announced = [row for collection, _, row in done if collection == ANNOUNCED and row is not None]
        outcome = await commit(self._store.database, plans, removals, announced)
        if isinstance(outcome, str):
            raise Duplicate(outcome)
        return done if outcome else None

    async def write_together(
        self, changes: Sequence[tuple[str, Document, Change]], adding: Sequence[Addition]
    ) -> list[tuple[str, Document]] | None:
        """Change documents as they were read and add others, all of it or nothing; None where one has moved.

        Returns each with its collection, the changed before the added; what they have to tell waits for `tell_all()`.
        Raises Duplicate, and Unavailable, after which it may have been done.
        """
        now = self._store.clock()
        done: list[tuple[str, Document]] = []
        plans: list[Planned] = []
        for collection, before, change in changes:
            update, after = self._plan(collection, before, change)
            check_storable(update)
            plans.append(Planned(collection, before, update))
            done.append((collection, after))
        added: dict[str, list[Document]] = {}
        for each in adding:
            row = self._new(each.collection, each.doc, each.events, now)
            check_storable(row)
            added.setdefault(each.collection, []).append(row)
            done.append((each.collection, row))
        outcome = await commit(self._store.database, plans, (), (), added)
        if isinstance(outcome, str):
            raise Duplicate(outcome)
        return done if outcome else None

    def announcement(self, id: str, *events: Event, before: Sequence[Document] = ()) -> Document:
        """Return a row on which events wait that no document of the tenant keeps, after those of `before`."""
        row = self._new(ANNOUNCED, {"_id": id}, events, self._store.clock())
        return {**row, "pending": [*before, *row["pending"]]}

    async def delete(self, collection: str, id: str, event: Event) -> Written:
        """Delete a document and tell of it; raises NotFound where it is not there."""
        return (await self.change_together([], [Leaving(collection, id, event)]))[0]


def _pending(event: Event, scope: str) -> Document:
    return {**event.row(), "log": scope}


def applied(before: Document, fields: Mapping[str, Any], unset: Sequence[str], rows: Sequence[Document]) -> Document:
    """Return the document as the database holds it after `$set`, `$unset` and the push of pending events."""
    after = dict(before)
    for path, value in fields.items():
        _put(after, path.split("."), value)
    for path in unset:
        _drop(after, path.split("."))
    after["pending"] = [*before.get("pending", ()), *rows]
    return after


def _put(target: Document, path: list[str], value: Any) -> None:
    if len(path) == 1:
        target[path[0]] = value
        return
    inner = dict(target.get(path[0]) or {})
    _put(inner, path[1:], value)
    target[path[0]] = inner


def _drop(target: Document, path: list[str]) -> None:
    if len(path) == 1:
        target.pop(path[0], None)
    elif isinstance(target.get(path[0]), dict):
        inner = dict(target[path[0]])
        _drop(inner, path[1:])
        target[path[0]] = inner

