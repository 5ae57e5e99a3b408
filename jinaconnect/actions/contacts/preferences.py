"""What a customer wants to be written: a stop to marketing messages is kept on the contact, and lasts until revoked."""

from __future__ import annotations

from datetime import datetime

from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox.conversations import contact_event
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import NotFound
from jinaconnect.core.inbox.contact import marketing_opt_out
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, applied


async def set_marketing(ctx: Context, contact: str, platform: str, *, stop: bool, at: datetime) -> None:
    """Note that a contact takes no marketing messages on a platform, or takes them again; of two, the later holds."""
    event_id, key, told = ctx.ids.new("evt"), marketing_opt_out(platform), iso(at)

    def decide(doc: Document) -> Change | None:
        held = doc["opt_outs"].get(key)
        if stop == (held is not None) or (held is not None and held > told):
            return None
        others = {name: moment for name, moment in doc["opt_outs"].items() if name != key}
        fields = {"opt_outs": {**others, key: told} if stop else others, "updated_at": ctx.now()}
        event = contact_event(ctx, event_id, "contact.updated", doc, applied(doc, fields, (), ()))
        return Change(set=fields, events=[event])

    try:
        await ctx.data.change("contacts", contact, decide)
    except NotFound:
        return  # removed meanwhile: nobody is left to write to
