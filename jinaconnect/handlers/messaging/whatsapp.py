"""`/wa/v1/messages/`: WhatsApp messages, sent and received."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.listing import list_documents
from jinaconnect.channels.whatsapp.view import whatsapp_view
from jinaconnect.core.errors import Invalid
from jinaconnect.core.events.payloads.messages import Reaction
from jinaconnect.core.paging import FLAG, MOMENT, Filter
from jinaconnect.core.schema import Answer
from jinaconnect.handlers.edge.operation import Reply, operation
from jinaconnect.handlers.edge.schemas import Parameter
from jinaconnect.handlers.messaging.messages import (
    SendPreview,
    listed_messages,
    message_listing,
    of_contacts,
    seen_message,
    sent_or_preview,
)
from jinaconnect.handlers.messaging.whatsapp_request import SendWhatsapp

PLATFORM = "WHATSAPP"
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


class MessageOut(Answer):
    """A WhatsApp message."""

    id: str
    message_id: int | None
    direction: Literal["INBOUND", "OUTBOUND"]
    message_type: str
    status: Literal["PENDING", "SENDING", "UNKNOWN", "SENT", "DELIVERED", "READ", "FAILED", "EXPIRED", "RECEIVED"]
    text: str | None
    contact: str
    contact_phone: str | None
    wa_app: str | None
    wa_message_id: str | None
    created_at: str


class MessageDetail(MessageOut):
    """A WhatsApp message with everything about it."""

    status_display: str
    gs_message_id: str | None = Field(description="What its provider calls it, where that has ids of its own.")
    template: str | None
    template_name: str | None
    media_url: str | None
    media_mime_type: str | None
    media_caption: str | None
    media_filename: str | None
    button_payload: str | None
    button_text: str | None
    latitude: float | None
    longitude: float | None
    location_name: str | None
    location_address: str | None
    reply_to: str | None
    reactions: list[Reaction]
    error_code: str | None
    error_message: str | None
    sent_at: str | None
    delivered_at: str | None
    read_at: str | None
    failed_at: str | None
    timestamp: str
    updated_at: str
    created_by: str | None


class MessageCounts(Answer):
    """How many messages there are; `by_status` counts those sent. Of many, the figures may be some seconds old."""

    total: int
    inbound: int
    outbound: int
    by_status: dict[str, int]
    count_exact: bool


_MESSAGES = message_listing(
    "wa_app", template=Filter("template"),
    orderings={name: name for name in ("created_at", "sent_at", "delivered_at")} | {"read_at": "opened_at"},
)  # fmt: skip


@operation(
    "POST",
    "/wa/v1/messages/",
    id="messages.send",
    permission="inbox.reply",
    body=SendWhatsapp,
    returns=MessageDetail,
    status=201,
    effect=True,
    dry_run=SendPreview,
    tag="whatsapp",
    aliases=("/wa/v2/messages/",),
)
async def send_message(ctx: OperationContext, body: SendWhatsapp) -> dict[str, Any] | Reply:
    """Send a WhatsApp message.

    The answer means "recorded"; delivery follows as `message.sent`, `message.delivered` and `message.read` events.
    Free-form content outside the 24-hour window is refused with `session_window_closed`.
    """
    if faults := body.missing():
        raise Invalid(faults)
    made = await sent_or_preview(ctx, body.message())
    if isinstance(made, Reply):
        return made
    doc, contact = made
    return whatsapp_view(doc, contact["phone"])


@operation(
    "GET",
    "/wa/v1/messages/",
    id="messages.list",
    permission="inbox.view",
    listing=_MESSAGES,
    returns=MessageOut,
    tag="whatsapp",
    aliases=("/wa/v2/messages/",),
    query={
        "created_after": Parameter("The same as `created_at__gte`.", MOMENT),
        "created_before": Parameter("The same as `created_at__lte`.", MOMENT),
        "sent_after": Parameter("The same as `sent_at__gte`.", MOMENT),
        "sent_before": Parameter("The same as `sent_at__lte`.", MOMENT),
        "has_error": Parameter("Only those that failed, or did not.", FLAG),
    },
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
    within = await listed_messages(ctx, PLATFORM)
    asked: list[dict[str, Any]] = []
    if "has_error" in query:
        asked = [{"error_code": {"$ne": None} if query.pop("has_error").lower() in ("true", "1") else None}]
    ctx.caller.query = query

    async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        phones = await of_contacts(ctx, docs, "phone")
        rows = (whatsapp_view(doc, phones.get(doc["contact"])) for doc in docs)
        return [{name: row[name] for name in LIST_FIELDS} for row in rows]

    return await list_documents(ctx, "messages", _MESSAGES, render, within, asked)


@operation(
    "GET", "/wa/v1/messages/{id}/", id="messages.read", permission="inbox.view", returns=MessageDetail, tag="whatsapp"
)
async def read_message(ctx: Context, id: str) -> dict[str, Any]:
    """Show one WhatsApp message."""
    doc, contact = await seen_message(ctx, PLATFORM, id)
    return whatsapp_view(doc, contact["phone"])


@operation(
    "GET", "/wa/v1/messages/statistics/", id="messages.statistics", permission="inbox.view", returns=MessageCounts,
    tag="whatsapp",
)  # fmt: skip
async def statistics(ctx: Context) -> dict[str, Any]:
    """Count the WhatsApp messages by direction and status.

    Of more than a thousand the figures are made in the background, and `count_exact` is false.
    """
    within = await listed_messages(ctx, PLATFORM)
    group = {"_id": {"d": "$direction", "s": "$status"}, "n": {"$sum": 1}}
    rows, exact = await ctx.data.figures("messages", within, [{"$group": group}])
    inbound = sum(row["n"] for row in rows if row["_id"]["d"] == "INCOMING")
    outbound = sum(row["n"] for row in rows if row["_id"]["d"] == "OUTGOING")
    by_status = dict.fromkeys(("PENDING", "SENT", "DELIVERED", "READ", "FAILED", "UNKNOWN"), 0)
    for row in rows:
        if row["_id"]["d"] == "OUTGOING":
            by_status[row["_id"]["s"]] = by_status.get(row["_id"]["s"], 0) + row["n"]
    return {
        "total": inbound + outbound, "inbound": inbound, "outbound": outbound, "by_status": by_status,
        "count_exact": exact,
    }  # fmt: skip
