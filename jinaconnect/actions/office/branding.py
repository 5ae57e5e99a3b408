"""How an organisation looks to its people: pictures, colour, a domain of its own, whom its letters come from."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from jinaconnect.actions.context import Context, OperationContext, Services, system_context
from jinaconnect.actions.office.pictures import SVG, PictureError, clean_raster, clean_svg, looks_like_svg
from jinaconnect.actions.ports import Ports
from jinaconnect.core.errors import Conflict, Invalid, NotAuthenticated, NotFound, Unavailable
from jinaconnect.core.ids import encode
from jinaconnect.core.office.branding import PROOF, RASTER, branding_of, mail_domain, render_branding
from jinaconnect.records import RecordsUnknown
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.store.tenant import Written
from jinaconnect.store.together import ANNOUNCED

JOB = "prove-domains"
PICTURE_BYTES = 1024 * 1024
AGAIN_S = (60, 300, 1800, 7200, 8 * 3600, 24 * 3600, 48 * 3600)


def base_url(services: Services) -> str:
    """Return the address that people reach us at."""
    return services.settings.public_url or services.settings.own_url


def _proof(services: Services, tenant: str, domain: str) -> str:
    """Return what a domain's record has to say to be an organisation's: nobody else can know or reuse it."""
    made = hmac.digest(services.secrets.derive("domains"), f"{tenant}:{domain}".encode(), hashlib.sha256)
    return f"jinaconnect-verification={made.hex()[:40]}"


def render(services: Services, tenant: Document) -> dict[str, Any]:
    """Return how a tenant looks."""
    held = branding_of(tenant)
    domains = {domain for domain in (held.get("custom_domain"), mail_domain(held)) if domain}
    host = urlsplit(services.settings.public_url).hostname
    proofs = {domain: _proof(services, tenant["_id"], domain) for domain in domains}
    return render_branding(tenant, base_url(services), host, proofs)


async def read_branding(ctx: Context) -> dict[str, Any]:
    """Return how the caller's organisation looks, or for strangers that of the domain they ask at."""
    registry = ctx.services.registry
    if ctx.known is not None:
        doc = await registry.tenant(ctx.principal.tenant)
    else:
        host = ctx.caller.headers.get("Host", "").partition(":")[0].rstrip(".").lower()
        doc = await registry.tenant_of_domain(host) if host else None
        if doc is None or doc.get("suspended"):
            raise NotAuthenticated("Credentials are missing.")
    if doc is None:
        raise NotFound()
    return render(ctx.services, doc)


async def change_branding(
    ctx: OperationContext, fields: Mapping[str, Any], pictures: Mapping[str, bytes]
) -> dict[str, Any]:
    """Change how the caller's organisation looks; raises Invalid naming each field that cannot be."""
    before = await _own(ctx)
    held, changes = branding_of(before), dict(fields)
    cleaned = {name: await asyncio.to_thread(_cleaned, name, data) for name, data in pictures.items()}
    if "custom_domain" in changes and changes["custom_domain"] != held.get("custom_domain"):
        await _free(ctx, changes["custom_domain"])
        changes.update(custom_domain_status="pending" if changes["custom_domain"] else None, holds=None)
    if changes.get("email_sender"):
        changes["email_sender"] = _sender(changes["email_sender"], held)
    for name, (data, mime) in cleaned.items():
        id = encode("brd", int(ctx.now().timestamp() * 1000), secrets.token_bytes(10))
        await ctx.services.blobs.put(f"{before['_id']}:live", id, data)
        changes[name] = {"id": id, "mime": mime, "size": len(data)}
    after = await _write(ctx, before["_id"], changes)
    await _drop_pictures(ctx, before, after)
    if {"custom_domain", "email_sender"} & changes.keys():
        await _look_later(ctx, f"{before['_id']}:live", 0)
    return render(ctx.services, after)


def _cleaned(name: str, data: bytes) -> tuple[bytes, str]:
    """Return a picture made harmless, and its type; raises Invalid."""
    try:
        if name != "favicon" and looks_like_svg(data):
            return clean_svg(data), SVG
        if len(data) > PICTURE_BYTES:
            raise PictureError(f"may have at most {PICTURE_BYTES} bytes")
        return (clean_raster(data, ("PNG",)) if name == "favicon" else clean_raster(data)), RASTER
    except PictureError as error:
        raise Invalid.field(name, str(error)) from error


async def _free(ctx: Context, domain: str | None) -> None:
    """Refuse a domain that somebody else has proven, and our own."""
    if domain is None:
        return
    holder = await ctx.services.registry.tenant_of_domain(domain)
    if domain == urlsplit(ctx.services.settings.public_url).hostname:
        raise Invalid.field("custom_domain", "is the gateway's own")
    if holder is not None and holder["_id"] != ctx.principal.tenant:
        raise Invalid.field("custom_domain", "is taken")


def _sender(given: Mapping[str, Any], held: Mapping[str, Any]) -> Document:
    """Return whom letters come from: proven as long as the domain stays the same."""
    former = held.get("email_sender")
    same = former and mail_domain(held) == given["address"].rpartition("@")[2].lower()
    return {
        "name": given["name"], "address": given["address"], "reply_to": given.get("reply_to"),
        "status": former["status"] if former and same else "pending",
    }  # fmt: skip


async def _own(ctx: Context) -> Document:
    doc = await ctx.services.registry.tenant(ctx.principal.tenant)
    if doc is None:
        raise NotFound()
    return doc


