"""Turns: who wants to do something that may be done so often a second is told when it is theirs.

Turns of a key are given out in a row, each a fixed time after the one before: by Redis where several processes share
them, else by this process. While Redis is away each process gives out its own: things go faster by the number of
processes, and nothing else depends on it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinaconnect.store.databases.redis import RedisLink

_KEPT = 10_000


class Turns:
    """Gives out turns per key."""

    def __init__(self, link: RedisLink | None = None) -> None:
        self._link = link
        self._next: dict[str, float] = {}
        self._held: dict[str, float] = {}

    async def take(self, key: str, apart_s: float) -> float:
        """Take the next turn of a key; returns the seconds until then, zero for at once."""
        if self._link is not None:
            waits_us = await self._link.turn(f"jc:turn:{key}", round(apart_s * 1e6))
            if waits_us is not None:
                return waits_us / 1e6
        now = time.monotonic()
        at = max(self._next.get(key, 0.0), self._held.get(key, 0.0), now)
        _keep(self._next, key, at + apart_s, now)
        return at - now

    async def hold(self, key: str, seconds: float) -> None:
        """Give out no turn of a key before so many seconds are over."""
        if self._link is not None and await self._link.hold_turns(f"jc:turn:{key}", round(seconds * 1e6)):
            return
        now = time.monotonic()
        _keep(self._held, key, max(self._held.get(key, 0.0), now + seconds), now)

    async def held(self, key: str) -> float:
        """Return for how many seconds a key is still held, for who has their turn already."""
        if self._link is not None:
            left_ms = await self._link.turns_held(f"jc:turn:{key}")
            if left_ms is not None:
                return max(0, left_ms) / 1e3
        return max(0.0, self._held.get(key, 0.0) - time.monotonic())


def _keep(times: dict[str, float], key: str, at: float, now: float) -> None:
    """Keep a time, and of many only those that are still to come."""
    times[key] = at
    if len(times) > _KEPT:
        for past in [name for name, until in times.items() if until <= now]:
            del times[past]
