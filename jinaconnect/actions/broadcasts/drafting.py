"""Writing, scheduling, cancelling, pausing and resuming broadcasts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal

from jinaconnect.actions.broadcasts.audience import audience_size, known_recipients, reached_size, some_reached
from jinaconnect.actions.broadcasts.composing import Wording, compose_for, price_of, wording
from jinaconnect.actions.broadcasts.paying import Estimate, give_back_rest, queue_changed, queue_new
from jinaconnect.actions.broadcasts.quotas import within_tier
from jinaconnect.actions.broadcasts.script import Script, estimate_of, script
from jinaconnect.actions.broadcasts.telling import changed, counts_now, told, with_counts
from jinaconnect.actions.context import OperationContext
from jinaconnect.core.billing.money import shown
from jinaconnect.core.broadcasts import states
from jinaconnect.core.broadcasts.document import new_broadcast
from jinaconnect.core.errors import Invalid, InvalidState, Unavailable
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.store.tenant import Change

Scope = Literal["pending", "failed", "unknown", "all"]
SCOPES: dict[str, tuple[str, ...]] = {
    "pending": (states.PENDING,), "failed": (states.FAILED,), "unknown": (states.UNKNOWN,),
    "all": (states.PENDING, states.FAILED, states.UNKNOWN),
}  # fmt: skip
_WRITTEN = ("recipients", "select_all", "tag_filter", "segment_filter", "template", "app", "placeholder_data",
            "media_overrides", "sections", "catalog_id", "allowed_hours_local", "scheduled_time", "category",
            "track_links",
            "voice_template", "call_options", "fallback_sms_enabled", "name")  # fmt: skip
LOOK_AGAIN_S, LOOKS = 0.1, 100  # at a stopped broadcast whose sender has not let go of it yet


class NotNow(InvalidState):
    """The broadcast's state does not allow it."""


async def create_broadcast(
    ctx: OperationContext, fields: Mapping[str, Any]
) -> tuple[Document, list[dict[str, Any]]]:
    """Write a broadcast; one that is not a draft is checked, paid for and scheduled. Returns it and what to warn of.

    Raises Invalid naming each wrong field, QuotaExceeded, InsufficientBalance.
    """
    principal = ctx.principal
    wanted = fields.get("status", states.DRAFT)
    doc = new_broadcast(
        ctx.ids.new("brc"), by=principal.username or principal.name, user=principal.user_id,
        **await _checked(ctx, {**fields, "status": states.DRAFT}),
    )  # fmt: skip
    now = ctx.now()
    doc.update(created_at=now, updated_at=now)
    estimate = Estimate(0, 0, None)
    if wanted != states.DRAFT:
        given, estimate = await _scheduled(ctx, doc, fields.get("scheduled_time"))
        doc.update(given)
        estimate.covered()
    written = await queue_new(ctx, estimate, doc, told(ctx, "broadcast.created", doc))
    _wake(ctx, written)
    return written, estimate.warnings()


async def change_broadcast(ctx: OperationContext, id: str, fields: Mapping[str, Any]) -> Document:
    """Change a broadcast that has not begun; raises NotNow, Invalid, NotFound, Unavailable while it is let go of.

    One that had begun and was cancelled is queued anew: whom nobody was asked for is planned again as it is then.
    """
    held = await _let_go(ctx, id, _may_change)
    given = await _checked(ctx, fields)
    wanted = fields.get("status", held["status"])
    if "scheduled_time" in given:
        given["at_once"] = False
    after = {**held, **given}
    amount = held.get("queued_cost", 0)
    if held["status"] == states.CANCELLED and wanted != states.CANCELLED:
        await give_back_rest(ctx, held)
    if wanted == states.DRAFT:
        amount = 0
        given.update(status=states.DRAFT, reason="", queued_cost=0)
    elif wanted in (states.QUEUED, states.SCHEDULED):
        again = _had_begun(held)
        at = None if after.get("at_once") else after["scheduled_time"]
        scheduled, estimate = await _scheduled(ctx, after, at)
        given.update(scheduled)
        estimate.covered(0 if again else amount)
        amount = estimate.reserved
        if again:
            anew = {"planned": False, "planned_to": None, "ended_at": None, "reserved": False, "forget": True}
            counts = (await with_counts(ctx, {**held, **anew}))["counts"]
            given.update(anew, round=held["round"] + 1, counts=counts)
    given["updated_by"] = ctx.principal.username or ctx.principal.name

    def decide(doc: Document) -> Change:
        _may_change(doc)
        if _claimed(doc):
            raise _still_stopping()
        if doc["round"] != held["round"]:
            raise NotNow("It was queued again meanwhile.")
        change = changed(ctx, "broadcast.updated", doc, **given)
        unset = ["due"] if given.get("status") == states.DRAFT and "due" in doc else []
        return Change(set=change.set, unset=unset, events=change.events)

    doc = await queue_changed(ctx, amount, held.get("queued_cost", 0), {**held, **given}, decide)
    _wake(ctx, doc)
    return doc


