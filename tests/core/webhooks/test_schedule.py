"""When deliveries are tried again, and what answers mean."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinaconnect.core.webhooks import schedule
from jinaconnect.core.webhooks.schedule import Outcome, hold, retry_after, wait

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SECONDS = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]


def test_ten_attempts_within_75_6_hours() -> None:
    waits = [wait(tries, 0.5) for tries in range(1, 11)]
    assert waits == [*(timedelta(seconds=seconds) for seconds in SECONDS), None]
    assert 75.5 < sum(SECONDS) / 3600 < 75.6


@given(st.integers(1, 9), st.floats(0, 1))
def test_jitter_is_a_tenth_either_way(tries: int, chance: float) -> None:
    pause = wait(tries, chance)
    assert pause is not None
    assert 0.9 * SECONDS[tries - 1] - 0.01 <= pause.total_seconds() <= 1.1 * SECONDS[tries - 1] + 0.01


@pytest.mark.parametrize(
    ("status", "ok"), [(200, True), (204, True), (299, True), (300, False), (302, False), (304, False), (199, False),
                       (400, False), (410, False), (500, False), (None, False)],
)  # fmt: skip
def test_only_2xx_is_success(status: int | None, ok: bool) -> None:
    assert Outcome(status, 1).ok is ok


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120), ("0", 0), ("Thu, 26 Nov 2026 12:01:40 GMT", 100), ("Thu, 26 Nov 2026 11:59:00 GMT", -60),
     ("soon", None), ("", None), ("-5", None), ("1.5", None), ("99999999999999999999", 10**8), ("²", None)],
)  # fmt: skip
def test_retry_after_is_read_in_both_forms(text: str, seconds: int | None) -> None:
    assert retry_after(text, NOW) == (None if seconds is None else timedelta(seconds=seconds))


def test_a_hold_is_what_was_asked_for_within_a_day_and_else_doubles() -> None:
    def asked(text: str) -> float:
        return hold(Outcome(429, 1, headers={"retry-after": text}), 1, NOW).total_seconds()

    assert (asked("30"), asked("9999999"), asked("Thu, 26 Nov 2026 11:59:00 GMT")) == (30, 86_400, 0)
    assert [hold(Outcome(503, 1), n, NOW).total_seconds() for n in (1, 2, 3, 50)] == [2, 4, 8, 300]


def test_what_throttles() -> None:
    assert all(Outcome(status, 1).throttled for status in (429, 502, 504))
    assert not any(Outcome(status, 1).throttled for status in (200, 400, 410, 500, None))
    assert schedule.GONE == 410
