"""When a delivery is tried again, and what an answer means."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

# Before the second, third, … attempt; together 75.6 hours.
WAITS: Final = (
    timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=5),
    timedelta(hours=10), timedelta(hours=14), timedelta(hours=20), timedelta(hours=24),
)  # fmt: skip
JITTER = 0.1  # of a wait, either way: what failed together does not come back together
THROTTLES = (429, 502, 503, 504)  # "not so fast", or a proxy that says so for a server in trouble
GONE = 410
LONGEST_HOLD = timedelta(hours=24)
HOLD = timedelta(seconds=1)  # of a throttled endpoint that names no time, doubled with each such answer
MOST_HOLD = timedelta(minutes=5)
ANSWER_BYTES = 1024  # of what was answered, for whoever looks for a fault


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt; without a `status` there was no answer, and `error` says why."""

    status: int | None
    ms: int
    answer: str = ""
    error: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the receiver has it: only 2xx says so, a redirect does not and is not followed."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver wants nothing any more."""
        return self.status == GONE

    @property
    def throttled(self) -> bool:
        """Whether the receiver, or what stands before it, asks for less."""
        return self.status in THROTTLES


def wait(tries: int, chance: float) -> timedelta | None:
    """Return how long to wait after so many attempts, None after the last; `chance` from 0 to 1 is the jitter."""
    if last(tries):
        return None
    return WAITS[tries - 1] * (1 + JITTER * (2 * chance - 1))


def last(tries: int) -> bool:
    """Tell whether no attempt follows after so many."""
    return tries > len(WAITS)


def hold(outcome: Outcome, throttled: int, now: datetime) -> timedelta:
    """Return for how long an endpoint wants nothing, after so many such answers in a row."""
    asked = retry_after(outcome.headers.get("retry-after", ""), now)
    if asked is not None:
        return min(max(asked, timedelta(0)), LONGEST_HOLD)
    doubled: int = 1 << min(throttled, 16)
    return min(HOLD * doubled, MOST_HOLD)


def retry_after(text: str, now: datetime) -> timedelta | None:
    """Return what a `Retry-After` header says (RFC 9110 §10.2.3), None for one that says nothing."""
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), 10**8))
    try:
        at = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
