"""Events of broadcasts: the broadcast as it is afterwards."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from jinaconnect.core.broadcasts.states import STATUSES
from jinaconnect.core.events.payloads.base import EARLIER, MOMENT, Count, Payload, Stamp, like
from jinaconnect.core.inbox.platform import PlatformName
from jinaconnect.core.rules.rows import Category
from jinaconnect.core.schema import Given, OneOf, sample_id

BROADCAST = {
    "id": sample_id("brc"), "name": "Spring sale", "platform": "WHATSAPP", "status": "SCHEDULED",
    "ui_status": "Scheduled", "ui_status_display": "Scheduled", "app": sample_id("wap"), "template": sample_id("tpl"),
    "template_number": sample_id("tpl"),
    "recipient_count": 1200, "select_all": False, "tag_filter": ["vip"], "segment_filter": [],
    "scheduled_time": MOMENT, "placeholder_data": {"code": "SPRING"}, "media_overrides": {}, "sections": [],
    "catalog_id": None,
    "allowed_hours_local": {"start": "09:00", "end": "20:00"}, "category": "MARKETING",
    "voice_template": None, "call_options": None, "fallback_sms_enabled": None,
    "track_links": False, "reason_for_cancellation": "", "pending_count": 0, "queued_count": 0, "sending_count": 0,
    "unknown_count": 0, "sent_count": 0, "delivered_count": 0, "read_count": 0, "failed_count": 0, "blocked_count": 0,
    "success_count": 0, "total_messages": 1200, "is_active": True, "started_at": None,
    "ended_at": None,
    "created_at": EARLIER, "updated_at": EARLIER, "created_by": "sam@example.com", "updated_by": "sam@example.com",
}  # fmt: skip
_RUNNING = like(BROADCAST, status="SENDING", ui_status="Ongoing", ui_status_display="Ongoing", started_at=MOMENT,
                pending_count=700, delivered_count=300, sent_count=200, success_count=500)  # fmt: skip


class QuietHours(Payload):
    """From when to when recipients are written to, in their own time."""

    start: str
    end: str


class RetryCalls(Payload):
    """Who is called again: after which outcomes, how often, how many minutes later."""

    on: list[Literal["busy", "no_answer", "failed"]]
    times: Count
    after_minutes: Count


class CallOptions(Payload):
    """How a broadcast's recipients are called."""

    from_number: Given[str] = None
    timeout_s: Given[Count] = None
    max_duration_s: Given[Count] = None
    record: Given[bool] = None
    machine_detection: Given[bool] = None
    max_concurrent: Given[Count] = None
    retry: Given[RetryCalls] = None
    metadata: Given[dict[str, Any]] = None


class BroadcastData(Payload, json_schema_extra=like(BROADCAST)):
    """A broadcast; the counters are of its recipients, each in one of them and successes besides."""

    id: str
    name: str
    platform: PlatformName
    status: Annotated[str, OneOf(STATUSES)]
    ui_status: Literal["Draft", "Scheduled", "Ongoing", "Completed", "Failed", "Cancelled", "Paused", "Missed"]
    ui_status_display: str
    app: str | None
    template: str | None
    template_number: str | None = Field(description="The same as `template`.")
    recipient_count: Count = Field(description="Those it goes to; before it begins, those it would go to.")
    select_all: bool
    tag_filter: list[str]
    segment_filter: list[str]
    scheduled_time: Stamp | None
    placeholder_data: dict[str, Any]
    media_overrides: dict[str, Any]
    sections: list[dict[str, Any]] = Field(description="The products that a template of products shows.")
    catalog_id: str | None
    allowed_hours_local: QuietHours | None
    category: Category
    voice_template: str | None = Field(description="What is said in its calls, where it is no text or file.")
    call_options: CallOptions | None
    fallback_sms_enabled: bool | None = Field(
        description="Whether who was not reached by call gets a text message; null: as the provider config has it."
    )
    track_links: bool = Field(description="Whether addresses in its text are replaced by links that are followed.")
    reason_for_cancellation: str = Field(description="Why it was cancelled, has failed, or waits.")
    pending_count: Count
    queued_count: Count
    sending_count: Count
    unknown_count: Count
    sent_count: Count
    delivered_count: Count
    read_count: Count
    failed_count: Count
    blocked_count: Count
    success_count: Count
    total_messages: Count
    is_active: bool
    started_at: Stamp | None
    ended_at: Stamp | None
    created_at: Stamp
    updated_at: Stamp
    created_by: str | None
    updated_by: str | None


class BroadcastCreated(BroadcastData, json_schema_extra=like(BROADCAST)):
    """A broadcast was written."""


class BroadcastUpdated(BroadcastData, json_schema_extra=like(BROADCAST)):
    """A broadcast was changed, scheduled, paused or resumed."""


class BroadcastStarted(BroadcastData, json_schema_extra=_RUNNING):
    """A broadcast has begun to be sent."""


class BroadcastProgressed(BroadcastData, json_schema_extra=_RUNNING):
    """A broadcast went on; told once a second at most."""


class BroadcastCompleted(BroadcastData, json_schema_extra=like(BROADCAST, status="SENT", ui_status="Completed")):
    """A broadcast has ended: nobody is left to be sent to."""


class BroadcastFailed(BroadcastData, json_schema_extra=like(BROADCAST, status="FAILED", ui_status="Failed")):
    """A broadcast has ended and reached nobody."""


class BroadcastCancelled(BroadcastData, json_schema_extra=like(BROADCAST, status="CANCELLED", ui_status="Cancelled")):
    """A broadcast was cancelled; who was not sent to will not be."""


class BroadcastMissed(BroadcastData, json_schema_extra=like(BROADCAST, status="MISSED", ui_status="Missed")):
    """A broadcast was found more than two hours late and waits to be resumed."""


LINK = {
    "id": sample_id("lnk"), "code": "aB3dE5fG", "original_url": "https://shop.example.com/spring?for=ann",
    "tracked_url": "https://gateway.example.com/r/aB3dE5fG/", "button_index": 0, "button_text": "To the shop",
    "card_index": None,
    "click_count": 1, "suspect_count": 0, "bot_count": 2, "first_clicked_at": MOMENT, "last_clicked_at": MOMENT,
    "contact": sample_id("cnt"), "broadcast": sample_id("brc"), "broadcast_message": sample_id("brr"),
    "created_at": EARLIER,
}  # fmt: skip


class LinkData(Payload, json_schema_extra=like(LINK)):
    """A recipient's link; programs that came by it are counted apart from people."""

    id: str
    code: str | None = Field(description="What stands in the link; null where it leads past the gateway.")
    original_url: str
    tracked_url: str
    button_index: int | None = Field(description="Which button of the template it is, null in a text.")
    button_text: str
    card_index: int | None = Field(description="Which card of a carousel the button is on, counted from 0.")
    click_count: Count = Field(description="How often a person came.")
    suspect_count: Count = Field(description="How often it was a person or a preview.")
    bot_count: Count
    first_clicked_at: Stamp | None
    last_clicked_at: Stamp | None
    contact: str
    broadcast: str
    broadcast_message: str
    created_at: Stamp


class LinkClicked(LinkData, json_schema_extra=like(LINK)):
    """A recipient of a broadcast came by their link."""
