"""What a conversation does by itself: comes back when its time is over, or when its customer writes.

When that is due stands on the contact document (`due`), written with what it follows from; so it happens once, whatever
processes there are and whenever they are restarted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.inbox.conversations import contact_event, move_event
from jinaconnect.core.attention.sleep import MESSAGE, TIME, is_over, next_look, wake
from jinaconnect.core.errors import NotFound
from jinaconnect.core.inbox.contact import CLOSED, OPEN, render_contact
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


def stirred(ctx: Context, doc: Document, fields: dict[str, Any], event_id: str) -> Change:
    """Return what a customer's message does: a closed conversation goes on, one that was set aside is back."""
    move = wake(doc, None, MESSAGE)
    if doc["status"] == CLOSED:
        fields = {**fields, "status": OPEN, "updated_at": ctx.now()}
        after = applied(doc, fields, (), ())
        entry = reopened_entry(by=None, reason="The customer wrote.")
        contact = render_contact(after)
        event = contact_event(ctx, event_id, "conversation.reopened", doc, after, entry, contact_detail=contact)
        return Change(set=fields, events=[event])
    if move is None:
        return Change(set={**fields, "updated_at": doc["updated_at"]})
    fields = timed(doc, {**fields, **move.fields, "updated_at": doc["updated_at"]})
    after = applied(doc, fields, (), ())
    return Change(set=fields, events=[move_event(ctx, event_id, move, doc, after, reason=MESSAGE)])


async def attend(services: Services, claim: Claim) -> None:
    """Do what is due of a conversation, and note when something is due again."""
    ctx = system_context(services, claim.doc["scope"], "inbox")
    now: datetime = services.clock()
    event_id = ctx.ids.new("evt")

    def decide(doc: Document) -> Change:
        move = wake(doc, None, TIME) if is_over(doc, now) else None
        fields = timed(doc, {**(move.fields if move else {}), "updated_at": doc["updated_at"]})
        after = applied(doc, fields, (), ())
        events = [move_event(ctx, event_id, move, doc, after, reason=TIME)] if move else []
        return Change(set=fields, events=events)

    try:
        await ctx.data.change("contacts", claim.doc["_id"], decide)
    except NotFound:
        return  # erased meanwhile
