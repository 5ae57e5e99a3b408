"""Events of segments: the segment as it is afterwards."""

from __future__ import annotations

from typing import Literal

from jinaconnect.core.events.payloads.base import EARLIER, MOMENT, Payload, Stamp, like
from jinaconnect.core.schema import sample_id

SEGMENT = {
    "id": sample_id("seg"), "name": "Boston", "description": None, "type": "dynamic",
    "filter": {"tag__in": ["vip"], "attributes.city": "Boston"}, "created_at": EARLIER, "updated_at": MOMENT,
    "created_by": "sam@example.com", "updated_by": "sam@example.com",
}  # fmt: skip
Value = bool | int | str


class SegmentData(Payload, json_schema_extra=like(SEGMENT)):
    """A segment of contacts: static, or dynamic with the filter that finds them."""

    id: str
    name: str
    description: str | None
    type: Literal["static", "dynamic"]
    filter: dict[str, Value | list[Value]] | None
    created_at: Stamp
    updated_at: Stamp
    created_by: str | None
    updated_by: str | None


class SegmentCreated(SegmentData, json_schema_extra=like(SEGMENT, updated_at=EARLIER)):
    """A segment was added."""


class SegmentUpdated(SegmentData, json_schema_extra=like(SEGMENT)):
    """A segment changed."""


class SegmentDeleted(SegmentData, json_schema_extra=like(SEGMENT)):
    """A segment was removed."""
