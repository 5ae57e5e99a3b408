"""Members: who belongs to the organisation, with which role."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from jinaconnect.actions.auth import key_hash
from jinaconnect.actions.context import Context
from jinaconnect.actions.roles import account_store, below, brief, role_below
from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.errors import Conflict, Invalid, NotFound, PermissionDenied
from jinaconnect.core.passwords import password_faults
from jinaconnect.store.mongo import Document
from jinaconnect.store.passwords import hashed
from jinaconnect.store.tenant import Change, applied

INVITATION = timedelta(days=7)


def _render(
    member: Mapping[str, Any], user: Mapping[str, Any] | None, role: Mapping[str, Any] | None
) -> dict[str, Any]:
    user = user or {"first_name": "", "last_name": "", "email": None, "username": None, "email_verified": False}
    full = f"{user['first_name']} {user['last_name']}".strip()
    return {
        "id": member["_id"], "tenant": member["scope"], "user": member["user"], "role": member["role"],
        "role_detail": brief(role) if role else None, "first_name": user["first_name"], "last_name": user["last_name"],
        "email": user["email"], "username": user["username"], "name": full or user["email"] or user["username"],
        "email_verified": bool(user["email_verified"]), "is_active": member["is_active"],
        "created_at": iso_or_none(member["created_at"]), "updated_at": iso_or_none(member["updated_at"]),
        "created_by": member["created_by"], "updated_by": member["updated_by"],
    }  # fmt: skip


async def render_members(ctx: Context, members: Sequence[Document]) -> list[dict[str, Any]]:
    """Return members with their person and role."""
    users = await ctx.services.registry.users([member["user"] for member in members])
    ids = list({member["role"] for member in members})
    roles = {row["_id"]: row for row in await account_store(ctx).select("roles", {"_id": {"$in": ids}})}
    return [_render(member, users.get(member["user"]), roles.get(member["role"])) for member in members]


async def found_users(ctx: Context, words: str) -> list[str]:
    """Return the ids of members whose name, e-mail or username holds the words."""
    rows = await account_store(ctx).select("members", {}, fields={"user": 1})
    users = await ctx.services.registry.users([row["user"] for row in rows])
    wanted = words.lower()
    names = ("email", "first_name", "last_name", "username")
    return [id for id, user in users.items() if any(wanted in str(user.get(name) or "").lower() for name in names)]


async def read_member(ctx: Context, id: str) -> dict[str, Any]:
    """Return one member."""
    return (await render_members(ctx, [await account_store(ctx).get("members", id)]))[0]


async def invite(ctx: Context, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Make somebody a member.

    A new address gets an account that is active once its password is set: at once where one is given, else by the
    single-use link in `invite_path`, which the inviter passes on.
    """
    role = await role_below(ctx, fields.get("role_id"), fields.get("role"))
    password = fields.get("password")
    if password is not None and (faults := password_faults(password, strict=True)):
        raise Invalid({"password": faults})
    registry, store = ctx.services.registry, account_store(ctx)
    email = fields["email"].lower()
    user = await registry.login(email)
    token: str | None = None
    if user is None:
        user = {
            "_id": ctx.ids.new("usr"),
            "email": email,
            "username": email,
            "first_name": fields.get("first_name") or "",
            "last_name": fields.get("last_name") or "",
            "mobile": None,
            "password": await hashed(password) if password else None,
            "is_active": password is not None,
            "email_verified": False,
            "created_at": ctx.now(),
        }
        if password is None:
            token = secrets.token_urlsafe(32)
            user["invitation"] = {"hash": key_hash(token), "until": ctx.now() + INVITATION}
        await registry.add_user(user)
    held = await store.find_one("members", {"user": user["_id"]})
    if held is not None and held["is_active"]:
        raise Conflict("This person is a member already.", code="already_exists")
    by = ctx.principal.username
    if held is None:
        doc = {
            "_id": ctx.ids.new("mem"), "user": user["_id"], "role": role["_id"], "is_active": True, "created_by": by,
            "updated_by": by, "created_at": ctx.now(), "updated_at": ctx.now(),
        }  # fmt: skip
        shown = _render({**doc, "scope": ctx.principal.tenant}, user, role)
        written = await store.insert("members", doc, [ctx.event("member.added", doc["_id"], shown)])
    else:
        changes = {"role": role["_id"], "is_active": True, "updated_by": by, "updated_at": ctx.now()}
        shown = _render({**held, **changes}, user, role)
        event = ctx.event("member.added", held["_id"], shown)
        written = await store.change("members", held["_id"], lambda doc: Change(set=changes, events=[event]))
    ctx.wrote(written)
    answer = {**shown, "message": "The person is a member now."}
    return {**answer, "invite_path": f"/tenants/members/accept/?token={token}"} if token else answer


