"""Texts registered with India's operators (DLT): whether a text is one of them, and what the operators' codes mean.

Source: TCCCPR 2018 with its second amendment (12 February 2025), and the operators' notices. What is sent has to be a
registered text word for word, with at most thirty characters in each of its places.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import count

import yaml

LONGEST_VALUE = 30
INDIA = "+91"
# A place as the registers write it (`{#var#}`, `{#numeric#}`, …), as MSG91 does (`##VAR1##`), and as we do.
_KINDS = frozenset({"var", "numeric", "alphanumeric", "url", "urlott", "cbn", "email"})
PLACE = re.compile(r"\{#(\w+)#\}|##(\w+)##|\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Fits:
    """A text is the registered one, with these values in its places, in their order."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Differs:
    """A text is not the registered one: at `position` (from 0) stands `found` where `wanted` would have to.

    `found` is empty where the text ends too early, `wanted` where it should have ended.
    """

    position: int
    found: str
    wanted: str

    @property
    def said(self) -> str:
        """Return that in words."""
        at = f"character {self.position + 1}"
        if not self.found:
            return f"the text ends where {self.wanted} would have to follow ({at})"
        if not self.wanted:
            return f"'{self.found}' stands where the text would have to end ({at})"
        return f"'{self.found}' stands where {self.wanted} would have to ({at})"


def normalised(registered: str) -> str:
    """Return a registered text with its places as we write them: those without a name of their own by number."""
    numbers = count(1)

    def place(found: re.Match[str]) -> str:
        number, name = next(numbers), next(name for name in found.groups() if name)
        return "{{%s}}" % (number if name.lower() in _KINDS else name)

    return PLACE.sub(place, registered)


def compare(registered: str, text: str) -> Fits | Differs:
    """Return whether a text is a registered one, or the first character in which it differs.

    Of all readings the one is meant that gets furthest in the registered text.
    """
    pieces = PLACE.sub("\x00", registered).split("\x00")  # the fixed ones around the places
    begins, ends = {0}, []  # where the next piece may begin, and for each piece where it may end
    for piece in pieces:
        ends.append({at + len(piece) for at in begins if text.startswith(piece, at)})
        following = {at + size for at in ends[-1] for size in range(1, LONGEST_VALUE + 1) if at + size <= len(text)}
        if not following or len(ends) == len(pieces):
            break
        begins = following
    if len(ends) == len(pieces) and len(text) in ends[-1]:
        return Fits(_values(pieces, ends, text))
    piece = pieces[len(ends) - 1]
    met, begun = max((_common(piece, text, at), at) for at in begins)
    at = begun + met
    over = "a value" if len(ends) < len(pieces) else ""
    wanted = f"'{piece[met]}'" if met < len(piece) else over
    return Differs(at, text[at : at + 1], wanted)


def _common(piece: str, text: str, at: int) -> int:
    """Return how many characters of a piece stand in a text from a place on."""
    return next((n for n, char in enumerate(piece) if text[at + n : at + n + 1] != char), len(piece))


def _values(pieces: Sequence[str], ends: Sequence[set[int]], text: str) -> tuple[str, ...]:
    """Return the values between the fixed pieces of a text, of several readings the one with the shortest last."""
    values, end = [], len(text)
    for piece, before in zip(reversed(pieces[1:]), reversed(ends[:-1]), strict=True):
        end -= len(piece)
        begun = max(at for at in before if 1 <= end - at <= LONGEST_VALUE)
        values.append(text[begun:end])
        end = begun
    return tuple(reversed(values))


@dataclass(frozen=True, slots=True)
class ScrubCode:
    """What an operator's code means: whose matter it is, in words, and who must act."""

    code: str
    about: str
    words: str
    act: str

    @property
    def early(self) -> bool:
        """Whether it is about the hour alone: within its hours the message would be taken."""
        return self.about == "hours"


@cache
def scrub_codes() -> Mapping[str, ScrubCode]:
    """Return the operators' codes."""
    rows = yaml.safe_load(files(__package__).joinpath("scrub_codes.yaml").read_text("utf-8"))
    return {str(row["code"]): ScrubCode(**{**row, "code": str(row["code"])}) for row in rows}


def scrubbed(*told: str | None) -> ScrubCode | None:
    """Return the operators' code that a carrier's words name, None where they name none."""
    for text in told:
        for found in re.findall(r"(?<!\d)\d{3}(?!\d)", text or ""):
            if found in scrub_codes():
                return scrub_codes()[found]
    return None
