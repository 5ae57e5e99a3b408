"""Calling a broadcast's recipients: as many at once as the account allows, the next when a call has ended.

A recipient is claimed together with the id of their call, which stays theirs until it has ended: whoever takes the
broadcast over from a process that died records the same call again, and finds that it is there. What became of a call
is told when it has ended (`called.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from jinaconnect.actions.broadcasts import lifecycle
from jinaconnect.actions.broadcasts.audience import is_meant, next_contacts, unreached_row
from jinaconnect.actions.broadcasts.fates import blocked, fate, keep_back, quiet_hours
from jinaconnect.actions.broadcasts.lifecycle import SLICE, Run
from jinaconnect.actions.broadcasts.script import Script, call_for, checked
from jinaconnect.actions.calls.admission import TooManyCalls, free_slots
from jinaconnect.actions.calls.placing import PlaceCall, dial
from jinaconnect.actions.context import OperationContext
from jinaconnect.core.billing.purse import InsufficientBalance
from jinaconnect.core.broadcasts import states
from jinaconnect.core.broadcasts.document import new_row
from jinaconnect.core.calls import machine
from jinaconnect.core.errors import Conflict, GatewayError, Invalid, Unavailable
from jinaconnect.core.inbox.platform import address_on
from jinaconnect.core.rules import verdict as rules
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Duplicate

PLANNED = 500  # contacts of one batch
BATCH = 32  # recipients claimed at once
LOOK_AGAIN = timedelta(seconds=1)  # at the account's lines; the end of a call is a reason to look before
WAIT_FOR_ENDS = timedelta(seconds=5)  # while nobody is left to be called and calls still live
TELL_EVERY = timedelta(seconds=1)


async def call_some(ctx: OperationContext, doc: Document, said: Script, run: Run) -> datetime | None:
    """Plan and call for a while; returns when to go on, None where nobody is left or it was stopped."""
    ends, full = ctx.now() + SLICE, False
    await _taken_up(ctx, doc)
    async with lifecycle.watched(ctx, doc, run):
        while run.goes_on and not full and ctx.now() < ends:
            if not doc["planned"]:
                doc = await _planned(ctx, doc, said)
                continue
            standing = await ctx.ports.calls.over(said.trunk).standing(said.trunk)
            if not standing.ready:
                run.held_until = ctx.now() + timedelta(seconds=max(1.0, standing.retry_after))
                break
            room = await _room(ctx, doc, said)
            rows = await _claimed(ctx, doc, room) if room else []
            if not rows:
                full = room == 0 or not await _waits(ctx, doc)
                continue
            full = await _called(ctx, doc, rows, run)
    if run.stopped or run.lease.lost:
        await withdraw(ctx, await ctx.data.get("broadcasts", doc["_id"]))
        return None
    if ctx.now() - doc["updated_at"] >= TELL_EVERY:
        await lifecycle.progress(ctx, doc)
    return run.held_until or await _next(ctx, doc)


async def withdraw(ctx: OperationContext, doc: Document) -> None:
    """End calls of a cancelled broadcast that nobody was asked for yet; those that ring or are up end by themselves."""
    if doc["status"] != states.CANCELLED:
        return
    live = await ctx.data.select("broadcast_rows", {"broadcast": doc["_id"], "status": states.ASKING})
    calls = await ctx.data.select("calls", {"_id": {"$in": [row["call"] for row in live]}, "status": machine.QUEUED})
    for call in calls:
        try:
            control = ctx.ports.calls.carrying(call)
            await control.order(call, "hangup", {}, ctx.principal.actor(), f"withdrawn:{call['_id']}")
        except (Conflict, Unavailable):
            continue  # it has gone on meanwhile, and ends by itself


async def _taken_up(ctx: OperationContext, doc: Document) -> None:
    """Let recipients wait again who were claimed in a slice that was cut off before their call was recorded."""
    after = ""
    while rows := await ctx.data.select(
        "broadcast_rows", {"broadcast": doc["_id"], "status": states.ASKING, "_id": {"$gt": after}},
        sort=[("_id", 1)], limit=PLANNED, fields={"call": 1},
    ):  # fmt: skip
        after = rows[-1]["_id"]
        there = await ctx.data.select("calls", {"_id": {"$in": [row["call"] for row in rows]}}, fields={"_id": 1})
        known = {call["_id"] for call in there}
        await _given_back(ctx, [row["_id"] for row in rows if row["call"] not in known])


async def _given_back(ctx: OperationContext, ids: Sequence[str]) -> None:
    """Let claimed recipients wait again; the id of their call stays theirs."""
    if ids:
        fields = {"status": states.PENDING, "sent_at": None}
        await ctx.data.change_alike("broadcast_rows", ids, {"status": states.ASKING}, fields)


async def _planned(ctx: OperationContext, doc: Document, said: Script) -> Document:
    """Write the rows of the next contacts, each with its call; returns the broadcast."""
    contacts = await next_contacts(ctx.data, doc, doc["planned_to"], PLANNED)
    rows = [_row(ctx, doc, said, contact) for contact in contacts if is_meant(doc, contact)]
    if rows:
        await ctx.data.insert_many("broadcast_rows", [(row, ()) for row in rows])
    fields = {"planned": len(contacts) < PLANNED, "updated_at": doc["updated_at"]}
    if contacts:
        fields["planned_to"] = contacts[-1]["_id"]
    return (await ctx.data.change("broadcasts", doc["_id"], lambda _: Change(set=fields))).doc


def _row(ctx: OperationContext, doc: Document, said: Script, contact: Document) -> Document:
    """Return the row of a contact; that they have no number, or cannot be called so, is a failure of their own."""
    to, now = address_on(contact, doc["platform"]), ctx.now()
    row = new_row(ctx.ids.new("brr"), doc, contact, to, now)
    if to is None:
        return unreached_row(row, now)
    try:
        call = call_for(said, contact, str(to.value), now)
    except Invalid as error:
        return {
            **row, "status": states.FAILED, "failed_at": now, "error_code": error.code, "response": str(error)[:500],
        }  # fmt: skip
    return {**row, "wire": call.model_dump(mode="json", exclude_defaults=True)}


async def _room(ctx: OperationContext, doc: Document, said: Script) -> int:
    """Return how many may be called now: the account's free lines, within what the broadcast may use of them."""
    trunk = await ctx.data.get("trunks", said.account_id)
    cap, room = trunk["max_concurrent_calls"], BATCH
    if cap > 0:
        room = min(room, len(await free_slots(ctx, trunk["_id"], cap)))
    most = said.options.get("max_concurrent")
    if most is not None and room:
        live = await ctx.data.few("broadcast_rows", {"broadcast": doc["_id"], "status": states.ASKING}, most)
        room = min(room, most - live)
    return room


