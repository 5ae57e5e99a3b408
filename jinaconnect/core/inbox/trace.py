"""What became of a message, step by step: kept with it, so that "did my customer get this?" has an answer.

A step is written together with what it changes, so it costs no write of its own.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jinaconnect.core.clock import iso
from jinaconnect.core.inbox.message import OUTGOING
from jinaconnect.core.inbox.status import Report

MOST = 60  # steps kept; the first ones stay
QUEUED, ATTEMPT, REPORT, ENDED, SILENT = "queued", "attempt", "report", "ended", "silent"
_STAMPS = {"sent_at": "SENT", "delivered_at": "DELIVERED", "opened_at": "READ", "failed_at": "FAILED"}


def queued(at: datetime, request_id: str, by: Mapping[str, str]) -> dict[str, Any]:
    """Return the step of a message that was asked for."""
    return {"kind": QUEUED, "at": at, "request_id": request_id or None, "by": dict(by)}


def attempt(
    begun: datetime, ended: datetime, outcome: str, *, carrier_id: str | None = None,
    code: str | None = None, reason: str | None = None, next_at: datetime | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the step of a carrier that was asked: `accepted`, `refused` or `unknown`."""
    return {
        "kind": ATTEMPT, "at": begun, "ms": round((ended - begun).total_seconds() * 1000),
        "outcome": outcome, "carrier_id": carrier_id, "code": code, "reason": reason, "next_at": next_at,
    }  # fmt: skip


def ended(at: datetime, code: str, reason: str) -> dict[str, Any]:
    """Return the step of a message that was not handed to its carrier, or not again, and why."""
    return {"kind": ENDED, "at": at, "code": code, "reason": reason}


def reported(report: Report, carrier_id: str | None, told_at: datetime) -> dict[str, Any]:
    """Return the step of what a carrier reported, and when it told so."""
    return {
        "kind": REPORT, "at": report.at, "told_at": told_at, "status": report.status, "carrier_id": carrier_id,
        "code": report.error_code, "reason": report.error_message,
    }  # fmt: skip


def silent(at: datetime, reason: str) -> dict[str, Any]:
    """Return the step of a message that its carrier has not reported on in all the time it may take."""
    return {"kind": SILENT, "at": at, "reason": reason}


def with_step(message: Mapping[str, Any], step: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return a message's steps with one more, None where it is there already (a report told twice) or too many are."""
    held = list(message.get("trace", ()))
    if len(held) >= MOST:
        return None
    if step["kind"] == REPORT and any(
        (each["kind"], each.get("status"), each["at"]) == (REPORT, step["status"], step["at"]) for each in held
    ):
        return None
    return [*held, dict(step)]


def render_steps(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a message's steps as they are answered, in the order in which they came about here.

    Carriers' times are often cut to seconds: by them a report would stand before what it reports.
    """
    held = list(message.get("trace", ()))
    if not held:  # of before steps were kept, and of what came in
        first = "queued" if message["direction"] == OUTGOING else "received"
        held = [{"kind": first, "at": message["timestamp"]}]
        held += [
            {"kind": REPORT, "at": message[name], "status": told, "carrier_id": message["carrier_id"]}
            for name, told in _STAMPS.items() if message[name] is not None
        ]  # fmt: skip
    ordered = sorted(held, key=lambda step: step.get("told_at") or step["at"])
    numbers = itertools.count(1)  # of all attempts: those that were asked to wait do not count as tries
    ordered = [{**step, "attempt": next(numbers)} if step["kind"] == ATTEMPT else step for step in ordered]
    return [{name: iso(value) if isinstance(value, datetime) else value for name, value in each.items()}
            for each in ordered]  # fmt: skip
