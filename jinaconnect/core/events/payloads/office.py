"""Events of the office: tags, how an organisation looks, its media library, notices to its people."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from jinaconnect.core.events.payloads.base import EARLIER, MOMENT, Count, Payload, Stamp, like
from jinaconnect.core.inbox.platform import PlatformName
from jinaconnect.core.office.notices import TYPES
from jinaconnect.core.schema import OneOf, sample_id

_TAG = {
    "id": sample_id("tag"), "tenant": sample_id("ten"), "name": "Wholesale", "description": None, "is_active": True,
    "created_at": EARLIER, "updated_at": MOMENT, "created_by": "sam@example.com", "updated_by": "sam@example.com",
}  # fmt: skip

_URL = "https://gateway.example.com/tenants/branding/files/brd_01kc8x2v7m4q9r5t1w3y6z8a0b/"
_PROOF = {
    "type": "TXT", "name": "_jinaconnect.help.example.com",
    "value": "jinaconnect-verification=2b1c0f3d9a7e4c5b8d6f0a1b2c3d4e5f60718293",
}  # fmt: skip
_SENDER = {
    "name": "Lee & Sons", "address": "hello@help.example.com", "reply_to": None, "status": "verified",
    "records": [_PROOF],
}  # fmt: skip
_BRANDING = {
    "id": sample_id("ten"), "favicon": None, "favicon_url": None, "effective_favicon_url": None, "primary_logo": _URL,
    "primary_logo_url": None, "effective_primary_logo_url": _URL, "logo": _URL, "secondary_logo": None,
    "secondary_logo_url": None, "effective_secondary_logo_url": None, "primary_color": "#0b6e4f",
    "product_name": "Lee & Sons", "custom_domain": "help.example.com", "custom_domain_status": "verified",
    "custom_domain_records": [_PROOF], "email_sender": _SENDER, "created_at": EARLIER, "updated_at": MOMENT,
}  # fmt: skip
_NOTICE = {
    "id": sample_id("ntf"), "notification_type": "broadcast_completed", "title": "Broadcast completed",
    "message": "Spring sale", "is_read": False, "metadata": {"broadcast_id": sample_id("brc")}, "created_at": MOMENT,
}  # fmt: skip
_MEDIA = {
    "id": sample_id("mdl"), "media": f"/tenants/tenant-media/{sample_id('mdl')}/serve/", "platform": "WHATSAPP",
    "card_index": None, "media_type": "image", "file_size": 48_211, "mime_type": "image/jpeg", "was_converted": True,
    "original_filename": "spring.heic", "handle_id": None, "wa_handle_id": None, "media_id": None,
    "created_at": EARLIER, "updated_at": MOMENT, "created_by": "sam@example.com", "updated_by": "sam@example.com",
}  # fmt: skip
Proving = Literal["pending", "verified", "failed"]


class DomainRecord(Payload, json_schema_extra=like(_PROOF)):
    """A record that a domain has to have."""

    type: Literal["TXT", "CNAME"]
    name: str
    value: str


class SenderData(Payload, json_schema_extra=like(_SENDER)):
    """Whom letters come from, once the domain is proven."""

    name: str
    address: str
    reply_to: str | None
    status: Proving
    records: list[DomainRecord]


class BrandingData(Payload, json_schema_extra=like(_BRANDING)):
    """How an organisation looks; each `effective_…` is what was uploaded, else the address given."""

    id: str
    favicon: str | None
    favicon_url: str | None
    effective_favicon_url: str | None
    primary_logo: str | None
    primary_logo_url: str | None
    effective_primary_logo_url: str | None
    logo: str | None
    secondary_logo: str | None
    secondary_logo_url: str | None
    effective_secondary_logo_url: str | None
    primary_color: str | None
    product_name: str | None
    custom_domain: str | None
    custom_domain_status: Proving | None
    custom_domain_records: list[DomainRecord]
    email_sender: SenderData | None
    created_at: Stamp | None
    updated_at: Stamp | None


class BrandingUpdated(BrandingData, json_schema_extra=like(_BRANDING)):
    """How the organisation looks has changed."""


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


class NotificationData(Payload, json_schema_extra=like(_NOTICE)):
    """A notice to one person."""

    id: str
    notification_type: Annotated[str, OneOf(TYPES)]
    title: str
    message: str
    is_read: bool
    metadata: dict[str, Any]
    created_at: Stamp


class NotificationCreated(NotificationData, json_schema_extra=like(_NOTICE)):
    """A person was notified; they alone hear of it."""


class NotificationRead(NotificationData, json_schema_extra=like(_NOTICE, is_read=True)):
    """A person has read a notice."""


class MediaData(Payload, json_schema_extra=like(_MEDIA)):
    """A file of the media library; the handles are what carriers gave for it."""

    id: str
    media: str
    platform: PlatformName
    card_index: int | None
    media_type: Literal["document", "image", "video", "audio"]
    file_size: Count
    mime_type: str
    was_converted: bool
    original_filename: str
    handle_id: str | None
    wa_handle_id: str | None
    media_id: str | None
    created_at: Stamp | None
    updated_at: Stamp | None
    created_by: str | None
    updated_by: str | None


class MediaCreated(MediaData, json_schema_extra=like(_MEDIA)):
    """A file was added to the media library."""


class MediaUpdated(MediaData, json_schema_extra=like(_MEDIA)):
    """A file of the media library, or what is said of it, has changed."""
