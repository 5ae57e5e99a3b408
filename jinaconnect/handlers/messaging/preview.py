"""What `?dry_run=true` answers on sends: the message as it would go, and the verdict on it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from jinaconnect.actions.messaging.sending import Checked
from jinaconnect.core.inbox.platform import PlatformName
from jinaconnect.core.rules.rows import Category
from jinaconnect.core.schema import Answer
from jinaconnect.handlers.edge.verdict import VerdictOut, render_verdict


class SendPreview(Answer):
    """A message that was asked about and not sent."""

    dry_run: Literal[True]
    platform: PlatformName
    category: Category
    account: str
    contact: str | None = Field(description="Null for a number that nobody has: a contact would be made.")
    message_type: str
    content: dict[str, Any]
    segments: int | None = Field(description="How many parts the carrier makes of it; null where it makes none.")
    verdict: VerdictOut


def render_preview(checked: Checked) -> dict[str, Any]:
    """Return a checked message as `SendPreview` describes it."""
    contact = checked.contact
    return {
        "dry_run": True, "platform": checked.message.platform, "category": checked.category,
        "account": checked.account.id, "contact": None if contact is None else contact["_id"],
        "message_type": checked.composed.type, "content": dict(checked.composed.content),
        "segments": checked.composed.segments, "verdict": render_verdict(checked.verdict),
    }  # fmt: skip
