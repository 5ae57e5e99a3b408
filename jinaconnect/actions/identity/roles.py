"""Roles: what each may do, and the rules that keep anyone from raising themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.listing import list_in
from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.errors import Conflict, Invalid, NotFound, PermissionDenied
from jinaconnect.core.paging import Listing
from jinaconnect.core.permissions import MATRIX, PLATFORM, granted
from jinaconnect.core.permissions import held as held_by
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Duplicate, TenantStore, applied

MOST_CUSTOM = 20


def account_store(ctx: Context) -> TenantStore:
    """Return the store of the organisation itself, whose events belong to the live log in either mode."""
    return ctx.services.store.of(ctx.principal.tenant, "live")


def brief(role: Mapping[str, Any]) -> dict[str, Any]:
    """Return a role as it stands inside other resources."""
    return {
        "id": role["_id"], "slug": role["slug"], "name": role["name"], "priority": role["priority"],
        "is_system": role["is_system"], "is_custom": not role["is_system"],
    }  # fmt: skip


def render_role(role: Mapping[str, Any], members: int = 0) -> dict[str, Any]:
    """Return a role as REST and events show it; every known permission is listed."""
    held = held_by(role["slug"], role["permissions"], system=role["is_system"])
    return {
        **brief(role),
        "description": role["description"],
        "is_editable": role["is_editable"],
        "member_count": members,
        "permissions": {key: key in held for key in MATRIX},
        "created_at": iso_or_none(role["created_at"]),
        "updated_at": iso_or_none(role["updated_at"]),
        "created_by": role["created_by"],
        "updated_by": role["updated_by"],
    }


async def render_roles(ctx: Context, roles: Sequence[Document]) -> list[dict[str, Any]]:
    """Return roles with the number of their active members."""
    group: list[dict[str, Any]] = [{"$match": {"is_active": True}}, {"$group": {"_id": "$role", "n": {"$sum": 1}}}]
    counts = {row["_id"]: row["n"] for row in await account_store(ctx).aggregate("members", group)}
    return [render_role(role, counts.get(role["_id"], 0)) for role in roles]


async def list_roles(ctx: Context, listing: Listing) -> dict[str, Any]:
    """Answer the list of the roles."""
    present = {"deleted_at": None}
    return await list_in(ctx, account_store(ctx), "roles", listing, lambda docs: render_roles(ctx, docs), present)


async def read_role(ctx: Context, id: str) -> dict[str, Any]:
    """Return one role."""
    return (await render_roles(ctx, [await account_store(ctx).get("roles", id)]))[0]


def _check_grants(ctx: Context, permissions: Mapping[str, bool]) -> None:
    unknown = [key for key in permissions if key not in MATRIX]
    if unknown:
        raise Invalid.field("permissions", f"unknown permission '{unknown[0][:64]}'")
    beyond = sorted(key for key, held in permissions.items() if held and not ctx.principal.may(key))
    if beyond:
        raise Invalid.field("permissions", f"you cannot grant what you do not hold: {', '.join(beyond)}")


def check_held(ctx: Context, role: Mapping[str, Any], field: str) -> None:
    """Raise Invalid on a field where a role may do what the caller may not: rank alone gives nothing away."""
    beyond = sorted(
        key for key, held in role["permissions"].items() if held and key not in PLATFORM and not ctx.principal.may(key)
    )
    if beyond:
        raise Invalid.field(field, f"you cannot give what you do not hold: {', '.join(beyond)}")


def _check_priority(ctx: Context, priority: int) -> None:
    if priority >= ctx.principal.priority:
        raise Invalid.field("priority", f"must be below your own ({ctx.principal.priority})")


def below(ctx: Context, role: Mapping[str, Any]) -> None:
    """Raise PermissionDenied unless the role stands below the caller's own."""
    if role["priority"] >= ctx.principal.priority:
        raise PermissionDenied("The role stands as high as your own, or higher.")


