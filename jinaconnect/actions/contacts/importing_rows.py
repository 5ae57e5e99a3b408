"""Taking the rows of an import, in batches that a restart takes up where they ended.

An import's document says how many rows are done. A batch that was cut off before it said so is done again: the ids of
the contacts it makes are made of the import and the row, and those it changed carry a mark, so that no row counts as
another thing the second time and nobody is made twice.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

import structlog

from jinaconnect.actions.contacts.addressing import contact_at, contacts_at
from jinaconnect.actions.contacts.importing import IMPORTS, LEFT, counted, rows_of
from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.inbox.conversations import contact_event
from jinaconnect.core.contacts import document
from jinaconnect.core.contacts.document import CREATED, DUPLICATE, INVALID, REFUSED, UNCHANGED, UPDATED
from jinaconnect.core.contacts.row import Layout, RowRefused, key_of, number_of, read_row, refusal
from jinaconnect.core.contacts.sheet import decoded
from jinaconnect.core.errors import Invalid, NotFound
from jinaconnect.core.events.event import Event, conversation_id
from jinaconnect.core.ids import encode
from jinaconnect.core.inbox.address import OTHERS, PHONE, Address
from jinaconnect.core.inbox.contact import new_contact, render_conversation, seen_by
from jinaconnect.core.inbox.profile import bounded, changed_profile
from jinaconnect.store.batches import Batch
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import Claim
from jinaconnect.store.ending import ended
from jinaconnect.store.tenant import Change, Duplicate, applied

BATCH = 1000
PART = 8 * 1024 * 1024  # bytes of events that wait on one row
SLICE = timedelta(seconds=20)  # with the batch that is under way, well within a lease
MAX_TRIES = 8
CHANGED_AT_ONCE = 50

logger = structlog.get_logger(__name__)


class _TakenOver(Exception):
    """Another process has the import."""


@dataclass(slots=True)
class _Row:
    """A row on its way: what it gives, and what became of it; `id` and `told` are of its contact and their events."""

    line: int
    cells: Sequence[str]
    id: str
    told: Sequence[str]
    phone: str
    given: dict[str, Any] | None = None
    outcome: str = ""
    why: RowRefused | None = None
    contact: str | None = None

    def ends(self, outcome: str, why: RowRefused | None = None, contact: str | None = None) -> None:
        """Say what became of it."""
        self.outcome, self.why, self.contact = outcome, why, contact


@dataclass(slots=True)
class _Made:
    """A contact that a row makes, and what is told of it."""

    row: _Row
    contact: Document
    events: Sequence[Event]

    @property
    def address(self) -> Address:
        """What it is found by."""
        return Address(PHONE, self.row.phone)

    @property
    def size(self) -> int:
        """Of how many bytes its events are, about: all that is long in them are the cells of its row."""
        return 4_000 + 8 * sum(map(len, self.row.cells))


@dataclass(slots=True)
class _Batch:
    """Rows that were read, those contacts of theirs that are there (by the row's id), and those to add, in parts."""

    rows: Sequence[_Row]
    found: Mapping[str, Document]
    parts: Sequence[tuple[Sequence[_Made], Batch]]


class _File:
    """The rows of an import's file from where it stands."""

    def __init__(self, doc: Document, data: bytes) -> None:
        self._doc = doc
        self._layout: Layout = document.layout_of(doc)
        text, _ = decoded(data, doc["encoding"])
        self._rows = enumerate(rows_of(text, doc["delimiter"], self._layout))
        self._seen: dict[int, int] = {}
        digest = hashlib.sha256(doc["_id"].encode()).digest()
        self._mark, self._told = digest[:6], (digest[6:12], digest[12:18])
        self._made_at = int(doc["created_at"].timestamp() * 1000)
        self.place: int = doc["position"]
        for _, (line, cells) in islice(self._rows, doc["position"]):
            self._repeats(line, self._layout.phone_of(cells))

    def next(self) -> list[_Row]:
        """Return the next rows, each read."""
        rows = [self._read(place, line, cells) for place, (line, cells) in islice(self._rows, BATCH)]
        self.place += len(rows)
        return rows

    def _repeats(self, line: int, phone: str) -> int | None:
        """Return the line at which the number stood before."""
        try:
            first = self._seen.setdefault(key_of(number_of(phone, self._layout.country)), line)
        except ValueError:
            return None
        return None if first == line else first

    def _read(self, place: int, line: int, cells: list[str]) -> _Row:
        phone = self._layout.phone_of(cells)
        number = place.to_bytes(4, "big")
        told = [encode("evt", self._made_at, number + mark) for mark in self._told]
        row = _Row(line, cells, encode("cnt", self._made_at, number + self._mark), told, phone)
        first = self._repeats(line, phone)
        column = self._layout.names[self._layout.targets.index("phone")]
        if first is not None:
            row.ends(DUPLICATE, RowRefused(column, phone, f"the number stands in line {first} as well"))
            return row
        try:
            row.given = read_row(cells, self._layout)
        except RowRefused as refused:
            row.ends(INVALID, refused)
        else:
            row.phone = row.given["phone"]
        return row


class Importer:
    """Imports contacts."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def run(self, claim: Claim) -> None:
        """Take rows of a claimed import for a slice; what is left of it is due again."""
        doc = claim.doc
        ctx = system_context(self._services, doc["scope"], "import")
        if doc["status"] in (document.PENDING, document.PROCESSING):
            await ctx.data.tell_batches("contacts", f"{doc['_id']}:")
            if claim.tries > MAX_TRIES:
                logger.error("import.given_up", id=doc["_id"])
                doc = await self._end(ctx, doc, document.FAILED, "It broke again and again.")
            else:
                try:
                    doc = await self._slice(ctx, doc)
                except _TakenOver:
                    return
        if doc["status"] in (document.COMPLETED, document.FAILED):
            await self._services.blobs.delete(ctx.data.scope, doc["_id"])
            rest = Change(set={"updated_at": doc["updated_at"]}, unset=["due"])
            await ctx.data.change(IMPORTS, doc["_id"], lambda held: rest if "due" in held else None)
        else:
            await self._services.due.postpone(IMPORTS, doc["scope"], doc["_id"], ctx.now(), afresh=True)

    async def _slice(self, ctx: Context, doc: Document) -> Document:
        size = await self._services.blobs.size(ctx.data.scope, doc["_id"])
        if size is None:
            return await self._end(ctx, doc, document.FAILED, "The file is gone.")
        data = b"".join([piece async for piece in self._services.blobs.pieces(ctx.data.scope, doc["_id"], 0, size)])
        file = await asyncio.to_thread(_File, doc, data)
        del data
        ends, coming = ctx.now() + SLICE, asyncio.create_task(_ready(ctx, doc, file))
        try:
            while ctx.now() < ends:
                batch = await coming
                coming = asyncio.create_task(_ready(ctx, doc, file))  # while this one is written
                if batch.rows:
                    doc = await self._batch(ctx, doc, batch)
                if len(batch.rows) < BATCH:
                    return await self._end(ctx, doc, document.COMPLETED, None)
            return doc
        finally:
            await ended([coming])

    async def _batch(self, ctx: Context, doc: Document, batch: _Batch) -> Document:
        rows = batch.rows
        await _take(ctx, doc, batch)
        left = [_left(doc, row) for row in rows if row.outcome not in (CREATED, UPDATED)]
        if left:
            await ctx.data.insert_many(LEFT, [(each, ()) for each in left])
        errors = [document.error_of(each) for each in left if each["outcome"] in (INVALID, REFUSED)]
        fields = {
            "status": document.PROCESSING, "position": doc["position"] + len(rows), "updated_at": ctx.now(),
            "counts": counted([row.outcome for row in rows], doc["counts"]),
            "errors": [*doc["errors"], *errors][: document.ERRORS_KEPT],
        }  # fmt: skip
        return await _moved_on(ctx, doc, fields, "import.progressed")

    async def _end(self, ctx: Context, doc: Document, status: str, error: str | None) -> Document:
        fields = {"status": status, "error": error, "completed_at": ctx.now(), "updated_at": ctx.now()}
        return await _moved_on(ctx, doc, fields, f"import.{status.lower()}")


async def _moved_on(ctx: Context, doc: Document, fields: Mapping[str, Any], told: str) -> Document:
    """Write how far an import has come; raises _TakenOver where another process has moved it."""
    event_id = ctx.ids.new("evt")

    def decide(held: Document) -> Change:
        if held["position"] != doc["position"] or held["status"] in (document.COMPLETED, document.FAILED):
            raise _TakenOver
        after = document.render_import(applied(held, fields, (), ()))
        return Change(set=fields, events=[ctx.event(told, doc["_id"], after, id=event_id)])

    return (await ctx.data.change(IMPORTS, doc["_id"], decide)).doc


def _left(doc: Document, row: _Row) -> Document:
    assert row.why is not None
    id = f"imr_{row.id.partition('_')[2]}"
    made = document.new_left(id, row.outcome, row.line, row.phone, row.why, row.cells, row.contact)
    return {**made, "import": doc["_id"]}


async def _ready(ctx: Context, doc: Document, file: _File) -> _Batch:
    """Read the next rows, look up whose contacts are there, and make the others."""
    place, rows = file.place, await asyncio.to_thread(file.next)
    addresses = {row.id: Address(PHONE, row.phone) for row in rows if row.given is not None}
    held = await contacts_at(ctx.data, list(addresses.values()))
    found = {id: contact for id, address in addresses.items() if (contact := held.get(address)) is not None}
    new = [row for row in rows if row.given is not None and row.id not in found]
    return _Batch(rows, found, await asyncio.to_thread(_all_made, ctx, doc, place, new))


async def _take(ctx: Context, doc: Document, batch: _Batch) -> None:
    """Add the contacts that are not there, and change or leave those that are."""
    there = [(row, batch.found[row.id]) for row in batch.rows if row.id in batch.found]
    # What a batch of an earlier version that was cut off has written and not told is told before it is counted.
    if waiting := [contact for _, contact in there if contact.get("pending")]:
        await ctx.data.tell("contacts", waiting)
    for part, ready in batch.parts:
        for made, taken in zip(part, await ctx.data.insert_batch(ready), strict=True):
            if taken is None:
                made.row.ends(CREATED)
            elif taken in (PHONE, OTHERS) and (other := await contact_at(ctx.data, made.address)) is not None:
                there.append((made.row, other))  # added by somebody else meanwhile
            else:
                made.row.ends(REFUSED, RowRefused(taken, "", f"another contact has this {taken}"))
    for start in range(0, len(there), CHANGED_AT_ONCE):
        some = there[start : start + CHANGED_AT_ONCE]
        await asyncio.gather(*(_meet(ctx, doc, row, contact) for row, contact in some))


def _parts(made: Sequence[_Made]) -> Iterator[Sequence[_Made]]:
    """Yield contacts in parts whose events fit into one row."""
    start = size = 0
    for place, each in enumerate(made):
        if place > start and size + each.size > PART:
            yield made[start:place]
            start, size = place, 0
        size += each.size
    if made:
        yield made[start:]


def _all_made(
    ctx: Context, doc: Document, place: int, rows: Sequence[_Row]
) -> list[tuple[Sequence[_Made], Batch]]:
    """Return the contacts of rows that begin at a place of the file, ready to be added."""
    made = [each for row in rows if (each := _made(ctx, doc, row)) is not None]
    return [
        (part, ctx.data.batch("contacts", f"{doc['_id']}:{place}:{number}", [(m.contact, m.events) for m in part]))
        for number, part in enumerate(_parts(made))
    ]


def _made(ctx: Context, doc: Document, row: _Row) -> _Made | None:
    """Return a new contact and what is told of it, the same however often it is made; None for one that cannot be."""
    assert row.given is not None
    given, now, by = dict(row.given), doc["created_at"], doc["created_by"]
    if doc["default_tag"] and not given.get("tags"):
        given["tags"] = [doc["default_tag"]]
    if doc["default_segment"]:
        given["segments"] = list(dict.fromkeys([*given.get("segments", ()), doc["default_segment"]]))
    made = new_contact(row.id, source="IMPORT", by=by, created_at=now, updated_at=now)
    try:
        made.update(changed_profile(made, given))
        shown = bounded(made)
    except Invalid as error:
        row.ends(INVALID, refusal(error))
        return None
    told = [
        ("contact.created", row.id, shown),
        ("conversation.opened", conversation_id(row.id), {**render_conversation(made), "contact_detail": shown}),
    ]
    events = [
        Event(
            id=event_id, type=type, occurred_at=now, actor=ctx.principal.actor(),
            subject=subject, data=data, contact=row.id, seen=seen_by(made),
        )
        for event_id, (type, subject, data) in zip(row.told, told, strict=True)
    ]  # fmt: skip
    return _Made(row, made, events)


async def _meet(ctx: Context, doc: Document, row: _Row, contact: Document) -> None:
    """Say what becomes of a row whose contact is there."""
    mark = f"{doc['_id']}:{row.line}"
    exists = RowRefused("phone", row.phone, f"is a contact already: {contact['_id']}")
    if contact["_id"] == row.id:
        row.ends(CREATED)
    elif contact.get("imported") == mark:
        row.ends(UPDATED)
    elif not doc["update_existing"]:
        row.ends(UNCHANGED if doc["skip_duplicates"] else REFUSED, exists, contact["_id"])
    else:
        await _update(ctx, doc, row, contact, mark)


async def _update(ctx: Context, doc: Document, row: _Row, contact: Document, mark: str) -> None:
    assert row.given is not None
    given, event_id = row.given, ctx.ids.new("evt")
    # The number is what it was found by; the way it is written stays.
    profile = {name: value for name, value in given.items() if name not in ("phone", "tags", "segments")}
    tags = given.get("tags") or ([doc["default_tag"]] if doc["default_tag"] else [])
    segments = [*given.get("segments", ()), *([doc["default_segment"]] if doc["default_segment"] else [])]

    def decide(held: Document) -> Change | None:
        added = {
            "tags": list(dict.fromkeys([*held["tags"], *tags])),
            "segments": list(dict.fromkeys([*held["segments"], *segments])),
        }
        plain = changed_profile(held, {**profile, **added})
        if not plain:
            return None
        fields = {**plain, "imported": mark, "updated_at": ctx.now(), "updated_by": doc["created_by"]}
        after = applied(held, fields, (), ())
        bounded(after)
        return Change(set=fields, events=[contact_event(ctx, event_id, "contact.updated", held, after)])

    try:
        written = await ctx.data.change("contacts", contact["_id"], decide)
    except Duplicate as error:
        row.ends(REFUSED, RowRefused(error.index, "", f"another contact has this {error.index}"), contact["_id"])
    except Invalid as error:
        row.ends(INVALID, refusal(error), contact["_id"])
    except NotFound:
        row.ends(REFUSED, RowRefused("phone", row.phone, "its contact was removed meanwhile"))
    else:
        if written.doc.get("imported") == mark:
            row.ends(UPDATED)
        else:
            row.ends(UNCHANGED, RowRefused("", "", "says nothing new"), contact["_id"])