async def _write(
    ctx: Context, tenant: str, changes: Mapping[str, Any], holding: Mapping[str, Any] | None = None
) -> Document:
    """Write fields of how a tenant looks and tell it; `holding` must be so still, else NotFound."""
    services, event_id = ctx.services, ctx.ids.new("evt")
    store = services.store.of(tenant, "live")

    def announcement(doc: Document) -> Document:
        return store.announcement(tenant, ctx.event("branding.updated", tenant, render(services, doc), id=event_id))

    fields = {f"branding.{name}": value for name, value in {**changes, "updated_at": ctx.now()}.items()}
    doc, row = await services.registry.change_tenant(tenant, fields, announcement, holding)
    seqs = await store.tell(ANNOUNCED, [row])
    return ctx.wrote(Written(doc, seqs.get(tenant), store.scope))


async def _drop_pictures(ctx: Context, before: Document, after: Document) -> None:
    kept = {each["id"] for each in branding_of(after).values() if isinstance(each, dict) and "mime" in each}
    for each in branding_of(before).values():
        if isinstance(each, dict) and "mime" in each and each["id"] not in kept:
            await ctx.services.blobs.delete(f"{before['_id']}:live", each["id"])


async def drop_picture(ctx: Context, name: str) -> dict[str, Any]:
    """Remove a picture, uploaded or elsewhere."""
    before = await _own(ctx)
    after = await _write(ctx, before["_id"], {name: None, f"{name}_url": None})
    await _drop_pictures(ctx, before, after)
    return render(ctx.services, after)


async def picture(ctx: Context, id: str) -> tuple[str, str]:
    """Return (scope, media type) of an uploaded picture; whoever knows its id may have it. Raises NotFound."""
    doc = await ctx.services.registry.tenant_of_picture(id)
    if doc is None:
        raise NotFound()
    held = next(each for each in branding_of(doc).values() if isinstance(each, dict) and each.get("id") == id)
    return f"{doc['_id']}:live", held["mime"]


# ---- domains


async def prove(ctx: OperationContext) -> dict[str, Any]:
    """Look for the records of the organisation's domains now; raises Unavailable where nobody answers."""
    try:
        return render(ctx.services, await _proven(ctx, ctx.ports, await _own(ctx), "failed"))
    except RecordsUnknown as error:
        raise Unavailable("The name servers do not answer.") from error


async def _proven(ctx: Context, ports: Ports, tenant: Document, otherwise: str) -> Document:
    """Note which of a tenant's domains say that they are its; raises RecordsUnknown."""
    domain, sending = branding_of(tenant).get("custom_domain"), mail_domain(branding_of(tenant))
    if domain and branding_of(tenant)["custom_domain_status"] != "verified":
        found = await _says(ctx, ports, tenant["_id"], domain)
        fields = {"custom_domain_status": "verified", "holds": domain} if found else {"custom_domain_status": otherwise}
        tenant = await _noted(ctx, tenant, fields, {"branding.custom_domain": domain})
    if sending and branding_of(tenant)["email_sender"]["status"] != "verified":
        found = await _says(ctx, ports, tenant["_id"], sending)
        address = branding_of(tenant)["email_sender"]["address"]
        fields = {"email_sender.status": "verified" if found else otherwise}
        tenant = await _noted(ctx, tenant, fields, {"branding.email_sender.address": address})
    return tenant


async def _says(ctx: Context, ports: Ports, tenant: str, domain: str) -> bool:
    return _proof(ctx.services, tenant, domain) in await ports.records.texts(f"{PROOF}{domain}")


async def _noted(
    ctx: Context, tenant: Document, fields: Mapping[str, Any], holding: Mapping[str, Any]
) -> Document:
    try:
        return await _write(ctx, tenant["_id"], fields, holding)
    except Conflict as error:  # somebody else was first to prove it
        raise Invalid.field("custom_domain", "is taken") from error
    except NotFound:  # another domain was named meanwhile
        return await ctx.services.registry.tenant(tenant["_id"]) or tenant


async def _look_later(ctx: OperationContext, scope: str, tries: int) -> None:
    id = ctx.ids.new("job")
    await ctx.ports.worker.add_jobs([_job(ctx.services, id, scope, tries)])


def _job(services: Services, id: str, scope: str, tries: int) -> Document:
    at = services.clock() + timedelta(seconds=AGAIN_S[tries])
    return {"_id": id, "scope": scope, "kind": JOB, "data": {"id": id, "tries": tries}, "due": due_at(at)}


async def prove_later(services: Services, ports: Ports, scope: str, data: Mapping[str, Any]) -> None:
    """Look again for what was not proven yet, more and more seldom; the last time says that it failed."""
    ctx, last = system_context(services, scope, "branding"), data["tries"] + 1 == len(AGAIN_S)
    tenant = await services.registry.tenant(ctx.principal.tenant)
    if tenant is None:
        return
    try:
        tenant = await _proven(ctx, ports, tenant, "failed" if last else "pending")
    except RecordsUnknown:
        pass  # the next look may do better
    except Invalid:
        return
    held = branding_of(tenant)
    open_ones = [held.get("custom_domain_status") if held.get("custom_domain") else None]
    open_ones.append((held.get("email_sender") or {}).get("status"))
    if "pending" in open_ones and not last:
        tries = data["tries"] + 1
        await ports.worker.add_jobs([_job(services, f"{data['id']}~{tries}", scope, tries)])
