"""Sending a broadcast: planned, claimed, asked, recorded, in slices that a restart takes up where they ended.

One process at a time has a broadcast: its `due` block is claimed for a slice, and given back after it. A recipient is
claimed on disk before the carrier is asked; whoever takes a broadcast over from a process that died calls what that had
claimed unknown and asks for nobody twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from jinaconnect.actions.broadcasts.composing import Wording, wording
from jinaconnect.actions.broadcasts.outcomes import Asked, doubted, record
from jinaconnect.actions.broadcasts.paying import give_back_rest, reserve_all, settle_batches
from jinaconnect.actions.broadcasts.planning import plan_batch
from jinaconnect.actions.broadcasts.telling import changed, counts_now
from jinaconnect.actions.context import OperationContext, Services, system_operation
from jinaconnect.actions.messaging.delivering import ask_carrier
from jinaconnect.actions.ports import Ports
from jinaconnect.actions.worker import retry_while_unavailable
from jinaconnect.channels.base import Refused
from jinaconnect.core.billing.purse import InsufficientBalance
from jinaconnect.core.broadcasts import states
from jinaconnect.core.errors import GatewayError, Unavailable
from jinaconnect.core.inbox.address import Address
from jinaconnect.core.inbox.platform import address_on
from jinaconnect.core.rules import verdict as rules
from jinaconnect.core.rules.rows import HoursRule, own_hours
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import Claim
from jinaconnect.store.ending import ended
from jinaconnect.store.tenant import Change, Decide

SLICE = timedelta(seconds=15)  # with a batch that waits for its carrier, well within a lease
BATCH = 64  # what a killed process leaves unknown is at most what it had claimed
TURNED = 500
BATCHES = 3  # asked for at once
AT_ONCE = 64
LOOK_EVERY_S = 0.5  # at whether it was cancelled meanwhile
TELL_EVERY = timedelta(seconds=1)
TELL_TIMES = 20  # as long as it took to count, where that is longer: a million rows are not counted each second
PAUSED_AFTER = 5  # refusals of the account itself, one after the other
QUIET = "broadcast.allowed_hours_local"


class _Run:
    """One slice of a broadcast: whether it is to go on, and when its carrier wants to be asked again."""

    def __init__(self) -> None:
        self.stopped = False
        self.held_until: datetime | None = None
        self.refused = 0
        self.reason = ""
        self.gate = asyncio.Semaphore(AT_ONCE)

    @property
    def goes_on(self) -> bool:
        """Whether another recipient may be asked for."""
        return not self.stopped and self.held_until is None and self.refused < PAUSED_AFTER


@dataclass(frozen=True, slots=True)
class _Batch:
    """Claimed recipients, and their contacts by id."""

    rows: Sequence[Document]
    contacts: Mapping[str, Document]


class _Asking:
    """The batches the carrier is asked for at once; the block ends when all are written down."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: BaseException | None = None

    async def __aenter__(self) -> _Asking:
        return self

    async def __aexit__(self, *raised: object) -> None:
        while self._tasks:
            await self._settled()
        if self._failed is not None:
            raise self._failed

    def begin(self, batch: Coroutine[Any, Any, None]) -> None:
        """Begin another."""
        self._tasks.add(asyncio.create_task(batch))

    async def room(self) -> None:
        """Wait until another may begin; raises what one of them raised."""
        while len(self._tasks) >= BATCHES:
            await self._settled()
        if self._failed is not None:
            raise self._failed

    async def _settled(self) -> None:
        done, self._tasks = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            self._failed = self._failed or task.exception()


