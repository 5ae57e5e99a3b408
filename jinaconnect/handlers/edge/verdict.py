"""The verdict on a send or a call, as `?dry_run=true` answers it."""

from __future__ import annotations

from typing import Any, Literal

from jinaconnect.core.clock import iso
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


def render_verdict(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as `VerdictOut` describes it."""
    told: dict[str, Any] = {"outcome": "allowed", "until": None, "rule": None, "source": None, "reason": None}
    match verdict:
        case Deferred(until, rule, source):
            told.update(outcome="deferred", until=iso(until), rule=rule, source=source)
        case Refused(rule, source, reason):
            told.update(outcome="refused", rule=rule, source=source, reason=reason)
    return told
