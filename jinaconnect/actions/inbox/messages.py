"""The team inbox as it is read: messages of all channels, timelines, and the notes a team leaves itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints

from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox.conversations import MAX_LIMIT, visible_contact, window
from jinaconnect.actions.inbox.erasure import follow_removal
from jinaconnect.actions.listing import list_documents, log_cursor, sliced
from jinaconnect.actions.scoping import contact_filter, message_filter, of_contacts, visible
from jinaconnect.core.errors import Invalid, NotFound
from jinaconnect.core.events.event import takes_number
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.content import MEDIA_KINDS
from jinaconnect.core.inbox.message import INCOMING, OUTGOING, body_text, new_message, render_message
from jinaconnect.core.inbox.message_event import message_event
from jinaconnect.core.inbox.platform import PLATFORMS, reaching
from jinaconnect.core.inbox.timeline import event_item, message_item, with_separators
from jinaconnect.core.paging import (
    Filter,
    Listing,
    bool_filter,
    choice_filter,
    parse_bool,
    parse_int,
    parse_or_fault,
    parse_text,
    time_filter,
)
from jinaconnect.core.schema import Id, Request, Text, example, sample_id
from jinaconnect.store.databases.mongo import Document

PREVIEW = 100
_STATUSES = {
    "QUEUED": (status.PENDING, status.SENDING),
    "UNKNOWN": (status.UNKNOWN,),
    "SENT": (status.SENT,),
    "DELIVERED": (status.DELIVERED,),
    "READ": (status.READ,),
    "FAILED": (status.FAILED, status.EXPIRED),
}
_SEARCHED = ("content.body.text", *(f"content.{kind}.caption" for kind in ("image", "video", "document")))

MESSAGES = Listing(
    filters={
        "platform": choice_filter("platform", tuple(PLATFORMS)),
        "direction": choice_filter("direction", (INCOMING, OUTGOING)),
        "author": choice_filter("author", ("USER", "CONTACT", "BOT")),
        "contact": Filter("contact"),
        "is_read": bool_filter("is_read"),
        "timestamp": time_filter("timestamp"),
        "created_at": time_filter("created_at"),
    },
    orderings={"timestamp": "timestamp", "created_at": "created_at", "id": "_id"},
)
CHANNEL = Listing(filters={"platform": MESSAGES.filters["platform"]}, default=(("_id", 1),), endless=False)


class NewNote(
    Request,
    json_schema_extra=example(text="She asked for the blue one; call her on Monday.", mentions=[sample_id("usr")]),
):
    """A note for the team; `mentions` are user ids of members."""

    text: Annotated[Text, StringConstraints(min_length=1, max_length=4000)]
    mentions: list[Id] = Field(default_factory=list, max_length=50)


async def render_messages(ctx: Context, docs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return messages as the inbox shows them, each with its number.

    A number is written to its message a moment after the event has it; until then it is asked of the log.
    """
    numbers = await _numbers(ctx, [doc for doc in docs if doc["number"] is None])
    return [render_message(doc, numbers.get(doc["_id"])) for doc in docs]


