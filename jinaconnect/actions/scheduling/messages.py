"""Messages to be sent later: kept until their time, checked as any send is when it comes, and sent once.

The message a scheduled one becomes has its id before it is sent (`message`), on disk; whoever takes up what was cut off
finds it, or sends it under that id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.context import Caller, Context, OperationContext, Services, system_context
from jinaconnect.actions.inbox.conversations import visible_contact
from jinaconnect.actions.inbox.messages import tenant_zone
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.messaging.sending import WINDOW, NewMessage, check_message, send_message
from jinaconnect.actions.messaging.templates import NamedTemplate
from jinaconnect.actions.ports import Ports
from jinaconnect.actions.scoping import message_filter
from jinaconnect.core.errors import GatewayError, Invalid, InvalidState, NotFound, OptedOut, Unavailable
from jinaconnect.core.events.event import Event
from jinaconnect.core.inbox.contact import seen_by
from jinaconnect.core.inbox.content import check_content
from jinaconnect.core.messaging import scheduled
from jinaconnect.core.messaging.scheduled import (
    CANCELLED,
    CHANGEABLE,
    FAILED,
    MISSED,
    SCHEDULED,
    SENT,
    render_scheduled,
)
from jinaconnect.core.paging import Listing
from jinaconnect.core.principal import Principal, parse_scope
from jinaconnect.core.rules import verdict as rules
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import Claim, due_at
from jinaconnect.store.tenant import Change, applied

COLLECTION = "scheduled_messages"
_WRITTEN = ("contact", "platform", "content", "template", "channel_app_id", "reply_to")


async def list_scheduled(ctx: Context, listing: Listing) -> dict[str, Any]:
    """Answer the list of messages to be sent later, of contacts the principal may see."""

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return [render_scheduled(doc) for doc in docs]

    return await list_documents(ctx, COLLECTION, listing, render, await message_filter(ctx))


async def read_scheduled(ctx: Context, id: str) -> dict[str, Any]:
    """Return one; raises NotFound."""
    return render_scheduled((await _seen(ctx, id))[0])


async def _seen(ctx: Context, id: str) -> tuple[Document, Document]:
    """Return a scheduled message and its contact; raises NotFound for unknown, foreign and unseen ids alike."""
    doc = await ctx.data.get(COLLECTION, id)
    return doc, await visible_contact(ctx, doc["contact"])


async def schedule_message(ctx: OperationContext, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a message until its time; raises as a send does, but for a window that may open until then."""
    given = await _checked(ctx, {**dict.fromkeys(_WRITTEN), **fields})
    now, principal = ctx.now(), ctx.principal
    by = principal.username or principal.name or principal.id
    author = {"kind": principal.kind, "id": principal.id, "name": principal.name, "username": principal.username}
    doc = {
        "_id": ctx.ids.new("sch"), **given, "status": SCHEDULED, "message": None, "error": None, "author": author,
        "created_by": by, "updated_by": by, "created_at": now, "updated_at": now,
        "due": due_at(given["scheduled_time"]),
    }  # fmt: skip
    contact = await visible_contact(ctx, doc["contact"])
    written = await ctx.data.insert(COLLECTION, doc, [_event(ctx, "created", doc, contact)])
    _wake(ctx, doc)
    return render_scheduled(ctx.wrote(written))


