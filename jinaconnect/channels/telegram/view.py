"""A message as the Telegram endpoints show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.channels.telegram.ids import provider_id
from jinaconnect.core.clock import iso, iso_or_none
from jinaconnect.core.inbox.message import INCOMING, body_text
from jinaconnect.core.inbox.status import FAILED

BLOCKED = "BLOCKED"
UNREACHABLE = "403"  # the Bot API's code of a chat that takes nothing from the bot


def telegram_view(doc: Mapping[str, Any], chat_id: int | None) -> dict[str, Any]:
    """Return a message; one that failed because its chat takes nothing from the bot is `BLOCKED`."""
    blocked = doc["status"] == FAILED and doc["error_code"] == UNREACHABLE
    content = doc["content"]
    part = content.get(content.get("type", ""))
    return {
        "id": doc["_id"],
        "message_id": doc["number"],
        "direction": "INBOUND" if doc["direction"] == INCOMING else "OUTBOUND",
        "chat_id": chat_id,
        "contact": doc["contact"],
        "bot_id": doc["app"],
        "message_type": doc["type"],
        "text": body_text(content) or None,
        "media_url": part.get("url") if isinstance(part, Mapping) else None,
        "reply_to": doc["reply_to"],
        "provider_message_id": provider_id(doc["carrier_id"]),
        "status": BLOCKED if blocked else doc["status"],
        "scheduled_time": iso_or_none(doc.get("scheduled_at")),
        "sent_at": iso_or_none(doc["sent_at"]),
        "failed_at": iso_or_none(doc["failed_at"]),
        "error_code": doc["error_code"],
        "error_message": doc["error_message"],
        "created_at": iso(doc["created_at"]),
    }
