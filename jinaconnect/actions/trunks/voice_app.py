"""A tenant's voice app: whether voice is on, defaults, retention, consent; one row per tenant, made when looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.identity.roles import account_store
from jinaconnect.core.calls.consent import ALLOWED
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import NotFound, PermissionDenied
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Duplicate, TenantStore

DEFAULTS: dict[str, Any] = {
    "name": "Voice", "description": None, "is_active": True, "is_enabled": False, "default_outbound_config": None,
    "default_inbound_config": None, "recording_retention_days": 90, "recording_requires_consent": False,
    "supervision": ALLOWED, "supervision_notice": "", "created_by": None, "updated_by": None,
}  # fmt: skip


def voice_app_id(tenant: str) -> str:
    """Return the id of a tenant's voice app."""
    return "vap_" + tenant.partition("_")[2]


async def voice_app(store: TenantStore) -> Document:
    """Return the tenant's voice app, made with the defaults where it is missing."""
    id = voice_app_id(store.tenant)
    doc = await store.find("voice_apps", id)
    if doc is None:
        try:
            doc = (await store.insert("voice_apps", {"_id": id, **DEFAULTS})).doc
        except Duplicate:
            doc = await store.get("voice_apps", id)
    return doc


async def enable_voice(store: TenantStore) -> None:
    """Switch a tenant's voice on, where it is not."""
    doc = await voice_app(store)
    if not doc["is_enabled"]:
        await store.change("voice_apps", doc["_id"], lambda doc: Change(set={"is_enabled": True}))


async def require_voice(ctx: Context) -> None:
    """Raise PermissionDenied (`voice_disabled`) while the tenant's voice is switched off."""
    if not (await voice_app(ctx.data))["is_enabled"]:
        raise PermissionDenied("Voice is not enabled for this organisation.", code="voice_disabled")


def without_default(doc: Document, trunk: str) -> Change | None:
    """Return the change that takes a provider config off the voice app's defaults."""
    named = [name for name in ("default_outbound_config", "default_inbound_config") if doc[name] == trunk]
    return Change(set=dict.fromkeys(named)) if named else None


def render_voice_app(doc: Document) -> dict[str, Any]:
    """Return a voice app as it is answered."""
    shown = {name: doc.get(name, default) for name, default in DEFAULTS.items()}
    return {"id": doc["_id"], **shown, "created_at": iso(doc["created_at"]), "updated_at": iso(doc["updated_at"])}


async def change_voice_app(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change the tenant's voice app; raises NotFound for another's."""
    if id != (await voice_app(ctx.data))["_id"]:
        raise NotFound()
    changes = {**fields, "updated_by": ctx.principal.user_id, "updated_at": ctx.now()}

    def decide(doc: Document) -> Change:
        shown = render_voice_app({**doc, **changes})
        return Change(set=changes, events=[ctx.event("voice_app.updated", id, shown, channel="VOICE")])

    # Both modes share it, and its events belong to the live log whatever the caller's mode.
    return render_voice_app(ctx.wrote(await account_store(ctx).change("voice_apps", id, decide)))
