"""Identifiers: a three- or four-letter noun, an underscore and 26 characters of time and chance.

The shape is a ULID (48 bits of milliseconds, 80 bits of randomness) in lower-case Crockford base 32, so ids of one
kind sort by creation and new rows land at the end of an index.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]  # two letters are looked up at once
_TIME, _CHANCE = (1 << 48) - 1, (1 << 80) - 1
_SHAPE = re.compile(r"[a-z]{3,4}_[0-9a-hjkmnp-tv-z]{26}")

Randomness = Callable[[int], bytes]


def encode(prefix: str, milliseconds: int, chance: bytes) -> str:
    """Return the id of `prefix` for a time and 10 bytes of chance."""
    return f"{prefix}_{_time(milliseconds & _TIME)}{_letters(int.from_bytes(chance[:10], 'big'))}"


@functools.lru_cache(maxsize=64)  # many are made in one millisecond
def _time(milliseconds: int) -> str:
    return "".join([_PAIRS[milliseconds >> place & 1023] for place in range(40, -1, -10)])


def _letters(chance: int) -> str:
    """Return 80 bits as sixteen letters; written out, since every row and every event is given an id."""
    pairs = _PAIRS
    return (
        f"{pairs[chance >> 70]}{pairs[chance >> 60 & 1023]}{pairs[chance >> 50 & 1023]}{pairs[chance >> 40 & 1023]}"
        f"{pairs[chance >> 30 & 1023]}{pairs[chance >> 20 & 1023]}{pairs[chance >> 10 & 1023]}{pairs[chance & 1023]}"
    )


def well_formed(text: str, prefix: str | None = None) -> bool:
    """Tell whether `text` has the shape of an id (of `prefix`, where given)."""
    if prefix is not None and not text.startswith(prefix + "_"):
        return False
    return _SHAPE.fullmatch(text) is not None


def made_at(id: str) -> int:
    """Return the milliseconds at which an id was made; raises ValueError for a text of another shape."""
    if not well_formed(id):
        raise ValueError(f"{id!r} is no id")
    number = 0
    for letter in id.rpartition("_")[2]:
        number = number << 5 | _ALPHABET.index(letter)
    return number >> 80


class Ids:
    """Makes ids from a clock and a source of chance that the composition hands in."""

    def __init__(self, now: Callable[[], datetime], random: Randomness) -> None:
        self._now = now
        self._random = random
        self._last = (0, 0)

    def new(self, prefix: str) -> str:
        """Return a fresh id, greater than every one made here before in the same millisecond."""
        now = int(self._now().timestamp() * 1000)
        if now > self._last[0]:
            chance = int.from_bytes(self._random(10), "big") >> 1
        else:  # the clock has not moved on: a random step keeps order without making the next id easy to guess
            now, chance = self._last[0], self._last[1] + 1 + int.from_bytes(self._random(5), "big")
        self._last = (now, chance)
        return f"{prefix}_{_time(now)}{_letters(chance & _CHANCE)}"

    def secret(self, purpose: str, size: int = 32) -> str:
        """Return a secret of `size` bytes as text for addresses and headers; `purpose` tells those of one use apart."""
        return _text(self._random(size))


class RepeatableIds(Ids):
    """Gives the same ids in the same order for the same seed and time.

    An operation that carries an `Idempotency-Key` and is run again after a crash makes the ids it made before, so
    that its inserts meet their own rows instead of making second ones. The time is that of the first attempt.
    """

    def __init__(self, first_attempt: datetime, seed: bytes) -> None:
        self._seed = seed
        self._count = 0
        super().__init__(lambda: first_attempt, self._next)

    def _next(self, size: int) -> bytes:
        self._count += 1
        return hashlib.sha256(self._seed + self._count.to_bytes(4, "big")).digest()[:size]

    def secret(self, purpose: str, size: int = 32) -> str:
        """Return the secret of a purpose: the one an interrupted run has stored, whatever else that run made."""
        return _text(hmac.digest(self._seed, b"secret " + purpose.encode(), hashlib.sha256)[:size])


def _text(chance: bytes) -> str:
    return base64.urlsafe_b64encode(chance).decode().rstrip("=")
