"""Events of messages: the message as the inbox shows it afterwards.

`content` is in the inbox's words whatever the channel: its `type` says which part of it holds what was sent.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from jinaconnect.core.events.payloads.base import EARLIER, LATER, MOMENT, Payload, Stamp, Unix, like
from jinaconnect.core.inbox.platform import PlatformName
from jinaconnect.core.schema import sample_id

MESSAGE = {
    "id": sample_id("msg"), "message_id": 1042,
    "content": {"type": "text", "body": {"text": "Do you have it in blue?"}}, "timestamp": MOMENT,
    "direction": "INCOMING", "platform": "WHATSAPP", "platform_display": "WhatsApp",
    "channel_app_id": sample_id("wap"), "author": "CONTACT", "contact": sample_id("cnt"), "tenant_user": None,
    "message_type": "text", "is_read": False, "read_at": None, "read_by_id": None, "read_by_name": None,
    "expires_at": 1795514400, "outgoing_status": None, "outgoing_sent_at": None, "outgoing_delivered_at": None,
    "outgoing_read_at": None, "outgoing_failed_at": None, "error_code": None, "error_message": None,
    "external_message_id": "wamid.INK8X2V7M4Q9R5T1W3Y6Z8A0B", "reply_to": None, "reactions": [], "edited_at": None,
    "history": [], "revoked_at": None, "group_id": None, "said_by": None, "deferred_until": None,
    "internal_note": False, "created_by": None, "created_at": MOMENT,
}  # fmt: skip
_ANSWER = {
    **MESSAGE, "message_id": 1043, "content": {"type": "text", "body": {"text": "We do!"}}, "direction": "OUTGOING",
    "author": "USER", "tenant_user": sample_id("usr"), "is_read": True, "expires_at": None,
    "outgoing_status": "queued", "external_message_id": None, "created_by": "sam@example.com",
}  # fmt: skip
_SENT = {
    **_ANSWER, "outgoing_status": "sent", "outgoing_sent_at": MOMENT,
    "external_message_id": "wamid.OUT8X2V7M4Q9R5T1W3Y6Z8A0B",
}  # fmt: skip
_DELIVERED = {**_SENT, "outgoing_status": "delivered", "outgoing_delivered_at": MOMENT}


class Reaction(Payload):
    """An emoji somebody put on a message."""

    emoji: str
    user_id: str
    timestamp: Stamp


class PastContent(Payload):
    """What a message said until its writer changed it or took it back."""

    content: dict[str, Any]
    until: Stamp


class SaidBy(Payload):
    """Who said something in a group, as the carrier names them."""

    name: str
    address: str


class MessageData(Payload, json_schema_extra=like(MESSAGE)):
    """A message of any channel; `message_id` is its place in the timeline, `expires_at` Unix seconds."""

    id: str
    message_id: int | None
    content: dict[str, Any]
    timestamp: Stamp
    direction: Literal["INCOMING", "OUTGOING"]
    platform: PlatformName
    platform_display: str
    channel_app_id: str | None
    author: Literal["USER", "CONTACT", "BOT"]
    contact: str
    tenant_user: str | None
    message_type: str
    is_read: bool
    read_at: Stamp | None
    read_by_id: str | None
    read_by_name: str | None
    expires_at: Unix | None
    outgoing_status: Literal["queued", "unknown", "sent", "delivered", "read", "failed"] | None
    outgoing_sent_at: Stamp | None
    outgoing_delivered_at: Stamp | None
    outgoing_read_at: Stamp | None
    outgoing_failed_at: Stamp | None
    error_code: str | None
    error_message: str | None
    external_message_id: str | None
    reply_to: str | None
    reactions: list[Reaction]
    edited_at: Stamp | None
    history: list[PastContent]
    revoked_at: Stamp | None = Field(description="When its writer took it back; the message stays, so marked.")
    group_id: str | None = Field(description="The group it was said in, whose conversation it stands in.")
    said_by: SaidBy | None = Field(description="Who said it in the group.")
    deferred_until: Stamp | None = Field(description="Until when the hours of its kind held it back.")
    internal_note: bool
    created_by: str | None
    created_at: Stamp


class MessageReceived(MessageData, json_schema_extra=like(MESSAGE)):
    """A customer wrote."""


class MessageQueued(MessageData, json_schema_extra=like(_ANSWER)):
    """An outgoing message is recorded and waits for its carrier."""


class MessageSent(MessageData, json_schema_extra=like(_SENT)):
    """The carrier took the message."""


class MessageDelivered(MessageData, json_schema_extra=like(_DELIVERED)):
    """The message reached the customer's device."""


class MessageRead(
    MessageData, json_schema_extra=like(_DELIVERED, outgoing_status="read", outgoing_read_at=LATER)
):  # fmt: skip
    """The customer opened the message."""


class MessageFailed(
    MessageData,
    json_schema_extra=like(
        _SENT, outgoing_status="failed", outgoing_failed_at=LATER, error_code="131026",
        error_message="Message undeliverable",
    ),
):  # fmt: skip
    """The message will not reach the customer; the error says why."""


class MessageUnknown(MessageData, json_schema_extra=like(_ANSWER, outgoing_status="unknown")):
    """The carrier did not say whether it took the message."""


class MessageUpdated(
    MessageData,
    json_schema_extra=like(
        _DELIVERED, reactions=[{"emoji": "👍", "user_id": sample_id("cnt"), "timestamp": LATER}]
    ),
):  # fmt: skip
    """A reaction came, its writer edited the message, or its carrier has it wait for its hours."""


class MessageNoted(
    MessageData,
    json_schema_extra=like(
        _ANSWER, content={"type": "note", "body": {"text": "Wants it gift-wrapped."}, "mentions": []},
        message_type="note", internal_note=True, outgoing_status=None, channel_app_id=None,
    ),
):  # fmt: skip
    """A team member left an internal note."""


class MessageDeleted(MessageData, json_schema_extra=like(MESSAGE, content={"type": "text"}, created_at=EARLIER)):
    """The team removed the message from the inbox, or its writer took it back (`revoked_at`)."""
