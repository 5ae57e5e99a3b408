"""Who holds a conversation and whether it goes on: pure decisions on a contact document.

Each function returns a `Move`: the fields it sets, the event that tells of it and its place in the timeline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jinaconnect.core.attention.targets import fresh, runs
from jinaconnect.core.errors import Conflict, InvalidState
from jinaconnect.core.inbox.contact import AWAKE, CLOSED, OPEN, snoozed_until, unassigned
from jinaconnect.core.inbox.timeline import entry, status_entry

USER, UNASSIGNED = "USER", "UNASSIGNED"


@dataclass(frozen=True, slots=True)
class Assignee:
    """Who is to hold a conversation; `user` is the person's id, None for nobody."""

    type: str
    id: str | None
    user: str | None
    name: str


NOBODY = Assignee(UNASSIGNED, None, None, "Unassigned")


@dataclass(frozen=True, slots=True)
class Author:
    """Who decides, and where the request came from (kept in the timeline for audit)."""

    type: str
    id: str
    user: str | None
    name: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Move:
    """What a decision does: fields to set, event type, timeline entry."""

    fields: Mapping[str, Any]
    event: str
    entry: Mapping[str, Any]


def holds(doc: Mapping[str, Any], to: Assignee) -> bool:
    """Tell whether the assignee is who the conversation has already."""
    return (doc["assigned_to_type"], doc["assigned_to_id"]) == (to.type, to.id)


def assign(
    doc: Mapping[str, Any],
    to: Assignee,
    by: Author,
    at: datetime,
    *,
    note: str | None = None,
    if_unassigned: bool = False,
) -> Move | None:
    """Give the conversation to somebody (or nobody), or return None when they have it and there is nothing to note.

    `if_unassigned` raises Conflict when anybody holds it: of many who claim at once, one wins.
    """
    held = doc["assigned_to_type"] != UNASSIGNED
    if if_unassigned and held:
        holder = {"assigned_to_user": doc["assigned_to_user"], "assigned_to_name": doc["assigned_to_name"]}
        raise Conflict(f"The conversation is assigned to {doc['assigned_to_name']}.", extra=holder)
    if holds(doc, to) and (note is None or note == doc["assignment_note"] or not held):
        return None
    previous = {
        "previous_assigned_to_type": doc["assigned_to_type"],
        "previous_assigned_to_id": doc["assigned_to_id"],
        "previous_assigned_to_user_id": doc["assigned_to_user"],
        "metadata": dict(by.metadata),
    }
    if to.type == UNASSIGNED:
        told = entry("TICKET_UNASSIGNED", by=by.name, note=note, data=previous)
        return Move({**unassigned(), "assignment_note": note}, "conversation.unassigned", told)
    kind = "TICKET_REASSIGNED" if held and not holds(doc, to) else "TICKET_ASSIGNED"
    fields = {
        "assigned_to_type": to.type,
        "assigned_to_id": to.id,
        "assigned_to_user": to.user,
        "assigned_to_name": to.name,
        "assigned_at": at,
        "assigned_by_type": by.type,
        "assigned_by_id": by.id,
        "assigned_by_user": by.user,
        "assigned_by_name": by.name,
        "assignment_note": note,
    }
    return Move(fields, "conversation.assigned", entry(kind, by=by.name, note=note, assignee=to.name, data=previous))


def close(doc: Mapping[str, Any], by: Author, reason: str | None) -> Move:
    """End the conversation for now; raises InvalidState when it is closed."""
    if doc["status"] == CLOSED:
        raise InvalidState("The conversation is closed already.")
    return _to_status(doc, CLOSED, "TICKET_CLOSED", "conversation.closed", by, reason)


def reopen(doc: Mapping[str, Any], by: Author, reason: str | None) -> Move:
    """Go on with a closed conversation; raises InvalidState when it is open."""
    if doc["status"] == OPEN:
        raise InvalidState("The conversation is open already.")
    return _to_status(doc, OPEN, "TICKET_REOPENED", "conversation.reopened", by, reason)


def _to_status(doc: Mapping[str, Any], to: str, kind: str, event: str, by: Author, reason: str | None) -> Move:
    told = status_entry(kind, doc["status"], to, by=by.name, reason=reason, metadata=dict(by.metadata))
    ends: dict[str, Any] = {}
    if to == CLOSED:
        ends = {**(AWAKE if snoozed_until(doc) is not None else {}), **({"chat.sla": fresh()} if runs(doc) else {})}
    return Move({"status": to, **ends}, event, told)