async def accept(ctx: Context, token: str, password: str) -> None:
    """Set the password of an invited account; the link works once."""
    if faults := password_faults(password):
        raise Invalid({"password": faults})
    if not await ctx.services.registry.redeem_invitation(key_hash(token), await hashed(password), ctx.now()):
        raise Invalid.field("token", "is unknown, used or late")


async def change_role(ctx: Context, id: str, role_id: str) -> dict[str, Any]:
    """Give a member another role."""
    role = await role_below(ctx, role_id)
    user, target = await _target(ctx, id)
    del target

    def decide(member: Document) -> Change:
        changes = {"role": role["_id"], "updated_by": ctx.principal.username, "updated_at": ctx.now()}
        shown = _render(applied(member, changes, (), ()), user, role)
        return Change(set=changes, events=[ctx.event("member.updated", member["_id"], shown)])

    return _render(ctx.wrote(await account_store(ctx).change("members", id, decide)), user, role)


async def _target(ctx: Context, id: str) -> tuple[Document | None, Document]:
    store = account_store(ctx)
    member = await store.get("members", id)
    if member["user"] == ctx.principal.user_id:
        raise Invalid.field("non_field_errors", "nobody changes their own membership")
    role = await store.find("roles", member["role"])
    if role is None:
        raise NotFound()
    if role["slug"] == "owner":
        raise Invalid.field("non_field_errors", "the owner's membership moves by transfer only")
    below(ctx, role)
    return await ctx.services.registry.user(member["user"]), role


async def remove(ctx: Context, id: str) -> None:
    """End a membership; its sessions stop working at once."""
    user, role = await _target(ctx, id)

    def decide(member: Document) -> Change | None:
        if not member["is_active"]:
            return None
        changes = {"is_active": False, "updated_by": ctx.principal.username, "updated_at": ctx.now()}
        shown = _render(applied(member, changes, (), ()), user, role)
        return Change(set=changes, events=[ctx.event("member.removed", member["_id"], shown)])

    member = ctx.wrote(await account_store(ctx).change("members", id, decide))
    query = {"user": member["user"], "tenant": ctx.principal.tenant}
    await ctx.services.registry.revoke_sessions(query)
    await ctx.services.access_changed(ctx.principal.tenant)


async def transfer(ctx: Context, user_id: str) -> dict[str, Any]:
    """Make an admin the owner and the owner an admin."""
    store = account_store(ctx)
    roles = {row["slug"]: row for row in await store.select("roles", {"slug": {"$in": ["owner", "admin"]}})}
    member = await store.find_one("members", {"user": user_id, "is_active": True})
    if member is None or member["role"] != roles["admin"]["_id"]:
        raise Invalid.field("target_user_id", "must be an active member with the role admin")
    if ctx.principal.member is None:
        raise PermissionDenied("Ownership is transferred by the owner in person.")
    owner = await store.get("members", ctx.principal.member)
    if owner["role"] != roles["owner"]["_id"]:
        raise Conflict("You are not the owner any more.")
    users = await ctx.services.registry.users([user_id, owner["user"]])

    def given(role: Document, expected: Document) -> Any:
        def decide(doc: Document) -> Change:
            if doc["role"] != expected["_id"]:
                raise Conflict("The roles have changed meanwhile.")
            changes = {"role": role["_id"], "updated_by": ctx.principal.username, "updated_at": ctx.now()}
            shown = _render(applied(doc, changes, (), ()), users.get(doc["user"]), role)
            return Change(set=changes, events=[ctx.event("member.updated", doc["_id"], shown)])

        return decide

    # The old owner steps down first: at no moment are there two.
    ctx.wrote(await store.change("members", owner["_id"], given(roles["admin"], roles["owner"])))
    ctx.wrote(await store.change("members", member["_id"], given(roles["owner"], roles["admin"])))
    return {"detail": "Ownership has moved.", "new_owner": user_id, "previous_owner_new_role": "admin"}
