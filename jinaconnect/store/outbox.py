"""From documents to the log: appends pending events, then takes them off their documents.

Publishing happens inline before the answer; the sweep does the same for what a crash left behind. Both are
idempotent by event id, and one document's events are always appended in the document's order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog
from bson import encode

from jinaconnect.core.calls.history import history_rows
from jinaconnect.core.clock import Clock
from jinaconnect.core.errors import Unavailable
from jinaconnect.core.events.event import takes_number
from jinaconnect.core.inbox.timeline import pending_row
from jinaconnect.core.office.notices import notice_of
from jinaconnect.core.principal import parse_scope
from jinaconnect.store import ahead
from jinaconnect.store.ahead import Trail
from jinaconnect.store.collections import BATCHES, COLLECTIONS, TOLD_WITH, UNLOGGED
from jinaconnect.store.commit import GroupCommit
from jinaconnect.store.coordination.holding import holding
from jinaconnect.store.coordination.withdrawals import Withdrawals, changes_access
from jinaconnect.store.databases.encoded import waiting_on
from jinaconnect.store.databases.mongo import BY_ID, NOBODY, Database, Document, fault_error, guarded
from jinaconnect.store.due import due_at
from jinaconnect.store.log import Log

SWEEP_EVERY_S = 2.0
ABANDONED_AFTER = timedelta(seconds=3)  # an inline publish is long done by then, or its process is
SWEEP_BATCH = 500
GATHER_S = 0.03  # that what was told waits for more of it: only who reads such rows waits, and then takes it off itself
PULLED_AT_ONCE = 100  # documents of one update, in which each looks for its own number
NOTIFY_JOB = "notify"
TOLD_KEPT = 10_000  # ids of batches that are known to be told
_WAITING = {"scope": 1, "pending": 1, TOLD_WITH: 1}
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

logger = structlog.get_logger(__name__)


def _pull_of(group: Sequence[_Told]) -> Document:
    """Return the one update that takes events off the documents of a collection, and gives them their numbers."""
    ids, numbers = [told.id for told in group], [told.number for told in group]
    gone = [row["_id"] for told in group for row, _ in told.events]
    left = {"$filter": {"input": "$pending", "cond": {"$not": [{"$in": ["$$this._id", {"$literal": gone}]}]}}}
    fields: Document = {"pending": left}
    if numbers[0] is not None:
        fields["number"] = {"$arrayElemAt": [numbers, {"$indexOfArray": [{"$literal": ids}, "$_id"]}]}
    query = {"_id": {"$in": ids}, "scope": {"$in": list({told.scope for told in group})}}
    return {"q": query, "u": [{"$set": fields}], "multi": True, "hint": BY_ID}


@dataclass(frozen=True, slots=True)
class _Told:
    collection: str
    id: str
    scope: str
    events: tuple[tuple[Document, int], ...]
    awaited: bool = False

    @property
    def number(self) -> int | None:
        """The document's place in its timeline, where an event gives it one."""
        return next((seq for row, seq in self.events if takes_number(row["type"])), None)


def notice_jobs(rows: Iterable[Document], now: datetime) -> list[Document]:
    """Return the jobs of events on their way to the log, each as an update that stores it once.

    People are notified of live data.
    """
    jobs = []
    for row in rows:
        notice = notice_of(row["type"], row["data"]) if parse_scope(row["log"])[1] == "live" else None
        if notice is None:
            continue
        data = {**asdict(notice), "event": row["_id"], "at": row["at"], "by": row["actor"]["id"]}
        if row.get("contact") is not None:  # by which the notice goes where the contact is erased
            data["metadata"] = {"contact_id": row["contact"], **notice.metadata}
        job = {"scope": row["log"], "kind": NOTIFY_JOB, "data": data, "due": due_at(now)}
        jobs.append({"q": {"_id": f"job_{row['_id']}"}, "u": {"$setOnInsert": job}, "upsert": True})
    return jobs


