"""What carriers report about messages that are ours: statuses, reactions, template reviews."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from jinaconnect.actions.billing.messages import ENDS, again, settle, settling
from jinaconnect.actions.billing.recipients import give_back_recipient, settle_by_report
from jinaconnect.actions.context import Context
from jinaconnect.actions.messaging.daily import counted_at
from jinaconnect.channels.facts import Inbound, Reaction, Status
from jinaconnect.core.broadcasts.document import render_broadcast
from jinaconnect.core.broadcasts.states import (
    ASKING,
    CANCELLED,
    EARLY_AGAIN,
    ENDED,
    MOST_DEFERRALS,
    PENDING,
    REPLY_WITHIN,
    SENDING,
    deferred,
    replied,
    reported,
)
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import NotFound
from jinaconnect.core.ids import encode
from jinaconnect.core.inbox.message_event import message_event
from jinaconnect.core.inbox.status import DELIVERED, EVENT, READ, SENT, UNKNOWN, Report, advance
from jinaconnect.core.inbox.trace import ATTEMPT, with_step
from jinaconnect.core.inbox.trace import reported as told
from jinaconnect.core.rules.verdict import next_hours
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.store.tenant import Change, Decide, Step, applied

AT_ONCE = 100
PLANNED_AHEAD = timedelta(days=7)  # how long before its sending a recipient may have been planned
PUT_OFF = "Recipients whom the carrier found it too early or too late for wait for their hours."
REPLIED_TO = 50  # of the latest broadcasts to one contact
SEND_FIELDS = ("due", "request")  # what a message keeps for its send alone
REPORT_FIELDS = (*SEND_FIELDS, "report_due")  # what it keeps until it is reported on
LOOKED_ANEW = 3  # at a message whose charge moves meanwhile


def carrier(message: Document) -> dict[str, str]:
    """Return a message's carrier as an event's actor."""
    return {"type": "carrier", "id": message["platform"].lower()}


async def apply_statuses(ctx: Context, platform: str, facts: Sequence[Status]) -> list[Status]:
    """Apply status reports in their order; returns those whose message is not known.

    A message is found by the carrier's id, else by the reference that went out with it: that is how a send whose
    answer never came is reconciled. A carrier that passes on what a network reports may leave out its own id.
    """
    ids = list({fact.carrier_id for fact in facts})
    references = list({fact.reference for fact in facts if fact.reference})
    rows = await ctx.data.select("messages", {"platform": platform, "carrier_id": {"$in": ids}})
    by_id = {row["carrier_id"]: row for row in rows}
    late_ids = [fact.network_id for fact in facts if fact.network_id and fact.carrier_id not in by_id]
    if late_ids:
        rows = await ctx.data.select("messages", {"platform": platform, "network_id": {"$in": late_ids}})
        by_id |= {row["network_id"]: row for row in rows}
    by_reference: dict[str, Document] = {}
    if references:
        found = await ctx.data.select("messages", {"_id": {"$in": references}})
        by_reference = {row["_id"]: row for row in found if row["direction"] == "OUTGOING"}
    late: list[Status] = []
    groups: dict[str, tuple[Document, list[Status]]] = {}
    for fact in facts:
        known = by_id.get(fact.carrier_id) or by_id.get(fact.network_id or "")
        message = known or by_reference.get(fact.reference or "")
        if message is None or message["direction"] != "OUTGOING":
            late.append(fact)
        else:
            groups.setdefault(message["_id"], (message, []))[1].append(fact)
    gate = asyncio.Semaphore(AT_ONCE)

    async def apply(message: Document, reports: list[Status]) -> None:
        async with gate:
            for fact in reports:
                message = await report_message(
                    ctx, message, fact.report, fact.carrier_id, fact.pricing, network_id=fact.network_id
                )  # fmt: skip

    await asyncio.gather(*(apply(message, reports) for message, reports in groups.values()))
    return late


async def report_message(
    ctx: Context, message: Document, report: Report, carrier_id: str | None,
    pricing: Mapping[str, Any] | None = None, step: Mapping[str, Any] | None = None, network_id: str | None = None,
) -> Document:  # fmt: skip
    """Move a message as far as a report says, tell of it, and settle what it costs by that and by the carrier's word.

    `message` is the document as it was read last; returns it as it is now. One that the team has removed stays as it
    is. `step` is what its trace says of it, where that is no report of a carrier.
    """
    if message["deleted_at"] is not None:
        await settle(ctx, {**message, "status": report.status})  # it is paid for all the same
        return message
    contact = await ctx.data.find("contacts", message["contact"])
    if message.get("broadcast_row") is not None:
        # First, so that a report that was cut off here is found untold, and comes again whole.
        until = await report_recipient(ctx, message, report, pricing)
        if until is not None:
            words = f"{report.error_message or report.error_code} It goes again at {iso(until)}."
            report = replace(report, error_message=words[:500])
    elif report.early and (waiting := await _wait(ctx, message, report, carrier_id, contact, step)) is not None:
        return waiting

    def decide(doc: Document) -> Change | None:
        past = _past(doc, carrier_id, step, ctx.now())
        fields = None if past else advance(doc, report)
        steps = with_step(doc, step or told(report, carrier_id, ctx.now()))
        traced = {} if steps is None else {"trace": steps}
        if past:
            return Change(set={**traced, "updated_at": doc["updated_at"]}) if traced else None
        learned: dict[str, Any] = {}
        if carrier_id is not None and doc["carrier_id"] is None:
            learned["carrier_id"] = carrier_id
        if network_id is not None and network_id not in (doc.get("network_id"), doc["carrier_id"], carrier_id):
            learned["network_id"] = network_id
        if pricing is not None and "owed" in doc.get("charge", {}):
            learned["charge.pricing"] = dict(pricing)
        if fields is None:
            kept = {**learned, **traced}
            return Change(set={**kept, "updated_at": doc["updated_at"]}) if kept else None
        fields = {**learned, **traced, **fields, "updated_at": ctx.now()}
        after = applied(doc, fields, (), ())
        event = message_event(
            ctx.ids.new("evt"), EVENT[report.status], after, contact, at=report.at, actor=carrier(doc)
        )
        if report.status not in (SENT, UNKNOWN):
            done: tuple[str, ...] = REPORT_FIELDS
        else:  # one that is reported on later may have to go again
            done = ("due",) if "report_due" in doc else SEND_FIELDS
        return Change(set=fields, unset=[name for name in done if name in doc], events=[event])

    try:
        reported = (await ctx.data.change("messages", message["_id"], decide, known=message)).doc
    except NotFound:  # removed between the look and the change
        return message
    if settling(reported):
        await settle(ctx, reported)
        return await ctx.data.find("messages", message["_id"]) or reported
    return reported


def _past(message: Document, carrier_id: str | None, step: Mapping[str, Any] | None, now: datetime) -> bool:
    """Tell whether what is told is of a try that the carrier has refused since: the message waits, or goes again."""
    refused, due = message.get("refused_ids", ()), message.get("due")
    asked = step is not None and step["kind"] == ATTEMPT
    waits = due is not None and due["by"] is None and due["at"] > now
    return bool(refused) and (carrier_id in refused or (asked and waits))


async def _wait(
    ctx: Context, message: Document, report: Report, carrier_id: str | None, contact: Document | None,
    step: Mapping[str, Any] | None,
) -> Document | None:  # fmt: skip
    """Let a message that is no broadcast's wait for the hours in which its carrier takes it; None where it does not.

    The carrier has said that nobody got it, so that asking anew sends nothing twice. By the id of the try that it has
    refused, what is told of that later is known as past.
    """
    until = await _hours(ctx, message, report)
    said = {**(step or told(report, carrier_id, ctx.now())), "next_at": until}

    def wait(doc: Document) -> Change | None:
        refused = carrier_id or doc["carrier_id"]
        mine = refused is not None and doc["carrier_id"] in (None, refused) and not _past(doc, refused, step, ctx.now())
        tried = int(doc.get("deferrals", 0))
        if not mine or doc["status"] not in (PENDING, UNKNOWN, SENT) or "request" not in doc or tried >= MOST_DEFERRALS:
            return None
        steps = with_step(doc, said)
        fields = {
            "status": PENDING, "due": due_at(until), "deferred_until": until, "deferrals": tried + 1, "sent_at": None,
            "carrier_id": None, "refused_ids": [*doc.get("refused_ids", ()), refused],
            "counted_at": counted_at(doc), "updated_at": ctx.now(), **({} if steps is None else {"trace": steps}),
            **({"report_due": until + EARLY_AGAIN} if "report_due" in doc else {}),
        }  # fmt: skip
        lost = ["network_id"] if "network_id" in doc else []
        after = applied(doc, fields, lost, ())
        event = message_event(ctx.ids.new("evt"), "message.updated", after, contact, at=report.at, actor=carrier(doc))
        return Change(set=fields, unset=lost, events=[event])

    for _ in range(LOOKED_ANEW):
        held = await ctx.data.find("messages", message["_id"])
        if held is None or held["deleted_at"] is not None or wait(held) is None:
            return None
        if (written := await again(ctx, held, wait)) is not None:
            return written
    return None


async def report_recipient(
    ctx: Context, message: Document, report: Report, pricing: Mapping[str, Any] | None = None
) -> datetime | None:
    """Move a broadcast's recipient as far as a report on their message says; one who was not reached costs nothing.

    One who was costs what the carrier bills, where it tells of its `pricing`.

    Who was refused for the hour alone waits for the hours instead: returns until when. What is told of a message that
    was not their last moves them no more.
    """
    id, error = message["broadcast_row"], None
    if report.error_code is not None:
        error = (report.error_code, report.error_message or "")

    def decide(doc: Document) -> Change | None:
        fields = reported(doc, report.status, report.at, error) if doc["message"] == message["_id"] else {}
        return Change(set={**fields, "updated_at": ctx.now()}) if fields else None

    with contextlib.suppress(NotFound):  # its broadcast was removed
        if report.early and (until := await _put_off(ctx, message, report)) is not None:
            return until
        billed = pricing if report.status in (DELIVERED, READ) else None
        row = await ctx.data.get("broadcast_rows", id) if report.status in ENDS or billed is not None else None
        if row is not None and report.status in ENDS and await give_back_recipient(ctx, row, message["_id"], decide):
            return None
        if row is not None and billed and await settle_by_report(ctx, row, message["_id"], billed, decide):
            return None
        await ctx.data.change("broadcast_rows", id, decide)
    return None


async def _put_off(ctx: Context, message: Document, report: Report) -> datetime | None:
    """Let a recipient wait for the hours in which their carrier takes the message; None where they do not.

    What they have cost stays reserved for them. A cut in between is healed when the report comes again.
    """
    row = await ctx.data.get("broadcast_rows", message["broadcast_row"])
    if row.get("deferred_from") == message["_id"]:
        if row["status"] == PENDING:
            await go_on(ctx, row["broadcast"], row["at"])
        return row["at"] if row["status"] == PENDING else None
    mine = row["message"] == message["_id"] and row["status"] in (ASKING, UNKNOWN, SENT)
    if not mine or (await ctx.data.get("broadcasts", row["broadcast"]))["status"] == CANCELLED:
        return None
    until = await _hours(ctx, message, report)
    if deferred(row, until, None, "", ctx.now()) is None:
        return None
    about = f"broadcast:{row['broadcast']}:{message['_id']}"
    paid = bool(row["price"])
    own = {"deferred_from": message["_id"], "held_by": about if paid else None}
    told = f"{report.error_message or ''} They are asked for again at {iso(until)}.".strip()

    def wait(doc: Document) -> Change | None:
        if doc["message"] != message["_id"]:
            return None
        fields = deferred(doc, until, report.error_code, told, ctx.now(), **own)
        return None if fields is None else Change(set=fields)

    await go_on(ctx, row["broadcast"], until)
    if paid:
        await ctx.services.wallets.hold_again(
            ctx.data.scope, about, row["price"], [Step("broadcast_rows", row["_id"], wait)]
        )
    else:
        await ctx.data.change("broadcast_rows", row["_id"], wait)
    await go_on(ctx, row["broadcast"], until)  # which may have ended meanwhile
    waits = (await ctx.data.get("broadcast_rows", row["_id"])).get("deferred_from") == message["_id"]
    return until if waits else None


async def _hours(ctx: Context, message: Document, report: Report) -> datetime:
    now, contact = ctx.now(), await ctx.data.find("contacts", message["contact"])
    asked = min(report.at, now) if report.at.timestamp() > 0 else now
    until = None if contact is None else next_hours(contact, message["platform"], asked, now)
    return until or now + EARLY_AGAIN


async def go_on(ctx: Context, id: str, until: datetime) -> None:
    """Have a broadcast look at a recipient at a time who waits for their hours, though it has ended."""

    def decide(doc: Document) -> Change | None:
        if doc["status"] not in (SENDING, *ENDED):
            return None  # a paused one looks when it is resumed
        soon = "due" in doc and (doc["due"]["by"] is not None or doc["due"]["at"] <= until)
        fields: dict[str, Any] = {} if soon else {"due": due_at(until)}
        if not doc.get("deferred"):
            fields["deferred"] = True
        if doc["status"] == SENDING:
            return Change(set={**fields, "updated_at": doc["updated_at"]}) if fields else None
        told = {"status": SENDING, "ended_at": None, "reason": PUT_OFF, "updated_at": ctx.now()}
        after = applied(doc, told, (), ())
        event = ctx.event("broadcast.updated", id, render_broadcast(after), channel=doc["platform"])
        return Change(set={**fields, **told}, events=[event])

    await ctx.data.change("broadcasts", id, decide)


async def by_carrier(ctx: Context, platform: str, id: str) -> Document | None:
    """Return the message that a carrier, or the network behind it, calls so."""
    found = await ctx.data.find_one("messages", {"platform": platform, "carrier_id": id})
    return found or await ctx.data.find_one("messages", {"platform": platform, "network_id": id})


async def note_replies(ctx: Context, platform: str, wrote: Sequence[tuple[Inbound, Document]]) -> None:
    """Note that contacts have written back to broadcasts that went to them lately; noted again it stays as it was."""
    first: dict[str, datetime] = {}
    for fact, contact in wrote:
        sent = (contact["chat"].get("broadcast") or {}).get(platform)
        at = fact.at if fact.at.timestamp() > 0 else ctx.now()
        if sent is not None and not fact.quiet and at - sent <= REPLY_WITHIN:
            first[contact["_id"]] = min(at, first.get(contact["_id"], at))
    for id, at in first.items():
        since = encode("brr", int((at - REPLY_WITHIN - PLANNED_AHEAD).timestamp() * 1000), bytes(10))
        to_them = {"contact": id, "platform": platform, "_id": {"$gte": since}}
        rows = await ctx.data.select("broadcast_rows", to_them, sort=[("_id", -1)], limit=REPLIED_TO)
        await ctx.data.change_many("broadcast_rows", {row["_id"]: _replying(at) for row in rows}, rows)


def _replying(at: datetime) -> Decide:
    def decide(row: Document) -> Change | None:
        fields = replied(row, at)
        return Change(set={**fields, "updated_at": row["updated_at"]}) if fields else None

    return decide


async def apply_reaction(ctx: Context, platform: str, fact: Reaction) -> bool:
    """Set or take back a customer's reaction on a message; tells whether the message is here.

    Of two of one customer the later holds, in whichever order they come.
    """
    target = await by_carrier(ctx, platform, fact.target)
    if target is None or target["deleted_at"] is not None:
        return target is not None
    contact = await ctx.data.find("contacts", target["contact"])
    sender = str(fact.sender.value).lstrip("+")

    def decide(doc: Document) -> Change | None:
        told = doc.get("reacted_at") or {}
        if sender in told and told[sender] > fact.at:
            return None
        others = [held for held in doc["reactions"] if held["user_id"] != sender]
        stamp = iso(fact.at)
        reactions = (
            [*others, {"emoji": fact.emoji, "user_id": sender, "timestamp": stamp}] if fact.emoji else others
        )
        fields: dict[str, Any] = {"reacted_at": {**told, sender: fact.at}}
        if reactions == doc["reactions"]:
            return Change(set={**fields, "updated_at": doc["updated_at"]}) if told.get(sender) != fact.at else None
        fields.update(reactions=reactions, updated_at=ctx.now())
        after = applied(doc, fields, (), ())
        by = {"type": "contact", "id": doc["contact"]}
        event = message_event(ctx.ids.new("evt"), "message.updated", after, contact, at=fact.at, actor=by)
        return Change(set=fields, events=[event])

    with contextlib.suppress(NotFound):
        await ctx.data.change("messages", target["_id"], decide)
    return True
