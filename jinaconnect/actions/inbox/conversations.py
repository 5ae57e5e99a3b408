"""Conversations: who holds them, whether they go on, and the chat list.

Every write to a contact's conversation goes through `decide_on`, so that the events of a request have the same ids
when it is run again after a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal

from jinaconnect.actions.context import Context
from jinaconnect.actions.listing import log_cursor, look_up, sliced
from jinaconnect.actions.scoping import contact_filter, visible
from jinaconnect.core.attention.targets import Told, on_close
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Conflict, Invalid, InvalidCursor, InvalidState, NotFound
from jinaconnect.core.events.event import Event, conversation_id
from jinaconnect.core.ids import well_formed
from jinaconnect.core.inbox.assignment import NOBODY, UNASSIGNED, USER, Assignee, Author, Move, assign, close, reopen
from jinaconnect.core.inbox.contact import render_contact, render_conversation, seen_by
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.core.inbox.profile import Note
from jinaconnect.core.paging import (
    Filter,
    Listing,
    bool_filter,
    choice_filter,
    parse_int,
    parse_moment,
    parse_or_fault,
)
from jinaconnect.core.schema import Id, Request, example, sample_id
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.looking import atoms
from jinaconnect.store.tenant import Change, applied

MAX_LIMIT = 100
MAX_OFFSET = 5_000
Step = Callable[[Document], Move | None]

CHATS = Listing(
    filters={
        "status": choice_filter("status", ("OPEN", "CLOSED")),
        "platform": choice_filter("chat.last.platform", tuple(PLATFORMS)),
        "assigned_to": Filter("assigned_to_user"),
        "unread": bool_filter("chat.unread"),
        "snoozed": bool_filter("chat.snoozed"),
    },
    search=("first_name", "last_name", "phone"),
    default=(("chat.at", -1), ("_id", -1)),
)


class Assign(
    Request,
    json_schema_extra=example(assigned_to_type="USER", assigned_to_id=sample_id("usr"), if_unassigned=True),
):
    """Who shall hold the conversation; with `if_unassigned` only if nobody does."""

    assigned_to_type: Literal["USER", "BOT", "CHATFLOW", "UNASSIGNED"]
    assigned_to_id: Id | None = None
    note: Note | None = None
    if_unassigned: bool = False


class Unassign(Request, json_schema_extra=example(note="Back to the team.")):
    """A note on why."""

    note: Note | None = None


class WithReason(Request, json_schema_extra=example(reason="The parcel has arrived.")):
    """Why the conversation is closed or goes on."""

    reason: Note | None = None


def author_of(ctx: Context) -> Author:
    """Return the principal as the author of a decision."""
    principal = ctx.principal
    metadata = {"ip": ctx.caller.ip, "user_agent": ctx.caller.user_agent}
    kind = USER if principal.kind == "user" else principal.kind.upper()
    return Author(kind, principal.id, principal.user_id, principal.name or principal.id, metadata)


async def visible_contact(ctx: Context, id: str) -> Document:
    """Return a contact; raises NotFound for unknown, foreign and unseen ids alike."""
    doc = await ctx.data.get("contacts", id)
    if not visible(ctx.principal, doc):
        raise NotFound()
    return doc


async def assignee(ctx: Context, type: str, id: str | None) -> Assignee:
    """Return who an assignment names: an active member by user or membership id, or nobody.

    Raises Invalid on `assigned_to_id`.
    """
    if type == UNASSIGNED:
        return NOBODY
    if id is None:
        raise Invalid.field("assigned_to_id", f"is required for {type}")
    if type != USER:
        raise Invalid.field("assigned_to_id", f"unknown: there is no such {type.lower()}")
    known = {"user": id} if not id.startswith("mem_") else {"_id": id}
    member = await ctx.data.find_one("members", {**known, "is_active": True})
    person = await ctx.services.people.user(member["user"]) if member is not None else None
    if person is None or not person["is_active"]:
        raise Invalid.field("assigned_to_id", "unknown: there is no such active member")
    name = f"{person['first_name']} {person['last_name']}".strip() or person["email"]
    return Assignee(USER, person["_id"], person["_id"], name)


def contact_event(
    ctx: Context, event_id: str, type: str, before: Document, after: Document, entry: Any = None, **extra: Any
) -> Event:
    """Return an event of a contact (`contact.*`) or of its conversation, with the resource as it is afterwards.

    Conversation events carry the contact as well (`contact_detail`), since assignment and status are part of both.
    """
    id = after["_id"]
    of_contact = type.startswith("contact.")
    last = after["chat"]["last"]
    data = render_contact(after) if of_contact else {**render_conversation(after), **extra}
    return Event(
        id=event_id,
        type=type,
        occurred_at=ctx.now(),
        actor=ctx.principal.actor(),
        subject=id if of_contact else conversation_id(id),
        data=data,
        contact=id,
        channel=last["platform"] if last else None,
        seen=seen_by(after, before=before["assigned_to_user"]),
        timeline=entry,
    )


def opening_events(ctx: Context, doc: Document, channel: str) -> list[Event]:
    """Return the events of a contact that a message brought: its creation and its conversation's beginning."""
    events = [
        contact_event(ctx, ctx.ids.new("evt"), "contact.created", doc, doc),
        contact_event(ctx, ctx.ids.new("evt"), "conversation.opened", doc, doc, contact_detail=render_contact(doc)),
    ]
    return [replace(event, channel=channel) for event in events]


