"""Business hours, and what becomes of service targets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from jinaconnect.core.attention.hours import DAYS, ahead
from jinaconnect.core.attention.sleep import next_look
from jinaconnect.core.attention.targets import Targets, after_messages, due_now, on_close
from jinaconnect.core.inbox.assignment import Author, close

BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = {day: ("09:00", "17:00") for day in DAYS[:5]}
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
TARGETS = Targets({"first_response": 10, "next_response": 20, "resolution": 60}, 80, None, UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def test_minutes_pass_in_business_hours_alone() -> None:
    assert ahead(at("2026-11-26T16:30"), 60, OFFICE, BERLIN) == at("2026-11-27T09:30")
    assert ahead(at("2026-11-27T16:30"), 60, OFFICE, BERLIN) == at("2026-11-30T09:30")
    assert ahead(at("2026-11-28T12:00"), 60, OFFICE, BERLIN) == at("2026-11-30T10:00")
    assert ahead(at("2026-11-26T08:00"), 8 * 60, OFFICE, BERLIN) == at("2026-11-26T17:00")
    assert ahead(at("2026-11-26T08:00"), 60, None, BERLIN) == at("2026-11-26T09:00")


def test_a_night_of_clock_change_has_the_minutes_it_has() -> None:
    nights = dict.fromkeys(DAYS, ("00:00", "24:00"))
    assert ahead(at("2027-03-27T12:00"), 24 * 60, nights, BERLIN) == at("2027-03-28T13:00")
    assert ahead(at("2026-10-24T12:00"), 24 * 60, nights, BERLIN) == at("2026-10-25T11:00")


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)), st.integers(1, 10_000), st.integers(1, 10_000))
def test_a_time_ahead_in_two_steps_is_that_in_one(start: datetime, one: int, other: int) -> None:
    since = start.replace(tzinfo=UTC)
    assert ahead(ahead(since, one, OFFICE, BERLIN), other, OFFICE, BERLIN) == ahead(since, one + other, OFFICE, BERLIN)


def contact() -> dict[str, Any]:
    return {"chat": {}, "status": "OPEN", "deleted_at": None}


def incoming(minute: float, **fields: Any) -> dict[str, Any]:
    when = NOON + timedelta(minutes=minute)
    return {"direction": "INCOMING", "author": "CONTACT", "created_at": when, "internal_note": False, **fields}


def outgoing(minute: float, **fields: Any) -> dict[str, Any]:
    return incoming(minute, direction="OUTGOING", **{"author": "USER", **fields})


def took(doc: dict[str, Any], *messages: dict[str, Any], targets: Targets | None = TARGETS) -> list[tuple[str, str]]:
    found = after_messages(doc, messages, targets)
    if found is None:
        return []
    doc["chat"]["sla"] = found[0]
    return [(each.target["kind"], each.verb) for each in found[1]]


def looked(doc: dict[str, Any], minute: float) -> list[tuple[str, str]]:
    found = due_now(doc, NOON + timedelta(minutes=minute))
    if found is None:
        return []
    doc["chat"]["sla"] = found[0]
    return [(each.target["kind"], each.verb) for each in found[1]]


def test_targets_are_warned_of_missed_and_met_once_each() -> None:
    doc = contact()
    assert took(doc, incoming(0), incoming(5)) == []
    assert next_look(doc) == NOON + timedelta(minutes=8)
    assert (looked(doc, 7.9), looked(doc, 8), looked(doc, 9)) == ([], [("first_response", "warned")], [])
    assert looked(doc, 10) == [("first_response", "breached")]
    assert looked(doc, 11) == []
    assert took(doc, outgoing(12)) == []
    assert took(doc, outgoing(13), incoming(14), incoming(15)) == []
    assert next_look(doc) == NOON + timedelta(minutes=14 + 16)
    assert took(doc, outgoing(16), outgoing(17)) == [("next_response", "met")]
    assert looked(doc, 61) == [("resolution", "breached")]
    assert (next_look(doc), looked(doc, 90)) == (None, [])


def test_what_nobody_wrote_is_no_answer() -> None:
    doc = contact()
    took(doc, incoming(0))
    silent = (outgoing(1, author="BOT"), outgoing(1, broadcast_row="row_1"), outgoing(1, internal_note=True))
    assert took(doc, *silent, incoming(2, quiet=True)) == []
    assert looked(doc, 10) == [("first_response", "breached")]


def test_a_late_answer_breaches_where_nobody_has_looked_in_time() -> None:
    doc = contact()
    took(doc, incoming(0))
    assert took(doc, outgoing(10.1)) == [("first_response", "breached")]


def test_a_close_ends_all_and_the_next_message_begins_anew() -> None:
    doc = contact()
    took(doc, incoming(0))
    by = Author("USER", "usr_1", "usr_1", "Sam", {})
    assert [(each.target["kind"], each.verb) for each in on_close(doc, NOON)] == [("resolution", "met")]
    late = on_close(doc, NOON + timedelta(minutes=61))
    assert [(each.target["kind"], each.verb) for each in late] == [
        ("first_response", "breached"), ("resolution", "breached"),
    ]  # fmt: skip
    doc["chat"]["sla"] = close(doc, by, None).fields["chat.sla"]
    assert next_look({**doc, "status": "CLOSED"}) is None
    took(doc, incoming(100))
    assert looked(doc, 110) == [("first_response", "breached")]


def test_without_targets_nothing_is_kept() -> None:
    doc = contact()
    assert took(doc, incoming(0), outgoing(1), incoming(2), targets=None) == []
    assert "sla" not in doc["chat"]
