"""Keys of a telephone: collected once when they are reported twice, and spelled out in time when we press them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from jinaconnect.core.errors import Invalid

KEYS = "0123456789ABCD*#"
WAIT_MS = 500
TWIN_WINDOW_MS = 80
TIMING_LIMITS_MS = (40, 5_000)

_SENDABLE = re.compile(r"[0-9A-D*#w]{1,64}")


def collect(
    seen: Mapping[str, int], digit: str, at_ms: int, window_ms: int = TWIN_WINDOW_MS
) -> tuple[dict[str, int], bool]:
    """Return what was seen after a report of `digit` at `at_ms`, and whether it is a new key press.

    A key sent by RFC 4733 and by SIP INFO is reported twice, within moments of each other. A report of the same digit
    less than `window_ms` from the last press that counted is its twin, earlier or later; nobody presses a key twice
    that fast. `seen` maps each digit to the time of that press (start with an empty one) and is JSON.
    """
    last = seen.get(digit)
    if last is not None and abs(at_ms - last) < window_ms:
        return dict(seen), False
    return {**seen, digit: at_ms if last is None else max(at_ms, last)}, True


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