async def create_role(ctx: Context, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Add a custom role."""
    store = account_store(ctx)
    _check_priority(ctx, fields["priority"])
    permissions = fields.get("permissions") or {}
    _check_grants(ctx, permissions)
    if (await store.count("roles", {"is_system": False, "deleted_at": None}))[0] >= MOST_CUSTOM:
        raise Invalid.field("non_field_errors", f"at most {MOST_CUSTOM} custom roles")
    base = fields.get("slug") or re.sub(r"[^a-z0-9]+", "-", fields["name"].lower()).strip("-") or "role"
    taken = {row["slug"] for row in await store.select("roles", {}, fields={"slug": 1})}
    if fields.get("slug") and base in taken:
        raise Invalid.field("slug", "is taken")
    slug = next(name for name in (base, *(f"{base}-{n}" for n in range(2, 10_000))) if name not in taken)
    by = ctx.principal.username
    doc = {
        "_id": ctx.ids.new("rol"),
        "slug": slug,
        "name": fields["name"],
        "description": fields.get("description"),
        "priority": fields["priority"],
        "is_system": False,
        "is_editable": True,
        "permissions": dict(permissions),
        "created_by": by,
        "updated_by": by,
        "created_at": ctx.now(),
        "updated_at": ctx.now(),
    }
    try:
        written = await store.insert("roles", doc, [ctx.event("role.created", doc["_id"], render_role(doc))])
    except Duplicate as error:
        raise Invalid.field("slug", "is taken") from error
    return render_role(ctx.wrote(written))


async def change_role(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change a role; of the permissions only those listed."""
    permissions = fields.get("permissions", {})

    def decide(role: Document) -> Change:
        if not role["is_editable"]:
            raise Invalid.field("non_field_errors", "this role cannot be changed")
        below(ctx, role)
        if "priority" in fields:
            if role["is_system"]:
                raise Invalid.field("priority", "a system role keeps its priority")
            _check_priority(ctx, fields["priority"])
        _check_grants(ctx, permissions)
        changes = {key: fields[key] for key in ("name", "description", "priority") if key in fields}
        changes.update(permissions={**role["permissions"], **permissions})
        return _told(ctx, role, changes)

    return await _changed(ctx, id, decide)


async def reset_role(ctx: Context, id: str) -> dict[str, Any]:
    """Give a system role its first permissions back; the owner's cannot differ."""

    def decide(role: Document) -> Change | None:
        if not role["is_system"]:
            raise Invalid.field("non_field_errors", "only system roles can be reset")
        if role["slug"] == "owner":
            return None
        below(ctx, role)
        first = granted(role["slug"])
        _check_grants(ctx, {key: True for key in first if not role["permissions"].get(key)})
        return _told(ctx, role, {"permissions": {key: key in first for key in MATRIX}})

    return await _changed(ctx, id, decide)


def _told(ctx: Context, role: Document, changes: Mapping[str, Any]) -> Change:
    fields = {**changes, "updated_by": ctx.principal.username, "updated_at": ctx.now()}
    return Change(
        set=fields, events=[ctx.event("role.updated", role["_id"], render_role(applied(role, fields, (), ())))]
    )


async def _changed(ctx: Context, id: str, decide: Any) -> dict[str, Any]:
    doc = ctx.wrote(await account_store(ctx).change("roles", id, decide))
    return (await render_roles(ctx, [doc]))[0]


async def delete_role(ctx: Context, id: str) -> None:
    """Remove a custom role that nobody has."""
    store = account_store(ctx)
    role = await store.get("roles", id)
    if role["is_system"]:
        raise Invalid.field("non_field_errors", "system roles cannot be deleted")
    below(ctx, role)
    rows = await store.select("members", {"role": id}, fields={"is_active": 1})
    keys, _ = await store.count("api_keys", {"role": id, "revoked_at": None})
    if rows or keys:
        active = sum(bool(row["is_active"]) for row in rows)
        counts = {"total_member_count": len(rows), "active_member_count": active}
        raise Conflict("The role is in use by members or API keys.", extra=counts)
    event = ctx.event("role.deleted", id, render_role(role))
    ctx.wrote(
        await store.change(
            "roles", id, lambda doc: Change(set={"slug": f"deleted {id}", "deleted_at": ctx.now()}, events=[event])
        )
    )


async def role_below(ctx: Context, id: str | None, slug: str | None = None) -> Document:
    """Return the role a caller may give to somebody; raises Invalid on `role_id`."""
    store = account_store(ctx)
    role = await store.find("roles", id) if id is not None else await store.find_one("roles", {"slug": slug})
    if role is None or role.get("deleted_at") is not None:
        raise Invalid.field("role_id", "there is no such role")
    if role["slug"] == "owner":
        raise Invalid.field("role_id", "ownership moves by transfer only")
    if role["priority"] >= ctx.principal.priority:
        raise Invalid.field("role_id", "must stand below your own role")
    check_held(ctx, role, "role_id")
    return role


async def my_permissions(ctx: Context) -> dict[str, Any]:
    """Return the caller's role and every permission, held or not."""
    role = await account_store(ctx).find("roles", ctx.principal.role_id)
    if role is None:
        raise NotFound()
    return {"role": brief(role), "permissions": {key: ctx.principal.may(key) for key in MATRIX}}
