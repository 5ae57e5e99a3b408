"""Calling hours in the called person's own time."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinaconnect.core.calls.hours import MAX_DEFERRALS, Defer, GiveUp, Go, Window, decide, next_start, read_window

INDIA, BERLIN = ZoneInfo("Asia/Kolkata"), ZoneInfo("Europe/Berlin")
OFFICE = Window(time(9), time(18))
NIGHT = Window(time(22), time(6))


@pytest.mark.parametrize(
    ("window", "clock", "inside"),
    [
        (OFFICE, time(9), True), (OFFICE, time(17, 59, 59), True), (OFFICE, time(18), False),
        (OFFICE, time(8, 59), False),
        (NIGHT, time(22), True), (NIGHT, time(0), True), (NIGHT, time(5, 59), True), (NIGHT, time(6), False),
        (Window(time(9), time(9)), time(9), False),
    ],
)  # fmt: skip
def test_the_start_is_within_and_the_end_is_not(window: Window, clock: time, inside: bool) -> None:
    assert window.holds(clock) is inside


@pytest.mark.parametrize(
    "data",
    [None, {}, {"start": "9:00", "end": "18:00"}, {"start": "24:00", "end": "18:00"}, {"start": 9, "end": 18}, "x"],
)
def test_what_is_malformed_is_no_gate(data: Any) -> None:
    assert read_window(data) is None
    assert decide(None, datetime(2026, 1, 1, tzinfo=UTC), UTC) == Go()


def test_waiting_for_the_next_start() -> None:
    window = read_window({"start": "09:00", "end": "18:00"})
    early = datetime(2026, 1, 1, 2, 0, tzinfo=UTC)  # 07:30 in India
    assert decide(window, early, INDIA) == Defer(datetime(2026, 1, 1, 3, 30, tzinfo=UTC))
    assert decide(window, early + timedelta(hours=2), INDIA) == Go()
    late = datetime(2026, 1, 1, 13, 0, tzinfo=UTC)  # 18:30 in India
    assert decide(window, late, INDIA) == Defer(datetime(2026, 1, 2, 3, 30, tzinfo=UTC))
    assert decide(window, late, INDIA, MAX_DEFERRALS) == GiveUp()
    assert decide(window, late, INDIA, MAX_DEFERRALS - 1) != GiveUp()


def test_a_start_that_summer_time_leaves_out() -> None:
    before = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)  # 01:30 in Berlin; 02:00 to 03:00 do not exist that day
    start = next_start(Window(time(2, 30), time(5)), before, BERLIN)
    assert start.astimezone(BERLIN).time() == time(3, 30)


times = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))


@settings(max_examples=150, deadline=None)
@given(
    st.builds(Window, times, times),
    st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1)),
    st.sampled_from([UTC, INDIA, BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Pacific/Chatham")]),
)
def test_the_next_start_is_ahead_and_near(window: Window, naive: datetime, zone: Any) -> None:
    now = naive.replace(tzinfo=UTC)
    start = next_start(window, now, zone)
    assert now < start <= now + timedelta(hours=26)
