"""Entries of a conversation's timeline beside its messages: who took it, who closed it, when it went on."""

from __future__ import annotations

from typing import Any

LABELS = {
    "TICKET_ASSIGNED": ("Ticket assigned", "user-plus", "#e0f2fe", "#075985"),
    "TICKET_UNASSIGNED": ("Ticket unassigned", "user-minus", "#f1f5f9", "#334155"),
    "TICKET_REASSIGNED": ("Ticket reassigned", "users", "#e0f2fe", "#075985"),
    "TICKET_OPENED": ("Ticket opened", "inbox", "#dcfce7", "#166534"),
    "TICKET_CLOSED": ("Ticket closed", "check", "#f1f5f9", "#334155"),
    "TICKET_REOPENED": ("Ticket reopened", "rotate", "#fef9c3", "#854d0e"),
}


def entry(
    kind: str, *, by: str | None, note: str | None = None, assignee: str | None = None, data: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return a timeline entry of a kind; its id and number come with the event it travels on."""
    label, icon, background, text = LABELS[kind]
    return {
        "event_type": kind, "event_type_display": label, "note": note, "created_by_name": by, "assigned_by_name": by,
        "assigned_to_name": assignee, "icon": icon, "color_background": background, "color_text": text,
        "event_data": data or {},
    }  # fmt: skip


def reopened_entry(*, by: str | None, reason: str | None) -> dict[str, Any]:
    """Return the entry of a conversation that goes on."""
    data = {"previous_status": "CLOSED", "new_status": "OPEN", "reason": reason}
    return entry("TICKET_REOPENED", by=by, note=reason, data=data)