async def _waits(ctx: OperationContext, doc: Document) -> bool:
    """Tell whether somebody is due to be called now."""
    due = {"broadcast": doc["_id"], "status": states.PENDING, "at": {"$lte": ctx.now()}}
    return bool(await ctx.data.few("broadcast_rows", due, 1))


async def _claimed(ctx: OperationContext, doc: Document, most: int) -> list[Document]:
    """Claim recipients who may be called now; the others are refused, or wait for their hours."""
    now = ctx.now()
    due = {"broadcast": doc["_id"], "status": states.PENDING, "at": {"$lte": now}}
    rows = await ctx.data.select("broadcast_rows", due, sort=[("at", 1), ("_id", 1)], limit=most)
    ids = [row["contact"] for row in rows]
    contacts = {found["_id"]: found for found in await ctx.data.select("contacts", {"_id": {"$in": ids}})}
    own = quiet_hours(doc)
    fates = {row["_id"]: fate(doc, row, contacts.get(row["contact"]), own, now) for row in rows}
    await keep_back(ctx, [row for row in rows if fates[row["_id"]] is not None], fates)
    going = [row for row in rows if fates[row["_id"]] is None]
    if not going:
        return []
    calls = [row.get("call") or ctx.ids.new("call") for row in going]
    fields = {
        "status": states.ASKING, "batch": ctx.ids.new("bat"), "error_code": None, "response": "", "sent_at": now,
    }  # fmt: skip
    names = [row["_id"] for row in going]
    fitted = await ctx.data.change_alike(
        "broadcast_rows", names, {"status": states.PENDING}, fields, {"call": calls}
    )
    if fitted < len(going):
        return await ctx.data.select("broadcast_rows", {"_id": {"$in": names}, "batch": fields["batch"]})
    return [{**row, **fields, "call": call} for row, call in zip(going, calls, strict=True)]


async def _called(ctx: OperationContext, doc: Document, rows: Sequence[Document], run: Run) -> bool:
    """Record the calls of claimed recipients and have them dialled; tells whether there is no line for more.

    Raises InsufficientBalance, the others having been given back.
    """
    for place, row in enumerate(rows):
        rest = [each["_id"] for each in rows[place:]]
        if not run.goes_on:
            await _given_back(ctx, rest)
            return False
        try:
            await _call(ctx, doc, row)
        except TooManyCalls:
            await _given_back(ctx, rest)
            return True
        except InsufficientBalance:
            await _given_back(ctx, rest)
            raise
    return False


async def _call(ctx: OperationContext, doc: Document, row: Document) -> None:
    """Record one call and have it dialled, once; what stands against it fails its own recipient alone."""
    now = ctx.now()
    try:
        body = PlaceCall.model_validate(row["wire"])
        ready = await checked(ctx, body)
        match ready.verdict:
            case rules.Refused(rule=rule, reason=reason):
                await _not_called(ctx, row, blocked(rule, reason, now))
                return
            case rules.Deferred(until=until, rule=rule):
                await _not_called(ctx, row, {"status": states.PENDING, "at": until, "error_code": rule})
                return
        actor = {"type": "broadcast", "id": doc["_id"]}
        await dial(
            ctx, body, ready, id=row["call"], actor=actor, broadcast=doc["_id"], broadcast_row=row["_id"]
        )
    except Duplicate:
        return  # by whoever had the broadcast before
    except (TooManyCalls, InsufficientBalance, Unavailable):
        raise
    except GatewayError as error:
        told = {"error_code": error.code, "response": str(error)[:500], "failed_at": now}
        await _not_called(ctx, row, {**told, "status": states.FAILED})


async def _not_called(ctx: OperationContext, row: Document, fields: dict[str, object]) -> None:
    mine = {"status": states.ASKING, "call": row["call"]}
    await ctx.data.change_alike("broadcast_rows", [row["_id"]], mine, {"sent_at": None, **fields})


async def _next(ctx: OperationContext, doc: Document) -> datetime | None:
    """Return when to look again; with nobody left and no call that lives the broadcast has ended."""
    of_it = {"broadcast": doc["_id"], "status": states.PENDING}
    left = await ctx.data.select("broadcast_rows", of_it, sort=[("at", 1)], limit=1, fields={"at": 1})
    now = ctx.now()
    if not doc["planned"]:
        return now
    live = await ctx.data.few("broadcast_rows", {**of_it, "status": states.ASKING}, 1)
    if left:
        looks: datetime = max(left[0]["at"], now + LOOK_AGAIN)
        return min(looks, now + WAIT_FOR_ENDS) if live else looks
    if live:
        return now + WAIT_FOR_ENDS
    await lifecycle.finish(ctx, doc)
    return None
