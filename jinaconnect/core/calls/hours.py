"""The hours in which people may be called: a daily window in their own local time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any

MAX_DEFERRALS = 24

_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` (within) to `end` (without); a start after the end goes over midnight, equal ends match nothing."""

    start: time
    end: time

    def holds(self, local: time) -> bool:
        """Tell whether a local time of day lies in the window."""
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end


@dataclass(frozen=True, slots=True)
class Go:
    """Call now."""


@dataclass(frozen=True, slots=True)
class Defer:
    """Try again at `until` (UTC)."""

    until: datetime


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Deferred too often: the call has failed."""


def read_window(data: Any) -> Window | None:
    """Return the window of `{"start":"HH:MM","end":"HH:MM"}`, or None (no gate) when it is missing or malformed."""
    if not isinstance(data, Mapping):
        return None
    start, end = _time(data.get("start")), _time(data.get("end"))
    return None if start is None or end is None else Window(start, end)


def decide(window: Window | None, now: datetime, zone: tzinfo, deferrals: int = 0) -> Go | Defer | GiveUp:
    """Return whether a call may be placed at `now` to somebody in `zone`, who was deferred `deferrals` times before."""
    if window is None or window.holds(now.astimezone(zone).time()):
        return Go()
    return GiveUp() if deferrals >= MAX_DEFERRALS else Defer(next_start(window, now, zone))


def next_start(window: Window, now: datetime, zone: tzinfo) -> datetime:
    """Return the next beginning of the window after `now`, in UTC: today's if still ahead, else tomorrow's.

    A beginning that the change to summer time leaves out falls as much later as the clocks jump.
    """
    today = now.astimezone(zone).date()
    starts = (datetime.combine(today + timedelta(days=days), window.start, zone).astimezone(UTC) for days in range(3))
    return next(start for start in starts if start > now)


def _time(text: Any) -> time | None:
    found = _CLOCK.fullmatch(text) if isinstance(text, str) else None
    return None if found is None else time(int(found[1]), int(found[2]))
