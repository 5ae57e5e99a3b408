"""A conversation's timeline: its messages, and beside them who took it, who closed it, when it went on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import Any

from jinaconnect.core.clock import iso

LABELS = {
    "TICKET_ASSIGNED": ("Ticket assigned", "user-plus", "#e0f2fe", "#075985"),
    "TICKET_UNASSIGNED": ("Ticket unassigned", "user-minus", "#f1f5f9", "#334155"),
    "TICKET_REASSIGNED": ("Ticket reassigned", "users", "#e0f2fe", "#075985"),
    "TICKET_OPENED": ("Ticket opened", "inbox", "#dcfce7", "#166534"),
    "TICKET_CLOSED": ("Ticket closed", "check", "#f1f5f9", "#334155"),
    "TICKET_SNOOZED": ("Snoozed", "moon", "#ede9fe", "#5b21b6"),
    "TICKET_WOKEN": ("Back again", "sun", "#fef9c3", "#854d0e"),
    "TICKET_REOPENED": ("Ticket reopened", "rotate", "#fef9c3", "#854d0e"),
}
_SHOWN = (
    "event_type", "event_type_display", "note", "created_by_name", "assigned_by_name", "assigned_to_name", "icon",
    "color_background", "color_text", "event_data",
)  # fmt: skip


def entry(
    kind: str,
    *,
    by: str | None,
    note: str | None = None,
    assignee: str | None = None,
    data: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a timeline entry of a kind; its id and number come with the event it travels on."""
    label, icon, background, text = LABELS[kind]
    return {
        "event_type": kind, "event_type_display": label, "note": note, "created_by_name": by, "assigned_by_name": by,
        "assigned_to_name": assignee, "icon": icon, "color_background": background, "color_text": text,
        "event_data": data or {},
    }  # fmt: skip


def status_entry(
    kind: str, before: str, after: str, *, by: str | None, reason: str | None, **data: Any
) -> dict[str, Any]:
    """Return the entry of a conversation that was closed or goes on."""
    told = {"previous_status": before, "new_status": after, "reason": reason, **data}
    return entry(kind, by=by, note=reason, data=told)


def reopened_entry(*, by: str | None, reason: str | None) -> dict[str, Any]:
    """Return the entry of a conversation that goes on because of what a customer did."""
    return status_entry("TICKET_REOPENED", "CLOSED", "OPEN", by=by, reason=reason)


def pending_row(event: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return the row that an event's timeline entry is about to become; `event` as it waits beside its document."""
    id = "tml_" + event["_id"].partition("_")[2]
    return {"_id": id, "number": number, "created_at": event["at"], **event["timeline"]}


def event_item(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a timeline row as an item."""
    stamp = iso(row["created_at"])
    data = {"id": row["_id"], **{name: row[name] for name in _SHOWN}, "created_at": stamp, "timestamp": stamp}
    return {"type": "event", "numbering": row["number"], "timestamp": stamp, "data": data}


def message_item(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rendered message as an item."""
    return {
        "type": "message",
        "numbering": message["message_id"],
        "timestamp": message["timestamp"],
        "data": dict(message),
    }


def day_label(day: date, today: date) -> str:
    """Return Today, Yesterday, the weekday within seven days, else the full date."""
    ago = (today - day).days
    if ago in (0, 1):
        return ("Today", "Yesterday")[ago]
    return f"{day:%A}" if 1 < ago < 7 else f"{day.day} {day:%B %Y}"


def with_separators(items: Sequence[dict[str, Any]], now: datetime, zone: tzinfo) -> list[dict[str, Any]]:
    """Return items (newest first) with a separator before the first of each day in `zone`."""
    today = now.astimezone(zone).date()
    shown: list[dict[str, Any]] = []
    last: date | None = None
    for item in items:
        day = datetime.fromisoformat(item["timestamp"]).astimezone(zone).date()
        if day != last:
            shown.append({"type": "date_separator", "date": day.isoformat(), "label": day_label(day, today)})
            last = day
        shown.append(item)
    return shown
