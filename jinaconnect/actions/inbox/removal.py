"""Taking things out of the inbox: messages, and contacts with all that is theirs.

What is removed stays in the database with `deleted_at`, for audit, unless it is erased.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from jinaconnect.actions.context import Context
from jinaconnect.actions.erasing.files import erase_files
from jinaconnect.actions.erasing.scheduled import drop_scheduled
from jinaconnect.actions.inbox.conversations import contact_event, visible_contact
from jinaconnect.actions.inbox.marks import AT_ONCE, known_messages, recount
from jinaconnect.core.errors import Invalid, NotFound
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.address import unaddressed
from jinaconnect.core.inbox.contact import unassigned
from jinaconnect.core.inbox.message import OUTGOING
from jinaconnect.core.inbox.message_event import message_event
from jinaconnect.core.inbox.reading import newest_fields
from jinaconnect.core.schema import Id, Request, example, sample_id
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Decide, Written, applied

PAGE = 500  # messages of a removed contact handled at a time
PARALLEL = 16
_LEAVING = (status.PENDING, status.SENDING)

_ERASED: dict[str, Any] = {
    **unaddressed(), "first_name": "", "last_name": "", "email": None, "tags": [], "segments": [], "attributes": {},
    "telegram_username": None, "whatsapp_username": None, "description": None, **unassigned(), "opt_outs": {},
    "unreachable": {},
    "chat": {"at": None, "last": None, "unread": 0, "inbound": {}, "recent": [], "early": []}, "erased": True,
}  # fmt: skip


class RemoveMessages(Request, json_schema_extra=example(message_ids=[sample_id("msg")])):
    """Messages by id or timeline number."""

    message_ids: list[Id] = Field(min_length=1, max_length=AT_ONCE)


def _gone(ctx: Context, contact: Document | None, event_id: str, *, erase: bool) -> Decide:
    """Return the decision that removes a message; asked about its own outcome it does nothing."""

    def decide(doc: Document) -> Change | None:
        if doc["deleted_at"] is not None and (not erase or doc.get("erased")):
            return None
        now = ctx.now()
        fields: dict[str, Any] = {"deleted_at": now, "deleted_by": ctx.principal.id, "updated_at": now}
        unset = ["due"] if "due" in doc else []
        if erase:
            fields.update(
                content={"type": doc["content"].get("type")},
                carrier_id=None,
                reply_to=None,
                reactions=[],
                error_message=None,
                erased=True,
            )
            said = ("request", "extra", "raw", "history", "said_by", "trace", "refused_ids")
            unset += [name for name in said if name in doc]
        after = applied(doc, fields, unset, ())
        event = message_event(event_id, "message.deleted", after, contact, at=now, actor=ctx.principal.actor())
        return Change(set=fields, unset=unset, events=[event])

    return decide


async def remove_messages(ctx: Context, body: RemoveMessages) -> dict[str, Any]:
    """Remove messages from the inbox; returns how many were there.

    Raises Invalid on `message_ids` for unknown ones and for those still on their way to the carrier.
    """
    rows = await known_messages(ctx, body.message_ids)
    present = [row for row in rows if row["deleted_at"] is None]
    for row in present:
        if row["direction"] == OUTGOING and row["status"] in _LEAVING:
            raise Invalid.field("message_ids", f"{row['_id']} is still being sent")
    contacts = {row["contact"] for row in rows}
    found = await ctx.data.select("contacts", {"_id": {"$in": list(contacts)}})
    holders = {doc["_id"]: doc for doc in found}
    event_ids = {row["_id"]: ctx.ids.new("evt") for row in sorted(rows, key=lambda row: row["_id"])}
    gate = asyncio.Semaphore(PARALLEL)

    async def remove(row: Document) -> Written | None:
        async with gate:
            decide = _gone(ctx, holders.get(row["contact"]), event_ids[row["_id"]], erase=False)
            try:
                return await ctx.data.change("messages", row["_id"], decide)
            except NotFound:
                return None  # somebody else was first

    done = [written for written in await asyncio.gather(*map(remove, present)) if written is not None]
    for written in done:
        ctx.wrote(written)
    for contact in sorted(contacts):
        await _settle(ctx, contact, [row["_id"] for row in rows if row["contact"] == contact])
    return {"status": "success", "deleted_count": len(done)}


async def _settle(ctx: Context, contact: str, removed: list[str]) -> None:
    """Bring the chat list's preview and figures up to the messages that are left."""
    left = {"contact": contact, "deleted_at": None, "internal_note": False}
    newest = await ctx.data.select("messages", left, sort=[("_id", -1)], limit=1)

    def further(doc: Document) -> dict[str, Any]:
        last = doc["chat"]["last"]
        if last is None or last["id"] not in removed:
            return {}
        return newest_fields(doc, newest[0] if newest else None)

    await recount(ctx, contact, removed, further)


