"""Events of the office: tags, how an organisation looks, its media library, notices to its people."""

from __future__ import annotations

from jinaconnect.core.events.payloads.base import EARLIER, MOMENT, Payload, Stamp, like
from jinaconnect.core.schema import sample_id

_TAG = {
    "id": sample_id("tag"), "tenant": sample_id("ten"), "name": "Wholesale", "description": None, "is_active": True,
    "created_at": EARLIER, "updated_at": MOMENT, "created_by": "sam@example.com", "updated_by": "sam@example.com",
}  # fmt: skip


class TagData(Payload, json_schema_extra=like(_TAG)):
    """A tag of the organisation."""

    id: str
    tenant: str
    name: str
    description: str | None
    is_active: bool
    created_at: Stamp | None
    updated_at: Stamp | None
    created_by: str | None
    updated_by: str | None


class TagCreated(TagData, json_schema_extra=like(_TAG)):
    """A tag was added."""


class TagUpdated(TagData, json_schema_extra=like(_TAG)):
    """A tag changed."""
