"""Contacts: add, change, list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.contacts.addressing import contact_at
from jinaconnect.actions.contacts.segments import by_segment
from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox.conversations import (
    assignee,
    author_of,
    closing_events,
    contact_event,
    decide_on,
    move_event,
    visible_contact,
)
from jinaconnect.actions.listing import envelope, list_documents, log_cursor
from jinaconnect.actions.scoping import contact_filter
from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.errors import Conflict
from jinaconnect.core.inbox.address import OTHERS, PHONE, Address, variants
from jinaconnect.core.inbox.assignment import Assignee, Move, assign, close, holds, reopen
from jinaconnect.core.inbox.contact import new_contact, render_contact
from jinaconnect.core.inbox.profile import ContactChange, NewContact, bounded, changed_profile
from jinaconnect.core.inbox.window import window_ends
from jinaconnect.core.paging import (
    page_of,
    parse_or_fault,
    parse_text,
)
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Duplicate, applied

KEYWORDS = (
    {"key": "first_name", "description": "The contact's first name."},
    {"key": "last_name", "description": "The contact's last name."},
    {"key": "full_name", "description": "First and last name; the phone number where there is none."},
    {"key": "phone", "description": "The contact's phone number in E.164 form."},
)
MOST_TAGS = 10_000
def _within(ctx: Context) -> dict[str, Any]:
    return {"deleted_at": None, **contact_filter(ctx.principal)}


async def list_contacts(ctx: Context) -> dict[str, Any]:
    """Return the contacts the principal may see."""

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return [render_contact(doc) for doc in docs]

    listing, asked = await by_segment(ctx)
    return await list_documents(ctx, "contacts", listing, render, _within(ctx), asked)


async def list_contacts_of(ctx: Context, platform: str) -> dict[str, Any]:
    """Return the contacts that came by a platform or were added by hand, with the end of their service window there
    and their last message's time."""

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return [
            {
                **render_contact(doc),
                "expires_at": iso_or_none(window_ends(doc, platform)),
                "last_message_at": iso_or_none(doc["chat"]["at"]),
            }
            for doc in docs
        ]

    within = {**_within(ctx), "source": {"$in": [platform, "MANUAL"]}}
    listing, asked = await by_segment(ctx)
    return await list_documents(ctx, "contacts", listing, render, within, asked)


async def list_tags(ctx: Context) -> dict[str, Any]:
    """Return the tags in use, each once, in alphabetical order."""
    page = page_of(ctx.caller.query)
    position = await log_cursor(ctx)
    wanted = parse_or_fault("search", parse_text, ctx.caller.query.get("search", "").strip())
    stages: list[dict[str, Any]] = [
        {"$project": {"tags": 1}},
        {"$unwind": "$tags"},
        {"$group": {"_id": "$tags"}},
        {"$sort": {"_id": 1}},
        {"$limit": MOST_TAGS},
    ]
    rows, exact = await ctx.data.figures("contacts", {**_within(ctx), "tags": {"$gt": ""}}, stages)
    found = [row["_id"] for row in rows if wanted.casefold() in row["_id"].casefold()]
    answer = envelope(ctx, page, len(found), found[page.skip : page.skip + page.size])
    return {**answer, "count_exact": exact, "cursor": position}


async def read_contact(ctx: Context, id: str) -> dict[str, Any]:
    """Return one contact."""
    return render_contact(await visible_contact(ctx, id))


async def _taken(ctx: Context, error: Duplicate, fields: Mapping[str, Any]) -> Conflict:
    """Return the refusal of an address that another contact has, naming that contact."""
    name = "phone" if error.index == OTHERS else error.index
    if name == PHONE:
        held = await contact_at(ctx.data, Address(PHONE, fields[PHONE]))
    else:
        held = await ctx.data.find_one("contacts", {name: fields.get(name)})
    return _exists(name, held)


def _exists(name: str, held: Document | None) -> Conflict:
    extra = {"existing_id": held["_id"]} if held is not None else {}
    which = f": {held['_id']}" if held is not None else ""
    return Conflict(f"A contact with this {name} exists already{which}.", code="already_exists", extra=extra)


