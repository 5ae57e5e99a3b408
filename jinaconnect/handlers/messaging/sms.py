"""`/sms/v1/messages/`: SMS, sent and received."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, StringConstraints, model_validator

from jinaconnect.actions.contacts import contacts
from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.messaging import sending
from jinaconnect.actions.messaging.templates import NamedTemplate
from jinaconnect.core.clock import iso, iso_or_none
from jinaconnect.core.contacts.listing import CONTACTS
from jinaconnect.core.errors import CarrierRefused
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.address import PHONE, Address
from jinaconnect.core.inbox.message import INCOMING, OUTGOING, body_text
from jinaconnect.core.messaging.segments import Segments, segmented
from jinaconnect.core.messaging.sms_price import MICROS, price
from jinaconnect.core.paging import SHORT, Filter
from jinaconnect.core.schema import Answer, Id, Phone, Request, Text, example
from jinaconnect.handlers.contacts.contacts import ChannelContact
from jinaconnect.handlers.edge.operation import Reply, dry_run, operation
from jinaconnect.handlers.edge.schemas import Parameter
from jinaconnect.handlers.messaging.messages import (
    SendPreview,
    listed_messages,
    message_listing,
    render_preview,
    seen_message,
)
from jinaconnect.store.databases.mongo import Document

PLATFORM = "SMS"
ANSWERED_WITHIN_S = 1.5  # how long a send's answer waits for the carrier's
PAUSE_S = 0.03
_WIRE = {
    status.PENDING: "PENDING", status.SENDING: "PENDING", status.UNKNOWN: "UNKNOWN", status.SENT: "SENT",
    status.DELIVERED: "DELIVERED", status.READ: "DELIVERED", status.FAILED: "FAILED", status.EXPIRED: "FAILED",
    status.RECEIVED: "RECEIVED",
}  # fmt: skip


class SendSms(
    Request, json_schema_extra=example(phone="+12025550111", text="Your order is on its way.")
):
    """An SMS to send: a text, or a template with its values; `media_url` makes it an MMS."""

    phone: Phone | None = Field(None, validation_alias=AliasChoices("phone", "to"))
    contact_id: Id | None = None
    app_id: Id | None = None
    text: Annotated[Text, StringConstraints(max_length=1600)] | None = None
    template: Id | None = None
    params: list[str] | dict[str, str] = Field(default_factory=list, description="In order, or by name.")
    media_url: Annotated[str, StringConstraints(max_length=2048, pattern=r"^(https?://|/media/)\S+$")] | None = None
    sender_id: Annotated[str, StringConstraints(max_length=20)] | None = None
    dlt_template_id: Annotated[str, StringConstraints(max_length=30)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> SendSms:
        if self.phone is None and self.contact_id is None:
            raise ValueError("phone or contact_id is required")
        if self.template is None and not self.text and self.media_url is None:
            raise ValueError("text, template or media_url is required")
        return self

    def message(self) -> sending.NewMessage:
        """Return the message in the inbox's words."""
        template = None if self.template is None else NamedTemplate.of_values(self.template, self.params)
        content: dict[str, Any] = {"type": "text", "body": {"text": self.text or ""}}
        if self.media_url is not None:
            caption = {"caption": self.text} if self.text else {}
            content = {"type": "image", "image": {"url": self.media_url, **caption}}
        options = {"sender_id": self.sender_id, "dlt_template_id": self.dlt_template_id}
        return sending.NewMessage(
            PLATFORM, content, self.app_id, "app_id", contact=self.contact_id, contact_field="contact_id",
            to=None if self.phone is None else Address(PHONE, self.phone), template=template,
            options={name: value for name, value in options.items() if value is not None},
        )  # fmt: skip


class OffendingOut(Answer):
    """A character outside of the GSM alphabet: where it stands first (from 0), and how often."""

    character: str
    position: int
    count: int


class SegmentsOut(Answer):
    """How a text is cut, what makes it dear, and what it costs where the app has a price."""

    segments: int | None = Field(description="Null for an MMS.")
    encoding: Literal["GSM-7", "UCS-2"]
    units: int
    offending: list[OffendingOut]
    gsm_rewrite: str | None = Field(description="The same in the GSM alphabet; null where it is, or cannot be.")
    price: float | None