async def _numbers(ctx: Context, docs: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    store = ctx.services.store
    events = {row["_id"]: doc for doc in docs for row in doc["pending"] if takes_number(row["type"])}
    if not events:
        return {}
    found = await store.log.numbers(ctx.principal.scope, list(events))
    untold = [dict(doc) for id, doc in events.items() if id not in found]
    if untold:  # its writer has not got to the log yet, or never will: the order of a document's events stays
        await ctx.data.tell("messages", untold)
        found = await store.log.numbers(ctx.principal.scope, list(events))
    return {doc["_id"]: found[id] for id, doc in events.items() if id in found}


async def _listed(ctx: Context, docs: Sequence[Document]) -> list[dict[str, Any]]:
    rendered = await render_messages(ctx, docs)
    return [{**row, "content_preview": content_preview(row["content"])} for row in rendered]


def content_preview(content: Mapping[str, Any]) -> str:
    """Return the beginning of the body text, or `[TYPE]`."""
    return body_text(content)[:PREVIEW] or f"[{str(content.get('type', 'message')).upper()}]"


async def list_messages(ctx: Context) -> dict[str, Any]:
    """Return messages of all channels; agents get those of their contacts."""
    within = {"deleted_at": None, **await message_filter(ctx)}
    asked = await _special_filters(ctx)

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return await _listed(ctx, docs)

    return await list_documents(ctx, "messages", MESSAGES, render, within, asked)


async def _special_filters(ctx: Context) -> list[dict[str, Any]]:
    """Return the filters that are not one field of the message."""
    query = ctx.caller.query
    clauses: list[dict[str, Any]] = []
    for name in ("status", "status__in"):
        if name in query:
            asked = query[name].split(",") if name.endswith("__in") else [query[name]]
            wanted = [value for part in asked for value in parse_or_fault(name, _status, part)]
            clauses.append({"status": {"$in": wanted}, "direction": OUTGOING, "internal_note": False})
    if "has_media" in query:
        has = parse_or_fault("has_media", parse_bool, query["has_media"])
        clauses.append({"content.type": {"$in" if has else "$nin": list(MEDIA_KINDS)}})
    if "assigned_to_user" in query:
        person = parse_or_fault("assigned_to_user", parse_text, query["assigned_to_user"])
        theirs = {**contact_filter(ctx.principal), "deleted_at": None}
        clauses.append(await of_contacts(ctx, {"$and": [theirs, {"assigned_to_user": person}]}))
    if wanted_text := query.get("search", "").strip():
        pattern = {"$regex": re.escape(parse_or_fault("search", parse_text, wanted_text)), "$options": "i"}
        ways: list[dict[str, Any]] = [{path: pattern} for path in _SEARCHED]
        if wanted_text.isdecimal() and len(wanted_text) < 19:
            await ctx.data.settle("messages")  # a number is answered a moment before it stands in its row
            ways.append({"number": int(wanted_text)})
        clauses.append({"$or": ways})
    return clauses


def _status(text: str) -> tuple[str, ...]:
    found = _STATUSES.get(text.strip().upper())
    if found is None:
        raise ValueError(f"must be one of {', '.join(_STATUSES).lower()}")
    return found


async def read_message(ctx: Context, id: str) -> dict[str, Any]:
    """Return one message; raises NotFound for unknown, foreign and unseen ids alike."""
    doc = await ctx.data.get("messages", id)
    contact = await ctx.data.find("contacts", doc["contact"])
    if contact is None or not visible(ctx.principal, contact):
        raise NotFound()
    return (await render_messages(ctx, [doc]))[0]


async def recent_messages(ctx: Context) -> dict[str, Any]:
    """Return the newest messages of all conversations."""
    limit, offset = window(ctx, "/team-inbox/api/messages/?cursor=")
    within = {"deleted_at": None, **await message_filter(ctx)}
    position = await log_cursor(ctx)
    (count, exact), rows = await asyncio.gather(
        ctx.data.count("messages", within),
        ctx.data.select("messages", within, skip=offset, limit=limit + 1),
    )
    return sliced(
        limit, offset, await _listed(ctx, rows[:limit]), more=len(rows) > limit, cursor=position, count=count,
        found=len(rows), exact=exact,
    )  # fmt: skip


async def count_platforms(ctx: Context) -> list[dict[str, Any]]:
    """Return how many messages came and went over each platform that has any."""
    within = {"deleted_at": None, **await message_filter(ctx)}
    counts = await asyncio.gather(*(ctx.data.count("messages", {**within, "platform": name}) for name in PLATFORMS))
    return [
        {"platform": name, "count": count, **({} if exact else {"count_exact": False})}
        for name, (count, exact) in zip(PLATFORMS, counts, strict=True)
        if count
    ]


async def channel_conversation(ctx: Context) -> dict[str, Any]:
    """Return a contact's messages over one platform, oldest first; `platform` and `contact_id` are required."""
    query = ctx.caller.query
    missing = [name for name in ("platform", "contact_id") if not query.get(name)]
    if missing:
        raise Invalid({name: ["is required"] for name in missing})
    if "cursor" in query:
        raise Invalid.field("cursor", "this list is oldest first and goes by page")
    contact = await visible_contact(ctx, query["contact_id"])
    within = {"contact": _any(await one_person(ctx, contact)), "deleted_at": None}

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return await _listed(ctx, docs)

    return await list_documents(ctx, "messages", CHANNEL, render, within)


async def read_timeline(ctx: Context, contact_id: str) -> dict[str, Any]:
    """Return messages and events of a conversation, newest first, with date separators.

    `offset` shifts while rows arrive; `before` (a number; the answer's `next_before`) does not.
    """
    contact = await visible_contact(ctx, contact_id)
    limit, offset = window(ctx, "before=<next_before>", most=MAX_LIMIT)
    before = ctx.caller.query.get("before")
    number = None if before is None else parse_or_fault("before", parse_int, before)
    position = await log_cursor(ctx)
    people = await one_person(ctx, contact)
    await _settle(ctx, people)
    items = await _items(ctx, people, number, offset + limit + 1)
    page = items[offset : offset + limit]
    more = len(items) > offset + limit
    return sliced(
        limit, offset, with_separators(page, ctx.now(), await tenant_zone(ctx)), more=more, cursor=position,
        next_before=page[-1]["numbering"] if more else None,
    )  # fmt: skip


async def one_person(ctx: Context, contact: Document) -> list[str]:
    """Return the ids of a contact and of all that were merged into it."""
    ids, left = [contact["_id"]], list(contact.get("merged", ()))
    while left:
        rows = await ctx.data.select("contacts", {"_id": {"$in": left}}, fields={"merged": 1})
        ids += left
        left = [id for row in rows for id in row.get("merged", ()) if id not in ids]
    return ids


async def _settle(ctx: Context, contacts: Sequence[str]) -> None:
    """See to it that what has been told of conversations stands in their rows, each message with its number."""
    told, unnumbered = await asyncio.gather(
        asyncio.gather(*(ctx.data.find("contacts", id) for id in contacts)),
        ctx.data.select("messages", {"contact": _any(contacts), "number": None}, limit=MAX_LIMIT),
    )
    await ctx.data.settle("contacts", [doc for doc in told if doc is not None])
    await ctx.data.settle("messages", unnumbered)


def _any(contacts: Sequence[str]) -> Any:
    """Return what fits any of some contacts, nearly always one."""
    return contacts[0] if len(contacts) == 1 else {"$in": list(contacts)}


async def _items(ctx: Context, contacts: Sequence[str], before: int | None, most: int) -> list[dict[str, Any]]:
    """Return the newest items below a number, newest first."""
    number = {"$type": "number", **({"$lt": before} if before is not None else {})}
    below = {"contact": _any(contacts), "number": number}
    order = [("number", -1)]
    messages, rows = await asyncio.gather(
        ctx.data.select("messages", {**below, "deleted_at": None}, sort=order, limit=most),
        ctx.data.select("timeline", below, sort=order, limit=most),
    )
    items = [message_item(message) for message in await render_messages(ctx, messages)]
    items += [event_item(row) for row in rows]
    return sorted(items, key=lambda item: -item["numbering"])[:most]


async def tenant_zone(ctx: Context) -> tzinfo:
    """Return the tenant's time zone, UTC where none is set."""
    tenant = await ctx.services.registry.tenant(ctx.principal.tenant)
    name = (tenant or {}).get("settings", {}).get("timezone")
    return ZoneInfo(name) if name else UTC


async def add_note(ctx: Context, contact_id: str, body: NewNote) -> dict[str, Any]:
    """Leave a note that only the team sees; raises Invalid on `mentions` for people who are not members."""
    contact = await visible_contact(ctx, contact_id)
    await _check_mentions(ctx, body.mentions)
    now, principal = ctx.now(), ctx.principal
    last = contact["chat"]["last"]
    platform = last["platform"] if last else reaching(contact)
    content: dict[str, Any] = {"type": "note", "body": {"text": body.text}}
    if body.mentions:
        content["mentions"] = body.mentions
    doc = new_message(
        ctx.ids.new("msg"), contact=contact["_id"], platform=platform, direction=OUTGOING, type="NOTE", content=content,
        author="USER", app=None, timestamp=now, status=status.RECEIVED, internal_note=True, user=principal.user_id,
        created_by=principal.username or principal.name or principal.id, created_at=now, updated_at=now,
    )  # fmt: skip
    event = message_event(ctx.ids.new("evt"), "message.noted", doc, contact, at=now, actor=principal.actor())
    written = ctx.wrote(await ctx.data.insert("messages", doc, [event]))
    await follow_removal(ctx, contact["_id"])
    return (await render_messages(ctx, [written]))[0]


async def _check_mentions(ctx: Context, people: Sequence[str]) -> None:
    rows = await ctx.data.select("members", {"user": {"$in": list(people)}, "is_active": True}) if people else []
    unknown = set(people) - {row["user"] for row in rows}
    if unknown:
        raise Invalid.field("mentions", f"there is no active member {min(unknown)}")