async def _refuse_another_form(ctx: Context, id: str, phone: str | None) -> None:
    """Raise Conflict where another contact has a number that can be written in several ways, in another of them."""
    if phone is not None and len(variants(phone)) > 1:
        held = await contact_at(ctx.data, Address(PHONE, phone))
        if held is not None and held["_id"] != id:
            raise _exists(PHONE, held)


async def _named_assignee(ctx: Context, doc: Mapping[str, Any], body: ContactChange) -> Assignee | None:
    """Return who the body gives the conversation to, None where it does not or they have it already."""
    type = body.assigned_to_type or ("USER" if body.assigned_to_id is not None else None)
    if type is None or holds(doc, Assignee(type, body.assigned_to_id if type != "UNASSIGNED" else None, None, "")):
        return None
    return await assignee(ctx, type, body.assigned_to_id)


def _moves(ctx: Context, doc: Document, body: ContactChange, to: Assignee | None) -> list[Move]:
    """Return what the body decides about the conversation, as the actions of their own would."""
    by, now = author_of(ctx), ctx.now()
    moves: list[Move | None] = []
    if to is not None:
        moves.append(assign(doc, to, by, now, note=body.assignment_note))
    if body.status is not None and body.status != doc["status"]:
        moves.append((close if body.status == "CLOSED" else reopen)(doc, by, None))
    return [move for move in moves if move is not None]


async def create_contact(ctx: Context, body: NewContact) -> dict[str, Any]:
    """Add a contact; raises Invalid without an address, Conflict when another contact has it."""
    now, username = ctx.now(), ctx.principal.username
    id, *event_ids = [ctx.ids.new(kind) for kind in ("cnt", "evt", "evt", "evt", "evt")]
    doc = new_contact(id, source=body.source, by=username, created_at=now, updated_at=now)
    to = await _named_assignee(ctx, doc, body)
    fields = changed_profile(doc, body.given())
    moves = _moves(ctx, doc, body, to)
    for move in moves:
        fields.update(move.fields)
    doc.update(fields)
    bounded(doc)
    await _refuse_another_form(ctx, id, doc["phone"])
    events = [
        contact_event(ctx, event_ids[0], "contact.created", doc, doc),
        contact_event(ctx, event_ids[1], "conversation.opened", doc, doc, contact_detail=render_contact(doc)),
        *(move_event(ctx, event_id, move, doc, doc) for event_id, move in zip(event_ids[2:], moves, strict=False)),
    ]
    try:
        return render_contact(ctx.wrote(await ctx.data.insert("contacts", doc, events)))
    except Duplicate as error:
        raise await _taken(ctx, error, doc) from error


async def change_contact(ctx: Context, id: str, body: ContactChange) -> dict[str, Any]:
    """Change a contact; what does not differ is no change and no event.

    Raises Invalid and Conflict as `create_contact` does.
    """
    to = await _named_assignee(ctx, await visible_contact(ctx, id), body)
    event_ids = [ctx.ids.new("evt") for _ in range(5)]
    given = body.given()
    await _refuse_another_form(ctx, id, given.get("phone"))
    if to is not None:
        given.pop("assignment_note", None)

    def decide(doc: Document) -> Change | None:
        plain = changed_profile(doc, given)
        moves = _moves(ctx, doc, body, to)
        if not plain and not moves:
            return None
        fields = {**plain, "updated_at": ctx.now(), "updated_by": ctx.principal.username}
        for move in moves:
            fields.update(move.fields)
        after = applied(doc, fields, (), ())
        bounded(after)
        first = [contact_event(ctx, event_ids[0], "contact.updated", doc, after)] if plain else []
        told = [
            move_event(ctx, event_id, move, doc, after) for event_id, move in zip(event_ids[1:], moves, strict=False)
        ]
        return Change(set=fields, events=[*first, *told, *closing_events(ctx, event_ids[3:], moves, doc, after)])

    try:
        return render_contact(await decide_on(ctx, id, event_ids, decide))
    except Duplicate as error:
        raise await _taken(ctx, error, given) from error
