"""`/wa/v1/`: apps, messages, templates, and the webhook door."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from jinaconnect.actions import apps, templates
from jinaconnect.actions.context import Context
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.media import open_media
from jinaconnect.actions.messages import send_whatsapp
from jinaconnect.actions.scoping import message_filter, visible
from jinaconnect.channels.whatsapp_send import SendWhatsapp
from jinaconnect.channels.whatsapp_view import whatsapp_view
from jinaconnect.core.errors import Invalid, NotFound, PermissionDenied
from jinaconnect.core.inbox.status import STATUSES
from jinaconnect.core.paging import Filter, Listing, bool_filter, choice_filter, parse_text, text_filter, time_filter
from jinaconnect.core.schema import Answer, Name, Phone, Request, Text
from jinaconnect.handlers.operation import PUBLIC, Reply, operation

LIST_FIELDS = (
    "id",
    "message_id",
    "direction",
    "message_type",
    "status",
    "text",
    "contact",
    "contact_phone",
    "wa_app",
    "wa_message_id",
    "created_at",
)


class AppFields(Request):
    """What may be changed of a WhatsApp app."""

    app_name: Annotated[Name, StringConstraints(min_length=1)] | None = None
    description: Annotated[Text, StringConstraints(max_length=2000)] | None = None
    phone_number: Phone | None = None
    is_active: bool | None = None
    waba_id: Annotated[str, StringConstraints(max_length=64)] | None = None
    phone_number_id: Annotated[str, StringConstraints(max_length=64)] | None = None
    app_id: Annotated[str, StringConstraints(max_length=64)] | None = None
    daily_limit: int | None = Field(None, ge=0, le=10_000_000)
    app_secret: Annotated[str, StringConstraints(max_length=512)] | None = None
    verify_token: Annotated[str, StringConstraints(max_length=512)] | None = None
    base_url: Annotated[str, StringConstraints(max_length=512, pattern=r"^https?://")] | None = None
    bsp_credentials: dict[str, str | None] | None = None

    def split(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return (plain fields, credentials to seal)."""
        fields = self.model_dump(exclude_unset=True)
        credentials = dict(fields.pop("bsp_credentials", None) or {})
        if len(str(credentials)) > 16_384:
            raise Invalid.field("bsp_credentials", "at most 16 KiB")
        for name in ("app_secret", "verify_token", "base_url"):
            if name in fields:
                credentials[name] = fields.pop(name)
        return fields, credentials


class NewApp(AppFields):
    """A WhatsApp app to add."""

    app_name: Annotated[Name, StringConstraints(min_length=1)]
    phone_number: Phone
    bsp: Literal["META"] = "META"


class AppOut(Answer):
    """A WhatsApp app; credentials are never shown."""

    id: str
    app_name: str
    phone_number: str
    bsp: str
    is_active: bool
    webhook_path: str


class MessageOut(Answer):
    """A WhatsApp message."""

    id: str
    direction: Literal["INBOUND", "OUTBOUND"]
    message_type: str
    status: Literal["PENDING", "SENDING", "UNKNOWN", "SENT", "DELIVERED", "READ", "FAILED", "EXPIRED", "RECEIVED"]
    text: str | None
    contact: str
    wa_app: str | None
    created_at: str


class TemplateOut(Answer):
    """A WhatsApp template."""

    id: str
    element_name: str
    language_code: str
    status: str


_APPS = Listing(
    filters={"phone_number": text_filter("phone_number"), "bsp": Filter("bsp"), "is_active": bool_filter("is_active"),
             "is_verified": bool_filter("is_verified")},
    search=("app_name", "phone_number", "waba_id"),
)  # fmt: skip
_TEMPLATES = Listing(
    filters={
        "wa_app": Filter("app"), "category": choice_filter("category", ("AUTHENTICATION", "MARKETING", "UTILITY")),
        "status": choice_filter("status", templates.STATUSES), "template_type": Filter("template_type"),
        "language_code": Filter("language_code"), "is_active": bool_filter("is_active"),
        "needs_sync": bool_filter("needs_sync"), "number": Filter("_id"),
    },
    search=("name", "element_name", "content", "header", "footer"),
    orderings={name: name for name in ("created_at", "updated_at", "name", "element_name", "status")},
)  # fmt: skip