async def change_scheduled(ctx: OperationContext, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change what is sent or when; what was missed or refused is scheduled anew by a new time.

    Raises NotFound, InvalidState for what is sent or cancelled, and as a send does.
    """
    before, contact = await _seen(ctx, id)
    _may_change(before)
    if before["status"] != SCHEDULED and "scheduled_time" not in fields:
        raise Invalid.field("scheduled_time", "is required to schedule it anew")
    one_of_two = {"content": None, "template": None} if {"content", "template"} & fields.keys() else {}
    given = await _checked(ctx, {**{name: before[name] for name in _WRITTEN}, **one_of_two, **fields})
    event_id = ctx.ids.new("evt")

    def decide(doc: Document) -> Change:
        _may_change(doc)
        at = given["scheduled_time"] if "scheduled_time" in given else doc["scheduled_time"]
        again = {"message": None, "error": None, "status": SCHEDULED, "due": due_at(at)}
        fields = {**given, **again, "updated_by": ctx.principal.username}
        return _told(ctx, event_id, "updated", doc, contact, fields)

    doc = ctx.wrote(await ctx.data.change(COLLECTION, id, decide))
    _wake(ctx, doc)
    return render_scheduled(doc)


async def cancel_scheduled(ctx: Context, id: str) -> dict[str, Any]:
    """Have a message not be sent; one that is cancelled stays so. Raises NotFound, InvalidState where it is sent."""
    _, contact = await _seen(ctx, id)
    event_id = ctx.ids.new("evt")

    def decide(doc: Document) -> Change | None:
        if doc["status"] == CANCELLED:
            return None
        _may_change(doc)
        fields = {"status": CANCELLED, "due": None, "updated_by": ctx.principal.username}
        return _told(ctx, event_id, "cancelled", doc, contact, fields)

    return render_scheduled(ctx.wrote(await ctx.data.change(COLLECTION, id, decide)))


def _may_change(doc: Document) -> None:
    if doc["status"] not in CHANGEABLE or (doc["status"] == SCHEDULED and doc["message"] is not None):
        state = "being sent" if doc["status"] == SCHEDULED else doc["status"].lower()
        raise InvalidState(f"The message is {state}.")


async def _checked(ctx: OperationContext, fields: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(fields)
    if (given["content"] is None) == (given["template"] is None):
        raise Invalid.field("content", "exactly one of content and template is required")
    if given["content"] is not None:
        given["content"] = check_content(given["content"])
        if "type" not in given["content"]:
            raise Invalid.field("content.type", "is required")
    if "scheduled_time" in given:
        given["scheduled_time"] = scheduled.time_of(given["scheduled_time"], await tenant_zone(ctx), ctx.now())
    verdict = (await check_message(ctx, _message(given))).verdict
    if isinstance(verdict, rules.Refused) and verdict.rule != WINDOW:
        raise OptedOut(verdict.reason)
    return given


def _message(fields: Mapping[str, Any], id: str | None = None) -> NewMessage:
    named = fields["template"]
    template = None
    if named is not None:
        template = NamedTemplate(
            named.get("id"), named.get("name"), named.get("language") or "en", named.get("header") or (),
            named.get("body") or (), named.get("buttons") or (),
        )  # fmt: skip
    return NewMessage(
        fields["platform"], fields["content"] or {"type": "text", "body": {"text": ""}}, fields["channel_app_id"],
        "channel_app_id", contact=fields["contact"], reply_to=fields["reply_to"], template=template, id=id,
    )  # fmt: skip


def _event(ctx: Context, what: str, doc: Document, contact: Document | None, id: str | None = None) -> Event:
    return ctx.event(
        f"scheduled_message.{what}", doc["_id"], render_scheduled(doc), contact=doc["contact"], channel=doc["platform"],
        seen=seen_by(contact or {}), id=id,
    )  # fmt: skip


def _told(
    ctx: Context, event_id: str, what: str, doc: Document, contact: Document | None, fields: Mapping[str, Any]
) -> Change:
    fields = {**fields, "updated_at": ctx.now()}
    return Change(set=fields, events=[_event(ctx, what, applied(doc, fields, (), ()), contact, event_id)])


def _wake(ctx: OperationContext, doc: Document) -> None:
    wait = (doc["scheduled_time"] - ctx.now()).total_seconds()
    if wait < 3600:  # for later ones there is the sweep
        ctx.ports.worker.run_at(COLLECTION, ctx.data.scope, doc["_id"], wait + 0.01)


# --- when its time has come ------------------------------------------------------------------------------------------


async def send_scheduled(services: Services, ports: Ports, claim: Claim) -> None:
    """Send one whose time has come, as its author; what came too late or is refused is not sent."""
    scope, id = claim.doc["scope"], claim.doc["_id"]
    ctx = system_context(services, scope, "scheduler")
    contact = await ctx.data.find("contacts", claim.doc["contact"])
    event_id, message_id, now = ctx.ids.new("evt"), ctx.ids.new("msg"), ctx.now()
    begun = claim.doc["message"] is not None and await ctx.data.find("messages", claim.doc["message"]) is not None

    def take(doc: Document) -> Change | None:
        if doc["status"] != SCHEDULED or doc["scheduled_time"] > now or begun:
            return None
        if scheduled.is_missed(doc, now):
            return _told(ctx, event_id, "missed", doc, contact, {"status": MISSED, "due": None})
        return Change(set={"message": doc["message"] or message_id, "updated_at": doc["updated_at"]})

    try:
        doc = (await ctx.data.change(COLLECTION, id, take)).doc
    except NotFound:
        return  # erased meanwhile
    if doc["status"] != SCHEDULED or doc["message"] is None:
        return
    what, fields = await _send(services, ports, doc)
    event_id = ctx.ids.new("evt")

    def conclude(doc: Document) -> Change | None:
        if doc["status"] != SCHEDULED:
            return None
        return _told(ctx, event_id, what, doc, contact, {**fields, "due": None})

    await ctx.data.change(COLLECTION, id, conclude)


async def _send(services: Services, ports: Ports, doc: Document) -> tuple[str, dict[str, Any]]:
    """Send a message unless that is done; return what is told of that, and the fields it leaves."""
    author, (tenant, mode) = doc["author"], parse_scope(doc["scope"])
    principal = Principal(
        kind=author["kind"], id=author["id"], tenant=tenant, mode=mode, role="system", role_id="", role_name="System",
        priority=100, permissions=frozenset(), name=author["name"], username=author["username"],
    )  # fmt: skip
    ctx = OperationContext(services, ports, principal, Caller(""))
    if await ctx.data.find("messages", doc["message"]) is None:
        try:
            await send_message(ctx, _message(doc, doc["message"]))
        except Unavailable:
            raise
        except GatewayError as error:
            return "failed", {"status": FAILED, "error": scheduled.refusal(error)}
    return "sent", {"status": SENT}