async def remove_contact(ctx: Context, id: str) -> None:
    """Remove a contact and its messages from the inbox, where they stay for audit; the address is free again."""
    contact = await visible_contact(ctx, id)
    await end_contact(ctx, contact, erase=False)


async def end_contact(ctx: Context, contact: Document, *, erase: bool) -> None:
    """Remove a contact with its messages and what was to be sent to it; with `erase` what is personal goes as well."""
    event_id = ctx.ids.new("evt")
    await drop_scheduled(ctx, contact, erase=erase)
    await remove_messages_of(ctx, contact, erase=erase)

    def decide(doc: Document) -> Change:
        now = ctx.now()
        gone: Mapping[str, Any] = {
            "deleted_at": doc["deleted_at"] or now, "updated_at": now, "updated_by": ctx.principal.username
        }  # fmt: skip
        if erase:
            others: dict[str, Any] = {name: None for name in ("former", "lent") if name in doc}
            fields = {**gone, **_ERASED, **others}
            shown = applied(doc, fields, (), ())
        else:
            shown = applied(doc, gone, (), ())
            former = {name: doc.get(name, none) for name, none in unaddressed().items()}
            fields = {**gone, **unaddressed(), "former": former}
        return Change(set=fields, events=[contact_event(ctx, event_id, "contact.deleted", doc, shown)])

    id = contact["_id"]
    while (held := await ctx.data.find("contacts", id)) is not None and not _ended(held, erase=erase):
        with contextlib.suppress(NotFound):  # removed in between: what is left of it is looked at again
            ctx.wrote(await ctx.data.change("contacts", id, decide, known=held))
    await remove_messages_of(ctx, contact, erase=erase)  # what came in between


def _ended(contact: Document, *, erase: bool) -> bool:
    """Tell whether a contact is removed, or erased: one that is removed still has what is personal."""
    return bool(contact.get("erased")) if erase else contact["deleted_at"] is not None


def _until(moment: datetime | None) -> dict[str, Any]:
    """Return the filter of what was there at a moment: who wrote after their removal is somebody new."""
    return {} if moment is None else {"created_at": {"$lte": moment}}


async def erase_bodies(ctx: Context, names: Sequence[bytes], until: datetime | None) -> None:
    """Remove the bodies kept of webhooks that could not be applied, where they name an address; of later ones none."""
    last = _until(until)
    while names and (rows := await ctx.data.select("webhook_events", last, sort=[("_id", -1)], limit=PAGE)):
        for row in rows:
            if any(name in (row.get("body") or b"") for name in names):
                await ctx.data.change("webhook_events", row["_id"], lambda doc: Change(set={"body": None}))
        last = {**last, "_id": {"$lt": rows[-1]["_id"]}}


def said_by(names: Sequence[str], until: datetime | None) -> dict[str, Any]:
    """Return the filter of what somebody who is so addressed said in groups until a moment."""
    return {"said_by.address": {"$in": list(names)}, **_until(until)}


async def erase_said(ctx: Context, names: Sequence[str], until: datetime | None) -> list[str]:
    """Erase what somebody who is so addressed said in groups until a moment; returns the ids of those messages."""
    wanted, ids = said_by(names, until), list[str]()
    while names and (rows := await ctx.data.select("messages", wanted, limit=PAGE)):
        ids += [row["_id"] for row in rows]
        for id in {row["contact"] for row in rows}:
            said = [row for row in rows if row["contact"] == id]
            group = await ctx.data.find("contacts", id)
            await _remove_rows(ctx, group, said, erase=True)
            if group is not None and group["deleted_at"] is None:
                await _settle(ctx, id, [row["_id"] for row in said])
    return ids


async def remove_messages_of(ctx: Context, contact: Document, *, erase: bool) -> None:
    """Remove a contact's messages, or erase them."""
    wanted: dict[str, Any] = {"contact": contact["_id"]}
    wanted.update({"erased": {"$ne": True}} if erase else {"deleted_at": None})
    while rows := await ctx.data.select("messages", wanted, limit=PAGE):
        await _remove_rows(ctx, contact, rows, erase=erase)


async def _remove_rows(ctx: Context, contact: Document | None, rows: list[Document], *, erase: bool) -> None:
    if erase:
        await erase_files(ctx.services, ctx.data.scope, rows)
    decisions = {row["_id"]: _gone(ctx, contact, ctx.ids.new("evt"), erase=erase) for row in rows}
    await ctx.data.change_many("messages", decisions, rows)