def _direction(text: str) -> str:
    found = {"INBOUND": "INCOMING", "OUTBOUND": "OUTGOING"}.get(text.upper())
    if found is None:
        raise ValueError("must be INBOUND or OUTBOUND")
    return found


_MESSAGES = Listing(
    filters={
        "wa_app": Filter("app"),
        "contact": Filter("contact"),
        "direction": Filter("direction", _direction),
        "message_type": Filter("type", lambda text: parse_text(text).upper()),
        "status": choice_filter("status", STATUSES),
        "template": Filter("template"),
        "created_at": time_filter("created_at"),
        "sent_at": time_filter("sent_at"),
    },
    search=("content.body.text", "carrier_id"),
    orderings={
        "created_at": "created_at",
        "sent_at": "sent_at",
        "delivered_at": "delivered_at",
        "read_at": "opened_at",
    },
)


@operation(
    "GET", "/wa/v1/apps/", id="wa.apps.list", permission="wa_app.view", listing=_APPS, returns=AppOut, tag="whatsapp"
)
async def list_apps(ctx: Context) -> dict[str, Any]:
    """List the WhatsApp apps."""

    async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [apps.render_app(doc, ctx.principal.priority) for doc in docs]

    if ctx.principal.mode == "test":
        await apps.ensure_sandbox_app(ctx.services, ctx.principal.tenant)
    return await list_documents(ctx, "apps", _APPS, render, {"deleted_at": None, "channel": apps.WHATSAPP})


@operation(
    "POST",
    "/wa/v1/apps/",
    id="wa.apps.create",
    permission="wa_app.manage",
    body=NewApp,
    returns=AppOut,
    status=201,
    effect=True,
    tag="whatsapp",
)
async def create_app(ctx: Context, body: NewApp) -> dict[str, Any]:
    """Add a WhatsApp app; its credentials are sealed and never shown again."""
    fields, credentials = body.split()
    faults = {
        name: ["is required"]
        for name in ("waba_id", "phone_number_id")
        if not fields.get(name) and ctx.principal.mode == "live"
    }
    if faults:
        raise Invalid(faults)
    return await apps.create_app(ctx, fields, credentials)


@operation("GET", "/wa/v1/apps/{id}/", id="wa.apps.read", permission="wa_app.view", returns=AppOut, tag="whatsapp")
async def read_app(ctx: Context, id: str) -> dict[str, Any]:
    """Show one WhatsApp app."""
    return apps.render_app(await ctx.data.get("apps", id), ctx.principal.priority)


@operation(
    "PATCH",
    "/wa/v1/apps/{id}/",
    id="wa.apps.change",
    permission="wa_app.manage",
    body=AppFields,
    returns=AppOut,
    effect=True,
    tag="whatsapp",
)
async def change_app(ctx: Context, id: str, body: AppFields) -> dict[str, Any]:
    """Change a WhatsApp app; credentials given are merged, null removes one."""
    fields, credentials = body.split()
    for name in ("app_name", "phone_number", "is_active", "daily_limit"):
        if name in fields and fields[name] is None:
            raise Invalid.field(name, "must not be null")
    return await apps.change_app(ctx, id, fields, credentials)


@operation(
    "DELETE",
    "/wa/v1/apps/{id}/",
    id="wa.apps.delete",
    permission="wa_app.delete",
    status=204,
    effect=True,
    tag="whatsapp",
)
async def delete_app(ctx: Context, id: str) -> None:
    """Remove a WhatsApp app; its messages stay."""
    await apps.delete_app(ctx, id)


@operation(
    "POST",
    "/wa/v1/messages/",
    id="messages.send",
    permission="inbox.reply",
    body=SendWhatsapp,
    returns=MessageOut,
    status=201,
    effect=True,
    tag="whatsapp",
    aliases=("/wa/v2/messages/",),
)
async def send_message(ctx: Context, body: SendWhatsapp) -> dict[str, Any]:
    """Send a WhatsApp message.

    The answer means "recorded"; delivery follows as `message.sent`, `message.delivered` and `message.read` events.
    Free-form content outside the 24-hour window is refused with `session_window_closed`.
    """
    doc = await send_whatsapp(ctx, body)
    contact = await ctx.data.get("contacts", doc["contact"])
    return whatsapp_view(doc, contact["phone"])


