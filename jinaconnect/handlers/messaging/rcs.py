"""`/rcs/v1/messages/`, `/rcs/v1/capability-check/`: RCS messages, and who can be reached by them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, RootModel

from jinaconnect.actions.contacts import contacts
from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.messaging.reach import check_reach
from jinaconnect.actions.messaging.revoking import revoke_message
from jinaconnect.channels.rcs_google.view import rcs_view
from jinaconnect.core.contacts.listing import CONTACTS
from jinaconnect.core.errors import Invalid
from jinaconnect.core.schema import Answer
from jinaconnect.handlers.contacts.contacts import ChannelContact
from jinaconnect.handlers.edge.operation import Reply, operation
from jinaconnect.handlers.messaging.messages import (
    SendPreview,
    listed_messages,
    message_listing,
    of_contacts,
    seen_message,
    sent_or_preview,
)
from jinaconnect.handlers.messaging.rcs_apps import PLATFORM
from jinaconnect.handlers.messaging.rcs_request import CheckReach, SendRcs


class RcsMessage(Answer):
    """An RCS message; `fallback_sms` is the text message that went in its place."""

    id: str
    message_id: int | None
    direction: Literal["INBOUND", "OUTBOUND"]
    rcs_app: str | None
    contact: str
    to_phone: str | None
    message_type: str
    message_content: dict[str, Any]
    suggestions: list[dict[str, Any]]
    provider_message_id: str | None
    status: Literal[
        "PENDING", "SENDING", "UNKNOWN", "SENT", "DELIVERED", "READ", "FAILED", "EXPIRED", "REVOKED", "RECEIVED"
    ]
    cost: float | None = Field(description="Null where nobody is charged, or its broadcast is.")
    traffic_type: str | None
    fallback_sms: str | None
    inbox_message: str
    broadcast_message: str | None = Field(description="The recipient of a broadcast that it went to.")
    error_code: str | None
    error_message: str | None
    sent_at: str | None
    delivered_at: str | None
    read_at: str | None
    failed_at: str | None
    created_at: str


class RcsSent(RcsMessage):
    """A message that is recorded; `outbound_id` is its id."""

    success: bool
    outbound_id: str
    channel: str = Field(description="RCS; where it does not reach, `fallback_sms` names the text message later.")


class RcsReach(Answer):
    """Whether a number is reached by RCS, and what its telephone shows."""

    phone: str
    is_rcs_enabled: bool
    features: list[str]
    checked_at: str


class RcsReaches(RootModel[list[RcsReach]]):
    """What is known of the numbers asked about."""


_MESSAGES = message_listing("app")


@operation(
    "POST", "/rcs/v1/messages/", id="rcs.messages.send", permission="inbox.reply", body=SendRcs, returns=RcsSent,
    status=201, effect=True, dry_run=SendPreview, tag="rcs", aliases=("/rcs/v1/send/", "/rcs/v1/messages/send/"),
)  # fmt: skip
async def send_message(ctx: OperationContext, body: SendRcs) -> dict[str, Any] | Reply:
    """Send an RCS message; the answer means "recorded", delivery follows as events.

    Where the number is not on RCS the message fails, and a text message follows where the agent has that turned on.
    """
    if faults := body.missing():
        raise Invalid(faults)
    made = await sent_or_preview(ctx, body.message())
    if isinstance(made, Reply):
        return made
    doc, contact = made
    return {"success": True, "outbound_id": doc["_id"], "channel": PLATFORM, **rcs_view(doc, contact["phone"])}


@operation(
    "GET", "/rcs/v1/messages/", id="rcs.messages.list", permission="inbox.view", listing=_MESSAGES,
    returns=RcsMessage, tag="rcs",
)  # fmt: skip
async def list_messages(ctx: Context) -> dict[str, Any]:
    """List the RCS messages, sent and received."""
    async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        phones = await of_contacts(ctx, docs, "phone")
        return [rcs_view(doc, phones.get(doc["contact"])) for doc in docs]

    return await list_documents(ctx, "messages", _MESSAGES, render, await listed_messages(ctx, PLATFORM))


@operation(
    "GET", "/rcs/v1/messages/{id}/", id="rcs.messages.read", permission="inbox.view", returns=RcsMessage, tag="rcs"
)
async def read_message(ctx: Context, id: str) -> dict[str, Any]:
    """Show one RCS message."""
    doc, contact = await seen_message(ctx, PLATFORM, id)
    return rcs_view(doc, contact["phone"])


@operation(
    "POST", "/rcs/v1/messages/{id}/revoke/", id="rcs.messages.revoke", permission="inbox.reply", returns=RcsMessage,
    effect=True, tag="rcs", errors=(501, 502),
)  # fmt: skip
async def revoke(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Take a message back at Google; one that is delivered already stays where it is."""
    doc, contact = await seen_message(ctx, PLATFORM, id)
    return rcs_view(await revoke_message(ctx, doc, contact), contact["phone"])


@operation(
    "POST", "/rcs/v1/capability-check/", id="rcs.capability_check", permission="inbox.view", body=CheckReach,
    returns=RcsReaches, effect=True, tag="rcs", errors=(501, 502),
)  # fmt: skip
async def capability_check(ctx: OperationContext, body: CheckReach) -> list[dict[str, Any]]:
    """Ask which numbers are on RCS; what is answered is kept for a week, and on the contacts with these numbers."""
    return await check_reach(ctx, PLATFORM, body.app_id, list(dict.fromkeys(body.phones)))


@operation(
    "GET", "/rcs/v1/contacts/", id="rcs.contacts.list", permission="contact.view", listing=CONTACTS,
    returns=ChannelContact, tag="rcs",
)  # fmt: skip
async def list_contacts(ctx: Context) -> dict[str, Any]:
    """List the contacts that came by RCS or were added by hand."""
    return await contacts.list_contacts_of(ctx, PLATFORM)
