"""Messages as the inbox keeps and shows them, whatever channel they came by."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jinaconnect.core.clock import iso, iso_or_none
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.platform import PLATFORMS

INCOMING, OUTGOING = "INCOMING", "OUTGOING"
AUTHORS = ("USER", "CONTACT", "BOT")
_LABELS = {
    "image": "📷 Image", "video": "🎥 Video", "audio": "🎵 Audio", "document": "📄 Document", "sticker": "Sticker",
    "location": "📍 Location", "contact": "👤 Contact", "order": "🛒 Order", "file": "📎 File",
}  # fmt: skip
_WIRE_STATUS = {
    status.PENDING: "queued", status.SENDING: "queued", status.UNKNOWN: "unknown", status.SENT: "sent",
    status.DELIVERED: "delivered", status.READ: "read", status.FAILED: "failed", status.EXPIRED: "failed",
}  # fmt: skip


def new_message(
    id: str, *, contact: str, platform: str, direction: str, type: str, content: Mapping[str, Any], author: str,
    app: str | None, timestamp: datetime, status: str, **fields: Any,
) -> dict[str, Any]:  # fmt: skip
    """Return a message document with every field at its default; `number` is given by the log."""
    return {
        "_id": id, "contact": contact, "platform": platform, "direction": direction, "type": type,
        "content": dict(content), "author": author, "app": app, "timestamp": timestamp, "status": status,
        "carrier_id": None, "reply_to": None, "is_read": direction == OUTGOING, "read_at": None, "read_by_id": None,
        "read_by_name": None, "sent_at": None, "delivered_at": None, "opened_at": None, "failed_at": None,
        "error_code": None, "error_message": None, "reactions": [], "edited_at": None, "internal_note": False,
        "created_by": None, "user": None, "number": None, "template": None, "group_id": None, "deleted_at": None,
        "category": None, "deferred_until": None,
        **fields,
    }  # fmt: skip


def opens_window(message: Mapping[str, Any]) -> bool:
    """Tell whether a message lets the business write freely to its writer: what is said in a group does not."""
    private = message["direction"] == INCOMING and message.get("group_id") is None
    return private and not message.get("quiet")


def body_text(content: Mapping[str, Any]) -> str:
    """Return the text a person would read in a message, empty for none."""
    kind = content.get("type", "")
    body = content.get("body") or {}
    part = content.get(kind) or {}
    if isinstance(body, Mapping) and body.get("text"):
        return str(body["text"])
    return str(part.get("caption") or "") if isinstance(part, Mapping) else ""


def preview(content: Mapping[str, Any], limit: int = 50) -> tuple[str, str]:
    """Return (text of at most `limit` characters, type) for the chat list."""
    kind = str(content.get("type", "text"))
    text = body_text(content)
    if kind == "document":
        text = text or str((content.get("document") or {}).get("filename") or "")
    if kind == "cards" and content.get("cards"):
        text = text or str((content["cards"][0].get("body") or {}).get("text") or "")
    if not text:
        text = _LABELS.get(kind, f"[{kind}]")
    return text[:limit], kind


def _said_by(doc: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return who said what was said in a group."""
    held = doc.get("said_by")
    return None if held is None else {"name": held["name"], "address": held["address"].partition(":")[2]}


def render_message(doc: Mapping[str, Any], number: int | None = None) -> dict[str, Any]:
    """Return a message as the inbox and events show it."""
    outgoing = doc["direction"] == OUTGOING and not doc["internal_note"]
    platform = PLATFORMS[doc["platform"]]
    expires = doc["timestamp"] + platform.window if platform.window and opens_window(doc) else None
    return {
        "id": doc["_id"], "message_id": doc["number"] if number is None else number, "content": doc["content"],
        "timestamp": iso(doc["timestamp"]), "direction": doc["direction"], "platform": doc["platform"],
        "platform_display": platform.label, "channel_app_id": doc["app"], "author": doc["author"],
        "contact": doc["contact"], "tenant_user": doc["user"], "message_type": doc["type"],
        "is_read": doc["is_read"], "read_at": iso_or_none(doc["read_at"]), "read_by_id": doc["read_by_id"],
        "read_by_name": doc["read_by_name"], "expires_at": None if expires is None else int(expires.timestamp()),
        "outgoing_status": _WIRE_STATUS[doc["status"]] if outgoing else None,
        "outgoing_sent_at": iso_or_none(doc["sent_at"]) if outgoing else None,
        "outgoing_delivered_at": iso_or_none(doc["delivered_at"]) if outgoing else None,
        "outgoing_read_at": iso_or_none(doc["opened_at"]) if outgoing else None,
        "outgoing_failed_at": iso_or_none(doc["failed_at"]) if outgoing else None,
        "error_code": doc["error_code"], "error_message": doc["error_message"],
        "external_message_id": doc["carrier_id"], "reply_to": doc["reply_to"], "reactions": list(doc["reactions"]),
        "edited_at": iso_or_none(doc["edited_at"]), "history": doc.get("history") or [],
        "revoked_at": iso_or_none(doc.get("revoked_at")), "group_id": doc.get("group_id"), "said_by": _said_by(doc),
        "deferred_until": iso_or_none(doc.get("deferred_until")),
        "internal_note": doc["internal_note"],
        "created_by": doc["created_by"], "created_at": iso(doc["created_at"]),
    }  # fmt: skip
