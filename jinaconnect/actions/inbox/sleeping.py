"""Setting a conversation aside until a time, and having it back."""

from __future__ import annotations

from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox.attention import timed
from jinaconnect.actions.inbox.conversations import author_of, decide_on, move_event, visible_contact
from jinaconnect.core.attention.sleep import REQUEST, snooze, wake
from jinaconnect.core.inbox.contact import render_conversation
from jinaconnect.core.inbox.profile import Note
from jinaconnect.core.schema import Request, Time, example
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, applied


class Snooze(Request, json_schema_extra=example(until="2027-01-11T09:00:00Z", note="She is back after the holidays.")):
    """Until when a conversation is set aside, and why."""

    until: Time
    note: Note | None = None


async def snooze_conversation(ctx: Context, id: str, body: Snooze) -> dict[str, Any]:
    """Set a conversation aside; raises Invalid for a time that will not do, InvalidState for a closed one."""
    await visible_contact(ctx, id)
    event_id, by, until = ctx.ids.new("evt"), author_of(ctx), body.until
    until = until.replace(microsecond=until.microsecond // 1000 * 1000)

    def decide(doc: Document) -> Change | None:
        move = snooze(doc, until, by, body.note, ctx.now())
        if move is None:
            return None
        fields = timed(doc, {**move.fields, "updated_at": doc["updated_at"]})
        return Change(set=fields, events=[move_event(ctx, event_id, move, doc, applied(doc, fields, (), ()))])

    return render_conversation(await decide_on(ctx, id, [event_id], decide))


async def wake_conversation(ctx: Context, id: str) -> dict[str, Any]:
    """Have a conversation back before its time; one that is there stays as it is."""
    await visible_contact(ctx, id)
    event_id, by = ctx.ids.new("evt"), author_of(ctx)

    def decide(doc: Document) -> Change | None:
        move = wake(doc, by, REQUEST)
        if move is None:
            return None
        fields = timed(doc, {**move.fields, "updated_at": doc["updated_at"]})
        after = applied(doc, fields, (), ())
        return Change(set=fields, events=[move_event(ctx, event_id, move, doc, after, reason=REQUEST)])

    return render_conversation(await decide_on(ctx, id, [event_id], decide))
