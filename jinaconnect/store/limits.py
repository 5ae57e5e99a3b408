"""Rate limits: fixed windows, counted in Redis where several processes share them, else in this process.

While Redis is away each process counts for itself: limits get looser by the number of processes, nothing is refused
that should not be and nothing else depends on it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinaconnect.store.redis import RedisLink

SWEEP_AT = 20_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of taking from a bucket; `reset_s` is the time until the window ends."""

    allowed: bool
    limit: int
    remaining: int
    reset_s: float


class Limits:
    """Counts uses per key and window."""

    def __init__(self, link: RedisLink | None = None) -> None:
        self._link = link
        self._windows: dict[tuple[str, int], tuple[int, int]] = {}

    async def take(self, key: str, limit: int, window_s: int) -> Verdict:
        """Count one use of `key`; at most `limit` are allowed per window of `window_s` seconds."""
        now = time.time()
        number = int(now // window_s)
        reset = (number + 1) * window_s - now
        used = None
        if self._link is not None:
            used = await self._link.count(f"jc:rate:{key}:{window_s}:{number}", window_s)
        if used is None:
            used = self._count((key, window_s), number)
        return Verdict(used <= limit, limit, max(0, limit - used), reset)

    def _count(self, key: tuple[str, int], number: int) -> int:
        held, used = self._windows.get(key, (number, 0))
        used = used + 1 if held == number else 1
        self._windows[key] = (number, used)
        if len(self._windows) > SWEEP_AT:
            now = time.time()
            self._windows = {k: v for k, v in self._windows.items() if v[0] >= int(now // k[1])}
        return used
