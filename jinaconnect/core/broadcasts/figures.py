"""The figures of broadcasts over a span of time, made of how many recipients there are by status, platform and day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from jinaconnect.core.broadcasts import states

PERIODS = {
    "24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30), "90d": timedelta(days=90),
}  # fmt: skip
USUAL_PERIOD = "7d"
STEPS = 288  # of five minutes within a day
_FIRST = datetime(2020, 1, 1, tzinfo=UTC)
REPLIED = "REPLIED"  # no state of a recipient, but counted beside them: who wrote back
_ASKED = (*states.SUCCESSES, states.UNKNOWN, states.FAILED)


def spread(by_status: Mapping[str, int]) -> dict[str, Any]:
    """Return what became of recipients, in numbers and in per cent; a share of nobody is null."""
    delivered, read = by_status.get(states.DELIVERED, 0), by_status.get(states.READ, 0)
    asked, failed = sum(by_status.get(name, 0) for name in _ASKED), by_status.get(states.FAILED, 0)
    reach, answered = delivered + read, by_status.get(REPLIED, 0)
    return {
        "total_sent": asked, "total_reach": reach, "delivered": delivered, "read": read, "replied": answered,
        "failed": failed,
        "blocked": by_status.get(states.BLOCKED, 0), "delivery_rate": share(reach, asked),
        "read_rate": share(read, asked), "reply_rate": share(answered, asked),
        "failure_rate": share(failed, asked), "engagement_rate": share(read, reach),
    }  # fmt: skip


def end_of(span: timedelta, now: datetime) -> datetime:
    """Return where a span ends that goes up to now: a small part of it later, so that it is the same for a while.

    What is asked for again within that part is not made again.
    """
    step = span / STEPS
    return _FIRST + step * ((now - _FIRST) // step + 1)


def share(part: int, whole: int) -> float | None:
    """Return a part in per cent with one decimal, None of nothing."""
    return round(100 * part / whole, 1) if whole else None


def change(now: float | None, before: float | None) -> float | None:
    """Return by how many per cent a figure has changed, None where there was none before."""
    return round(100 * (now - before) / before, 1) if before and now is not None else None


def summed(groups: Sequence[Mapping[str, Any]], by: str | None = None) -> dict[str, dict[str, int]]:
    """Return `{value of a key: {status: recipients}}` of groups `{_id: {status, …}, n}`; without a key all as one.

    Who wrote back is counted as REPLIED besides.
    """
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for group in groups:
        found["" if by is None else str(group["_id"][by])][group["_id"]["status"]] += group["n"]
        found["" if by is None else str(group["_id"][by])][REPLIED] += group["replied"]
    return {key: dict(counts) for key, counts in sorted(found.items())}
