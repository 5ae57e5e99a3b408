"""Rate limits: fixed windows, counted in Redis where several processes share them, else in this process.

A use that falls under several budgets is counted against all of them or, where one is used up, against none: what was
not granted costs nothing. While Redis is away each process counts for itself: limits get looser by the number of
processes, nothing is refused that should not be and nothing else depends on it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinaconnect.store.databases.redis import RedisLink


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `limit` uses of `key` in each window of `window_s` seconds."""

    key: str
    limit: int
    window_s: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of taking from budgets: the one that refused, else the tightest.

    `reset_s` is the time until its window ends.
    """

    allowed: bool
    limit: int
    remaining: int
    reset_s: float


class Limits:
    """Counts uses per key and window."""

    def __init__(self, link: RedisLink | None = None) -> None:
        self._link = link
        self._windows: dict[int, tuple[int, dict[str, int]]] = {}  # by length: the present window's number and uses

    async def take(self, *budgets: Budget) -> Verdict:
        """Count one use against every budget, or against none where one of them is used up."""
        now = time.time()
        used: Sequence[int] | None = None
        if self._link is not None:
            keys = [f"jc:rate:{b.key}:{b.window_s}:{int(now // b.window_s)}" for b in budgets]
            used = await self._link.take(keys, [b.limit for b in budgets], [b.window_s for b in budgets])
        if used is None:
            used = self._take(budgets, now)
        verdicts = [_verdict(budget, count, now) for budget, count in zip(budgets, used, strict=True)]
        refused = [verdict for verdict in verdicts if not verdict.allowed]
        if refused:
            return max(refused, key=lambda verdict: verdict.reset_s)
        return min(verdicts, key=lambda verdict: verdict.remaining)

    def _take(self, budgets: Sequence[Budget], now: float) -> list[int]:
        tables = [self._table(budget.window_s, now) for budget in budgets]
        used = [table.get(budget.key, 0) + 1 for table, budget in zip(tables, budgets, strict=True)]
        if all(count <= budget.limit for count, budget in zip(used, budgets, strict=True)):
            for table, budget, count in zip(tables, budgets, used, strict=True):
                table[budget.key] = count
        return used

    def _table(self, window_s: int, now: float) -> dict[str, int]:
        number = int(now // window_s)
        held = self._windows.get(window_s)
        if held is None or held[0] != number:
            held = self._windows[window_s] = (number, {})  # what a window has counted goes with it
        return held[1]


def _verdict(budget: Budget, used: int, now: float) -> Verdict:
    reset = (now // budget.window_s + 1) * budget.window_s - now
    return Verdict(used <= budget.limit, budget.limit, max(0, budget.limit - used), reset)
