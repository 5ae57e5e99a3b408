"""What was to be sent later to a contact who is removed: it is not, and an erased contact's is nowhere any more."""

from __future__ import annotations

from jinaconnect.actions.context import Context
from jinaconnect.core.inbox.contact import seen_by
from jinaconnect.core.messaging.scheduled import CANCELLED, CHANGEABLE, render_scheduled
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, applied

PAGE = 500


async def drop_scheduled(ctx: Context, contact: Document, *, erase: bool) -> None:
    """Cancel what was to be sent to a contact; with `erase` what it says goes as well."""
    last = "￿"
    while rows := await ctx.data.select(
        "scheduled_messages", {"contact": contact["_id"], "_id": {"$lt": last}}, sort=[("_id", -1)], limit=PAGE
    ):
        last = rows[-1]["_id"]
        for row in rows:
            event_id = ctx.ids.new("evt")

            def decide(doc: Document, event_id: str = event_id) -> Change | None:
                ends = doc["status"] in CHANGEABLE
                if not ends and not erase:
                    return None
                empty = {"content": None, "template": None, "error": None} if erase else {}
                fields = {**empty, **({"status": CANCELLED, "due": None} if ends else {}), "updated_at": ctx.now()}
                shown = render_scheduled(applied(doc, fields, (), ()))
                event = ctx.event(
                    "scheduled_message.cancelled", doc["_id"], shown, contact=contact["_id"],
                    channel=doc["platform"], seen=seen_by(contact), id=event_id,
                )  # fmt: skip
                return Change(set=fields, events=[event] if ends else ())

            await ctx.data.change("scheduled_messages", row["_id"], decide)
