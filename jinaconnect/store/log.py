"""The log: one per scope (tenant and mode), numbered 1, 2, 3, … without holes, in the order all readers see.

An appender per process and scope inserts `head + 1, head + 2, …` under a unique index; whoever finds a number taken
reads the head again and tries on. So insert order is number order, and no number is ever given and not used.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo.errors import DuplicateKeyError

from jinaconnect.core.clock import Clock
from jinaconnect.core.cursor import Extent
from jinaconnect.core.events.event import ERASED, Recorded, recorded, takes_number
from jinaconnect.store import ahead
from jinaconnect.store.ahead import Trail
from jinaconnect.store.commit import GroupCommit, Kept
from jinaconnect.store.coordination.holders import Holders
from jinaconnect.store.databases.encoded import Encoded, as_bson
from jinaconnect.store.databases.indexes import Built, settle, unhurried
from jinaconnect.store.databases.mongo import AWAY, DUPLICATE_KEY, Database, Document, fault_error, guarded

FORGOTTEN_AT_ONCE = 5_000
APPENDERS = 500  # of the scopes that wrote last; each remembers up to some hundred kilobytes
REMEMBERED = 1_000  # late event ids of a scope known to be in the log; spares a collision per repeated append
HEAD_KEPT_S = 1.0  # a list may repeat the events of this long rather than ask for the head each time
HEADS_KEPT = 20_000  # scopes
OVERLAP = 64  # rows before a mark that are looked at again
MARK_LOST = timedelta(minutes=10)  # a mark that is forgotten itself is passed when rows are this much older
TAIL = 1_000  # others' events read through to find one's own and the newest number

Listener = Callable[[str, Sequence[Document]], None]  # gets rows: they are encoded where somebody reads them
Mark = tuple[str, datetime]  # an event's id, and when it was recorded
_Numbered = tuple[list[int], Any]  # numbers of events, and the term they were written in where it was one
_EMPTY: Mark = ("", datetime(2000, 1, 1, tzinfo=UTC))  # of logs that hold nothing yet


class Log:
    """Appends to and reads from the logs of all scopes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._events = database["events"]
        self._meta = database["meta"]
        self._clock = clock
        self._appenders: Kept[str, _Appender] = Kept(lambda scope: _Appender(self, scope), APPENDERS)
        self._heads: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._epoch: int | None = None
        self.listeners: list[Listener] = []
        self.blanked: list[Callable[[str], None]] = []  # told of scopes whose events say less than they did
        self.overtaken: list[Callable[[str, int], None]] = []  # told of numbers that were never announced here

    async def prepare(self, fresh_epoch: int) -> None:
        """Create the indexes, and the epoch of a new database."""
        by_number = Built("scope_seq", (("scope", 1), ("seq", 1)), {"unique": True})
        await settle(self._events, [by_number, Built("scope_recorded", (("scope", 1), ("recorded", 1)))])
        with contextlib.suppress(DuplicateKeyError):  # another process, or an earlier start, has named the epoch
            await self._meta.insert_one({"_id": "log", "epoch": fresh_epoch})
        row = await self._meta.find_one({"_id": "log"})
        assert row is not None
        self._epoch = row["epoch"]

    @property
    def epoch(self) -> int:
        """The number of this incarnation of the database."""
        assert self._epoch is not None, "prepare() comes first"
        return self._epoch

    async def append(self, scope: str, rows: Sequence[Document], trail: Trail | None = None) -> list[int]:
        """Number and store event rows in their order; returns their numbers.

        Idempotent by event id: a row that is there keeps its number. Raises Unavailable; what was asked for is then
        either in the log or still pending beside its document. The `trail` of what went ahead learns of it.
        """
        numbers, term = await self._appenders.get(scope).put(list(rows))
        if trail is not None:
            trail.note(term)
        return numbers

    async def recent_head(self, scope: str) -> int:
        """Return a number the log had reached a moment ago, by whatever process; asks where none was seen so lately."""
        seen = self._heads.get(scope)
        if seen is not None and asyncio.get_running_loop().time() - seen[1] < HEAD_KEPT_S:
            return seen[0]
        return await self.head(scope)

    def _reached(self, scope: str, seq: int) -> None:
        self._heads[scope] = (seq, asyncio.get_running_loop().time())
        self._heads.move_to_end(scope)
        if len(self._heads) > HEADS_KEPT:
            self._heads.popitem(last=False)

    def heard(self, scope: str, seq: int) -> None:
        """Note that another process has appended up to a number: the next one is tried above it."""
        appender = self._appenders.get(scope)
        if appender is not None:
            appender.heard(seq)

    @guarded
    async def head(self, scope: str) -> int:
        """Return the newest number of a scope, 0 for an empty log."""
        row = await self._events.find_one({"scope": scope}, {"seq": 1, "_id": 0}, sort=[("seq", -1)])
        head: int = row["seq"] if row else 0
        self._reached(scope, head)
        return head

    @guarded
    async def extent(self, scope: str) -> Extent:
        """Return epoch, oldest kept and newest number of a scope, as they are now: any process may forget."""
        head, row = await asyncio.gather(
            self.head(scope), self._events.find_one({"scope": scope}, {"seq": 1, "_id": 0}, sort=[("seq", 1)])
        )
        return Extent(self.epoch, row["seq"] if row else 1, head)

    @guarded
    async def read(self, scope: str, after: int, limit: int) -> list[Recorded]:
        """Return up to `limit` events with numbers above `after`, in order, with a hole where some are forgotten."""
        query = self._events.find(
            {"scope": scope, "seq": {"$gt": after}}, sort=[("seq", 1)], limit=limit, batch_size=limit + 1
        )
        return [recorded(scope, row) for row in await query.to_list()]

    @guarded
    async def appended_since(self, mark: Mark | None) -> tuple[Mark, dict[str, int]]:
        """Return how far the logs of all scopes have come since a mark, and the mark of now.

        It reads the newest rows backwards, so the cost goes with what was appended, not with how many scopes there
        are. A row may become visible a moment after a later one: the last few before the mark are told again.
        """
        newest, heads, met = await self._back_to(mark, 2 * OVERLAP)
        if not met:
            newest, heads, _ = await self._back_to(mark, None)
        return newest or mark or _EMPTY, heads

    async def _back_to(self, mark: Mark | None, limit: int | None) -> tuple[Mark | None, dict[str, int], bool]:
        """Return the newest mark, how far logs have come, and whether all since the mark was within so many rows."""
        heads: dict[str, int] = {}
        newest: Mark | None = None
        past = seen = 0
        fields = {"scope": 1, "seq": 1, "recorded": 1}
        size = limit or TAIL
        rows = self._events.find({}, fields, sort=[("$natural", -1)], limit=limit or 0, batch_size=size + 1)
        async with rows:
            while part := await rows.to_list(size):
                for row in part:
                    newest = newest or (row["_id"], row["recorded"])
                    heads[row["scope"]] = max(row["seq"], heads.get(row["scope"], 0))
                    if mark is None or past == OVERLAP:
                        return newest, heads, True
                    if past or row["_id"] == mark[0] or row["recorded"] < mark[1] - MARK_LOST:
                        past += 1
                seen += len(part)
        return newest, heads, limit is None or seen < limit

    @guarded
    async def numbers(self, scope: str, ids: Sequence[str]) -> dict[str, int]:
        """Return the numbers of those of the events that are in the log."""
        rows = self._events.find({"_id": {"$in": list(ids)}, "scope": scope}, {"seq": 1})
        return {row["_id"]: row["seq"] async for row in rows}

    @guarded
    async def tail(self, scope: str, seq: int, limit: int) -> dict[str, int]:
        """Return the numbers, from `seq` on, of up to `limit` events that are there: `{event id: number}`."""
        rows = self._events.find({"scope": scope, "seq": {"$gte": seq}}, {"seq": 1}, sort=[("seq", 1)], limit=limit)
        return {row["_id"]: row["seq"] async for row in rows}

    @guarded
    async def forget(self, scope: str, before: datetime) -> int:
        """Drop what is older than `before`, in order, never the head, some thousand at a time; returns how many."""
        with unhurried():
            newest = await self._events.find_one(
                {"scope": scope, "recorded": {"$lt": before}}, {"seq": 1}, sort=[("recorded", -1)]
            )
            last = 0 if newest is None else min(newest["seq"], await self.head(scope) - 1)
            dropped = 0
            while True:
                oldest = await self._events.find_one({"scope": scope}, {"seq": 1}, sort=[("seq", 1)])
                if oldest is None or oldest["seq"] > last:
                    return dropped
                end = min(last, oldest["seq"] + FORGOTTEN_AT_ONCE - 1)
                result = await self._events.delete_many({"scope": scope, "seq": {"$lte": end}})
                dropped += result.deleted_count

    @guarded
    async def blank(
        self, scope: str, contact: str, subjects: Sequence[str], silent: Sequence[Mapping[str, Any]]
    ) -> int:
        """Take from events of a contact, notices of it, or about some subjects, what they say; returns of how many.

        Each keeps its number and its time, and says which type it was. Those that are `silent` stay as they are.
        """
        notices = {"data.notification_type": {"$exists": True}, "data.metadata.contact_id": contact}
        about = [{"contact": contact}, notices, {"subject": {"$in": list(subjects)}}]
        said = {"id": "$_id", "was": "$type"}
        blank: list[Document] = [
            {"$set": {"subject": "$_id", "data": {"$mergeObjects": [said]}}}, {"$set": {"type": ERASED}},
        ]  # fmt: skip
        wanted = {"scope": scope, "$or": about, "$nor": [{"type": ERASED}, *silent]}
        oldest = await self._events.find_one({"scope": scope}, {"seq": 1}, sort=[("seq", 1)])
        blanked, first = 0, oldest["seq"] if oldest else 1
        head = await self.head(scope)
        with unhurried():
            while first <= head:
                numbers = {"seq": {"$gte": first, "$lt": first + FORGOTTEN_AT_ONCE}}
                result = await self._events.update_many({**wanted, **numbers}, blank, hint="scope_seq")
                blanked += result.modified_count
                first += FORGOTTEN_AT_ONCE
        for listener in self.blanked:
            listener(scope)
        return blanked

    @guarded
    async def scopes(self) -> list[str]:
        """Return every scope that has a log."""
        return list(await self._events.distinct("scope"))

    def _announce(self, scope: str, rows: list[Document]) -> None:
        self._reached(scope, rows[-1]["seq"])
        for listener in self.listeners:
            listener(scope, rows)

    def _overtaken(self, scope: str, seq: int) -> None:
        for listener in self.overtaken:
            listener(scope, seq)


