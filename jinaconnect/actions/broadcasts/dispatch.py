"""Sending a broadcast: planned, claimed, asked, recorded, in slices that a restart takes up where they ended.

One process at a time has a broadcast: its `due` block is claimed for a slice, and given back after it. A recipient is
claimed on disk before the carrier is asked; whoever takes a broadcast over from a process that died calls what that had
claimed unknown and asks for nobody twice. One that was taken for dead and was not asks for nobody more, and corrects
what it knows better.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from jinaconnect.actions.broadcasts import lifecycle
from jinaconnect.actions.broadcasts.allowed import Allowed
from jinaconnect.actions.broadcasts.calling import call_some, withdraw
from jinaconnect.actions.broadcasts.composing import Wording, wording
from jinaconnect.actions.broadcasts.fates import Fate, fate, keep_back, quiet_hours
from jinaconnect.actions.broadcasts.lifecycle import PAUSED_AFTER, SLICE, Run
from jinaconnect.actions.broadcasts.outcomes import Asked, correct, doubted, record
from jinaconnect.actions.broadcasts.paying import charged_unasked, reserve_all, settle_batches
from jinaconnect.actions.broadcasts.planning import plan_batch
from jinaconnect.actions.broadcasts.script import Script, script
from jinaconnect.actions.context import OperationContext, Services, system_operation
from jinaconnect.actions.messaging.delivering import ask_carrier
from jinaconnect.actions.messaging.fallback import note_unreached
from jinaconnect.actions.messaging.silent import looked_after
from jinaconnect.actions.ports import Ports
from jinaconnect.actions.worker import retry_while_unavailable
from jinaconnect.channels.base import Refused
from jinaconnect.core.billing.purse import InsufficientBalance
from jinaconnect.core.broadcasts import states
from jinaconnect.core.errors import GatewayError, Unavailable
from jinaconnect.core.inbox.address import Address
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.rules.verdict import next_hours
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import Claim, Lease
from jinaconnect.store.tenant import Change

BATCH = 64  # what a killed process leaves unknown is at most what it had claimed
BATCHES = 3  # asked for at once
WRITTEN_WITHIN = timedelta(seconds=20)  # what came of a batch: with less than that left of the lease it is renewed
TELL_EVERY = timedelta(seconds=1)
TELL_TIMES = 20  # as long as it took to count, where that is longer: a million rows are not counted each second


logger = structlog.get_logger(__name__)


class _TakenOver(Exception):
    """Another process has taken the broadcast for abandoned."""


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
        ctx, id = system_operation(self._services, self._ports, claim.doc["scope"], "broadcasts"), claim.doc["_id"]
        again = await self._begin(ctx, claim)
        if not claim.lease.lost and await lifecycle.let_go(ctx, id, again) and again is not None:
            wait = (again - ctx.now()).total_seconds() + 0.01
            self._ports.worker.run_at("broadcasts", ctx.data.scope, id, wait)

    async def _begin(self, ctx: OperationContext, claim: Claim) -> datetime | None:
        """Send it for a slice if it may be sent; returns when to go on, None where there is nothing to go on with."""
        doc = claim.doc
        spoken = PLATFORMS[doc["platform"]].spoken
        if not spoken:
            # Of a slice that was cut off, by a process that died or a database that was away.
            async for contacts, asked in doubted(ctx, doc):
                await settle_batches(ctx, doc, asked)
                await record(ctx, doc, contacts, asked, first=False)
        doc = await lifecycle.begun(ctx, doc)
        if doc["status"] != states.SENDING:
            if spoken:
                await withdraw(ctx, doc)
            return None
        try:
            said: Script | Wording = await (script(ctx, doc) if spoken else wording(ctx, doc))
        except GatewayError as error:
            await lifecycle.pause(ctx, doc, f"It can no longer be sent: {error}")
            return None
        if doc["app"] is None:
            doc = (await ctx.data.change("broadcasts", doc["_id"], lambda _: Change(set={"app": said.account_id}))).doc
        if doc.get("forget"):
            doc = await lifecycle.forget(ctx, doc)
        if doc.get("again"):
            doc = await lifecycle.once_more(ctx, doc)
        run = Run(claim.lease, ctx.now)
        try:
            if isinstance(said, Script):
                return await call_some(ctx, doc, said, run)
            return await self._slice(ctx, doc, said, run)
        except InsufficientBalance as error:
            await lifecycle.pause(ctx, doc, f"{error} It needs {error.extra['balance_details']['shortfall']} more.")
            return None

    async def _slice(self, ctx: OperationContext, doc: Document, said: Wording, run: Run) -> datetime | None:
        """Plan and send for a while; returns when to go on, None where nothing is left or it was stopped."""
        ends = ctx.now() + SLICE
        if held := await self._services.turns.held(said.account.id):
            return ctx.now() + timedelta(seconds=held)
        tell_at = ctx.now() + TELL_EVERY
        allowed = await Allowed.of(ctx, said.account, said.platform)
        async with lifecycle.watched(ctx, doc, run), _Asking() as asking:
            while run.goes_on and run.full_until is None and ctx.now() < ends:
                if not doc["planned"]:
                    doc = await plan_batch(ctx, doc, said)
                    continue
                if not doc["reserved"]:
                    doc = await reserve_all(ctx, doc)
                batch = await self._claimed_batch(ctx, doc, run, allowed)
                if batch is None:
                    break
                # The next batch is claimed while the carrier is asked for this one.
                await asking.room()
                asking.begin(self._carry(ctx, doc, said, run, batch, allowed))
                if ctx.now() >= tell_at:
                    begun = ctx.now()
                    await lifecycle.progress(ctx, doc)
                    tell_at = ctx.now() + max(TELL_EVERY, TELL_TIMES * (ctx.now() - begun))
        if run.stopped or run.lease.lost:
            return None
        if run.refused >= PAUSED_AFTER:
            await lifecycle.pause(ctx, doc, f"The carrier refuses the account: {run.reason}")
            return None
        if run.full_until is not None and run.given_back:  # there is room again
            return run.held_until or ctx.now()
        again = run.held_until or run.full_until or await self._next(ctx, doc)
        if run.full and again is not None:
            await lifecycle.say(ctx, doc, run.full)
        return again

    async def _next(self, ctx: OperationContext, doc: Document) -> datetime | None:
        """Return when the next recipient may be sent to; with none left the broadcast has ended."""
        of_it = {"broadcast": doc["_id"], "status": {"$in": list(states.UNFINISHED)}}
        left = await ctx.data.select("broadcast_rows", of_it, sort=[("at", 1)], limit=1, fields={"at": 1})
        if left or not doc["planned"]:
            return max(ctx.now(), left[0]["at"]) if left else ctx.now()
        await lifecycle.finish(ctx, doc)
        return None

    # --- one batch -----------------------------------------------------------------------------------------------

    async def _claimed_batch(
        self, ctx: OperationContext, doc: Document, run: Run, allowed: Allowed
    ) -> _Batch | None:
        """Claim the next recipients, None where there are none for now."""
        due = {"broadcast": doc["_id"], "status": states.PENDING, "at": {"$lte": ctx.now()}}
        rows = await ctx.data.select("broadcast_rows", due, sort=[("at", 1), ("_id", 1)], limit=BATCH)
        if not rows:
            return None
        ids = [row["contact"] for row in rows]
        contacts = {found["_id"]: found for found in await ctx.data.select("contacts", {"_id": {"$in": ids}})}
        return _Batch(await self._claimed(ctx, doc, rows, contacts, run, allowed), contacts)

    async def _carry(
        self, ctx: OperationContext, doc: Document, said: Wording, run: Run, batch: _Batch, allowed: Allowed
    ) -> None:
        """Ask the carrier for a claimed batch, and write down what came of it."""

        async def ask(row: Document) -> Asked | None:
            async with run.gate:
                return await self._ask(ctx, said, row, run, batch.contacts.get(row["contact"]))

        asked = [each for each in await asyncio.gather(*map(ask, batch.rows)) if each is not None]
        asked_for = {each.row["_id"] for each in asked}
        left = [row for row in batch.rows if row["_id"] not in asked_for]
        unused = len(left) + sum(isinstance(each.outcome, Refused) for each in asked)
        channel, lease = self._ports.channels[said.account.channel], run.lease
        try:
            await self._while_ours(doc, lease, lambda: settle_batches(ctx, doc, asked))
            if unreached := [each.row for each in asked if each.unreached]:
                await self._while_ours(doc, lease, lambda: note_unreached(ctx, self._ports, channel, unreached))
            further = looked_after(channel, ctx.now())
            await self._recorded(ctx, doc, batch, asked, further, lease)
            await self._while_ours(doc, lease, lambda: self._unclaimed(ctx, left))
        except _TakenOver:
            logger.warning("broadcast.taken_over", id=doc["_id"], asked=len(asked))
            await retry_while_unavailable(lambda: self._corrected(ctx, doc, batch, asked, left))
        if unused:
            await allowed.give_back(unused)
            run.given_back += unused

    async def _while_ours(self, doc: Document, lease: Lease, write: Callable[[], Awaitable[None]]) -> None:
        """Write what may not get lost; raises _TakenOver where another process writes of the same recipients."""

        async def written() -> None:
            if not lease.lasts(self._services.clock() + WRITTEN_WITHIN):
                await self._services.due.renew("broadcasts", doc["_id"], lease)
            if lease.lost:
                raise _TakenOver
            await write()

        await retry_while_unavailable(written)

    async def _corrected(
        self, ctx: OperationContext, doc: Document, batch: _Batch, asked: Sequence[Asked], left: Sequence[Document]
    ) -> None:
        """Correct what another process has written of a batch; raises Unavailable while it has not yet."""
        names = list({row["batch"] for row in batch.rows})
        asking = {"broadcast": doc["_id"], "status": states.ASKING, "batch": {"$in": names}}
        if await ctx.data.few("broadcast_rows", asking, 1):
            raise Unavailable("Nobody has taken the broadcast over yet.")
        charged = await charged_unasked(ctx, doc, asked, left)
        await correct(ctx, doc, batch.contacts, asked, left, charged)

    async def _recorded(
        self, ctx: OperationContext, doc: Document, batch: _Batch, asked: Sequence[Asked],
        further: Mapping[str, datetime], lease: Lease,
    ) -> None:  # fmt: skip
        first = True

        async def write() -> None:
            nonlocal first
            once, first = first, False
            await record(ctx, doc, batch.contacts, asked, first=once, further=further)

        await self._while_ours(doc, lease, write)

    async def _claimed(
        self, ctx: OperationContext, doc: Document, rows: Sequence[Document], contacts: Mapping[str, Document],
        run: Run, allowed: Allowed,
    ) -> list[Document]:  # fmt: skip
        """Claim the rows that may go now; the others are refused, or wait for their hours."""
        own, now = quiet_hours(doc), ctx.now()
        fates: dict[str, Fate | None] = {}
        for row in rows:
            contact = contacts.get(row["contact"])
            told = fate(doc, row, contact, own, now)
            fates[row["_id"]] = allowed.fate(contact, run) if told is None and contact is not None else told
        await keep_back(ctx, [row for row in rows if fates[row["_id"]] is not None], fates)
        going = await allowed.some_of([row for row in rows if fates[row["_id"]] is None], run)
        if not going:
            return []
        if doc["reason"]:
            await lifecycle.say(ctx, doc, "")
        ids, messages = [row["_id"] for row in going], [ctx.ids.new("msg") for _ in going]
        fields = {
            "status": states.ASKING, "batch": ctx.ids.new("bat"), "error_code": None, "response": "", "updated_at": now,
        }  # fmt: skip
        waiting = {"status": states.PENDING}
        fitted = await ctx.data.change_alike("broadcast_rows", ids, waiting, fields, {"message": messages})
        if fitted < len(going):
            return await ctx.data.select("broadcast_rows", {"_id": {"$in": ids}, "batch": fields["batch"]})
        return [{**row, **fields, "message": message} for row, message in zip(going, messages, strict=True)]

    async def _ask(
        self, ctx: OperationContext, said: Wording, row: Document, run: Run, contact: Document | None
    ) -> Asked | None:
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
        if isinstance(outcome, Refused) and outcome.cause == "early" and contact is not None:
            now = ctx.now()
            return Asked(row, outcome, next_hours(contact, said.platform, now, now) or now + states.EARLY_AGAIN)
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
