"""Organisations: making one with its five roles, showing and changing it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from jinaconnect.actions.billing.keeping import change_threshold, read_wallet
from jinaconnect.actions.billing.staff import wallet_of
from jinaconnect.actions.context import Context, Services
from jinaconnect.actions.identity.roles import account_store
from jinaconnect.actions.messaging.accounts import ensure_sandbox_accounts
from jinaconnect.actions.scoping import contact_filter
from jinaconnect.channels.table import Channels
from jinaconnect.core.billing.money import micros
from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.errors import Conflict, Invalid, NotFound
from jinaconnect.core.inbox.platform import USUAL
from jinaconnect.core.permissions import MATRIX, SYSTEM_ROLES, SystemRole, granted
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Written
from jinaconnect.store.together import ANNOUNCED

LEADS = 80  # the priority from which on money and ids at carriers are shown
MOST_APPS = 200
_SETTINGS: Mapping[str, Any] = {"agents_see_unassigned": False, "timezone": None, "sla": None}  # by default


async def create_tenant(
    services: Services, channels: Channels, name: str, *, id: str | None = None, about: Mapping[str, Any] | None = None
) -> Document:
    """Make an organisation with its system roles and its sandbox account; without effect where it is there.

    `about` are further fields of it. Raises Conflict when the name is taken.
    """
    tenant = id or services.ids.new("ten")
    now = services.clock()
    doc = {
        "_id": tenant, "name": name, "description": None, "settings": {"agents_see_unassigned": False}, "limits": {},
        "suspended": False, "created_at": now, "updated_at": now, **(about or {}),
    }  # fmt: skip
    await services.registry.add_tenant(doc)
    store = services.store.of(tenant, "live")
    rows = [_role_row(tenant, role) for role in SYSTEM_ROLES]
    await store.insert_many("roles", [(row, ()) for row in rows])  # those of an interrupted making stay
    await ensure_sandbox_accounts(services, channels, tenant)
    return doc


def _role_row(tenant: str, role: SystemRole) -> Document:
    held = granted(role.slug)
    return {
        "_id": f"rol_{tenant.partition('_')[2]}{role.slug}",
        "slug": role.slug,
        "name": role.name,
        "description": role.description,
        "priority": role.priority,
        "is_system": True,
        "is_editable": role.slug != "owner",
        "permissions": {key: key in held for key in MATRIX},
        "created_by": None,
        "updated_by": None,
    }


def render_tenant(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return an organisation as REST shows it."""
    names = ("name", "description", "address", "phone", "email", "website", "country", "state", "industry")
    return {
        "id": doc["_id"], **{name: doc.get(name) for name in names}, "settings": dict(doc["settings"]),
        "is_active": not doc["suspended"], "created_at": iso_or_none(doc["created_at"]),
        "updated_at": iso_or_none(doc["updated_at"]),
    }  # fmt: skip


async def read_tenant(ctx: Context, id: str) -> dict[str, Any]:
    """Return the caller's organisation, or any for the deployment's own people; raises NotFound."""
    seen = id == ctx.principal.tenant or ctx.principal.may("billing.platform")
    doc = await ctx.services.registry.tenant(id) if seen else None
    if doc is None:
        raise NotFound()
    return render_tenant(doc)


async def tenant_detail(ctx: Context, id: str) -> dict[str, Any]:
    """Return an organisation that the caller may see with what it uses.

    Its ids at carriers and its wallet are told from priority 80 on, and to the deployment's own people, to whom those
    of others are shown as they are in live mode.
    """
    shown, own = await read_tenant(ctx, id), id == ctx.principal.tenant
    lead = not own or ctx.principal.priority >= LEADS
    data = ctx.data if own else ctx.services.store.of(id, "live")
    apps = await data.select("apps", {"deleted_at": None}, limit=MOST_APPS)
    seen = contact_filter(ctx.principal) if own else {}
    contacts, _ = await data.count("contacts", {**seen, "deleted_at": None})
    named = [
        {
            "id": app["_id"], "wa_app_name": app["app_name"], "wa_number": app["phone_number"], "bsp": app["bsp"],
            **({"app_id": app["app_id"]} if lead else {}),
        }
        for app in apps
        if app["channel"] == USUAL
    ]  # fmt: skip
    used = sorted({app["channel"] for app in apps})
    wallet = (await read_wallet(ctx) if own else await wallet_of(ctx, id)) if lead else {}
    money = {name: wallet[name] for name in wallet if name.startswith(("balance", "credit_line", "threshold_alert"))}
    return {**shown, "wa_apps": named, "products_using": used, "contacts_count": contacts, **money}


async def _change_threshold(ctx: Context, threshold: Decimal) -> None:
    ctx.principal.require("billing.manage")
    try:
        await change_threshold(ctx, micros(threshold))
    except NotFound as error:
        raise Invalid.field("threshold_alert", "the organisation has no wallet yet") from error


async def change_tenant(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change the caller's organisation, and below which total its wallet is low; raises NotFound for any other."""
    if id != ctx.principal.tenant:
        raise NotFound()
    if "threshold_alert" in fields:
        await _change_threshold(ctx, fields["threshold_alert"])
    flat = {key: value for key, value in fields.items() if key not in ("settings", "threshold_alert")}
    given = _SETTINGS if fields.get("settings", {}) is None else fields.get("settings", {})
    flat.update({f"settings.{key}": _SETTINGS[key] if value is None else value for key, value in given.items()})
    store, event_id = account_store(ctx), ctx.ids.new("evt")

    def announcement(doc: Document) -> Document:
        event = ctx.event("tenant.updated", id, render_tenant(doc), id=event_id)
        return store.announcement(id, event)

    fields = {**flat, "updated_at": ctx.now()}
    try:
        doc, row = await ctx.services.registry.change_tenant(id, fields, announcement)
    except Conflict as error:
        raise Invalid.field("name", "is taken") from error
    seqs = await store.tell(ANNOUNCED, [row])
    ctx.wrote(Written(doc, seqs.get(id), store.scope))
    return render_tenant(doc)
