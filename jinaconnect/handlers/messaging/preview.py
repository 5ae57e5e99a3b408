"""What `?dry_run=true` answers on sends: the message as it would go, and the verdict on it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from jinaconnect.actions.messaging.sending import Checked
from jinaconnect.core.clock import iso
from jinaconnect.core.inbox.platform import PlatformName
from jinaconnect.core.rules.rows import Category
from jinaconnect.core.rules.verdict import Deferred, Refused, Verdict
from jinaconnect.core.schema import Answer, example


class VerdictOut(
    Answer,
    json_schema_extra=example(
        outcome="deferred", until="2026-03-09T13:00:00.000Z", rule="us.marketing",
        source="TCPA, 47 CFR 64.1200(c)(1)", reason=None,
    ),
):  # fmt: skip
    """Whether it may go now; else which rule holds it back, where that stands, and until when or why."""

    outcome: Literal["allowed", "deferred", "refused"]
    until: str | None = None
    rule: str | None = None
    source: str | None = None
    reason: str | None = None


class SendPreview(Answer):
    """A message that was asked about and not sent."""

    dry_run: Literal[True]
    platform: PlatformName
    category: Category
    account: str
    contact: str | None = Field(description="Null for a number that nobody has: a contact would be made.")
    message_type: str
    content: dict[str, Any]
    verdict: VerdictOut


def render_verdict(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as `VerdictOut` describes it."""
    told: dict[str, Any] = {"outcome": "allowed", "until": None, "rule": None, "source": None, "reason": None}
    match verdict:
        case Deferred(until, rule, source):
            told.update(outcome="deferred", until=iso(until), rule=rule, source=source)
        case Refused(rule, source, reason):
            told.update(outcome="refused", rule=rule, source=source, reason=reason)
    return told


def render_preview(checked: Checked) -> dict[str, Any]:
    """Return a checked message as `SendPreview` describes it."""
    contact = checked.contact
    return {
        "dry_run": True, "platform": checked.message.platform, "category": checked.category,
        "account": checked.account.id, "contact": None if contact is None else contact["_id"],
        "message_type": checked.composed.type, "content": dict(checked.composed.content),
        "verdict": render_verdict(checked.verdict),
    }  # fmt: skip