async def _with_phones(ctx: Context, docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    ids = list({doc["contact"] for doc in docs})
    rows = await ctx.data.select("contacts", {"_id": {"$in": ids}}, fields={"phone": 1}) if ids else []
    phones = {row["_id"]: row["phone"] for row in rows}
    return [whatsapp_view(doc, phones.get(doc["contact"])) for doc in docs]


@operation(
    "GET",
    "/wa/v1/messages/",
    id="messages.list",
    permission="inbox.view",
    listing=_MESSAGES,
    returns=MessageOut,
    tag="whatsapp",
    aliases=("/wa/v2/messages/",),
    query={name: "ISO 8601 time." for name in ("created_after", "created_before", "sent_after", "sent_before")}
    | {"has_error": "true or false."},
)
async def list_messages(ctx: Context) -> dict[str, Any]:
    """List the WhatsApp messages, sent and received."""
    query = dict(ctx.caller.query)
    for name, told in (
        ("created_after", "created_at__gte"),
        ("created_before", "created_at__lte"),
        ("sent_after", "sent_at__gte"),
        ("sent_before", "sent_at__lte"),
    ):
        if name in query:
            query[told] = query.pop(name)
    within: dict[str, Any] = {
        "platform": "WHATSAPP",
        "internal_note": False,
        "deleted_at": None,
        **await message_filter(ctx),
    }
    if "has_error" in query:
        within["error_code"] = {"$ne": None} if query.pop("has_error").lower() in ("true", "1") else None
    ctx.caller.query = query

    async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{name: row[name] for name in LIST_FIELDS} for row in await _with_phones(ctx, docs)]

    return await list_documents(ctx, "messages", _MESSAGES, render, within)


@operation(
    "GET", "/wa/v1/messages/{id}/", id="messages.read", permission="inbox.view", returns=MessageOut, tag="whatsapp"
)
async def read_message(ctx: Context, id: str) -> dict[str, Any]:
    """Show one WhatsApp message."""
    doc = await ctx.data.get("messages", id)
    contact = await ctx.data.find("contacts", doc["contact"])
    if doc["platform"] != "WHATSAPP" or doc["internal_note"] or contact is None or not visible(ctx.principal, contact):
        raise NotFound()
    return whatsapp_view(doc, contact["phone"])


@operation("GET", "/wa/v1/messages/statistics/", id="messages.statistics", permission="inbox.view", tag="whatsapp")
async def statistics(ctx: Context) -> dict[str, Any]:
    """Count the WhatsApp messages by direction and status."""
    within: dict[str, Any] = {
        "platform": "WHATSAPP",
        "internal_note": False,
        "deleted_at": None,
        **await message_filter(ctx),
    }
    group = {"_id": {"d": "$direction", "s": "$status"}, "n": {"$sum": 1}}
    rows = await ctx.data.aggregate("messages", [{"$match": within}, {"$group": group}])
    inbound = sum(row["n"] for row in rows if row["_id"]["d"] == "INCOMING")
    outbound = sum(row["n"] for row in rows if row["_id"]["d"] == "OUTGOING")
    by_status = dict.fromkeys(("PENDING", "SENT", "DELIVERED", "READ", "FAILED", "UNKNOWN"), 0)
    for row in rows:
        if row["_id"]["d"] == "OUTGOING":
            by_status[row["_id"]["s"]] = by_status.get(row["_id"]["s"], 0) + row["n"]
    return {"total": inbound + outbound, "inbound": inbound, "outbound": outbound, "by_status": by_status}


@operation(
    "GET",
    "/wa/v1/templates/",
    id="wa.templates.list",
    permission="template.view",
    listing=_TEMPLATES,
    returns=TemplateOut,
    tag="whatsapp",
)
async def list_templates(ctx: Context) -> dict[str, Any]:
    """List the WhatsApp templates."""

    async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [templates.render_template(doc) for doc in docs]

    return await list_documents(ctx, "templates", _TEMPLATES, render, {"deleted_at": None})


