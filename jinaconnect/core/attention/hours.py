"""An organisation's business hours, and what is so many minutes of them ahead."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FURTHEST = 400  # days that are looked through

Hours = Mapping[str, tuple[str, str]]
"""By day of the week from when to when, as `HH:MM`; a day that is not named is free. None at all: all hours count."""


def ahead(since: datetime, minutes: float, hours: Hours | None, zone: tzinfo) -> datetime:
    """Return when so many minutes of business hours have passed since a moment, in UTC."""
    left = timedelta(minutes=minutes)
    if not hours:
        return since + left
    day = since.astimezone(zone).date()
    for _ in range(_FURTHEST):
        if (span := _span(day, hours, zone)) is not None:
            begins, ends = max(span[0], since), span[1]
            if begins < ends:
                if begins + left <= ends:
                    return begins + left
                left -= ends - begins
        day += timedelta(days=1)
    return since + timedelta(days=_FURTHEST)


def _span(day: date, hours: Hours, zone: tzinfo) -> tuple[datetime, datetime] | None:
    """Return the business hours of a day in UTC; 24:00 is its end. Elapsed time is counted, whatever clocks do."""
    found = hours.get(DAYS[day.weekday()])
    if found is None:
        return None
    begins, ends = (_moment(day, each, zone) for each in found)
    return begins, ends


def _moment(day: date, clock: str, zone: tzinfo) -> datetime:
    if clock == "24:00":
        day, clock = day + timedelta(days=1), "00:00"
    return datetime.combine(day, time.fromisoformat(clock), zone).astimezone(UTC)
