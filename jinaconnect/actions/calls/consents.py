"""Consents of contacts to being recorded; one for each contact, and the gate made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.scoping import message_filter, visible
from jinaconnect.core.calls.consent import Decision, recording_allowed
from jinaconnect.core.clock import iso, iso_or_none
from jinaconnect.core.errors import Invalid, NotFound
from jinaconnect.core.events.event import Event, Visibility
from jinaconnect.core.inbox.contact import seen_by
from jinaconnect.core.paging import Listing
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, TenantStore

DEFAULTS: dict[str, Any] = {
    "description": None, "is_active": True, "consent_given": False, "consent_timestamp": None, "consent_method": "",
    "recording_url": "",
}  # fmt: skip


def render_consent(doc: Document) -> dict[str, Any]:
    """Return a consent as it is answered."""
    return {
        "id": doc["_id"], "name": doc["name"], "description": doc["description"], "is_active": doc["is_active"],
        "contact": doc["contact"], "consent_given": doc["consent_given"],
        "consent_timestamp": iso_or_none(doc["consent_timestamp"]), "consent_method": doc["consent_method"],
        "recording_url": doc["recording_url"], "created_at": iso(doc["created_at"]),
        "updated_at": iso(doc["updated_at"]), "created_by": doc["created_by"],
        "updated_by": doc.get("updated_by"),
    }  # fmt: skip


async def may_record(store: TenantStore, app: Document, contact: str | None, *, by_law: bool) -> Decision:
    """Return whether a call with a contact may be recorded; `app` is the tenant's voice app.

    `by_law` tells that either end of the call is where everybody in it is asked.
    """
    required = by_law or bool(app["recording_requires_consent"])
    given = await consent_of(store, contact) if required else None
    return recording_allowed(required=required, contact=contact, consent_given=given)


async def consent_of(store: TenantStore, contact: str | None) -> bool | None:
    """Return whether a contact has consented, None where nothing is known of it."""
    row = await store.find_one("recording_consents", {"contact": contact}) if contact else None
    return None if row is None else bool(row["consent_given"])


async def _contact(ctx: Context, id: str) -> Document:
    contact = await ctx.data.find("contacts", id)
    if contact is None or contact["deleted_at"] is not None or not visible(ctx.principal, contact):
        raise Invalid.field("contact", "there is no such contact")
    return contact


def _told(ctx: Context, type: str, doc: Document, contact: Document | None) -> Event:
    """Return an event of a consent; who sees the contact sees it."""
    seen = Visibility() if contact is None else seen_by(contact)
    return ctx.event(type, doc["_id"], render_consent(doc), contact=doc["contact"], seen=seen, channel="VOICE")


async def own_consent(ctx: Context, id: str) -> Document:
    """Return a consent the principal may see; raises NotFound."""
    doc = await ctx.data.get("recording_consents", id)
    if ctx.principal.assigned_only:
        contact = await ctx.data.find("contacts", doc["contact"])
        if contact is None or not visible(ctx.principal, contact):
            raise NotFound()
    return doc


async def read_consent(ctx: Context, id: str) -> dict[str, Any]:
    """Return a consent as it is answered; raises NotFound."""
    return render_consent(await own_consent(ctx, id))


async def list_consents(ctx: Context, listing: Listing) -> dict[str, Any]:
    """Answer the list of consents."""

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return [render_consent(doc) for doc in docs]

    return await list_documents(ctx, "recording_consents", listing, render, await message_filter(ctx))


async def create_consent(ctx: Context, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Add a contact's consent; raises Invalid on `contact`, Duplicate where there is one."""
    contact, now = await _contact(ctx, fields["contact"]), ctx.now()
    made = {"created_by": ctx.principal.user_id, "created_at": now, "updated_at": now}
    doc = {"_id": ctx.ids.new("con"), **DEFAULTS, **fields, **made}
    if doc["consent_given"] and doc["consent_timestamp"] is None:
        doc["consent_timestamp"] = now
    event = _told(ctx, "consent.created", doc, contact)
    return render_consent(ctx.wrote(await ctx.data.insert("recording_consents", doc, [event])))


async def change_consent(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change a consent; calls that live keep the decision they began with."""
    held = await own_consent(ctx, id)
    if "contact" in fields:
        contact: Document | None = await _contact(ctx, fields["contact"])
    else:
        contact = await ctx.data.find("contacts", held["contact"])
    now = ctx.now()

    def decide(doc: Document) -> Change:
        changes = {**fields, "updated_by": ctx.principal.user_id, "updated_at": now}
        after = {**doc, **changes}
        if after["consent_given"] and after["consent_timestamp"] is None:
            changes["consent_timestamp"] = now
        told = _told(ctx, "consent.updated", {**doc, **changes}, contact)
        return Change(set=changes, events=[told])

    return render_consent(ctx.wrote(await ctx.data.change("recording_consents", id, decide)))


async def replace_consent(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change a consent whole; what is not given takes its default."""
    return await change_consent(ctx, id, {**DEFAULTS, **fields})


async def delete_consent(ctx: Context, id: str) -> None:
    """Remove a consent, which withdraws it where consent is required."""
    doc = await own_consent(ctx, id)
    event = _told(ctx, "consent.deleted", doc, await ctx.data.find("contacts", doc["contact"]))
    ctx.wrote(await ctx.data.delete("recording_consents", id, event))