@dataclass(frozen=True, slots=True)
class _Refused:
    """Which of the rows was the first not to be taken, and whether its number was the reason."""

    index: int
    number_taken: bool


class _Appender:
    """Appends to one scope; knows the head it last saw and the ids it lately wrote."""

    def __init__(self, log: Log, scope: str) -> None:
        self._log = log
        self._scope = scope
        self._group: GroupCommit[list[Document], _Numbered] = GroupCommit(self._write)
        self._numbers: OrderedDict[str, int] = OrderedDict()
        self._holders = Holders(log._database, scope)
        self.head: int | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is on its way to the log."""
        return self._group.idle

    async def put(self, rows: list[Document]) -> _Numbered:
        known = [self._numbers.get(row["_id"]) for row in rows]
        if all(number is not None for number in known):
            return [number for number in known if number is not None], None
        return await asyncio.shield(self._group.put(rows))

    async def _write(self, batches: list[list[Document]]) -> list[_Numbered | Exception]:
        numbers: dict[str, int] = {}
        fresh: dict[str, Document] = {}
        for batch in batches:
            for row in batch:
                id = row["_id"]
                if id in self._numbers:
                    numbers[id] = self._numbers[id]
                else:
                    fresh.setdefault(id, row)
        added, terms = await self._insert(list(fresh.values()))
        numbers |= added
        self._remember(numbers)
        term = terms.pop() if len(terms) == 1 else None
        return [([numbers[row["_id"]] for row in batch], term) for batch in batches]

    @guarded
    async def _insert(self, rows: list[Document]) -> tuple[dict[str, int], set[Any]]:
        """Return the numbers of rows, and in which terms they were written: None for those that were there."""
        numbers: dict[str, int] = {}
        terms: set[Any] = set()
        again = True
        while rows:
            head = self.head
            if head is None:
                head = await self._log.head(self._scope)
            self.head = None  # until the outcome is known; a failure leaves it to be read anew
            now = self._log._clock()
            await self._holders.reach(head)
            decided = await self._holders.decided(rows)
            numbered = [self._number(row, head + place, now) for place, row in enumerate(decided, 1)]
            try:
                refused, term = await self._insert_until(numbered)
            except AWAY:
                if not again:
                    raise
                again = False  # the driver tries what it is given as a command once; those that are there are found
                continue
            terms.add(term)
            written, rows = numbered[: refused.index], rows[refused.index :]
            head += len(written)
            if written:
                self._holders.passed(written)
                numbers |= {row["_id"]: row["seq"] for row in written}
                self._log._announce(self._scope, written)
            if rows:
                present, newest = await self._present(rows, numbered[refused.index], refused)
                numbers |= present
                if present:  # in whatever term: rows that only found their number taken go in anew
                    terms.add(None)
                rows = [row for row in rows if row["_id"] not in present]
                head = max(head, newest)
                self._log._overtaken(self._scope, max((newest, *present.values())))
            self.heard(head)
        return numbers, terms

    async def _insert_until(self, numbered: list[Document]) -> tuple[_Refused, Any]:
        rows = [as_bson(row) for row in numbered]
        done = await ahead.insert(self._log._database, "events", rows, ordered=True, concern=ahead.DURABLE)
        for fault in done.faults:
            if fault["code"] != DUPLICATE_KEY:
                raise fault_error(fault)
            return _Refused(fault["index"], "seq" in (fault.get("keyPattern") or {})), done.term
        return _Refused(len(numbered), False), done.term

    async def _present(self, rows: list[Document], at: Document, refused: _Refused) -> tuple[dict[str, int], int]:
        """Return which of the events are in the log already, and the newest number seen while looking.

        A number is taken where another process appended; an event is there where a sweeper, another process or an
        earlier try of ours was first with it.
        """
        if not refused.number_taken:
            return await self._log.numbers(self._scope, [at["_id"]]), 0
        tail = await self._log.tail(self._scope, at["seq"], TAIL)
        if len(tail) == TAIL:  # far behind: the rest is not read through
            ids = [row["_id"] for row in rows]
            return await self._log.numbers(self._scope, ids), await self._log.head(self._scope)
        return {row["_id"]: tail[row["_id"]] for row in rows if row["_id"] in tail}, max(tail.values(), default=0)

    def heard(self, seq: int) -> None:
        """Take a number that is known to be given."""
        self.head = max(self.head or 0, seq)

    def _number(self, row: Document, seq: int, now: datetime) -> Document:
        place = {"scope": self._scope, "seq": seq, "recorded": now}
        if takes_number(row["type"]):
            return {**row, **place, "data": {**row["data"], "message_id": seq}}
        return row.ending(place) if isinstance(row, Encoded) else {**row, **place}

    def _remember(self, numbers: dict[str, int]) -> None:
        self._numbers.update(numbers)
        while len(self._numbers) > REMEMBERED:
            self._numbers.popitem(last=False)