def move_event(ctx: Context, event_id: str, move: Move, before: Document, after: Document, **extra: Any) -> Event:
    """Return the event of an assignment, a change of status or of being set aside."""
    detail = render_contact(after)
    return contact_event(ctx, event_id, move.event, before, after, move.entry, contact_detail=detail, **extra)


def sla_events(
    ctx: Context, event_ids: Sequence[str], told: Sequence[Told], before: Document, after: Document
) -> list[Event]:
    """Return the events of what came of service targets; as many ids as there may be of them."""
    return [
        contact_event(ctx, event_id, f"conversation.sla_{each.verb}", before, after, **each.data())
        for event_id, each in zip(event_ids, told, strict=False)
    ]


def closing_events(
    ctx: Context, event_ids: Sequence[str], moves: Sequence[Move], before: Document, after: Document
) -> list[Event]:
    """Return what came of service targets where a conversation is closed; two ids."""
    closes = any(move.event == "conversation.closed" for move in moves)
    return sla_events(ctx, event_ids, on_close(before, ctx.now()), before, after) if closes else []


async def decide_on(
    ctx: Context, id: str, event_ids: Sequence[str], decide: Callable[[Document], Change | None]
) -> Document:
    """Change a contact once: a refusal that an interrupted try of the same request caused is not one."""
    try:
        return ctx.wrote(await ctx.data.change("contacts", id, decide))
    except (Conflict, InvalidState):
        doc = await ctx.data.get("contacts", id)
        done = {row["_id"] for row in doc["pending"]} | set(await _logged(ctx, event_ids))
        if done.isdisjoint(event_ids):
            raise
        return doc


async def _logged(ctx: Context, event_ids: Sequence[str]) -> dict[str, int]:
    return await ctx.services.store.log.numbers(ctx.principal.scope, event_ids)


async def _move(ctx: Context, id: str, step: Step) -> Document:
    await visible_contact(ctx, id)
    event_id, *further = [ctx.ids.new("evt") for _ in range(3)]

    def decide(doc: Document) -> Change | None:
        move = step(doc)
        if move is None:
            return None
        fields = {**move.fields, "updated_at": ctx.now(), "updated_by": ctx.principal.username}
        after = applied(doc, fields, (), ())
        told = closing_events(ctx, further, [move], doc, after)
        return Change(set=fields, events=[move_event(ctx, event_id, move, doc, after), *told])

    return await decide_on(ctx, id, [event_id], decide)


def _success(message: str, doc: Document) -> dict[str, Any]:
    return {"status": "success", "message": message, "contact": render_contact(doc)}


async def assign_conversation(ctx: Context, id: str, body: Assign) -> dict[str, Any]:
    """Give a conversation to somebody; raises Conflict when `if_unassigned` is asked and somebody holds it."""
    await visible_contact(ctx, id)
    to = await assignee(ctx, body.assigned_to_type, body.assigned_to_id)
    by = author_of(ctx)
    doc = await _move(
        ctx, id, lambda doc: assign(doc, to, by, ctx.now(), note=body.note, if_unassigned=body.if_unassigned)
    )
    return _success(f"Assigned to {to.name}." if to is not NOBODY else "Assigned to nobody.", doc)


