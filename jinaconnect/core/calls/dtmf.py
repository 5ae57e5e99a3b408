"""Keys of a telephone: collected once when they are reported twice, and spelled out in time when we press them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jinaconnect.core.errors import Invalid

DIGITS = "0123456789ABCD*#"
WAIT_MS = 500
JITTER_MS = 20  # less than anybody pauses between two presses (ITU-T Q.24: 40 ms)
LATE_TWIN_MS = 1_000
PLAYED_AGAIN_MS = 150  # the pauses Asterisk puts around a press that it plays once more, and some time
SURE = 2  # presses of one kind that tell of which kind a party is
TIMING_LIMITS_MS = (40, 5_000)

_SENDABLE = re.compile(r"[0-9A-D*#w]{1,64}")


@dataclass(slots=True)
class _Press:
    at_ms: int  # of its latest report, as is `duration_ms`
    duration_ms: int
    first_ms: int  # the duration its first report told
    reports: int = 1


class Collector:
    """Counts the presses of one party, each once, from reports that may come twice.

    A key sent by RFC 4733 is reported when it is let go, with how long it was held; the same press sent by SIP INFO
    too is reported once more, when it begins or when it ends, with a length that may be made up. Two reports of one
    digit are one press where the later one, by its own length, began before the earlier one was made: nobody presses
    a key that is held. A press has two reports, so quick presses stay apart. Where an INFO comes while the key is
    held, Asterisk plays the press once more: a third report, as long as the second, soon after it. Of a party that
    reports doubly a twin may come late; one that reports once only is believed every time.
    """

    def __init__(self) -> None:
        self._last: dict[str, _Press] = {}
        self._newest: _Press | None = None
        self._pairs = 0  # presses reported doubly, since the last one that was not
        self._singles = 0  # and the other way round

    def report(self, digit: str, at_ms: int, duration_ms: int) -> bool:
        """Take a report of `digit`, made at `at_ms` (let go, or told by INFO); tell whether it is a new press."""
        last = self._last.get(digit)
        if last is not None and self._singles < SURE and self._again(last, at_ms, duration_ms):
            if last.reports == 1:
                self._pairs, self._singles = self._pairs + 1, 0
            last.at_ms, last.duration_ms, last.reports = at_ms, duration_ms, last.reports + 1
            return False
        if self._newest is not None and self._newest.reports == 1 and self._newest is not last:
            self._pairs, self._singles = 0, self._singles + 1
        self._newest = self._last[digit] = _Press(at_ms, duration_ms, duration_ms)
        return True

    def _again(self, last: _Press, at_ms: int, duration_ms: int) -> bool:
        gap, held = at_ms - last.at_ms, duration_ms
        if gap < 0:
            gap, held = -gap, last.duration_ms
        if last.reports > 1:
            return last.first_ms != last.duration_ms == duration_ms and gap <= held + PLAYED_AGAIN_MS
        return gap <= held + JITTER_MS or (self._pairs >= SURE and gap <= LATE_TWIN_MS)


@dataclass(frozen=True, slots=True)
class KeyPress:
    """Press `digit` at `at_ms` after the beginning, for `duration_ms`."""

    at_ms: int
    digit: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class KeyScript:
    """Key presses in order and how long the whole takes, waits at the end included."""

    presses: tuple[KeyPress, ...]
    total_ms: int


def key_script(digits: str, between_ms: int = 100, duration_ms: int = 100) -> KeyScript:
    """Return the key presses of `[0-9A-D*#w]{1,64}`, where `w` waits 500 ms; raises Invalid naming the field."""
    if not _SENDABLE.fullmatch(digits):
        raise Invalid.field("digits", "must be 1 to 64 of 0-9, A-D, *, # and w")
    low, high = TIMING_LIMITS_MS
    for name, value in (("between_ms", between_ms), ("duration_ms", duration_ms)):
        if not low <= value <= high:
            raise Invalid.field(name, f"must be from {low} to {high}")
    presses: list[KeyPress] = []
    clock = 0
    for letter in digits:
        if letter == "w":
            clock += WAIT_MS
            continue
        presses.append(KeyPress(clock, letter, duration_ms))
        clock += duration_ms + between_ms
    return KeyScript(tuple(presses), clock)
