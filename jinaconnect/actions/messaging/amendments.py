"""What happens to messages after they were said, and what the business says by other ways than through here.

An edit gives a message other words, a revocation takes them back; what stood there before stays in its `history`. Both
ask for nothing: they count as no unread message and reopen no conversation.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import orjson

from jinaconnect.actions.contacts.addressing import Person, contacts_at, contacts_for
from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox.attention import counting
from jinaconnect.actions.inbox.erasure import follow_removal
from jinaconnect.actions.messaging.media import media_row, new_media_id
from jinaconnect.actions.messaging.reports import by_carrier
from jinaconnect.channels.base import Account
from jinaconnect.channels.facts import Echo, Edit
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import NotFound, Unavailable
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.contact import last_message
from jinaconnect.core.inbox.media import media_url
from jinaconnect.core.inbox.message import INCOMING, OUTGOING, new_message
from jinaconnect.core.inbox.message_event import message_event
from jinaconnect.core.inbox.reading import is_counted
from jinaconnect.core.lenient import storable
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Duplicate, applied

MAX_HISTORY = 12 * 1024  # it travels with the message in events of at most 64 KiB
REVOKED = "[taken back by its writer]"


async def apply_edit(ctx: Context, fact: Edit, platform: str) -> bool:
    """Give a message other words, or take them back; tells whether it is here, and of who says so."""
    target = await by_carrier(ctx, platform, fact.target)
    if target is None or not await _own(ctx, fact, target):
        return False
    if target["deleted_at"] is not None:
        return True
    contact = await ctx.data.find("contacts", target["contact"])
    event_id = ctx.ids.new("evt")

    def decide(doc: Document) -> Change | None:
        fields = _revoked(doc, fact) if fact.new is None else _edited(doc, fact)
        if fields is None:
            return None
        fields["updated_at"] = ctx.now()
        after = applied(doc, fields, (), ())
        by_contact = {"type": "contact", "id": doc["contact"]}
        event = message_event(
            event_id, "message.deleted" if fact.new is None else "message.updated", after, contact, at=fact.at,
            actor=ctx.principal.actor() if fact.by_us else by_contact,
        )  # fmt: skip
        return Change(set=fields, events=[event])

    with contextlib.suppress(NotFound):
        after = (await ctx.data.change("messages", target["_id"], decide)).doc
        await _show(ctx, after)
    return True


async def _own(ctx: Context, fact: Edit, target: Document) -> bool:
    """Tell whether a message is one of whoever changes it: nobody changes what another has said."""
    if fact.by_us:
        return bool(target["direction"] == OUTGOING)
    if target["direction"] != INCOMING:
        return False
    writers = [each for each in (fact.writer, *fact.known_as) if each is not None]
    if target.get("said_by") is not None:
        return target["said_by"]["address"] in {each.text for each in writers}
    held = await contacts_at(ctx.data, writers)
    return any(doc["_id"] == target["contact"] for doc in held.values())


def _edited(doc: Mapping[str, Any], fact: Edit) -> dict[str, Any] | None:
    assert fact.new is not None
    content = storable(fact.new)
    kind = content.get("type")
    held = doc["content"].get(kind) if kind == doc["content"].get("type") else None
    if isinstance(held, Mapping) and isinstance(content.get(kind), Mapping) and "url" in held:
        content[kind] = {**content[kind], "url": held["url"]}  # other words below the same file
    known = [doc["content"], *(past["content"] for past in doc.get("history") or ())]
    if doc.get("revoked_at") is not None or content in known:
        return None
    if doc["edited_at"] is not None and fact.at < doc["edited_at"]:  # it was overtaken by a later one
        return {"history": _with_past(doc, content, fact)}
    return {"content": content, "edited_at": fact.at, "history": _with_past(doc, doc["content"], fact)}


def _revoked(doc: Mapping[str, Any], fact: Edit) -> dict[str, Any] | None:
    if doc.get("revoked_at") is not None:
        return None
    content = {"type": "text", "body": {"text": REVOKED}}
    return {"content": content, "revoked_at": fact.at, "history": _with_past(doc, doc["content"], fact)}


def _with_past(doc: Mapping[str, Any], content: Mapping[str, Any], fact: Edit) -> list[dict[str, Any]]:
    """Return the history with one more; of much the latest is kept."""
    history = [*(doc.get("history") or ()), {"content": dict(content), "until": iso(fact.at)}]
    while len(history) > 1 and len(orjson.dumps(history)) > MAX_HISTORY:
        history = history[1:]
    return history


async def _show(ctx: Context, message: Document) -> None:
    """Bring the conversation's preview up to a message's new words."""

    def decide(doc: Document) -> Change | None:
        last = doc["chat"]["last"]
        if last is None or last["id"] != message["_id"]:
            return None
        shown = last_message(message, last["is_read"])
        return None if shown == last else Change(set={"chat.last": shown, "updated_at": doc["updated_at"]})

    await ctx.data.change("contacts", message["contact"], decide)


async def apply_echoes(
    ctx: Context, facts: Sequence[tuple[Echo, Account, Any]], platform: str
) -> list[Document]:
    """Bring what the business sent by another way into its conversations; returns the files to fetch for it."""
    people = {fact.to: Person({}, fact.known_as) for fact, _, _ in facts}
    contacts = await contacts_for(ctx, people, platform)
    items = []
    for fact, account, raw in facts:
        contact = contacts[fact.to]
        doc = _sent_elsewhere(ctx, fact, account, contact, platform, raw)
        # As any message of ours it is recorded, which gives it its place in the timeline, and then sent.
        events = [
            message_event(
                ctx.ids.new("evt"), type, doc, contact, at=doc["timestamp"], actor=ctx.principal.actor()
            )
            for type in ("message.queued", "message.sent")
        ]  # fmt: skip
        items.append((doc, events))
    results = await ctx.data.insert_many("messages", items, tell=False)
    fresh = {each.doc["carrier_id"]: each.doc for each in results if not isinstance(each, Duplicate)}
    before = await _told_before(ctx, platform, {fact.carrier_id for fact, _, _ in facts} - fresh.keys())
    # Whoever was told of one before may have been cut off before it was counted, told of and its file fetched.
    for doc in (*fresh.values(), *before.values()):
        await _count(ctx, doc)
    everyone = {contact["_id"]: contact for contact in contacts.values()}
    untold = [*fresh.values(), *(doc for doc in before.values() if doc["pending"])]
    await ctx.data.tell_all([("contacts", list(everyone.values())), ("messages", untold)])
    held = {**fresh, **before}
    files = [
        media_row(held[fact.carrier_id], account, fact.media, ctx.now())
        for fact, account, _ in facts
        if fact.media is not None
    ]
    return [row for row in files if row is not None]


async def _told_before(ctx: Context, platform: str, carrier_ids: Collection[str]) -> dict[str, Document]:
    """Return the messages that are here already, by their carrier's ids; raises Unavailable."""
    if not carrier_ids:
        return {}
    rows = await ctx.data.select("messages", {"platform": platform, "carrier_id": {"$in": list(carrier_ids)}})
    found = {row["carrier_id"]: row for row in rows}
    if len(found) < len(carrier_ids):  # its writer has not got it to the disk yet
        raise Unavailable("A message is being written.")
    return found


