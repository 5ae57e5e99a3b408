"""Endpoints of outbound webhooks: added, changed, switched on and off; what they see is what their owner sees.

The owner is who last said where events go and which: whoever points an endpoint elsewhere gets what they may see
themselves, and not what was seen by whom they took it from.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.webhooks.target import secret_place, view_for
from jinaconnect.core.clock import iso, iso_or_none
from jinaconnect.core.cursor import Position, resume
from jinaconnect.core.errors import Invalid, InvalidState, PermissionDenied
from jinaconnect.core.events.view import allowed_topics
from jinaconnect.core.paging import Listing
from jinaconnect.core.webhooks.selection import known_topics, types_of
from jinaconnect.core.webhooks.signature import SECRET_BYTES, secret_of
from jinaconnect.outbound import Blocked
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, applied

COLLECTION, POSITIONS = "webhook_endpoints", "webhook_positions"
MOST = 100  # endpoints of an organisation in one mode


def render_endpoint(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return an endpoint as REST and events show it: never its secret."""
    replay = doc["replay"]
    return {
        "id": doc["_id"], "url": doc["url"], "description": doc["description"], "events": list(doc["events"]),
        "topics": None if doc["topics"] is None else list(doc["topics"]), "is_active": doc["status"] == "active",
        "status": doc["status"], "disabled_reason": doc["disabled_reason"],
        "disabled_at": iso_or_none(doc["disabled_at"]), "owner": dict(doc["owner"]),
        "former_secret_until": iso_or_none(doc["former_until"]),
        "replay": None if replay is None else {name: replay[name] for name in ("id", "after", "until")},
        "created_by": doc["created_by"], "created_at": iso(doc["created_at"]), "updated_at": iso(doc["updated_at"]),
    }  # fmt: skip


def changed(ctx: Context, doc: Document, fields: Mapping[str, Any], *, type: str = "endpoint.updated") -> Change:
    """Return the change of an endpoint that sets fields and tells of it."""
    return Change(set=fields, events=[ctx.event(type, doc["_id"], render_endpoint(applied(doc, fields, (), ())))])


async def list_endpoints(ctx: Context, listing: Listing) -> dict[str, Any]:
    """Answer the list of endpoints."""

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return [render_endpoint(doc) for doc in docs]

    return await list_documents(ctx, COLLECTION, listing, render)


async def read_endpoint(ctx: Context, id: str) -> dict[str, Any]:
    """Return an endpoint with how far it has got."""
    doc = await ctx.data.get(COLLECTION, id)
    kept = await ctx.data.find(POSITIONS, id)
    log = ctx.services.store.log
    if kept is None:
        return render_endpoint(doc)
    behind = [row["next_at"] for row in kept["behind"] if row["next_at"] is not None]
    waiting = {
        "cursor": ctx.cursor(kept["done"]), "events": max(0, await log.head(ctx.data.scope) - kept["done"]),
        "keys_behind": len(kept["behind"]), "next_attempt_at": iso_or_none(min(behind, default=None)),
    }  # fmt: skip
    return {**render_endpoint(doc), "waiting": waiting}


