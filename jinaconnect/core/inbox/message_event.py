"""A message told as an event: the message as it is right after, to those who see its contact."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jinaconnect.core.events.event import Event
from jinaconnect.core.inbox.contact import seen_by
from jinaconnect.core.inbox.message import render_message


def message_event(
    id: str, type: str, message: Mapping[str, Any], contact: Mapping[str, Any] | None, *, at: datetime,
    actor: Mapping[str, str], call: str | None = None,
) -> Event:  # fmt: skip
    """Return an event of a message; `contact` is who it is with, None where they are removed."""
    return Event(
        id=id, type=type, occurred_at=at, actor=actor, subject=message["_id"], data=render_message(message),
        contact=message["contact"], call=call, channel=message["platform"], seen=seen_by(contact or {}),
    )  # fmt: skip