def _may_change(doc: Document) -> None:
    if doc["status"] not in states.EDITABLE:
        raise NotNow(f"A broadcast that is {doc['status']} cannot be changed.")


def _had_begun(doc: Document) -> bool:
    """Tell whether a broadcast that waits to be queued holds anything of a time when it was sent or was to be."""
    waits = doc["status"] in (states.DRAFT, states.CANCELLED)
    return waits and bool(doc["ended_at"] or doc["planned"] or doc["planned_to"] is not None or doc["reserved"])


async def cancel_broadcast(ctx: OperationContext, id: str, reason: str) -> tuple[Document, int]:
    """Cancel a broadcast; returns it and how many will not be sent to. Raises NotNow, NotFound."""

    def decide(doc: Document) -> Change:
        if doc["status"] not in states.CANCELLABLE:
            raise NotNow(f"A broadcast that is {doc['status']} cannot be cancelled.")
        change = changed(
            ctx, "broadcast.cancelled", doc, status=states.CANCELLED, reason=reason, ended_at=ctx.now(),
            updated_by=ctx.principal.username or ctx.principal.name,
        )  # fmt: skip
        # Who sends it, or would have, gives back what is left of its reservation.
        due = {} if _claimed(doc) else {"due": due_at(ctx.now())}
        return Change(set={**change.set, **due}, events=change.events)

    doc = ctx.wrote(await ctx.data.change("broadcasts", id, decide))
    _wake(ctx, doc)
    counts = await counts_now(ctx, doc)
    left = counts.get(states.PENDING, 0) if doc["planned_to"] is not None else doc["audience"]
    return {**doc, "counts": counts}, left


async def pause_broadcast(ctx: OperationContext, id: str, why: str) -> Document:
    """Pause a broadcast that is being sent, and say by whom and why; raises NotNow, NotFound.

    What is reserved for it stays so. Who sends it stops as for a cancelled one, and lets go of it.
    """
    by = ctx.principal.username or ctx.principal.name

    def decide(doc: Document) -> Change:
        if doc["status"] not in states.PAUSABLE:
            raise NotNow(f"A broadcast that is {doc['status']} cannot be paused.")
        reason = f"Paused by {by or 'the team'}{f': {why}' if why else '.'}"
        change = changed(ctx, "broadcast.updated", doc, status=states.PAUSED, reason=reason, updated_by=by)
        unclaimed = ["due"] if "due" in doc and not _claimed(doc) else []
        return Change(set=change.set, unset=unclaimed, events=change.events)

    doc = ctx.wrote(await ctx.data.change("broadcasts", id, decide))
    return {**doc, "counts": await counts_now(ctx, doc)}


async def preview_resume(ctx: OperationContext, id: str, scope: Scope) -> dict[str, int]:
    """Return how many recipients resuming would touch, by status; raises NotNow, NotFound."""
    doc = await ctx.data.get("broadcasts", id)
    _may_resume(doc)
    counts = await counts_now(ctx, doc) if doc["planned_to"] is not None else {states.PENDING: doc["audience"]}
    return {name.lower(): counts.get(name, 0) for name in SCOPES[scope]}


async def resume_broadcast(ctx: OperationContext, id: str, scope: Scope) -> tuple[Document, dict[str, int]]:
    """Send again to the recipients of a scope; returns the broadcast and how many those are, by status.

    Whoever is unknown may have the message: they are sent to again by name of that scope alone. A paused one goes on
    though nobody is left, and ends. Raises NotNow, NotFound, Unavailable while its pause is not over with.
    """
    held = await _let_go(ctx, id, _may_resume)
    touched = await preview_resume(ctx, id, scope)
    if not any(touched.values()) and held["planned"] and held["status"] != states.PAUSED:
        raise NotNow(f"No recipient is {scope}.")
    now = ctx.now()

    def decide(doc: Document) -> Change:
        _may_resume(doc)
        if _claimed(doc):
            raise _still_stopping()
        change = changed(
            ctx, "broadcast.updated", doc, status=states.SENDING, reason="", ended_at=None, scheduled_time=now,
            at_once=True, started_at=doc["started_at"] or now, round=doc["round"] + 1, reserved=False,
            updated_by=ctx.principal.username or ctx.principal.name,
        )  # fmt: skip
        return Change(set={**change.set, "due": due_at(now), "again": _again(scope)}, events=change.events)

    doc = ctx.wrote(await ctx.data.change("broadcasts", id, decide))
    _wake(ctx, doc)
    return doc, touched