def _sent_elsewhere(
    ctx: Context, fact: Echo, account: Account, contact: Document, platform: str, raw: Any
) -> dict[str, Any]:
    now = ctx.now()
    at = min(fact.at, now) if fact.at.timestamp() > 0 else now
    content = storable(fact.content)
    if fact.media is not None:
        content[content["type"]] = {**content[content["type"]], "url": media_url(new_media_id(now))}
    return new_message(
        ctx.ids.new("msg"), contact=contact["_id"], platform=platform, direction=OUTGOING, type=fact.type,
        content=content, author="USER", app=account.id, timestamp=at, status=status.SENT,
        carrier_id=fact.carrier_id, reply_to=fact.reply_to, group_id=fact.group, created_by=fact.by, sent_at=at,
        created_at=now, updated_at=now, **({"raw": raw} if raw is not None else {}),
    )  # fmt: skip


async def _count(ctx: Context, message: Document) -> None:
    if message["deleted_at"] is not None:
        return
    event_id = ctx.ids.new("evt")

    def decide(doc: Document) -> Change | None:
        # One told of again may be older than what its conversation keeps the ids of: it answers nothing written since.
        return None if is_counted(doc["chat"], message["_id"]) else counting(ctx, doc, [message], [event_id])

    try:
        await ctx.data.change("contacts", message["contact"], decide)
    except NotFound:
        await follow_removal(ctx, message["contact"])
