"""Conversations that are set aside for a while: pure decisions on a contact document.

`chat.snoozed_until` is when a conversation comes back by itself, `chat.snoozed` that it is away until then. Its
customer's next message brings it back before that, and closing it ends that as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from jinaconnect.core.attention.targets import moments
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Invalid, InvalidState
from jinaconnect.core.inbox.assignment import Author, Move
from jinaconnect.core.inbox.contact import AWAKE, CLOSED, snoozed_until
from jinaconnect.core.inbox.timeline import entry

LONGEST = timedelta(days=366)
TIME, MESSAGE, REQUEST = "time", "message", "request"


def snooze(doc: Mapping[str, Any], until: datetime, by: Author, note: str | None, now: datetime) -> Move | None:
    """Set a conversation aside until a time, or return None where it is so already.

    Raises Invalid for a time that is past or more than a year away, InvalidState for a closed conversation.
    """
    if until <= now:
        raise Invalid.field("until", "must be in the future")
    if until > now + LONGEST:
        raise Invalid.field("until", "must be within a year")
    if doc["status"] == CLOSED:
        raise InvalidState("The conversation is closed.")
    if snoozed_until(doc) == until:
        return None
    told = entry("TICKET_SNOOZED", by=by.name, note=note, data={"until": iso(until), "metadata": dict(by.metadata)})
    return Move({"chat.snoozed": True, "chat.snoozed_until": until}, "conversation.snoozed", told)


def wake(doc: Mapping[str, Any], by: Author | None, reason: str) -> Move | None:
    """Bring a conversation back, or return None where it is not away; `by` is who asked, None for the gateway."""
    if snoozed_until(doc) is None:
        return None
    told = entry("TICKET_WOKEN", by=None if by is None else by.name, data={"reason": reason})
    return Move(AWAKE, "conversation.woken", told)


def is_over(doc: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether a conversation has been away for as long as it should."""
    until = snoozed_until(doc)
    return until is not None and until <= now


def next_look(doc: Mapping[str, Any]) -> datetime | None:
    """Return when the gateway has to look at a conversation by itself, None for never."""
    if doc["deleted_at"] is not None:
        return None
    until = snoozed_until(doc)
    return min([*moments(doc), *([until] if until is not None else [])], default=None)