async def _let_go(ctx: OperationContext, id: str, may: Callable[[Document], None]) -> Document:
    """Return a broadcast once nobody sends it any more; raises Unavailable, and what `may` raises.

    Who goes on before that would be taken for lost, or have what was changed sent as it was.
    """
    doc = await ctx.data.get("broadcasts", id)
    for _ in range(LOOKS):
        may(doc)
        if not _claimed(doc) and not (doc["status"] == states.CANCELLED and "due" in doc):
            return doc
        await asyncio.sleep(LOOK_AGAIN_S)
        doc = await ctx.data.get("broadcasts", id)
    if _claimed(doc):
        raise _still_stopping()
    return doc  # cancelled, and no worker is there to find it so


def _claimed(doc: Mapping[str, Any]) -> bool:
    return bool("due" in doc and doc["due"]["by"])


def _still_stopping() -> Unavailable:
    return Unavailable("The carrier still answers for those it was asked for; try again in a moment.", retry_after=2)


def _again(scope: Scope) -> list[str]:
    """Return the statuses whose recipients are to become pending once more; the sender turns them."""
    return [name for name in SCOPES[scope] if name != states.PENDING]


def _may_resume(doc: Document) -> None:
    if doc["status"] not in states.RESUMABLE:
        raise NotNow(f"A broadcast that is {doc['status']} cannot be resumed.")


async def preview_broadcast(ctx: OperationContext, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a broadcast would be: its audience, a first message, when it would begin. Changes nothing."""
    given = await _checked(ctx, {**fields, "status": states.DRAFT})
    doc = {**new_broadcast("", by=None, user=None), **given, "created_at": ctx.now(), "updated_at": ctx.now()}
    scheduled, estimate = await _scheduled(ctx, doc, fields.get("scheduled_time"))
    estimate.covered()
    return {**doc, **scheduled}


async def read_broadcast(ctx: OperationContext, id: str) -> Document:
    """Return a broadcast with its counters; raises NotFound."""
    return await with_counts(ctx, await ctx.data.get("broadcasts", id))


async def _checked(ctx: OperationContext, fields: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in fields.items() if name in (*_WRITTEN, "platform")}
    if given.get("recipients"):
        given["recipients"] = await known_recipients(ctx.data, given["recipients"])
    if given.get("voice_template"):
        found = await ctx.data.find("voice_templates", given["voice_template"])
        if found is None or found.get("deleted_at") is not None:
            raise Invalid.field("voice_template", "there is no such template")
    return given


async def _scheduled(
    ctx: OperationContext, doc: Mapping[str, Any], scheduled: datetime | None
) -> tuple[dict[str, Any], Estimate]:
    """Return the fields of a broadcast that is scheduled, and what it will cost by what its first recipient does.

    Raises Invalid where it cannot be sent as it is, QuotaExceeded where its account's tier does not take it.
    """
    size = await audience_size(ctx.data, doc)
    if size == 0:
        raise Invalid.field("recipients", "there is nobody to send it to")
    reached = size if doc["select_all"] else await reached_size(ctx.data, doc)
    spoken = PLATFORMS[doc["platform"]].spoken
    said: Script | Wording = await (script(ctx, doc) if spoken else wording(ctx, doc))
    try:
        starts = states.start_of(scheduled, ctx.now())
    except ValueError as error:
        raise Invalid.field("scheduled_time", str(error)) from error
    wallet = await ctx.services.wallets.of(ctx.data.scope)
    if isinstance(said, Script):
        amount = await estimate_of(ctx, doc, said, reached)
    else:
        await within_tier(ctx, doc, said.account.id, starts, reached)
        amount = await _message_cost(ctx, doc, said) * reached
    estimate = Estimate(amount, reached, wallet, charged_apart=spoken)
    fields = {
        "status": states.SCHEDULED, "scheduled_time": starts, "audience": size, "app": said.account_id,
        "at_once": scheduled is None,  # the time is then none that anybody has asked for
        "reason": "", "due": due_at(starts), "queued_cost": estimate.reserved,
        "initial_cost": None if wallet is None else shown(amount),
        "cost_currency": None if wallet is None else wallet["currency"],
    }  # fmt: skip
    return fields, estimate


async def _message_cost(ctx: OperationContext, doc: Mapping[str, Any], said: Wording) -> int:
    """Return what the message to a broadcast's first recipient costs; raises Invalid where it cannot be said."""
    first = await some_reached(ctx.data, doc, 1)
    if not first:
        return 0
    composed = compose_for(ctx, said, first[0], ctx.now())
    return price_of(ctx, said, first[0], composed) or 0


def _wake(ctx: OperationContext, doc: Document) -> None:
    if doc.get("due"):
        wait = (doc["due"]["at"] - ctx.now()).total_seconds()
        ctx.ports.worker.run_at("broadcasts", ctx.data.scope, doc["_id"], max(0.0, wait) + 0.01)