class SmsOut(Answer):
    """An SMS."""

    id: str
    direction: Literal["INBOUND", "OUTBOUND"]
    sms_app: str | None
    contact: str
    to_number: str | None
    from_number: str | None
    message_text: str
    media_url: str | None
    segment_count: int | None
    provider_message_id: str | None
    provider_used: str | None
    status: Literal["PENDING", "UNKNOWN", "SENT", "DELIVERED", "FAILED", "UNDELIVERED", "RECEIVED"] = Field(
        description="UNDELIVERED: the carrier took it, and could not deliver it."
    )
    cost: float | None
    error_code: str | None
    error_message: str | None
    inbox_message: str
    broadcast_message: str | None = Field(description="The recipient of a broadcast that it went to.")
    sent_at: str | None
    delivered_at: str | None
    failed_at: str | None
    created_at: str


class SmsSent(SmsOut, SegmentsOut):
    """An SMS that was recorded, and what its carrier said of it so far."""

    success: bool
    message_id: str
    outbound_id: str
    error: str | None


class SmsPreview(SendPreview, SegmentsOut):
    """An SMS that was asked about and not sent."""


def _cut(made: Segments, segments: int | None, cost: int | None) -> dict[str, Any]:
    return {
        "segments": segments, "encoding": made.encoding, "units": made.units,
        "offending": [
            {"character": odd.character, "position": odd.position, "count": odd.count} for odd in made.offending
        ],
        "gsm_rewrite": made.rewrite, "price": None if cost is None else cost / MICROS,
    }  # fmt: skip


def _view(doc: Mapping[str, Any], contact: Mapping[str, Any] | None, app: Mapping[str, Any] | None) -> dict[str, Any]:
    content, ours = doc["content"], doc["direction"] != INCOMING
    part = content.get(content.get("type", ""))
    customer, own = (contact or {}).get("phone"), (app or {}).get("sender_id")
    told = _WIRE[doc["status"]]
    segments = doc.get("segments")
    cost = price(app or {}, customer or "", segments) if ours and segments and told != "FAILED" else None
    return {
        "id": doc["_id"], "direction": "OUTBOUND" if ours else "INBOUND", "sms_app": doc["app"],
        "contact": doc["contact"], "to_number": customer if ours else own, "from_number": own if ours else customer,
        "message_text": body_text(content), "media_url": part.get("url") if isinstance(part, Mapping) else None,
        "segment_count": segments, "provider_message_id": doc["carrier_id"], "provider_used": (app or {}).get("bsp"),
        "status": "UNDELIVERED" if told == "FAILED" and doc["sent_at"] is not None else told,
        "cost": None if cost is None else cost / MICROS, "error_code": doc["error_code"],
        "error_message": doc["error_message"], "inbox_message": doc["_id"],
        "broadcast_message": doc.get("broadcast_row"), "sent_at": iso_or_none(doc["sent_at"]),
        "delivered_at": iso_or_none(doc["delivered_at"]), "failed_at": iso_or_none(doc["failed_at"]),
        "created_at": iso(doc["created_at"]),
    }  # fmt: skip


_MESSAGES = message_listing("app", sms_app=Filter("app", lookups=("", "in")))
_TO = {"to_number": Parameter("Only those that went to a number, or came in at one of ours.", SHORT)}


async def _answered(ctx: OperationContext, id: str) -> Document:
    """Return a message once its carrier has said something of it, or as it is after a moment."""
    doc = await ctx.data.get("messages", id)
    with_patience = asyncio.timeout(ANSWERED_WITHIN_S)
    try:
        async with with_patience:
            while doc["status"] == status.PENDING and doc.get("deferred_until") is None:
                await asyncio.sleep(PAUSE_S)
                doc = await ctx.data.get("messages", id)
    except TimeoutError:
        pass
    return doc


