"""What a customer wants to be written: a stop to marketing messages is kept on the contact, and lasts until revoked."""

from __future__ import annotations

import contextlib
from datetime import datetime
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox.conversations import contact_event, visible_contact
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import NotFound
from jinaconnect.core.inbox.contact import marketing_opt_out, render_contact
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, applied


async def set_marketing(ctx: Context, contact: str, platform: str, *, stop: bool, at: datetime) -> None:
    """Note that a contact takes no marketing messages on a platform, or takes them again; of two, the later holds.

    Told of once more it changes nothing, whatever was said since.
    """
    event_id, key, told = ctx.ids.new("evt"), marketing_opt_out(platform), iso(at)

    def decide(doc: Document) -> Change | None:
        held = doc["opt_outs"].get(key)
        heard: dict[str, datetime] = doc.get("opt_told") or {}
        if (key in heard and heard[key] > at) or (held is not None and held > told):
            return None
        later = {"opt_told": {**heard, key: at}}
        if stop == (held is not None):
            return Change(set={**later, "updated_at": doc["updated_at"]}) if heard.get(key) != at else None
        others = {name: moment for name, moment in doc["opt_outs"].items() if name != key}
        fields = {**later, "opt_outs": {**others, key: told} if stop else others, "updated_at": ctx.now()}
        event = contact_event(ctx, event_id, "contact.updated", doc, applied(doc, fields, (), ()))
        return Change(set=fields, events=[event])

    try:
        await ctx.data.change("contacts", contact, decide)
    except NotFound:
        return  # removed meanwhile: nobody is left to write to


async def opt_out(ctx: Context, id: str, platform: str) -> dict[str, Any]:
    """Note what a contact said in words of their own: that they want no more, as if they had sent the word for it.

    Raises NotFound. Who has stopped already stays so, since when they did.
    """
    await visible_contact(ctx, id)
    event_id, key = ctx.ids.new("evt"), marketing_opt_out(platform)

    def decide(doc: Document) -> Change | None:
        if key in doc["opt_outs"]:
            return None
        now = ctx.now()
        fields = {
            "opt_outs": {**doc["opt_outs"], key: iso(now)}, "updated_at": now, "updated_by": ctx.principal.username,
        }  # fmt: skip
        event = contact_event(ctx, event_id, "contact.updated", doc, applied(doc, fields, (), ()))
        return Change(set=fields, events=[event])

    doc = ctx.wrote(await ctx.data.change("contacts", id, decide))
    return {"status": "success", "message": f"Has opted out: {key}.", "contact": render_contact(doc)}


async def set_reachable(ctx: Context, contact: str, platform: str, *, reachable: bool, at: datetime) -> None:
    """Note that a contact takes nothing from us on a platform, or does again; of two words, the later holds.

    Whoever wrote since then is reached.
    """
    event_id = ctx.ids.new("evt")

    def decide(doc: Document) -> Change | None:
        held: dict[str, str] = doc.get("unreachable") or {}
        told: dict[str, datetime] = doc.get("reach_told") or {}
        wrote = doc["chat"]["inbound"].get(platform)
        if (platform in told and told[platform] > at) or (not reachable and wrote is not None and wrote > at):
            return None
        later = {"reach_told": {**told, platform: at}}
        if reachable == (platform not in held):
            return Change(set={**later, "updated_at": doc["updated_at"]}) if told.get(platform) != at else None
        others = {name: moment for name, moment in held.items() if name != platform}
        unreachable = others if reachable else {**others, platform: iso(at)}
        fields = {**later, "unreachable": unreachable, "updated_at": ctx.now()}
        event = contact_event(ctx, event_id, "contact.updated", doc, applied(doc, fields, (), ()))
        return Change(set=fields, events=[event])

    with contextlib.suppress(NotFound):  # removed meanwhile: nobody is left to write to
        await ctx.data.change("contacts", contact, decide)
