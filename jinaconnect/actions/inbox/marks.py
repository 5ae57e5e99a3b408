"""Read marks, and the figures of a conversation that follow from its messages.

Messages are marked first, then the conversation tells of it in one event; a request that is run again finds what is
marked and brings the conversation up to it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox.conversations import contact_event, visible_contact
from jinaconnect.actions.scoping import visible
from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.errors import Invalid, InvalidState, NotFound
from jinaconnect.core.events.event import Event
from jinaconnect.core.inbox.message import INCOMING
from jinaconnect.core.inbox.reading import is_counted, read_fields, recounted, unread_fields
from jinaconnect.core.schema import Id, Request, example, sample_id
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Decide, applied

MOST_UNREAD = 5_000  # unread messages of one conversation that are looked at
AT_ONCE = 1_000  # message ids that fit one event
UNREAD: Mapping[str, Any] = {"direction": INCOMING, "is_read": False, "deleted_at": None}

Further = Callable[[Document], dict[str, Any]]
Tell = Callable[[Document, Document], Event]


class MarkUnread(Request, json_schema_extra=example(message_id=sample_id("msg"))):
    """From which incoming message on nothing counts as read; the newest one unless told."""

    message_id: Id | None = None


class MarkRead(Request, json_schema_extra=example(contact_id=sample_id("cnt"))):
    """Messages by id or timeline number, or all of a contact's."""

    message_ids: list[Id] | None = Field(None, max_length=AT_ONCE)
    contact_id: Id | None = None


async def known_messages(ctx: Context, ids: Sequence[str]) -> list[Document]:
    """Return the messages with these ids or timeline numbers, deleted ones too.

    Raises Invalid on `message_ids` when one is unknown or not the principal's to see.
    """
    numbers = [int(id) for id in ids if id.isdecimal() and len(id) < 19]
    found = await ctx.data.select("messages", {"_id": {"$in": list(ids)}})
    if numbers:
        await ctx.data.settle("messages")  # a number is answered a moment before it stands in its row
        found += await ctx.data.select("messages", {"number": {"$in": numbers}})
    rows = list({row["_id"]: row for row in found}.values())
    contacts = await ctx.data.select("contacts", {"_id": {"$in": list({row["contact"] for row in rows})}})
    seen = {doc["_id"] for doc in contacts if visible(ctx.principal, doc)}
    shown = [row for row in rows if row["contact"] in seen]
    known = {row["_id"] for row in shown} | {str(row["number"]) for row in shown}
    missing = [id for id in ids if id not in known]
    if missing:
        raise Invalid.field("message_ids", f"there is no message {missing[0]}")
    return shown


async def recount(
    ctx: Context, contact: str, handled: Collection[str], further: Further | None = None, tell: Tell | None = None
) -> Document | None:
    """Bring a conversation's figures up to its messages and return it, or None when the contact is gone.

    `further` adds fields, `tell` makes the event of the change.
    """

    async def look(doc: Document) -> Change | None:
        rows = await ctx.data.select("messages", {"contact": contact, **UNREAD}, limit=MOST_UNREAD, fields={"_id": 1})
        fields = {**recounted(doc, {row["_id"] for row in rows}, handled), **(further(doc) if further else {})}
        if not fields and not handled:
            return None
        fields["updated_at"] = doc["updated_at"]  # nothing of the contact itself has changed
        return Change(set=fields, events=[tell(doc, applied(doc, fields, (), ()))] if tell else ())

    try:
        return ctx.wrote(await ctx.data.change_after("contacts", contact, look))
    except NotFound:
        return None


async def _mark(ctx: Context, messages: Sequence[Document], now: datetime) -> list[str]:
    """Mark messages as read by the principal; returns the ids of those it was first with."""
    reader = {"by": ctx.principal.id, "name": ctx.principal.name or ctx.principal.id}
    first: dict[str, bool] = {}

    def decide(doc: Document) -> Change | None:
        fields = None if doc["deleted_at"] is not None else read_fields(doc, at=now, **reader)
        # Asked again about its own outcome, the answer stays what it was.
        own = (doc["read_by_id"], doc["read_at"]) == (reader["by"], now)
        first[doc["_id"]] = fields is not None or own
        return None if fields is None else Change(set=fields)

    decisions: dict[str, Decide] = {message["_id"]: decide for message in messages}
    await ctx.data.change_many("messages", decisions, messages)
    return [id for id, mine in first.items() if mine]