@operation(
    "POST",
    "/wa/v1/templates/",
    id="wa.templates.create",
    permission="template.create",
    body=templates.NewTemplate,
    returns=TemplateOut,
    status=201,
    effect=True,
    tag="whatsapp",
)
async def create_template(ctx: Context, body: templates.NewTemplate) -> dict[str, Any]:
    """Write a template and submit it to the carrier for review."""
    return await templates.create_template(ctx, body)


@operation(
    "GET",
    "/wa/v1/templates/{id}/",
    id="wa.templates.read",
    permission="template.view",
    returns=TemplateOut,
    tag="whatsapp",
)
async def read_template(ctx: Context, id: str) -> dict[str, Any]:
    """Show one template."""
    return templates.render_template(await ctx.data.get("templates", id))


@operation(
    "PATCH",
    "/wa/v1/templates/{id}/",
    id="wa.templates.change",
    permission="template.edit",
    body=templates.TemplateFields,
    returns=TemplateOut,
    effect=True,
    tag="whatsapp",
)
async def change_template(ctx: Context, id: str, body: templates.TemplateFields) -> dict[str, Any]:
    """Change a template; changed content needs a new review."""
    return await templates.change_template(ctx, id, body)


@operation(
    "DELETE",
    "/wa/v1/templates/{id}/",
    id="wa.templates.delete",
    permission="template.delete",
    status=204,
    effect=True,
    tag="whatsapp",
)
async def delete_template(ctx: Context, id: str) -> None:
    """Remove a template."""
    await templates.delete_template(ctx, id)


@operation(
    "GET",
    "/wa/v1/webhooks/{tenant_id}/",
    id="wa.webhooks.handshake",
    permission=PUBLIC,
    tag="whatsapp",
    limited=False,
    media_type="text/plain",
    query={"hub.mode": "subscribe", "hub.verify_token": "The app's verify token.", "hub.challenge": "Echoed."},
    errors=(403,),
)
async def webhook_handshake(ctx: Context, tenant_id: str) -> Reply:
    """Answer Meta's handshake with the challenge when the verify token is one of the tenant's."""
    query = ctx.caller.query
    given = query.get("hub.verify_token", "").encode()
    accounts = await ctx.services.accounts.of_door(tenant_id)
    tokens = [account.secrets["verify_token"].encode() for account in accounts if account.secrets.get("verify_token")]
    held = [hmac.compare_digest(token, given) for token in tokens]
    if query.get("hub.mode") != "subscribe" or not any(held):
        raise PermissionDenied("The verify token is not one of this tenant's.")
    return Reply(query.get("hub.challenge", ""), content_type="text/plain; charset=utf-8")


@operation(
    "POST",
    "/wa/v1/webhooks/{tenant_id}/",
    id="wa.webhooks.receive",
    permission=PUBLIC,
    raw=True,
    tag="whatsapp",
    limited=False,
)
async def webhook_receive(ctx: Context, tenant_id: str, body: bytes) -> dict[str, Any]:
    """Take a signed webhook: it is stored, then answered, then applied."""
    received = await ctx.services.door.receive(tenant_id, ctx.caller.headers, body)
    answer = {
        "status": received.status,
        "event_id": received.event_id,
        "event_type": received.event_type,
        "reason": received.reason,
    }
    return {key: value for key, value in answer.items() if value is not None}


@operation(
    "GET", "/media/{id}/", id="media.read", permission=PUBLIC, tag="media", media_type="application/octet-stream"
)
async def read_media(ctx: Context, id: str) -> Reply:
    """Serve a message's file by its unguessable id; 404 until it is fetched from the carrier."""
    body, mime = await open_media(ctx.services, id)
    safe = mime if mime.startswith(("image/", "audio/", "video/")) and "svg" not in mime else "application/octet-stream"
    headers = {"Cache-Control": "private, max-age=300", "Content-Security-Policy": "sandbox; default-src 'none'"}
    return Reply(body, headers=headers, content_type=safe)
