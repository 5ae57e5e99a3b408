"""What a broadcast can be, what each of its recipients can be, and which way they go from there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

DRAFT, QUEUED, SCHEDULED, SENDING = "DRAFT", "QUEUED", "SCHEDULED", "SENDING"
SENT, PARTIALLY_SENT, FAILED, CANCELLED = "SENT", "PARTIALLY_SENT", "FAILED", "CANCELLED"
PAUSED, MISSED = "PAUSED", "MISSED"
STATUSES = (DRAFT, QUEUED, SCHEDULED, SENDING, SENT, PARTIALLY_SENT, FAILED, CANCELLED, PAUSED, MISSED)
EDITABLE = (DRAFT, SCHEDULED, QUEUED, CANCELLED)
CANCELLABLE = (SCHEDULED, QUEUED, SENDING, PAUSED, MISSED)
ENDED = (SENT, PARTIALLY_SENT, FAILED)
PAUSABLE = (SENDING,)
RESUMABLE = (PAUSED, MISSED, *ENDED)

UI_STATUSES = {
    DRAFT: "Draft", SCHEDULED: "Scheduled", QUEUED: "Scheduled", SENDING: "Ongoing", SENT: "Completed",
    PARTIALLY_SENT: "Completed", FAILED: "Failed", CANCELLED: "Cancelled", PAUSED: "Paused", MISSED: "Missed",
}  # fmt: skip

LEAD = timedelta(seconds=3)  # between a broadcast's being scheduled and its beginning, at least
SOON = LEAD + timedelta(seconds=5)  # what is to be sent now begins then
REPLY_WITHIN = timedelta(hours=72)
_CUT = timedelta(seconds=1)  # carriers cut times to seconds
MOST_DEFERRALS = 24  # from one beginning of the hours to the next, before a recipient is given up
EARLY_AGAIN = timedelta(hours=1)  # where nobody has said which hours a carrier keeps
MISSED_AFTER = timedelta(hours=2)

# A recipient. UNKNOWN: the carrier may have the message, only a report will tell. BLOCKED: a rule or they themselves
# do not want it.
PENDING, ASKING, UNKNOWN, DELIVERED, READ, BLOCKED = "PENDING", "SENDING", "UNKNOWN", "DELIVERED", "READ", "BLOCKED"
ROW_STATUSES = (PENDING, QUEUED, ASKING, UNKNOWN, SENT, DELIVERED, READ, FAILED, BLOCKED)
UNFINISHED = (PENDING, QUEUED, ASKING)
SUCCESSES = (SENT, DELIVERED, READ)
WITHDRAWN = "broadcast.cancelled"  # the error code of those who were left when it was cancelled
# Who is planned anew when it is queued again.
UNSENT: Mapping[str, Any] = {
    "$or": [{"status": {"$in": [PENDING, BLOCKED]}}, {"status": FAILED, "error_code": WITHDRAWN}],
}  # fmt: skip
_RANK = {PENDING: 0, QUEUED: 0, ASKING: 1, UNKNOWN: 2, SENT: 3, DELIVERED: 4, READ: 5}
_STAMPS = {SENT: "sent_at", DELIVERED: "delivered_at", READ: "read_at", FAILED: "failed_at"}


def ui_status(status: str) -> str:
    """Return a status as people are shown it."""
    return UI_STATUSES[status]


def shown_as(text: str) -> dict[str, list[str]]:
    """Return which statuses people are shown so, of names with commas between; raises ValueError for another name."""
    wanted = {part.strip().lower() for part in text.split(",")}
    known = {shown.lower() for shown in UI_STATUSES.values()}
    if not wanted <= known:
        raise ValueError(f"must be of {', '.join(dict.fromkeys(UI_STATUSES.values()))}")
    return {"$in": [status for status, shown in UI_STATUSES.items() if shown.lower() in wanted]}


def start_of(scheduled: datetime | None, now: datetime) -> datetime:
    """Return when a broadcast begins; raises ValueError for a time before the least lead."""
    if scheduled is None:
        return now + SOON
    if scheduled < now + LEAD:
        raise ValueError(f"must be at least {LEAD.total_seconds():g} seconds ahead")
    return scheduled


def missed(scheduled: datetime, now: datetime) -> bool:
    """Tell whether a broadcast comes too late to be sent without being asked: a restored backup sends nothing."""
    return now - scheduled > MISSED_AFTER


def reported(row: Mapping[str, Any], status: str, at: datetime, error: tuple[str, str] | None = None) -> dict[str, Any]:
    """Return the fields of a recipient after a report, empty where it tells nothing new: it never goes back.

    A failure counts while nothing was delivered, and no report moves a recipient whom nobody was asked for.
    """
    held = row["status"]
    if status in (FAILED, "EXPIRED"):
        if held in (DELIVERED, READ, FAILED, BLOCKED, PENDING):
            return {}
        code, message = error or (status.lower(), "")
        return {"status": FAILED, "failed_at": at, "error_code": code, "response": message}
    if held in (FAILED, BLOCKED, PENDING) or _RANK[status] <= _RANK[held]:
        return {}
    fields: dict[str, Any] = {"status": status, **{_STAMPS[name]: at for name in (status,) if name in _STAMPS}}
    if status in (DELIVERED, READ) and row["sent_at"] is None:
        fields["sent_at"] = at
    if status == READ and row["delivered_at"] is None:
        fields["delivered_at"] = at
    return fields


def deferred(
    row: Mapping[str, Any], until: datetime, code: str | None, told: str, now: datetime, **fields: Any
) -> dict[str, Any] | None:
    """Return the fields of a recipient who is asked for again at a time since the carrier found it too early.

    None for one of whom it has said so too often.
    """
    times = int(row.get("deferrals", 0)) + 1
    if times > MOST_DEFERRALS:
        return None
    return {
        "status": PENDING, "at": until, "deferrals": times, "error_code": code, "response": told[:500],
        "message": None, "message_id": None, "sent_at": None, "updated_at": now, **fields,
    }  # fmt: skip


def replied(row: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """Return the fields of a recipient who has written back at a time, empty where it is no first reply."""
    sent = row["sent_at"]
    if sent is None or row.get("replied_at") is not None or not sent - _CUT <= at <= sent + REPLY_WITHIN:
        return {}
    return {"replied_at": max(at, sent)}


def outcome(counts: Mapping[str, int]) -> str:
    """Return how a broadcast ended, of its recipients by status; what nobody knows counts as neither."""
    good = sum(counts.get(name, 0) for name in SUCCESSES)
    if good and good == sum(counts.values()):
        return SENT
    return PARTIALLY_SENT if good or counts.get(UNKNOWN, 0) else FAILED