async def create_endpoint(ctx: Context, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Add an endpoint and show its secret this once; it is told what happens from now on."""
    await _check_url(ctx, fields["url"])
    if await ctx.data.few(COLLECTION, {"_id": {"$gt": ""}}, MOST) >= MOST:
        raise InvalidState(f"There are {MOST} endpoints already.")
    id, secret = ctx.ids.new("hep"), _secret(ctx)
    doc = {
        "_id": id, "scope": ctx.data.scope, "url": fields["url"], "description": fields.get("description"),
        "events": list(fields["events"]), "topics": fields.get("topics"),
        "status": "active" if fields.get("is_active", True) else "paused", "disabled_reason": None,
        "disabled_at": None, "owner": ctx.principal.actor(), "secrets": _sealed(ctx, id, [secret]),
        "former_until": None, "replay": None, "resumed_at": None,
        "created_by": ctx.principal.username or ctx.principal.name, "created_at": ctx.now(), "updated_at": ctx.now(),
    }  # fmt: skip
    _check_view(ctx, doc)
    del doc["scope"]
    head = await ctx.services.store.log.head(ctx.data.scope)
    await ctx.data.insert(POSITIONS, _position(id, id, head, None))  # first, so that it misses nothing
    written = await ctx.data.insert(COLLECTION, doc, [ctx.event("endpoint.created", id, render_endpoint(doc))])
    return {**render_endpoint(ctx.wrote(written)), "secret": secret}


async def change_endpoint(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change an endpoint; where what it is told or where changes, it goes on in the caller's name."""
    await ctx.data.get(COLLECTION, id)
    if "url" in fields:
        await _check_url(ctx, fields["url"])
    plain = {name: fields[name] for name in ("url", "events", "topics", "description") if name in fields}
    active = fields.get("is_active")

    def decide(doc: Document) -> Change | None:
        changes = {name: value for name, value in plain.items() if doc[name] != value}
        if active is not None and active != (doc["status"] == "active"):
            changes |= _switched(ctx, active)
        if not changes:
            return None
        if changes.keys() & {"url", "events", "topics"} or changes.get("status") == "active":
            changes["owner"] = ctx.principal.actor()
            _check_view(ctx, {**doc, **changes})
        return changed(ctx, doc, {**changes, "updated_at": ctx.now()})

    return render_endpoint(ctx.wrote(await ctx.data.change(COLLECTION, id, decide)))


async def pause_endpoint(ctx: Context, id: str) -> dict[str, Any]:
    """Tell an endpoint nothing for now; its place in the log is kept."""

    def decide(doc: Document) -> Change | None:
        if doc["status"] == "disabled":
            raise InvalidState("The endpoint is switched off.")
        if doc["status"] == "paused":
            return None
        return changed(ctx, doc, {**_switched(ctx, False), "updated_at": ctx.now()})

    return render_endpoint(ctx.wrote(await ctx.data.change(COLLECTION, id, decide)))


async def resume_endpoint(ctx: Context, id: str) -> dict[str, Any]:
    """Go on where an endpoint stopped, in the caller's name; of an active one, try at once what waits for its time."""

    def decide(doc: Document) -> Change:
        changes: dict[str, Any] = {"resumed_at": ctx.now()}
        if doc["status"] != "active":
            changes |= {**_switched(ctx, True), "owner": ctx.principal.actor()}
            _check_view(ctx, {**doc, **changes})
        return changed(ctx, doc, {**changes, "updated_at": ctx.now()})

    return render_endpoint(ctx.wrote(await ctx.data.change(COLLECTION, id, decide)))


async def delete_endpoint(ctx: Context, id: str) -> None:
    """Remove an endpoint; what it was not told of is not told any more."""
    doc = await ctx.data.get(COLLECTION, id)
    ctx.wrote(await ctx.data.delete(COLLECTION, id, ctx.event("endpoint.deleted", id, render_endpoint(doc))))
    await ctx.services.webhook_queue.forget(ctx.data.scope, id)


async def rotate_secret(ctx: Context, id: str, grace_s: int) -> dict[str, Any]:
    """Give an endpoint a new secret; for `grace_s` seconds both sign."""
    secret, secrets = _secret(ctx), ctx.services.secrets

    def decide(doc: Document) -> Change | None:
        held = secrets.open(doc["secrets"], secret_place(id))
        if held[0] == secret:
            return None  # this request, run again
        until = ctx.now() + timedelta(seconds=grace_s) if grace_s else None
        kept = [secret, held[0]] if grace_s else [secret]
        fields = {"secrets": _sealed(ctx, id, kept), "former_until": until, "updated_at": ctx.now()}
        return changed(ctx, doc, fields)

    return {**render_endpoint(ctx.wrote(await ctx.data.change(COLLECTION, id, decide))), "secret": secret}


async def replay(ctx: Context, id: str, after: str, until: str | None) -> dict[str, Any]:
    """Tell an endpoint once more what came after a cursor, up to another (now, where none is given).

    Raises InvalidCursor and CursorExpired as the feed does, InvalidState while a replay runs.
    """
    await ctx.data.get(COLLECTION, id)
    services = ctx.services
    extent = await services.store.log.extent(ctx.data.scope)
    first = resume(services.cursors, ctx.data.scope, after, extent)
    last = resume(services.cursors, ctx.data.scope, until, extent)
    if last < first:
        raise Invalid.field("until", "must not be before `after`")
    run = ctx.ids.new("rpl")
    told = {
        "id": run, "after": services.cursors.write(ctx.data.scope, Position(extent.epoch, first)),
        "until": services.cursors.write(ctx.data.scope, Position(extent.epoch, last)),
    }  # fmt: skip

    def decide(doc: Document) -> Change | None:
        if doc["replay"] is not None and doc["replay"]["id"] == run:
            return None
        if doc["status"] != "active":
            raise InvalidState("The endpoint is not active.")
        if doc["replay"] is not None:
            raise InvalidState("A replay is running.")
        return changed(ctx, doc, {"replay": told, "updated_at": ctx.now()})

    await ctx.data.insert(POSITIONS, _position(run, id, first, last))
    try:
        written = await ctx.data.change(COLLECTION, id, decide)
    except InvalidState:
        await ctx.data.remove(POSITIONS, run)
        raise
    return render_endpoint(ctx.wrote(written))


def _position(id: str, endpoint: str, done: int, until: int | None) -> dict[str, Any]:
    return {
        "_id": id, "endpoint": endpoint, "done": done, "until": until, "behind": [], "last_ok": None,
        "held_until": None, "due_at": None, "generation": 0, "resumed_at": None,
    }  # fmt: skip


def _switched(ctx: Context, on: bool) -> dict[str, Any]:
    told = {"disabled_reason": None, "disabled_at": None}
    return {**told, "status": "active", "resumed_at": ctx.now()} if on else {**told, "status": "paused"}


def _secret(ctx: Context) -> str:
    text = ctx.secret("webhook", SECRET_BYTES)
    return secret_of(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _sealed(ctx: Context, id: str, secrets: list[str]) -> bytes:
    return ctx.services.secrets.seal(secrets, secret_place(id))


def _check_view(ctx: Context, doc: Mapping[str, Any]) -> None:
    """Raise Invalid or PermissionDenied where an endpoint asks for what is not, or is not the caller's to see."""
    types_of(doc["events"])
    known_topics(doc["topics"] or ())
    may = allowed_topics(ctx.principal)
    if denied := [topic for topic in doc["topics"] or () if topic not in may]:
        raise PermissionDenied(f"The role '{ctx.principal.role}' may not read: {', '.join(denied)}.")
    if view_for(ctx.principal, {**doc}) is None:
        raise PermissionDenied(f"The role '{ctx.principal.role}' may read none of these events.")


async def _check_url(ctx: Context, url: str) -> None:
    """Raise Invalid on `url` for an address that is not gone to; plain HTTP is for the deployment's own networks."""
    outbound = ctx.services.webhooks_outbound
    try:
        built = outbound.guard.check_url(url)
    except Blocked as error:
        raise Invalid.field("url", str(error)) from error
    host = str(built.raw_host)
    found = await outbound.addresses(host)
    if not found:
        raise Invalid.field("url", "the host does not resolve")
    if not all(map(outbound.guard.allows, found)):
        raise Invalid.field("url", "the host resolves to a private or reserved address")
    if built.scheme != "https" and not all(map(outbound.guard.listed, found)):
        raise Invalid.field("url", "must be https")
