"""The caller at the other end of a carrier's call, and the carrier's way to us: what an interpreter needs of both.

Interpreters are written from the carriers' own pages and share no code with `core.ivr.dialects`, so that one can be
held against the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class CallerGone(Exception):
    """The caller has hung up."""


class BadDocument(Exception):
    """The carrier does not accept what it was answered."""


@dataclass(frozen=True, slots=True)
class Take:
    """A recording: how long what was said is, and when, on the line's clock, it ends if nothing ends it before."""

    seconds: int
    ends_at: float


@dataclass(frozen=True, slots=True)
class Dialled:
    """How a second call went."""

    answered: bool
    seconds: int = 0


class Line(Protocol):
    """A caller who hears, presses, speaks and hangs up; every wait raises CallerGone when they are gone."""

    def now(self) -> float:
        """Return the time in seconds."""

    async def hear(self, kind: str, content: str, *, keys: bool) -> str | None:
        """Have a `text` or an `audio` heard; with `keys` one that is pressed ends it and is returned."""

    async def key(self, seconds: float) -> str | None:
        """Return the next key, None when none came in time."""

    async def words(self, seconds: float) -> str:
        """Return what is said, nothing when it does not begin in time."""

    async def quiet(self, seconds: float, until: str = "") -> str | None:
        """Let time pass; a key of `until` ends it and is returned, others are lost."""

    def recording(self, most_s: float, silence_s: float | None) -> Take:
        """Begin to record."""

    async def dial(self, to: str, ring_s: float) -> Dialled:
        """Call somebody, and have the two talk until that call is over."""

    async def send(self, url: str, fields: Mapping[str, Any]) -> bytes:
        """Ask us at an address, in the carrier's form, and return the answer."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What was pressed for one question, and the key that closed it."""

    digits: str
    closed_by: str = ""


async def collect(
    line: Line, first: str | None, *, most: int | None, closes: str, first_s: float, between_s: float
) -> Keys:
    """Take keys as every carrier does: `first` was pressed during the prompt, later ones each in time."""
    digits = ""
    key = first if first is not None else await line.key(first_s)
    while key is not None:
        if key in closes:
            return Keys(digits, key)
        digits += key
        if most is not None and len(digits) >= most:
            break
        key = await line.key(between_s)
    return Keys(digits)
