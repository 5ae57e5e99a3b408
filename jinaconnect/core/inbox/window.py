"""The service window: free-form content is allowed for 24 hours after the customer last wrote (WhatsApp)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

WINDOW = timedelta(hours=24)
WINDOWED = ("WHATSAPP",)


def window_ends(contact: Mapping[str, Any], platform: str) -> datetime | None:
    """Return when the window of a contact on a platform ends, or None without one."""
    if platform not in WINDOWED:
        return None
    last: datetime | None = (contact.get("chat") or {}).get("inbound", {}).get(platform)
    return None if last is None else last + WINDOW


def window_open(contact: Mapping[str, Any], platform: str, now: datetime) -> bool:
    """Tell whether free-form content may be sent now."""
    if platform not in WINDOWED:
        return True
    ends = window_ends(contact, platform)
    return ends is not None and now < ends