class Dispatcher:
    """Sends broadcasts."""

    def __init__(self, services: Services, ports: Ports) -> None:
        self._services = services
        self._ports = ports

    async def run(self, claim: Claim) -> None:
        """Send a claimed broadcast for a slice; what is left of it is due again."""
        doc = claim.doc
        ctx = system_operation(self._services, self._ports, doc["scope"], "broadcasts")
        # Of a slice that was cut off, by a process that died or a database that was away.
        async for contacts, asked in doubted(ctx, doc):
            await settle_batches(ctx, doc, asked)
            await record(ctx, doc, contacts, asked, first=False)
        doc = await self._begun(ctx, doc)
        if doc["status"] != states.SENDING:
            await self._leave(ctx, doc)
            return
        try:
            said = await wording(ctx, doc)
        except GatewayError as error:
            await self._paused(ctx, doc, f"It can no longer be sent: {error}")
            return
        if doc["app"] is None:
            doc = (await ctx.data.change("broadcasts", doc["_id"], lambda _: Change(set={"app": said.account.id}))).doc
        if doc.get("again"):
            doc = await self._once_more(ctx, doc)
        try:
            again = await self._slice(ctx, doc, said)
        except InsufficientBalance as error:
            await self._paused(ctx, doc, f"{error} It needs {error.extra['balance_details']['shortfall']} more.")
            return
        if again is not None:
            await self._services.due.postpone("broadcasts", doc["scope"], doc["_id"], again, afresh=True)
            wait = (again - ctx.now()).total_seconds() + 0.01
            self._ports.worker.run_at("broadcasts", doc["scope"], doc["_id"], wait)

    async def _begun(self, ctx: OperationContext, doc: Document) -> Document:
        """Return a broadcast that is due, begun if it may; too late, it is parked and told of."""

        def decide(held: Document) -> Change | None:
            if held["status"] not in (states.SCHEDULED, states.QUEUED):
                return None
            if states.missed(held["scheduled_time"], ctx.now()):
                reason = "It was due more than two hours ago; resume it to send it all the same."
                return changed(ctx, "broadcast.missed", held, status=states.MISSED, reason=reason)
            return changed(ctx, "broadcast.started", held, status=states.SENDING, started_at=ctx.now())

        return (await ctx.data.change("broadcasts", doc["_id"], decide)).doc

    async def _leave(self, ctx: OperationContext, doc: Document) -> None:
        """Take the claim off a broadcast that is not to be sent, and give back what it did not need."""
        if doc["status"] == states.CANCELLED:
            await give_back_rest(ctx, doc)

        def decide(held: Document) -> Change | None:
            due = "due" in held and held["status"] not in (states.SENDING, states.SCHEDULED, states.QUEUED)
            return Change(set={"updated_at": held["updated_at"]}, unset=["due"]) if due else None

        await ctx.data.change("broadcasts", doc["_id"], decide)

    async def _once_more(self, ctx: OperationContext, doc: Document) -> Document:
        """Make recipients pending again whom the broadcast was resumed for."""

        def decide(row: Document) -> Change | None:
            fields = {"status": states.PENDING, "at": ctx.now(), "retry_count": 0, "message": None, "failed_at": None}
            return Change(set=fields) if row["status"] in doc["again"] and row["wire"] is not None else None

        after, of_it = "", {"broadcast": doc["_id"], "status": {"$in": list(doc["again"])}}
        while rows := await ctx.data.select(
            "broadcast_rows", {**of_it, "_id": {"$gt": after}}, sort=[("_id", 1)], limit=TURNED
        ):
            await ctx.data.change_many("broadcast_rows", {row["_id"]: decide for row in rows}, rows)
            after = rows[-1]["_id"]
        known = Change(unset=["again"])
        return (await ctx.data.change("broadcasts", doc["_id"], lambda _: known)).doc

    async def _slice(self, ctx: OperationContext, doc: Document, said: Wording) -> datetime | None:
        """Plan and send for a while; returns when to go on, None where nothing is left or it was stopped."""
        run, ends = _Run(), ctx.now() + SLICE
        if held := await self._services.turns.held(said.account.id):
            return ctx.now() + timedelta(seconds=held)
        tell_at = ctx.now() + TELL_EVERY
        async with self._watched(ctx, doc, run), _Asking() as asking:
            while run.goes_on and ctx.now() < ends:
                if not doc["planned"]:
                    doc = await plan_batch(ctx, doc, said)
                    continue
                if not doc["reserved"]:
                    doc = await reserve_all(ctx, doc)
                batch = await self._claimed_batch(ctx, doc)
                if batch is None:
                    break
                # The next batch is claimed while the carrier is asked for this one.
                await asking.room()
                asking.begin(self._carry(ctx, doc, said, run, batch))
                if ctx.now() >= tell_at:
                    begun = ctx.now()
                    await self._progress(ctx, doc)
                    tell_at = ctx.now() + max(TELL_EVERY, TELL_TIMES * (ctx.now() - begun))
        if run.stopped:
            await self._leave(ctx, await ctx.data.get("broadcasts", doc["_id"]))
            return None
        if run.refused >= PAUSED_AFTER:
            await self._paused(ctx, doc, f"The carrier refuses the account: {run.reason}")
            return None
        return run.held_until or await self._next(ctx, doc)

    async def _next(self, ctx: OperationContext, doc: Document) -> datetime | None:
        """Return when the next recipient may be sent to; with none left the broadcast has ended."""
        of_it = {"broadcast": doc["_id"], "status": {"$in": list(states.UNFINISHED)}}
        left = await ctx.data.select("broadcast_rows", of_it, sort=[("at", 1)], limit=1, fields={"at": 1})
        if left or not doc["planned"]:
            return max(ctx.now(), left[0]["at"]) if left else ctx.now()
        await give_back_rest(ctx, doc)
        counts = await counts_now(ctx, doc["_id"])
        status = states.outcome(counts)

        def decide(held: Document) -> Change | None:
            if held["status"] != states.SENDING:
                return None
            kind = "broadcast.failed" if status == states.FAILED else "broadcast.completed"
            reason = "" if counts else "It had no recipients."
            change = changed(ctx, kind, held, status=status, counts=counts, ended_at=ctx.now(), reason=reason)
            return Change(set=change.set, unset=["due"], events=change.events)

        await ctx.data.change("broadcasts", doc["_id"], decide)
        return None

    async def _progress(self, ctx: OperationContext, doc: Document) -> None:
        counts = await counts_now(ctx, doc["_id"])

        def decide(held: Document) -> Change | None:
            going = held["status"] == states.SENDING and held["counts"] != counts
            return changed(ctx, "broadcast.progressed", held, counts=counts) if going else None

        await ctx.data.change("broadcasts", doc["_id"], decide)

    async def _paused(self, ctx: OperationContext, doc: Document, reason: str) -> None:
        def decide(held: Document) -> Change | None:
            if held["status"] != states.SENDING:
                return None
            change = changed(ctx, "broadcast.updated", held, status=states.PAUSED, reason=reason[:500])
            return Change(set=change.set, unset=["due"], events=change.events)

        await ctx.data.change("broadcasts", doc["_id"], decide)

    @asynccontextmanager
    async def _watched(self, ctx: OperationContext, doc: Document, run: _Run) -> AsyncIterator[None]:
        """Stop the slice soon after the broadcast was cancelled, or removed."""

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

    # --- one batch -----------------------------------------------------------------------------------------------

    async def _claimed_batch(self, ctx: OperationContext, doc: Document) -> _Batch | None:
        """Claim the next recipients, None where there are none for now."""
        due = {"broadcast": doc["_id"], "status": states.PENDING, "at": {"$lte": ctx.now()}}
        rows = await ctx.data.select("broadcast_rows", due, sort=[("at", 1), ("_id", 1)], limit=BATCH)
        if not rows:
            return None
        ids = [row["contact"] for row in rows]
        contacts = {found["_id"]: found for found in await ctx.data.select("contacts", {"_id": {"$in": ids}})}
        return _Batch(await self._claimed(ctx, doc, rows, contacts), contacts)

    async def _carry(self, ctx: OperationContext, doc: Document, said: Wording, run: _Run, batch: _Batch) -> None:
        """Ask the carrier for a claimed batch, and write down what came of it."""

        async def ask(row: Document) -> Asked | None:
            async with run.gate:
                return await self._ask(ctx, said, row, run)

        asked = [each for each in await asyncio.gather(*map(ask, batch.rows)) if each is not None]
        left = {row["_id"] for row in batch.rows} - {each.row["_id"] for each in asked}
        await retry_while_unavailable(lambda: settle_batches(ctx, doc, asked))
        await self._recorded(ctx, doc, batch, asked)
        await self._unclaimed(ctx, [row for row in batch.rows if row["_id"] in left])

    async def _recorded(self, ctx: OperationContext, doc: Document, batch: _Batch, asked: Sequence[Asked]) -> None:
        first = True

        async def write() -> None:
            nonlocal first
            once, first = first, False
            await record(ctx, doc, batch.contacts, asked, first=once)

        await retry_while_unavailable(write)

    async def _claimed(
        self, ctx: OperationContext, doc: Document, rows: Sequence[Document], contacts: Mapping[str, Document]
    ) -> list[Document]:
        """Claim the rows that may go now; the others are refused, or wait for their hours."""
        own, now = _quiet(doc), ctx.now()
        fates = {row["_id"]: _fate(doc, contacts.get(row["contact"]), own, now) for row in rows}
        await self._kept_back(ctx, [row for row in rows if fates[row["_id"]] is not None], fates)
        going = [row for row in rows if fates[row["_id"]] is None]
        if not going:
            return []
        ids, messages = [row["_id"] for row in going], [ctx.ids.new("msg") for _ in going]
        fields = {
            "status": states.ASKING, "batch": ctx.ids.new("bat"), "error_code": None, "response": "", "updated_at": now,
        }  # fmt: skip
        waiting = {"status": states.PENDING}
        fitted = await ctx.data.change_alike("broadcast_rows", ids, waiting, fields, {"message": messages})
        if fitted < len(going):
            return await ctx.data.select("broadcast_rows", {"_id": {"$in": ids}, "batch": fields["batch"]})
        return [{**row, **fields, "message": message} for row, message in zip(going, messages, strict=True)]

    async def _kept_back(
        self, ctx: OperationContext, rows: Sequence[Document], fates: Mapping[str, Mapping[str, object] | None]
    ) -> None:
        """Write down who is not sent to, or not yet."""

        def deciding(id: str) -> Decide:
            def decide(row: Document) -> Change | None:
                return Change(set=fates[id] or {}) if row["status"] == states.PENDING else None

            return decide

        await ctx.data.change_many("broadcast_rows", {row["_id"]: deciding(row["_id"]) for row in rows}, rows)

    async def _ask(self, ctx: OperationContext, said: Wording, row: Document, run: _Run) -> Asked | None:
        """Hand a claimed recipient's message to the carrier; None where it was not asked."""
        if not run.goes_on:
            return None
        account = said.account
        to = Address(*row["to"])
        await self._turn(account.id, said, to)
        if not run.goes_on:
            return None
        channel = self._ports.channels[account.channel]
        outcome = await ask_carrier(channel, account, to, row["wire"], row["message"])
        if isinstance(outcome, Refused) and outcome.cause == "rate":
            wait = outcome.retry_after or 1.0
            run.held_until = max(run.held_until or ctx.now(), ctx.now() + timedelta(seconds=wait))
            await self._services.turns.hold(account.id, wait)
            return None  # our own speed is no recipient's failure
        if isinstance(outcome, Refused) and outcome.cause == "auth":
            run.refused, run.reason = run.refused + 1, outcome.message
            return None
        run.refused = 0
        return Asked(row, outcome)

    async def _turn(self, account: str, said: Wording, to: Address) -> None:
        """Wait for the account's turn, as its carrier's pace has it."""
        pace, turns = self._ports.channels[said.account.channel].spec.pace, self._services.turns
        if pace.account_per_s is not None and (wait := await turns.take(account, 1 / pace.account_per_s)):
            await asyncio.sleep(wait)

    async def _unclaimed(self, ctx: OperationContext, rows: Sequence[Document]) -> None:
        """Give back recipients whom the carrier was not asked for, or for whom it was too early."""
        if rows:
            mine = {"status": states.ASKING, "batch": rows[0]["batch"]}
            fields = {"status": states.PENDING, "message": None, "updated_at": ctx.now()}
            await ctx.data.change_alike("broadcast_rows", [row["_id"] for row in rows], mine, fields)


def _quiet(doc: Document) -> list[HoursRule]:
    hours = doc["allowed_hours_local"]
    if hours is None:
        return []
    start, end = time.fromisoformat(hours["start"]), time.fromisoformat(hours["end"])
    return [own_hours(QUIET, start, end, "the broadcast")]


def _fate(doc: Document, contact: Document | None, own: Sequence[HoursRule], now: datetime) -> dict[str, object] | None:
    """Return the fields of a recipient who is sent to later or not at all, None for one who is sent to now."""
    if contact is None or contact["deleted_at"] is not None or address_on(contact, doc["platform"]) is None:
        return _blocked("no_contact", "The contact was removed.", now)
    match rules.verdict(contact, doc["category"], doc["platform"], now, own):
        case rules.Refused(rule=rule, reason=reason):
            return _blocked(rule, reason, now)
        case rules.Deferred(until=until, rule=rule):
            return {"at": until, "error_code": rule, "response": "", "updated_at": now}
    return None


def _blocked(code: str, reason: str, now: datetime) -> dict[str, object]:
    return {"status": states.BLOCKED, "failed_at": now, "error_code": code, "response": reason, "updated_at": now}