@operation(
    "POST", "/sms/v1/messages/", id="sms.messages.send", permission="inbox.reply", body=SendSms, returns=SmsSent,
    status=201, effect=True, dry_run=SmsPreview, tag="sms", aliases=("/sms/v1/messages/send/",),
)  # fmt: skip
async def send_message(ctx: OperationContext, body: SendSms) -> dict[str, Any] | Reply:
    """Send an SMS.

    The answer tells how it was cut and what it costs, and waits a moment for the carrier: what it refuses at once is
    answered `provider_error`, and the failed message stays. Delivery follows as events.
    """
    if dry_run(ctx):
        checked = await sending.check_message(ctx, body.message())
        app = await ctx.data.get("apps", checked.account.id)
        made, to = segmented(body_text(checked.composed.content)), body.phone or (checked.contact or {}).get("phone")
        segments = checked.composed.segments
        cost = price(app, to or "", segments) if segments else None
        return Reply({**render_preview(checked), **_cut(made, segments, cost)})
    doc = await _answered(ctx, (await sending.send_message(ctx, body.message()))["_id"])
    if doc["status"] == status.FAILED:
        told = {"message_id": doc["_id"], "error_code": doc["error_code"]}
        raise CarrierRefused(doc["error_message"] or "The carrier did not take the message.", extra=told)
    contact, app = await ctx.data.get("contacts", doc["contact"]), await ctx.data.get("apps", doc["app"])
    segments = doc.get("segments")
    cost = price(app, contact["phone"] or "", segments) if segments else None
    return {
        **_view(doc, contact, app), **_cut(segmented(body_text(doc["content"])), segments, cost), "success": True,
        "message_id": doc["_id"], "outbound_id": doc["_id"], "error": None,
    }  # fmt: skip


async def _views(ctx: OperationContext, docs: Sequence[Document]) -> list[dict[str, Any]]:
    ids, apps = list({doc["contact"] for doc in docs}), list({doc["app"] for doc in docs if doc["app"]})
    people = await ctx.data.select("contacts", {"_id": {"$in": ids}}, fields={"phone": 1}) if ids else []
    accounts = await ctx.data.select("apps", {"_id": {"$in": apps}}) if apps else []
    by_id: dict[str, Document] = {row["_id"]: row for row in [*people, *accounts]}
    return [_view(doc, by_id.get(doc["contact"]), by_id.get(doc["app"])) for doc in docs]


@operation(
    "GET", "/sms/v1/messages/", id="sms.messages.list", permission="inbox.view", listing=_MESSAGES, returns=SmsOut,
    tag="sms", query=_TO,
)  # fmt: skip
async def list_messages(ctx: OperationContext) -> dict[str, Any]:
    """List the SMS, sent and received."""
    async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return await _views(ctx, docs)

    asked = await _sent_to(ctx, ctx.caller.query.get("to_number", "").strip())
    return await list_documents(ctx, "messages", _MESSAGES, render, await listed_messages(ctx, PLATFORM), asked)


async def _sent_to(ctx: OperationContext, number: str) -> list[dict[str, Any]]:
    """Return the condition of messages to a number: a customer's, or the sender of one of our apps."""
    if not number:
        return []
    wanted = f"+{number}" if number.isdecimal() else number  # a + that was not escaped is a blank
    people = await ctx.data.select("contacts", {"phone": {"$in": [number, wanted]}}, fields={"_id": 1})
    ours = {"channel": PLATFORM, "sender_id": {"$in": [number, wanted]}}
    apps = await ctx.data.select("apps", ours, fields={"_id": 1})
    if apps:
        return [{"app": {"$in": [app["_id"] for app in apps]}}, {"direction": INCOMING}]
    return [{"contact": {"$in": [contact["_id"] for contact in people]}}, {"direction": OUTGOING}]


@operation(
    "GET", "/sms/v1/messages/{id}/", id="sms.messages.read", permission="inbox.view", returns=SmsOut, tag="sms"
)  # fmt: skip
async def read_message(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Show one SMS."""
    doc, _ = await seen_message(ctx, PLATFORM, id)
    [shown] = await _views(ctx, [doc])
    return shown


@operation(
    "GET", "/sms/v1/contacts/", id="sms.contacts.list", permission="contact.view", listing=CONTACTS,
    returns=ChannelContact, tag="sms",
)  # fmt: skip
async def list_contacts(ctx: OperationContext) -> dict[str, Any]:
    """List the contacts that came by SMS or were added by hand."""
    return await contacts.list_contacts_of(ctx, PLATFORM)
