"""What a simulated carrier does to its reports in chaos: it reorders, repeats, delays and loses them.

All of it follows from the message's id alone, so whoever knows that knows what will be reported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

WITHIN = timedelta(seconds=1.5)  # in whatever order
LATE = timedelta(seconds=5)
ONE_IN_LOST, ONE_IN_LATE, MOST_TIMES = 6, 6, 3


@dataclass(frozen=True, slots=True)
class Posting:
    """One posting of a report: of which, the how-manyth, and how long after the first could have been."""

    place: int
    copy: int
    after: timedelta


def disturbed(id: str, statuses: Sequence[str]) -> list[Posting]:
    """Return when each report of a message is posted and how often; some are lost, each of the same status with it."""
    found = []
    for place, status in enumerate(statuses):
        if _chance(id, status, "lost") % ONE_IN_LOST == 0:
            continue
        for copy in range(1 + _chance(id, place, "times") % MOST_TIMES):
            after = WITHIN * (_chance(id, place, f"at {copy}") % 1000) / 1000
            late = _chance(id, place, f"late {copy}") % ONE_IN_LATE == 0
            found.append(Posting(place, copy, after + LATE if late else after))
    return found


def survivors(id: str, statuses: Sequence[str]) -> list[str]:
    """Return the statuses that are reported at all, in their order."""
    places = {posting.place for posting in disturbed(id, statuses)}
    return [status for place, status in enumerate(statuses) if place in places]


def repeats(id: str) -> int:
    """Return how often what a customer wrote is posted; a carrier loses none of that, for it asks until it is taken."""
    return 1 + _chance(id, 0, "repeats") % MOST_TIMES


def _chance(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256("|".join(map(str, parts)).encode()).digest()[:4], "big")
