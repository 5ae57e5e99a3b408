"""People as their colleagues see them, and as they see themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.identity.members import render_member
from jinaconnect.actions.identity.roles import account_store
from jinaconnect.core.errors import NotFound, PermissionDenied
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Written
from jinaconnect.store.together import ANNOUNCED


def render_user(user: Mapping[str, Any], *, own: bool) -> dict[str, Any]:
    """Return a person: what colleagues may see, and more to themselves."""
    shown = {
        "id": user["_id"],
        "username": user["username"],
        "first_name": user["first_name"],
        "last_name": user["last_name"],
        "image": user.get("image"),
    }
    if own:
        shown.update({name: user.get(name) for name in ("email", "mobile", "birth_date", "address")})
    return shown


async def list_users(ctx: Context) -> list[dict[str, Any]]:
    """Return the people of the organisation."""
    rows = await account_store(ctx).select("members", {"is_active": True}, sort=[("_id", 1)])
    users = await ctx.services.registry.users([row["user"] for row in rows])
    return [render_user(users[row["user"]], own=False) for row in rows if row["user"] in users]


async def read_user(ctx: Context, id: str) -> dict[str, Any]:
    """Return one person of the organisation, or oneself."""
    own = id in ("me", ctx.principal.user_id)
    wanted = ctx.principal.user_id if own else id
    if wanted is None:
        raise NotFound()
    member = await account_store(ctx).find_one("members", {"user": wanted, "is_active": True})
    user = await ctx.services.registry.user(wanted) if member is not None else None
    if user is None:
        raise NotFound()
    return render_user(user, own=own)


async def change_user(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change one's own profile."""
    if id not in ("me", ctx.principal.user_id):
        await read_user(ctx, id)
        raise PermissionDenied("Nobody changes somebody else's profile.")
    if ctx.principal.user_id is None:
        raise PermissionDenied("An API key has no profile.")
    store, event_id = account_store(ctx), ctx.ids.new("evt")
    member = await store.get("members", str(ctx.principal.member))
    role = await store.find("roles", member["role"])

    def announcement(user: Document) -> Document:
        event = ctx.event("member.updated", member["_id"], render_member(member, user, role), id=event_id)
        return store.announcement(member["_id"], event)

    user, row = await ctx.services.registry.change_user(ctx.principal.user_id, fields, announcement)
    seqs = await store.tell(ANNOUNCED, [row])
    ctx.wrote(Written(user, seqs.get(member["_id"]), store.scope))
    return render_user(user, own=True)
