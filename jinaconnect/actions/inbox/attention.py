"""What a conversation does by itself: comes back when its time is over or its customer writes, and is late by targets.

When that is due stands on the contact document (`due`), written with what it follows from; so it happens once, whatever
processes there are and whenever they are restarted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.inbox.conversations import contact_event, move_event, sla_events
from jinaconnect.core.attention.sleep import MESSAGE, TIME, is_over, next_look, wake
from jinaconnect.core.attention.targets import (
    FIRST,
    NEXT,
    RESOLUTION,
    WARN_PERCENT,
    Targets,
    after_messages,
    due_now,
)
from jinaconnect.core.errors import NotFound
from jinaconnect.core.inbox.contact import CLOSED, OPEN, counted, render_contact
from jinaconnect.core.inbox.timeline import reopened_entry
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import Claim, due_at
from jinaconnect.store.tenant import Change, applied


def timed(doc: Document, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return a change's fields with when the gateway has to look at the conversation next, where that is different."""
    after = applied(doc, fields, (), ())
    moment = next_look(after)
    held = doc.get("due")
    if moment is None:
        return {**fields, "due": None} if held else dict(fields)
    same = held is not None and (held["at"], held["by"]) == (moment, None)
    return dict(fields) if same else {**fields, "due": due_at(moment)}


async def targets_of(services: Services, tenant: str) -> Targets | None:
    """Return what an organisation asks of itself, as of some seconds ago, None where nothing."""
    doc = await services.registry.lately(tenant)
    settings = (doc or {}).get("settings", {})
    asked = settings.get("sla")
    if not asked:
        return None
    minutes = {kind: asked[f"{kind}_minutes"] for kind in (FIRST, NEXT, RESOLUTION) if asked.get(f"{kind}_minutes")}
    zone = ZoneInfo(settings["timezone"]) if settings.get("timezone") else UTC
    return Targets(minutes, asked.get("warn_percent") or WARN_PERCENT, asked.get("hours"), zone)


def counting(ctx: Context, doc: Document, messages: Sequence[Document], event_ids: Sequence[str]) -> Change | None:
    """Return what messages of the team are to their conversation, None where all are counted; one id for each.

    An answer ends the target of the response.
    """
    fields = counted(doc, messages)
    if fields is None:
        return None
    fields["updated_at"] = doc["updated_at"]
    ended = after_messages(doc, messages, None)
    if ended is None:
        return Change(set=fields)
    fields = timed(doc, {**fields, "chat.sla": ended[0]})
    return Change(set=fields, events=sla_events(ctx, event_ids, ended[1], doc, applied(doc, fields, (), ())))


def stirred(
    ctx: Context, doc: Document, fields: dict[str, Any], messages: Sequence[Document], targets: Targets | None,
    event_id: str,
) -> Change:  # fmt: skip
    """Return what a customer's messages do: a closed conversation goes on, one set aside is back, targets begin."""
    begun = after_messages(doc, messages, targets)
    move = wake(doc, None, MESSAGE)
    fields = {**fields, "updated_at": doc["updated_at"], **({} if begun is None else {"chat.sla": begun[0]})}
    if doc["status"] == CLOSED:
        fields = timed(doc, {**fields, "status": OPEN, "updated_at": ctx.now()})
        after = applied(doc, fields, (), ())
        entry = reopened_entry(by=None, reason="The customer wrote.")
        contact = render_contact(after)
        event = contact_event(ctx, event_id, "conversation.reopened", doc, after, entry, contact_detail=contact)
        return Change(set=fields, events=[event])
    if move is not None:
        fields = timed(doc, {**fields, **move.fields})
        after = applied(doc, fields, (), ())
        return Change(set=fields, events=[move_event(ctx, event_id, move, doc, after, reason=MESSAGE)])
    return Change(set=fields if begun is None else timed(doc, fields))


async def attend(services: Services, claim: Claim) -> None:
    """Do what is due of a conversation, and note when something is due again."""
    ctx = system_context(services, claim.doc["scope"], "inbox")
    now: datetime = services.clock()
    event_id, *further = [ctx.ids.new("evt") for _ in range(3)]

    def decide(doc: Document) -> Change:
        there = doc["deleted_at"] is None
        move = wake(doc, None, TIME) if there and is_over(doc, now) else None
        late = due_now(doc, now) if there else None
        fields = {**(move.fields if move else {}), **({"chat.sla": late[0]} if late else {})}
        fields = timed(doc, {**fields, "updated_at": doc["updated_at"]})
        after = applied(doc, fields, (), ())
        events = [move_event(ctx, event_id, move, doc, after, reason=TIME)] if move else []
        return Change(set=fields, events=[*events, *sla_events(ctx, further, late[1] if late else (), doc, after)])

    try:
        await ctx.data.change("contacts", claim.doc["_id"], decide)
    except NotFound:
        return  # erased meanwhile
