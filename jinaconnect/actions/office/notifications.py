"""Notices to people: one for each person concerned, with a read mark of their own, kept for 90 days."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.inbox.erasure import follow_removal
from jinaconnect.actions.listing import list_documents
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import NotFound, PermissionDenied
from jinaconnect.core.events.event import Visibility
from jinaconnect.core.ids import encode
from jinaconnect.core.paging import Listing
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, applied

COLLECTION = "notifications"
AT_ONCE = 500


def render(notice: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notice as its person sees it."""
    return {
        "id": notice["_id"], "notification_type": notice["type"], "title": notice["title"],
        "message": notice["message"], "is_read": notice["is_read"], "metadata": dict(notice["metadata"]),
        "created_at": iso(notice["created_at"]),
    }  # fmt: skip


def _reader(ctx: Context) -> str:
    if ctx.principal.user_id is None:
        raise PermissionDenied("Notifications are people's; an API key has none.")
    return ctx.principal.user_id


async def list_notifications(ctx: Context, listing: Listing) -> dict[str, Any]:
    """Answer the list of the caller's notices."""

    async def rendered(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return [render(doc) for doc in docs]

    return await list_documents(ctx, COLLECTION, listing, rendered, {"user": _reader(ctx)})


async def latest(ctx: Context, limit: int) -> dict[str, Any]:
    """Return the caller's newest notices, and how many there are in all and unread."""
    rows = await ctx.data.select("notifications", {"user": _reader(ctx)}, limit=limit)
    total, _ = await ctx.data.count("notifications", {"user": _reader(ctx)})
    return {"notifications": [render(row) for row in rows], "total_count": total, "unread_count": await unread(ctx)}


async def unread(ctx: Context) -> int:
    """Return how many notices the caller has not read."""
    return (await ctx.data.count("notifications", {"user": _reader(ctx), "is_read": False}))[0]


async def read_notification(ctx: Context, id: str) -> dict[str, Any]:
    """Return one of the caller's notices; raises NotFound."""
    return render(await _own(ctx, id))


async def _own(ctx: Context, id: str) -> Document:
    user, doc = _reader(ctx), await ctx.data.get("notifications", id)
    if doc["user"] != user:
        raise NotFound()
    return doc


async def mark_read(ctx: Context, id: str) -> dict[str, Any]:
    """Mark one of the caller's notices as read; raises NotFound."""
    await _own(ctx, id)
    return render(ctx.wrote(await ctx.data.change(COLLECTION, id, lambda doc: _read(ctx, doc))))


def _read(ctx: Context, doc: Document) -> Change | None:
    if doc["is_read"]:
        return None
    fields = {"is_read": True, "updated_at": ctx.now()}
    shown = render(applied(doc, fields, (), ()))
    event = ctx.event("notification.read", doc["_id"], shown, seen=Visibility(only_user=doc["user"]))
    return Change(set=fields, events=[event])


async def mark_all_read(ctx: Context) -> int:
    """Mark all of the caller's notices as read; returns how many were not."""
    user, marked = _reader(ctx), 0
    while rows := await ctx.data.select("notifications", {"user": user, "is_read": False}, limit=AT_ONCE):
        await ctx.data.change_many(COLLECTION, {row["_id"]: lambda doc: _read(ctx, doc) for row in rows}, rows)
        marked += len(rows)
    return marked


async def notify(services: Services, scope: str, data: Mapping[str, Any]) -> None:
    """Give everybody concerned by an event their notice; done again, it gives nobody a second one.

    Of a contact that is erased meanwhile nobody is notified.
    """
    ctx, about = system_context(services, scope, "notifications"), data["metadata"].get("contact_id")
    contact = await ctx.data.find("contacts", about) if about is not None else None
    if contact is None or not contact.get("erased"):
        await _give(ctx, data)
    if about is not None:
        await follow_removal(ctx, about)


async def _give(ctx: Context, data: Mapping[str, Any]) -> None:
    roles = await ctx.services.store.of(ctx.principal.tenant, "live").select("roles", {"deleted_at": None})
    holding = [role["_id"] for role in roles if role["permissions"].get(data["permission"])]
    members = await ctx.data.select("members", {"is_active": True, "role": {"$in": holding}}, fields={"user": 1})
    people = [member["user"] for member in members if member["user"] != data["by"]]
    if data.get("people"):
        people = [user for user in people if user in data["people"]]
    for start in range(0, len(people), AT_ONCE):
        items = []
        for user in people[start : start + AT_ONCE]:
            doc = {
                "_id": _id(data, user), "user": user, "key": data["key"] or data["event"], "is_read": False,
                "created_at": data["at"],
                **{name: data[name] for name in ("type", "title", "message", "metadata")},
            }  # fmt: skip
            seen = Visibility(only_user=user)
            id = f"evt_{doc['_id'].partition('_')[2]}"
            items.append((doc, [ctx.event("notification.created", doc["_id"], render(doc), seen=seen, id=id)]))
        await ctx.data.insert_many(COLLECTION, items)


def _id(data: Mapping[str, Any], user: str) -> str:
    """Return the id of a person's notice, by the time of its event: the same one whenever it is made."""
    chance = hashlib.sha256(f"{data['event']}:{user}".encode()).digest()[:10]
    return encode("ntf", int(data["at"].timestamp() * 1000), chance)