async def _mark_and_tell(ctx: Context, contact: str, messages: Sequence[Document]) -> list[str]:
    now, event_id = ctx.now(), ctx.ids.new("evt")
    marked = await _mark(ctx, messages, now)
    if not marked:  # somebody else was first, perhaps since they were looked for
        ids = [message["_id"] for message in messages]
        messages = [row for row in await ctx.data.select("messages", {"_id": {"$in": ids}}) if row["read_at"]]

    def tell(before: Document, after: Document) -> Event:
        told = {
            "message_ids": marked or [message["_id"] for message in messages],
            "read_at": iso_or_none(now if marked else messages[0]["read_at"]),
            "read_by_id": ctx.principal.id if marked else messages[0]["read_by_id"],
            "read_by_name": ctx.principal.name or ctx.principal.id if marked else messages[0]["read_by_name"],
        }
        return contact_event(ctx, event_id, "conversation.read", before, after, **told)

    await recount(ctx, contact, marked, tell=tell if messages else None)
    return marked


async def mark_message(ctx: Context, id: str) -> dict[str, Any]:
    """Mark one message as read; the first reader is kept. Raises InvalidState for an outgoing one."""
    message = await ctx.data.get("messages", id)
    contact = await ctx.data.find("contacts", message["contact"])
    if contact is None or contact["deleted_at"] is not None or not visible(ctx.principal, contact):
        raise NotFound()
    if message["direction"] != INCOMING:
        raise InvalidState("Only incoming messages are marked as read.")
    await _mark_and_tell(ctx, contact["_id"], [message])
    after = await ctx.data.get("messages", id)
    return {"status": "success", "id": id, "read_at": iso_or_none(after["read_at"])}


async def mark_messages(ctx: Context, body: MarkRead) -> dict[str, Any]:
    """Mark messages, or all of a contact's, as read; returns the ids of those that were unread."""
    if body.contact_id is not None:
        messages = await _unread_of(ctx, body.contact_id)
    elif body.message_ids is not None:
        known = await known_messages(ctx, body.message_ids)
        messages = [row for row in known if row["direction"] == INCOMING and row["deleted_at"] is None]
    else:
        raise Invalid.field("message_ids", "message_ids or contact_id is required")
    groups: dict[str, list[Document]] = {}
    for message in messages:
        groups.setdefault(message["contact"], []).append(message)
    marked: list[str] = []
    for contact, group in groups.items():
        for start in range(0, len(group), AT_ONCE):
            marked += await _mark_and_tell(ctx, contact, group[start : start + AT_ONCE])
    return {"status": "success", "marked_ids": marked}


async def mark_unread(ctx: Context, contact: str, body: MarkUnread) -> dict[str, Any]:
    """Have a conversation's newest incoming message, or all from one on, count as unread; returns which are so now.

    Raises Invalid on `message_id` for what is none of its incoming ones or too far back, InvalidState where it has
    none.
    """
    doc = await visible_contact(ctx, contact)
    shown = {"contact": contact, "deleted_at": None, "direction": INCOMING}
    rows = await ctx.data.select("messages", shown, sort=[("_id", -1)], limit=AT_ONCE)
    counted = [row for row in rows if is_counted(doc["chat"], row["_id"])]
    if not counted:
        raise InvalidState("The contact has written nothing.")
    first = counted[0]["_id"] if body.message_id is None else body.message_id
    if all(row["_id"] != first for row in counted):
        raise Invalid.field("message_id", f"is none of the newest {AT_ONCE} messages the contact wrote")
    asked = [row for row in counted if row["_id"] >= first]
    event_id, changed = ctx.ids.new("evt"), set[str]()

    def decide(message: Document) -> Change | None:
        fields = None if message["deleted_at"] is not None else unread_fields(message)
        if fields is None:
            return None
        changed.add(message["_id"])
        return Change(set=fields)

    await ctx.data.change_many("messages", {row["_id"]: decide for row in asked}, asked)
    ids = [row["_id"] for row in asked]
    if changed or doc["chat"]["unread"] < len(ids):  # the second: what a request that was cut off has marked

        def further(held: Document) -> dict[str, Any]:
            early = held["chat"].get("early", [])
            return {"chat.early": [id for id in early if id not in ids]} if set(early) & set(ids) else {}

        def tell(before: Document, after: Document) -> Event:
            return contact_event(
                ctx, event_id, "conversation.marked_unread", before, after, unread_message_ids=sorted(ids)
            )

        await recount(ctx, contact, (), further, tell)
    return {"status": "success", "marked_ids": ids}


async def _unread_of(ctx: Context, contact: str) -> list[Document]:
    try:
        doc = await visible_contact(ctx, contact)
    except NotFound as error:
        raise Invalid.field("contact_id", "there is no such contact") from error
    within = {"contact": contact, "deleted_at": None, "direction": INCOMING}
    rows = await ctx.data.select("messages", {**within, "is_read": False}, limit=MOST_UNREAD)
    if rows or not doc["chat"]["unread"]:
        return rows
    # All are read and the conversation does not know: the marks of a request that was cut off are told once more.
    marks = {**within, "is_read": True, "_id": {"$in": doc["chat"]["recent"]}}
    read = await ctx.data.select("messages", marks, sort=[("read_at", -1)])
    return [row for row in read if row["read_at"] == read[0]["read_at"]]
