"""The service window: on some platforms free-form content is taken only for a time after the customer last wrote."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from jinaconnect.core.inbox.platform import PLATFORMS


def window_ends(contact: Mapping[str, Any], platform: str) -> datetime | None:
    """Return when the window of a contact on a platform ends, or None without one."""
    window = PLATFORMS[platform].window
    last: datetime | None = (contact.get("chat") or {}).get("inbound", {}).get(platform)
    return None if last is None or window is None else last + window


def window_text(platform: str) -> str:
    """Return how long a platform's window is, in words."""
    window = PLATFORMS[platform].window or timedelta()
    for unit, size in (("days", timedelta(days=1)), ("hours", timedelta(hours=1))):
        if window % size == timedelta() and window > size:
            return f"{window // size} {unit}"
    return f"{window // timedelta(minutes=1)} minutes"


def window_open(contact: Mapping[str, Any] | None, platform: str, now: datetime) -> bool:
    """Tell whether free-form content may be sent now; a contact that is not known yet has never written."""
    if PLATFORMS[platform].window is None:
        return True
    ends = None if contact is None else window_ends(contact, platform)
    return ends is not None and now < ends
