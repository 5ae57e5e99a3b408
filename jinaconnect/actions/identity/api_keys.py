"""API keys: scoped to tenant, role and mode; only their hashes are kept."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.identity.authentication import key_hash
from jinaconnect.actions.identity.roles import account_store, below, check_held, role_below
from jinaconnect.actions.listing import list_in
from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.errors import Invalid, InvalidState
from jinaconnect.core.paging import Listing
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, applied

MOST_GRACES = 5


def render_key(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return a key as REST and events show it: never its secret."""
    return {
        "id": doc["_id"], "name": doc["name"], "prefix": doc["prefix"], "mode": doc["mode"], "role": doc["role"],
        "ip_allowlist": list(doc["ip_allowlist"]), "created_at": iso_or_none(doc["created_at"]),
        "created_by": doc["created_by"], "last_used_at": iso_or_none(doc["last_used_at"]),
        "expires_at": iso_or_none(doc["expires_at"]), "revoked_at": iso_or_none(doc["revoked_at"]),
        "is_active": doc["revoked_at"] is None,
    }  # fmt: skip


def _secret(ctx: Context, mode: str) -> str:
    return f"jc_{mode}_{ctx.secret('key', 24)}"


async def list_keys(ctx: Context, listing: Listing) -> dict[str, Any]:
    """Answer the list of the keys, without their secrets."""

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return [render_key(doc) for doc in docs]

    return await list_in(ctx, account_store(ctx), "api_keys", listing, render)


async def create_key(ctx: Context, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Make a key and show its secret this once."""
    role = await role_below(ctx, fields["role_id"])
    for place, network in enumerate(fields.get("ip_allowlist") or ()):
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError as error:
            raise Invalid.field(f"ip_allowlist.{place}", f"'{network[:64]}' is not a network") from error
    if fields.get("expires_at") is not None and fields["expires_at"] <= ctx.now():
        raise Invalid.field("expires_at", "must be in the future")
    mode = fields.get("mode", "live")
    secret = _secret(ctx, mode)
    doc = {
        "_id": ctx.ids.new("key"),
        "name": fields["name"],
        "prefix": secret[:12],
        "mode": mode,
        "role": role["_id"],
        "hashes": [key_hash(secret)],
        "graces": [],
        "ip_allowlist": list(fields.get("ip_allowlist") or ()),
        "expires_at": fields.get("expires_at"),
        "revoked_at": None,
        "last_used_at": None,
        "created_by": ctx.principal.username,
        "created_at": ctx.now(),
        "updated_at": ctx.now(),
    }
    written = await account_store(ctx).insert("api_keys", doc, [ctx.event("key.created", doc["_id"], render_key(doc))])
    return {**render_key(ctx.wrote(written)), "key": secret}


async def _mine(ctx: Context, id: str, *, shown: bool) -> None:
    """Raise PermissionDenied or Invalid where a key is not the caller's to end, or (`shown`) to have the secret of."""
    store = account_store(ctx)
    doc = await store.get("api_keys", id)
    role = await store.find("roles", doc["role"])
    if role is not None and doc["_id"] != ctx.principal.id:
        below(ctx, role)
        if shown:
            check_held(ctx, role, "non_field_errors")


async def rotate_key(ctx: Context, id: str, grace_s: int) -> dict[str, Any]:
    """Give a key a new secret; the old one works on for `grace_s` seconds."""
    await _mine(ctx, id, shown=True)
    doc = await account_store(ctx).get("api_keys", id)
    secret = _secret(ctx, doc["mode"])
    until = ctx.now() + timedelta(seconds=grace_s)

    def decide(held: Document) -> Change | None:
        if held["revoked_at"] is not None:
            raise InvalidState("The key is revoked.")
        if held["hashes"][0] == key_hash(secret):
            return None  # this request, run again
        running = [grace for grace in held["graces"] if grace["until"] > ctx.now()]
        if grace_s > 0:
            running.append({"hash": held["hashes"][0], "until": until})
        running = running[-MOST_GRACES:]
        changes = {
            "hashes": [key_hash(secret), *(grace["hash"] for grace in running)],
            "graces": running,
            "prefix": secret[:12],
            "updated_at": ctx.now(),
        }
        return Change(set=changes, events=[ctx.event("key.rotated", id, render_key(applied(held, changes, (), ())))])

    return {**render_key(ctx.wrote(await account_store(ctx).change("api_keys", id, decide))), "key": secret}


async def revoke_key(ctx: Context, id: str) -> None:
    """End a key; it stops working at once."""
    await _mine(ctx, id, shown=False)

    def decide(held: Document) -> Change | None:
        if held["revoked_at"] is not None:
            return None
        changes = {"revoked_at": ctx.now(), "updated_at": ctx.now()}
        return Change(set=changes, events=[ctx.event("key.revoked", id, render_key(applied(held, changes, (), ())))])

    ctx.wrote(await account_store(ctx).change("api_keys", id, decide))
