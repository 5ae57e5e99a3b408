"""Decisions about who holds a conversation."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from jinaconnect.core.errors import Conflict, InvalidState
from jinaconnect.core.inbox.assignment import NOBODY, Assignee, Author, assign, close, reopen
from jinaconnect.core.inbox.contact import new_contact

NOW = datetime(2026, 5, 1, tzinfo=UTC)
BY = Author("USER", "usr_boss", "usr_boss", "Boss", {"ip": "192.0.2.1", "user_agent": "t"})
ANN = Assignee("USER", "usr_ann", "usr_ann", "Ann")
BOB = Assignee("USER", "usr_bob", "usr_bob", "Bob")


def held_by(to: Assignee, note: str | None = None) -> dict[str, Any]:
    doc = new_contact("cnt_1", source="MANUAL", by=None)
    move = assign(doc, to, BY, NOW, note=note)
    return {**doc, **(move.fields if move else {})}


@pytest.mark.parametrize(
    ("before", "to", "kind"),
    [
        (NOBODY, ANN, "TICKET_ASSIGNED"),
        (ANN, BOB, "TICKET_REASSIGNED"),
        (ANN, NOBODY, "TICKET_UNASSIGNED"),
        (ANN, ANN, None),
        (NOBODY, NOBODY, None),
    ],
)
def test_each_way_has_its_entry(before: Assignee, to: Assignee, kind: str | None) -> None:
    move = assign(held_by(before), to, BY, NOW)
    assert (move.entry["event_type"] if move else None) == kind
    if move is not None:
        assert move.fields["assigned_to_user"] == to.user
        assert move.entry["event_data"]["previous_assigned_to_id"] == before.id
        assert move.event == ("conversation.unassigned" if to is NOBODY else "conversation.assigned")


def test_a_new_note_to_the_same_holder_is_told() -> None:
    move = assign(held_by(ANN, "first"), ANN, BY, NOW, note="second")
    assert move is not None
    assert move.fields["assignment_note"] == "second"
    assert assign(held_by(ANN, "first"), ANN, BY, NOW, note="first") is None


@pytest.mark.parametrize("to", [ANN, BOB])
def test_a_claim_of_what_is_held_is_a_conflict(to: Assignee) -> None:
    with pytest.raises(Conflict) as caught:
        assign(held_by(ANN), to, BY, NOW, if_unassigned=True)
    assert caught.value.extra["assigned_to_user"] == "usr_ann"


def test_close_and_reopen_refuse_what_is_so_already() -> None:
    doc = new_contact("cnt_1", source="MANUAL", by=None)
    closed = {**doc, **close(doc, BY, "done").fields}
    assert closed["status"] == "CLOSED"
    assert reopen(closed, BY, None).fields == {"status": "OPEN"}
    with pytest.raises(InvalidState):
        close(closed, BY, None)
    with pytest.raises(InvalidState):
        reopen(doc, BY, None)
