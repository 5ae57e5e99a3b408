"""The status ladder of outgoing messages: a report moves a message up or not at all.

PENDING < SENDING < UNKNOWN < SENT < DELIVERED < READ; FAILED and EXPIRED end a message that has not been delivered. An
EXPIRED one that was delivered all the same is DELIVERED.
Reports come late, twice and out of order; whatever their order, the end is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

PENDING, SENDING, UNKNOWN, SENT, DELIVERED, READ = "PENDING", "SENDING", "UNKNOWN", "SENT", "DELIVERED", "READ"
FAILED, EXPIRED = "FAILED", "EXPIRED"
RECEIVED = "RECEIVED"

RANK: Mapping[str, int] = {PENDING: 0, SENDING: 1, UNKNOWN: 2, SENT: 3, DELIVERED: 4, READ: 5, FAILED: 4, EXPIRED: 4}
STATUSES = (PENDING, SENDING, UNKNOWN, SENT, DELIVERED, READ, FAILED, EXPIRED, RECEIVED)
_ENDS = (FAILED, EXPIRED)
_STAMP = {SENT: "sent_at", DELIVERED: "delivered_at", READ: "opened_at", FAILED: "failed_at", EXPIRED: "failed_at"}
_STEPS = (SENT, DELIVERED, READ)

EVENT: Mapping[str, str] = {
    SENT: "message.sent", DELIVERED: "message.delivered", READ: "message.read", FAILED: "message.failed",
    EXPIRED: "message.failed", UNKNOWN: "message.unknown",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """What a carrier said of a message: one of the statuses above, when, and why it failed.

    One that was `early` was refused for the hour alone: within the hours of its kind it would be taken.
    """

    status: str
    at: datetime
    error_code: str | None = None
    error_message: str | None = None
    early: bool = False


def advance(message: Mapping[str, Any], report: Report) -> dict[str, Any] | None:
    """Return the fields a report changes, or None when it tells nothing new.

    A later stage fills in the times of the stages it implies. A delivery report after a failure does not revive the
    message: carriers resolve a send once.
    """
    held, told = message["status"], report.status
    arrived = held == EXPIRED and told in (DELIVERED, READ)
    if told not in RANK or held == READ or (held in _ENDS and not arrived):
        return None
    if told in _ENDS:
        if held == DELIVERED:
            return None
        return {
            "status": told,
            "failed_at": report.at,
            "error_code": report.error_code,
            "error_message": report.error_message,
        }
    if RANK[told] <= RANK[held] and not arrived:
        return None
    fields: dict[str, Any] = {"status": told}
    if arrived:
        fields.update(failed_at=None, error_code=None, error_message=None)
    for step in _STEPS:
        if RANK[step] <= RANK[told] and message.get(_STAMP[step]) is None:
            fields[_STAMP[step]] = report.at
    return fields
