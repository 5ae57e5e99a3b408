"""Events of canned replies."""

from __future__ import annotations

from jinaconnect.core.events.payloads.base import EARLIER, MOMENT, Payload, Stamp, like
from jinaconnect.core.schema import sample_id

CANNED_REPLY = {
    "id": sample_id("cnr"), "shortcut": "hours", "text": "We are here from 9 to 18 on weekdays.", "is_active": True,
    "created_at": EARLIER, "updated_at": MOMENT, "created_by": "sam@example.com", "updated_by": "sam@example.com",
}  # fmt: skip


class CannedReplyData(Payload, json_schema_extra=like(CANNED_REPLY)):
    """A text the team answers with often."""

    id: str
    shortcut: str
    text: str
    is_active: bool
    created_at: Stamp
    updated_at: Stamp
    created_by: str | None
    updated_by: str | None


class CannedReplyCreated(CannedReplyData, json_schema_extra=like(CANNED_REPLY)):
    """A canned reply was added."""


class CannedReplyUpdated(CannedReplyData, json_schema_extra=like(CANNED_REPLY)):
    """A canned reply changed."""


class CannedReplyDeleted(CannedReplyData, json_schema_extra=like(CANNED_REPLY)):
    """A canned reply was removed."""