class Outbox:
    """Publishes the pending events of documents."""

    def __init__(self, database: Database, log: Log, clock: Clock, withdrawals: Withdrawals) -> None:
        self._database = database
        self._log = log
        self._clock = clock
        self._withdrawals = withdrawals
        self._pulls: GroupCommit[Sequence[_Told], None] = GroupCommit(self._pull)
        self._gathered: list[_Told] = []
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._told: dict[str, None] = {}

    async def publish(
        self, groups: Sequence[tuple[str, Sequence[Document]]], trail: Trail | None = None
    ) -> dict[str, int]:
        """Append the pending events of documents, given by collection; returns `{document id: last number}`.

        What the events leave behind elsewhere (numbers, timeline and history rows) follows: see `settle`.

        The events of a document may belong to another log than its neighbours' (`log` in the row says which); all
        of one document go to one log.
        """
        told, last = await self._append(groups, trail)
        self._gathered += told
        if len(self._gathered) >= PULLED_AT_ONCE:
            self._take_off()
        elif told and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._take_off)
        return last

    def _take_off(self) -> None:
        """Begin to take off their documents what has been told in the last moment."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        told, self._gathered = self._gathered, []
        task = asyncio.create_task(self._settle(told))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self, groups: Sequence[tuple[str, Sequence[Document]]]) -> None:
        """Bring what documents have pending to the log and, before returning, to the rows that are made of it.

        Whoever reads such rows beside a position of the log settles first: events up to the position are then either
        in rows already or pending on the documents read after it. Raises Unavailable.
        """
        told, _ = await self._append(groups)
        if told:
            await self._pulls.put([replace(item, awaited=True) for item in told])

    async def _append(
        self, groups: Sequence[tuple[str, Sequence[Document]]], trail: Trail | None = None
    ) -> tuple[list[_Told], dict[str, int]]:
        logs: dict[str, list[tuple[str, Document]]] = {}
        for collection, docs in groups:
            for doc in docs:
                if doc.get("pending"):
                    logs.setdefault(doc["pending"][0]["log"], []).append((collection, doc))
        settled: list[_Told] = []
        last: dict[str, int] = {}
        for name, telling in logs.items():
            await self._tell_first(name, [doc for _, doc in telling])
            rows = [
                {key: value for key, value in row.items() if key not in UNLOGGED}
                for _, doc in telling
                for row in doc["pending"]
            ]
            numbers = iter(await self._log.append(name, rows, trail))
            if any(changes_access(row["type"]) for row in rows):
                # Before the events are taken off their document: the sweep repeats what a crash cuts off here.
                await self._withdrawals.note([parse_scope(name)[0]])
            for collection, doc in telling:
                told = tuple((row, next(numbers)) for row in doc["pending"])
                last[doc["_id"]] = told[-1][1]
                settled.append(_Told(collection, doc["_id"], doc["scope"], told))
        return settled, last

    async def _tell_first(self, log: str, docs: Sequence[Document]) -> None:
        """Tell the first events of documents whose batch is not told yet, before what has become of them since."""
        batches = {doc[TOLD_WITH] for doc in docs if TOLD_WITH in doc} - self._told.keys()
        if not batches:
            return
        ids = {doc["_id"] for doc in docs}
        rows = await self._untold(sorted(batches))
        events = [event for row in rows for event in waiting_on(row, self._database)]
        first = [event for event in events if event["contact"] in ids]
        if first:
            await self._log.append(log, first)
        for id in batches - {row["_id"] for row in rows}:
            self._told[id] = None
            if len(self._told) > TOLD_KEPT:
                del self._told[next(iter(self._told))]

    @guarded
    async def _untold(self, batches: Sequence[str]) -> list[Document]:
        return await self._database[BATCHES].find({"_id": {"$in": list(batches)}}).to_list()

    async def _settle(self, told: Sequence[_Told]) -> None:
        try:
            await self._pulls.put(told)
        except Unavailable:
            logger.info("outbox.pull_postponed", documents=len(told))

    async def drain(self) -> None:
        """Wait until everything published is taken off its document, on the disk too."""
        while self._tasks or self._gathered:
            if self._gathered:
                self._take_off()
            await asyncio.gather(*tuple(self._tasks), return_exceptions=True)
        nothing = {"q": {"_id": NOBODY}, "u": {"$set": {"pending": []}}, "hint": BY_ID}
        try:
            await self._waited_for(nothing)
        except Unavailable:
            logger.info("outbox.pull_postponed", documents=0)

    @guarded
    async def _waited_for(self, update: Document) -> None:
        """Run an update that changes nothing: durable, it waits for all that was written before it."""
        await ahead.update(self._database, "messages", [update], concern=ahead.DURABLE)

    @guarded
    async def _pull(self, batches: list[Sequence[_Told]]) -> list[Exception | None]:
        batch = [told for each in batches for told in each]
        entries: dict[str, list[bytes]] = {"timeline": [], "call_events": []}
        pulls: dict[tuple[str, bool], list[_Told]] = {}
        for told in batch:
            for row, seq in told.events:
                if row.get("timeline"):
                    entry = {"scope": row["log"], "contact": row["contact"], **pending_row(row, seq)}
                    entries["timeline"].append(encode(entry))
                if row.get("history"):
                    entries["call_events"] += [encode({"scope": row["log"], **each}) for each in history_rows(row)]
            pulls.setdefault((told.collection, told.number is not None), []).append(told)
        jobs = notice_jobs((row for told in batch for row, _ in told.events), self._clock())
        trail = Trail()
        await self._leave_behind(entries, jobs, ahead.TAKEN, trail)
        # What is lost of this is done again by the sweep: only who waits for it waits for the disk.
        concern = ahead.DURABLE if any(told.awaited for told in batch) else ahead.TAKEN
        for (collection, _), group in pulls.items():
            for start in range(0, len(group), PULLED_AT_ONCE):
                part = _pull_of(group[start : start + PULLED_AT_ONCE])
                done = await ahead.update(self._database, collection, [part], concern=concern)
                trail.note(done.term)
                for fault in done.faults:
                    raise fault_error(fault)
        if not trail.unbroken:
            await self._leave_behind(entries, jobs, ahead.DURABLE, trail)
        return [None] * len(batches)

    async def _leave_behind(
        self, entries: Mapping[str, Sequence[bytes]], jobs: Sequence[Document], concern: Document, trail: Trail
    ) -> None:
        """Write the rows and the jobs that events bring; those that are there stay as they are.

        They go ahead of the update that takes the events off their documents, as documents do of the log.
        """
        for collection, rows in entries.items():
            if rows:
                done = await ahead.insert(self._database, collection, rows, ordered=False, concern=concern)
                done.taken()
                trail.note(done.term)
        if jobs:
            done = await ahead.update(self._database, "jobs", jobs, concern=concern)
            done.taken()
            trail.note(done.term)

    async def sweep(self) -> int:
        """Publish what has been pending for a while; returns how many documents."""
        swept = 0
        telling = [name for name, collection in COLLECTIONS.items() if collection.tells]
        for name in await holding(self._database, telling, self._left()):
            swept += await self._sweep(name)
        return swept

    async def _sweep(self, name: str) -> int:
        docs = await self._abandoned(name)
        if docs:
            logger.warning("outbox.swept", collection=name, documents=len(docs))
            await self.publish([(name, docs)])
        return len(docs)

    def _left(self) -> Document:
        return {"pending.0": {"$exists": True}, "updated_at": {"$lt": self._clock() - ABANDONED_AFTER}}

    @guarded
    async def waiting(self, name: str, partition: str) -> list[Document]:
        """Return the documents of a partition that have something pending: few at any moment."""
        query = {"pending.0": {"$exists": True}, "updated_at": {"$gt": _EARLIEST}, "scope": partition}
        rows = self._database[name].find(query, _WAITING, hint="pending")
        return await rows.to_list()

    @guarded
    async def _abandoned(self, name: str) -> list[Document]:
        rows = self._database[name].find(
            self._left(), _WAITING, limit=SWEEP_BATCH, hint="pending", sort=[("updated_at", 1)]
        )
        return await rows.to_list()

    async def prepare(self) -> None:
        """Create the indexes the sweep reads."""
        for name, collection in COLLECTIONS.items():
            if collection.tells:
                await self._database[name].create_index(
                    [("updated_at", 1)], name="pending", partialFilterExpression={"pending.0": {"$exists": True}}
                )