async def unassign_conversation(ctx: Context, id: str, body: Unassign) -> dict[str, Any]:
    """Take a conversation from whoever holds it."""
    by = author_of(ctx)
    return _success(
        "Assigned to nobody.", await _move(ctx, id, lambda doc: assign(doc, NOBODY, by, ctx.now(), note=body.note))
    )


async def close_conversation(ctx: Context, id: str, body: WithReason) -> dict[str, Any]:
    """End a conversation for now; raises InvalidState when it is closed."""
    by = author_of(ctx)
    return _success("Closed.", await _move(ctx, id, lambda doc: close(doc, by, body.reason)))


async def reopen_conversation(ctx: Context, id: str, body: WithReason) -> dict[str, Any]:
    """Go on with a closed conversation; raises InvalidState when it is open."""
    by = author_of(ctx)
    return _success("Reopened.", await _move(ctx, id, lambda doc: reopen(doc, by, body.reason)))


def window(ctx: Context, further: str, limit: int = 50, most: int = MAX_LIMIT) -> tuple[int, int]:
    """Return (limit, offset) of the query; raises Invalid naming the one that is wrong.

    `further` says how what lies beyond the largest offset is reached.
    """
    query = ctx.caller.query
    asked = parse_or_fault("limit", parse_int, query.get("limit", str(limit)))
    offset = parse_or_fault("offset", parse_int, query.get("offset", "0"))
    if not 1 <= asked <= most:
        raise Invalid.field("limit", f"must be 1 to {most}")
    if not 0 <= offset <= MAX_OFFSET:
        raise Invalid.field("offset", f"must be 0 to {MAX_OFFSET}; further rows are reached by {further}")
    return asked, offset


async def list_conversations(ctx: Context) -> dict[str, Any]:
    """Return the chat list: conversations with messages, the newest message first."""
    limit, offset = window(ctx, "before=<next_before>")
    query = dict(ctx.caller.query)
    clauses: list[dict[str, Any]] = [{"chat.at": {"$type": "date"}, "deleted_at": None}, contact_filter(ctx.principal)]
    if "unread" in query:
        unread = CHATS.condition({"unread": query.pop("unread")})["chat.unread"]
        clauses.append({"chat.unread": {"$gt": 0} if unread else 0})
    if "snoozed" in query:
        away = CHATS.condition({"snoozed": query.pop("snoozed")})["chat.snoozed"]
        clauses.append({"chat.snoozed": True if away else {"$ne": True}})
    named = {"me": ctx.principal.id, "unassigned": None}
    if query.get("assigned_to") in named:
        clauses.append({"assigned_to_user": named[query.pop("assigned_to")]})
    clauses.append(CHATS.condition(query))
    below = _below(query["before"]) if "before" in query else []
    position = await log_cursor(ctx)
    found = await look_up(
        ctx, ctx.data, "contacts", [], [atom for clause in (*clauses, *below) for atom in atoms(clause)],
        CHATS.default, skip=offset, limit=limit + 1,
    )  # fmt: skip
    shown, more = found.rows[:limit], len(found.rows) > limit
    end = shown[-1] if more else await ctx.data.find("contacts", found.last) if found.last else None
    return sliced(
        limit, offset, [render_conversation(row) for row in shown], more=more, cursor=position, count=found.count,
        found=len(found.rows), exact=found.exact,
        next_before=None if end is None else f"{iso(end['chat']['at'])}_{end['_id']}",
        **({} if found.complete else {"complete": False}),
    )  # fmt: skip


def _below(text: str) -> list[dict[str, Any]]:
    """Return what holds for conversations behind a `next_before`; raises InvalidCursor for what is none."""
    moment, _, id = text.partition("_")
    try:
        at = parse_moment(moment)
    except ValueError as error:
        raise InvalidCursor("This list gave no such `before`.") from error
    if not well_formed(id):
        raise InvalidCursor("This list gave no such `before`.")
    return [{"chat.at": {"$lte": at}}, {"$nor": [{"chat.at": at, "_id": {"$gte": id}}]}]


async def read_conversation(ctx: Context, contact: str) -> dict[str, Any]:
    """Return one conversation as the chat list shows it."""
    return render_conversation(await visible_contact(ctx, contact))
