"""Events of messages to be sent later."""

from __future__ import annotations

from typing import Annotated, Any

from jinaconnect.core.events.payloads.base import EARLIER, LATER, MOMENT, Payload, Stamp, like
from jinaconnect.core.inbox.platform import PlatformName
from jinaconnect.core.messaging.scheduled import STATUSES
from jinaconnect.core.schema import OneOf, sample_id

SCHEDULED_MESSAGE = {
    "id": sample_id("sch"), "contact": sample_id("cnt"), "platform": "WHATSAPP",
    "content": {"type": "text", "body": {"text": "Good morning! It is here."}}, "template": None,
    "channel_app_id": None, "reply_to": None, "status": "SCHEDULED", "error": None, "created_by": "sam@example.com",
    "updated_by": "sam@example.com", "scheduled_time": LATER, "message_id": None, "tenant_user": sample_id("usr"),
    "created_at": EARLIER, "updated_at": MOMENT,
}  # fmt: skip


class NotSentBecause(Payload):
    """Why a message was not sent: the code and text a request to send it would have had."""

    code: str
    detail: str


class ScheduledMessageData(Payload, json_schema_extra=like(SCHEDULED_MESSAGE)):
    """A message to be sent later; `message_id` is the message it became."""

    id: str
    contact: str
    platform: PlatformName
    content: dict[str, Any] | None
    template: dict[str, Any] | None
    channel_app_id: str | None
    reply_to: str | None
    status: Annotated[str, OneOf(STATUSES)]
    error: NotSentBecause | None
    created_by: str | None
    updated_by: str | None
    scheduled_time: Stamp
    message_id: str | None
    tenant_user: str | None
    created_at: Stamp
    updated_at: Stamp


class ScheduledMessageCreated(ScheduledMessageData, json_schema_extra=like(SCHEDULED_MESSAGE)):
    """A message was scheduled."""


class ScheduledMessageUpdated(ScheduledMessageData, json_schema_extra=like(SCHEDULED_MESSAGE)):
    """A scheduled message, or its time, changed."""


class ScheduledMessageSent(
    ScheduledMessageData, json_schema_extra=like(SCHEDULED_MESSAGE, status="SENT", message_id=sample_id("msg"))
):
    """A scheduled message was recorded to be sent: what becomes of it is told as any message's."""


class ScheduledMessageCancelled(ScheduledMessageData, json_schema_extra=like(SCHEDULED_MESSAGE, status="CANCELLED")):
    """A scheduled message will not be sent."""


class ScheduledMessageMissed(ScheduledMessageData, json_schema_extra=like(SCHEDULED_MESSAGE, status="MISSED")):
    """A scheduled message was not sent: the gateway came to it more than two hours late."""


class ScheduledMessageFailed(
    ScheduledMessageData,
    json_schema_extra=like(
        SCHEDULED_MESSAGE, status="FAILED",
        error={"code": "session_window_closed", "detail": "The contact has not written in the last 24 hours."},
    ),
):  # fmt: skip
    """A scheduled message was refused when its time came."""
