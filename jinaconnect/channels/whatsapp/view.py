"""A message as the WhatsApp endpoints show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.core.clock import iso, iso_or_none
from jinaconnect.core.inbox.message import INCOMING, body_text

_LABELS = {
    "PENDING": "Pending", "SENDING": "Sending", "UNKNOWN": "Unknown", "SENT": "Sent", "DELIVERED": "Delivered",
    "READ": "Read", "FAILED": "Failed", "EXPIRED": "Expired", "RECEIVED": "Received",
}  # fmt: skip


def whatsapp_view(doc: Mapping[str, Any], phone: str | None) -> dict[str, Any]:
    """Return every field of a message; the list shows a part of them."""
    content = doc["content"]
    part = content.get(content.get("type", ""))
    part = part if isinstance(part, Mapping) else {}
    place = content.get("location") or {}
    reply = content.get("button_reply") or {}
    return {
        "id": doc["_id"],
        "message_id": doc["number"],
        "direction": "INBOUND" if doc["direction"] == INCOMING else "OUTBOUND",
        "message_type": doc["type"],
        "status": doc["status"],
        "status_display": _LABELS[doc["status"]],
        "text": body_text(content) or None,
        "contact": doc["contact"],
        "contact_phone": phone,
        "wa_app": doc["app"],
        "wa_message_id": doc.get("network_id") or doc["carrier_id"],
        "gs_message_id": doc["carrier_id"] if doc.get("network_id") else None,
        "template": doc["template"],
        "template_name": content.get("template"),
        "media_url": part.get("url"),
        "media_mime_type": part.get("mime_type"),
        "media_caption": part.get("caption"),
        "media_filename": part.get("filename"),
        "button_payload": reply.get("payload"),
        "button_text": reply.get("title"),
        "latitude": place.get("latitude"),
        "longitude": place.get("longitude"),
        "location_name": place.get("name"),
        "location_address": place.get("address"),
        "reply_to": doc["reply_to"],
        "reactions": list(doc["reactions"]),
        "error_code": doc["error_code"],
        "error_message": doc["error_message"],
        "sent_at": iso_or_none(doc["sent_at"]),
        "delivered_at": iso_or_none(doc["delivered_at"]),
        "read_at": iso_or_none(doc["opened_at"]),
        "failed_at": iso_or_none(doc["failed_at"]),
        "timestamp": iso(doc["timestamp"]),
        "is_billable": False,
        "cost": 0,
        "created_at": iso(doc["created_at"]),
        "updated_at": iso(doc["updated_at"]),
        "created_by": doc["created_by"],
    }
