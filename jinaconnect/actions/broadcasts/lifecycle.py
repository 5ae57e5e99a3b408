"""What every slice of a broadcast does alike, whatever it sends: begin, look, tell, pause, go on later, end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

from jinaconnect.actions.broadcasts.paying import give_back_rest
from jinaconnect.actions.broadcasts.telling import changed, counts_now
from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.messaging.reports import go_on
from jinaconnect.core.broadcasts import states
from jinaconnect.core.clock import Clock
from jinaconnect.core.errors import Unavailable
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import Lease, due_at
from jinaconnect.store.ending import ended
from jinaconnect.store.tenant import Change

SLICE = timedelta(seconds=15)  # after which it looks anew at what it sends, and by which account
ANSWERS_WITHIN = timedelta(seconds=20)  # a carrier who is asked
AT_ONCE = 64
TURNED = 500
LOOK_EVERY_S = 0.5  # at whether it was cancelled meanwhile
CANCELLED_FIRST = "The broadcast was cancelled before they were asked for."
PAUSED_AFTER = 5  # refusals of the account itself, one after the other


class Run:
    """One slice of a broadcast: whether it is to go on, and when its carrier wants to be asked again."""

    def __init__(self, lease: Lease, clock: Clock) -> None:
        self.lease = lease
        self._clock = clock
        self.stopped = False
        self.held_until: datetime | None = None
        self.full_until: datetime | None = None  # the account has sent what it may for now, and `full` says so
        self.full = ""
        self.given_back = 0  # places of the account's day, by recipients who were not taken
        self.refused = 0
        self.reason = ""
        self.gate = asyncio.Semaphore(AT_ONCE)

    @property
    def goes_on(self) -> bool:
        """Whether another recipient may be asked for: the answer comes while nobody else can have the broadcast."""
        answered = self._clock() + ANSWERS_WITHIN
        return (
            not self.stopped and self.held_until is None and self.refused < PAUSED_AFTER and self.lease.lasts(answered)
        )


async def begun(ctx: OperationContext, doc: Document) -> Document:
    """Return a broadcast that is due, begun if it may; too late, it is parked and told of."""

    def decide(held: Document) -> Change | None:
        if held["status"] not in (states.SCHEDULED, states.QUEUED):
            return None
        if states.missed(held["scheduled_time"], ctx.now()):
            reason = "It was due more than two hours ago; resume it to send it all the same."
            return changed(ctx, "broadcast.missed", held, status=states.MISSED, reason=reason)
        return changed(ctx, "broadcast.started", held, status=states.SENDING, started_at=ctx.now())

    return (await ctx.data.change("broadcasts", doc["_id"], decide)).doc


async def let_go(ctx: OperationContext, id: str, again: datetime | None) -> bool:
    """Take this process's claim off a broadcast; tells whether it is due `again`, as it is where it is still sent.

    One that was cancelled meanwhile gets back what it did not need.
    """

    def later(held: Document) -> Change | None:
        if again is None or not _own(ctx, held) or held["status"] != states.SENDING:
            return None
        return Change(set={"due": due_at(again), "updated_at": held["updated_at"]})

    doc = (await ctx.data.change("broadcasts", id, later)).doc
    if doc["status"] == states.SENDING:
        return again is not None
    while _own(ctx, doc) and doc["status"] not in (states.SENDING, states.SCHEDULED, states.QUEUED):
        if doc["status"] == states.CANCELLED:
            await give_back_rest(ctx, doc)
            await _fail_rest(ctx, doc)
        left = doc["status"]

        def leave(held: Document, left: str = left) -> Change | None:
            own = _own(ctx, held) and held["status"] == left
            return Change(set={"updated_at": held["updated_at"]}, unset=["due"]) if own else None

        doc = (await ctx.data.change("broadcasts", id, leave)).doc
    return False


async def _fail_rest(ctx: OperationContext, doc: Document) -> None:
    """Write down of those who were left when a broadcast was cancelled that nobody was asked for them, and tell of it.

    Cut off, it goes on when the broadcast is taken up again.
    """
    left, failed = {"broadcast": doc["_id"], "status": states.PENDING}, 0
    while rows := await ctx.data.select("broadcast_rows", left, limit=TURNED, fields={"_id": 1}):
        held = await ctx.data.find("broadcasts", doc["_id"])
        if held is None or not _own(ctx, held):
            return
        fields = {
            "status": states.FAILED, "failed_at": ctx.now(), "error_code": states.WITHDRAWN,
            "response": CANCELLED_FIRST,
        }  # fmt: skip
        failed += await ctx.data.change_alike("broadcast_rows", [row["_id"] for row in rows], left, fields)
    if failed:
        await _tell_counts(ctx, doc, states.CANCELLED, "broadcast.updated")


def _own(ctx: OperationContext, held: Document) -> bool:
    """Tell whether this process has a broadcast."""
    return "due" in held and held["due"]["by"] == ctx.services.due.process


async def forget(ctx: OperationContext, doc: Document) -> Document:
    """Remove the recipients of a broadcast queued again whom nobody was asked for: they are planned anew.

    Who was sent to stays, and is not sent to again.
    """
    unsent = {"broadcast": doc["_id"], **states.UNSENT}
    while rows := await ctx.data.select("broadcast_rows", unsent, limit=TURNED, fields={"_id": 1}):
        held = await ctx.data.get("broadcasts", doc["_id"])
        if not _own(ctx, held) or not held.get("forget"):
            return held  # another process has it, and plans already
        await ctx.data.remove_many("broadcast_rows", [row["_id"] for row in rows])
    done = Change(unset=["forget"])
    return (await ctx.data.change("broadcasts", doc["_id"], lambda _: done)).doc


async def once_more(ctx: OperationContext, doc: Document) -> Document:
    """Make recipients pending again whom the broadcast was resumed for."""

    def decide(row: Document) -> Change | None:
        fields = {
            "status": states.PENDING, "at": ctx.now(), "retry_count": 0, "message": None, "call": None,
            "failed_at": None, "held_by": None,
        }  # fmt: skip
        return Change(set=fields) if row["status"] in doc["again"] and row["wire"] is not None else None

    after, of_it = "", {"broadcast": doc["_id"], "status": {"$in": list(doc["again"])}}
    while rows := await ctx.data.select(
        "broadcast_rows", {**of_it, "_id": {"$gt": after}}, sort=[("_id", 1)], limit=TURNED
    ):
        await ctx.data.change_many("broadcast_rows", {row["_id"]: decide for row in rows}, rows)
        after = rows[-1]["_id"]
    known = Change(unset=["again"])
    return (await ctx.data.change("broadcasts", doc["_id"], lambda _: known)).doc


async def finish(ctx: OperationContext, doc: Document) -> None:
    """End a broadcast of which nobody is left."""
    await give_back_rest(ctx, doc)
    counts = await counts_now(ctx, doc)
    status = states.outcome(counts)

    def decide(held: Document) -> Change | None:
        if held["status"] != states.SENDING or not _own(ctx, held):
            return None
        kind = "broadcast.failed" if status == states.FAILED else "broadcast.completed"
        reason = "" if counts else "It had no recipients."
        change = changed(ctx, kind, held, status=status, counts=counts, ended_at=ctx.now(), reason=reason)
        return Change(set=change.set, unset=["due"], events=change.events)

    await ctx.data.change("broadcasts", doc["_id"], decide)
    # Whom a report has put off to their hours since they were counted.
    of_it = {"broadcast": doc["_id"], "status": states.PENDING}
    if left := await ctx.data.select("broadcast_rows", of_it, sort=[("at", 1)], limit=1, fields={"at": 1}):
        await go_on(ctx, doc["_id"], left[0]["at"])


async def progress(ctx: OperationContext, doc: Document) -> None:
    """Tell what a broadcast has come to, where that has changed."""
    await _tell_counts(ctx, doc, states.SENDING, "broadcast.progressed")


async def _tell_counts(ctx: OperationContext, doc: Document, status: str, kind: str) -> None:
    counts = await counts_now(ctx, doc)

    def decide(held: Document) -> Change | None:
        news = held["status"] == status and held["counts"] != counts
        return changed(ctx, kind, held, counts=counts) if news else None

    await ctx.data.change("broadcasts", doc["_id"], decide)


async def say(ctx: OperationContext, doc: Document, reason: str) -> None:
    """Say why a broadcast that goes on waits, or with no reason that it waits no more."""

    def decide(held: Document) -> Change | None:
        new = held["status"] == states.SENDING and held["reason"] != reason
        return changed(ctx, "broadcast.updated", held, reason=reason) if new else None

    doc["reason"] = (await ctx.data.change("broadcasts", doc["_id"], decide)).doc["reason"]


async def pause(ctx: OperationContext, doc: Document, reason: str) -> None:
    """Pause a broadcast that cannot go on by itself."""

    def decide(held: Document) -> Change | None:
        if held["status"] != states.SENDING or not _own(ctx, held):
            return None
        change = changed(ctx, "broadcast.updated", held, status=states.PAUSED, reason=reason[:500])
        return Change(set=change.set, unset=["due"], events=change.events)

    await ctx.data.change("broadcasts", doc["_id"], decide)


@asynccontextmanager
async def watched(ctx: OperationContext, doc: Document, run: Run) -> AsyncIterator[None]:
    """Stop the slice soon after the broadcast was cancelled, paused or removed."""

    async def look() -> None:
        while not run.stopped:
            await asyncio.sleep(LOOK_EVERY_S)
            with suppress(Unavailable):  # it is looked at again
                held = await ctx.data.find("broadcasts", doc["_id"])
                run.stopped = held is None or held["status"] != states.SENDING

    watching = asyncio.create_task(look())
    try:
        yield
    finally:
        await ended([watching])
