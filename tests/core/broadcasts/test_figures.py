"""Figures over a span of time: which rows they are made of, and when they are made anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from jinaconnect.core.broadcasts.figures import PERIODS, STEPS, end_of

MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


@given(st.sampled_from(sorted(PERIODS)), MOMENTS)
def test_a_span_ends_after_now_and_soon_and_stays_for_a_while(period: str, now: datetime) -> None:
    span = PERIODS[period]
    end = end_of(span, now)
    assert now < end <= now + span / STEPS
    assert end_of(span, end - timedelta(microseconds=1)) == end
    assert end_of(span, end) == end + span / STEPS
