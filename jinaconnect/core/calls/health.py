"""How well a trunk does: reachable or not with hysteresis, and the figures of its call attempts over a time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from jinaconnect.core.calls import causes

UNKNOWN, UP, DEGRADED, DOWN = "unknown", "up", "degraded", "down"

WINDOWS: dict[str, timedelta] = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1), "24h": timedelta(hours=24)}
TOP_CAUSES = 5
SLOTS = 48

# The network did its part: answered, or the callee's own doing.
_NETWORK_DID_ITS_PART = frozenset({200, 433, 480, 486, 487, 600, 603, 607})
# For carriers that give words instead of SIP codes.
_SIP_OF_CAUSE = {
    causes.USER_BUSY: 486, causes.NO_ANSWER: 480, causes.NO_USER_RESPONSE: 480, causes.NORMAL_CLEARING: 487,
    causes.CALL_REJECTED: 603, causes.UNWANTED: 607, causes.ANONYMITY_DISALLOWED: 433,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rule:
    """`k` of the last `n` probes must agree to change the state.

    More than half of `n` rounded up, so that a trunk which fails every other probe does not flap: raises ValueError.
    """

    k: int = 3
    n: int = 4

    def __post_init__(self) -> None:
        if not (self.n + 1) // 2 < self.k <= self.n and (self.k, self.n) != (1, 1):
            raise ValueError("k must be more than half of n and at most n")


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether a trunk answers probes: `state` since `since`, and the last results, oldest first."""

    state: str = UNKNOWN
    since: datetime | None = None
    recent: tuple[bool, ...] = ()


def observe(reach: Reach, ok: bool, at: datetime, rule: Rule) -> tuple[Reach, bool]:
    """Return the state after a probe and whether it changed; the first probe decides at once."""
    recent = (*reach.recent, ok)[-rule.n :]
    state = reach.state
    if state == UNKNOWN:
        state = UP if ok else DOWN
    elif recent.count(True) >= rule.k:
        state = UP
    elif recent.count(False) >= rule.k:
        state = DOWN
    changed = state != reach.state
    return replace(reach, state=state, since=at if changed else reach.since, recent=recent), changed


@dataclass(frozen=True, slots=True)
class Attempt:
    """A finished call attempt over a trunk; `talk_s` of an answered call, `pdd_ms` where ringing or answer came."""

    ended_at: datetime
    answered: bool
    cause: str
    sip_code: int | None = None
    talk_s: float = 0.0
    pdd_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one window; ratios from 0 to 1, None where nothing can be said.

    ASR: answered of attempted. NER: completed by the network or decided by the callee (SIP 200, 433, 480, 486, 487,
    600, 603, 607) of attempted (ITU-T E.425). ACD: mean seconds of answered calls. PDD: median ms from dialing to
    ringing.
    """

    attempts: int = 0
    answered: int = 0
    asr: float | None = None
    ner: float | None = None
    acd_s: float | None = None
    pdd_ms: int | None = None
    causes: tuple[tuple[str, int], ...] = ()

    def view(self) -> dict[str, Any]:
        """Return the figures as the health answer shows them."""
        return {
            "attempts": self.attempts, "answered": self.answered, "asr": self.asr, "ner": self.ner,
            "acd_s": self.acd_s, "pdd_ms": self.pdd_ms,
            "causes": [{"cause": cause, "count": count} for cause, count in self.causes],
        }  # fmt: skip


def figures(attempts: Iterable[Attempt], now: datetime, span: timedelta) -> Figures:
    """Return the figures of the attempts that ended within `span` before `now`."""
    within = [attempt for attempt in attempts if now - span < attempt.ended_at <= now]
    if not within:
        return Figures()
    answered = [attempt for attempt in within if attempt.answered]
    delays = [attempt.pdd_ms for attempt in within if attempt.pdd_ms is not None]
    unanswered = Counter(attempt.cause for attempt in within if not attempt.answered)
    return Figures(
        attempts=len(within),
        answered=len(answered),
        asr=round(len(answered) / len(within), 4),
        ner=round(sum(_network_did_its_part(attempt) for attempt in within) / len(within), 4),
        acd_s=round(sum(attempt.talk_s for attempt in answered) / len(answered), 1) if answered else None,
        pdd_ms=round(median(delays)) if delays else None,
        causes=tuple(sorted(unanswered.items(), key=lambda item: (-item[1], item[0]))[:TOP_CAUSES]),
    )


def slots(attempts: Iterable[Attempt], now: datetime, span: timedelta) -> list[tuple[datetime, Figures]]:
    """Return the figures of the attempts that ended within `span` before `now`, in equal slots by their beginning."""
    each = span / SLOTS
    held: list[list[Attempt]] = [[] for _ in range(SLOTS)]
    for attempt in attempts:
        place = SLOTS - 1 - (now - attempt.ended_at) // each
        if 0 <= place < SLOTS:
            held[place].append(attempt)
    begins = [now - span + place * each for place in range(SLOTS)]
    return [(at, figures(found, at + each, each * 2)) for at, found in zip(begins, held, strict=True)]


@dataclass(frozen=True, slots=True)
class Floor:
    """The ASR below which a trunk counts as degraded, once it had `attempts` in the window looked at."""

    asr: float = 0.3
    attempts: int = 10


def trunk_status(reach: Reach, registration: str | None, recent: Figures, floor: Floor) -> str:
    """Return "unknown", "up", "degraded" or "down".

    `registration` is "registered", "unregistered", "rejected" or "unreachable", None for a trunk that does not
    register. A trunk that is not registered can still place calls where its contact answers, so it is degraded, not
    down.
    """
    if reach.state in (DOWN, UNKNOWN):
        return reach.state
    if registration not in (None, "registered"):
        return DEGRADED
    low = recent.asr is not None and recent.attempts >= floor.attempts and recent.asr < floor.asr
    return DEGRADED if low else UP


def overall_status(links_up: Sequence[bool], trunks: Iterable[str]) -> str:
    """Return "down" without any link, "degraded" when a link or trunk is not up, else "up".

    A trunk that was not probed yet takes nothing away.
    """
    if not any(links_up):
        return DOWN
    troubled = not all(links_up) or any(status in (DOWN, DEGRADED) for status in trunks)
    return DEGRADED if troubled else UP


def percentile(values: Sequence[float], rank: float) -> float | None:
    """Return the value at `rank` (0 to 100) by the nearest-rank method, None for no values."""
    if not values:
        return None
    place = max(1, math.ceil(rank / 100 * len(values)))
    return sorted(values)[min(place, len(values)) - 1]


def _network_did_its_part(attempt: Attempt) -> bool:
    code = 200 if attempt.answered else attempt.sip_code or _SIP_OF_CAUSE.get(attempt.cause)
    return code in _NETWORK_DID_ITS_PART
