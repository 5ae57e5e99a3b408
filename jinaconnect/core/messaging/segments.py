"""How a text is cut into SMS: its alphabet, its segments, what makes it dear, and a cheaper way to say it.

Source: 3GPP TS 23.038 (the default alphabet and its extension table, UCS-2) and TS 23.040 (a concatenation header takes
six octets of each of several segments).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

GSM, UCS2 = "GSM-7", "UCS-2"
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")  # each is an escape and a septet, which are never parted
_ALONE = {GSM: 160, UCS2: 70}  # units of a single segment
_OF_SEVERAL = {GSM: 153, UCS2: 67}

# What looks alike, where taking the accents off does not say it.
_ALIKE = {
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "′": "'", "`": "'", "´": "'", "ʼ": "'", "“": '"', "”": '"', "„": '"',
    "‟": '"', "″": '"', "«": '"', "»": '"', "‹": "<", "›": ">", "–": "-", "—": "-", "―": "-", "‐": "-", "‑": "-",
    "‒": "-", "−": "-", "•": "*", "·": ".", "…": "...", "⁄": "/", "×": "x", "÷": ":", "°": "o", "©": "(c)",
    "®": "(R)", "™": "TM", "№": "No", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th",
    "Þ": "Th", "œ": "oe", "Œ": "OE", "ı": "i", "ẞ": "SS", "₹": "Rs", "\t": " ",
    # Capitals that only Latin and Greek share the look of.
    "Α": "A", "Β": "B", "Ε": "E", "Ζ": "Z", "Η": "H", "Ι": "I", "Κ": "K", "Μ": "M", "Ν": "N", "Ο": "O", "Ρ": "P",
    "Τ": "T", "Υ": "Y", "Χ": "X",
}  # fmt: skip
_UNSEEN = ("Cf", "Mn", "Me")  # marks of direction, joiners, variation selectors: nothing is lost without them
_PICTURES = ("So", "Sk", "Cn", "Co")


@dataclass(frozen=True, slots=True)
class Offending:
    """A character that is not in the default alphabet, where it stands first (from 0), and how often it is there."""

    character: str
    position: int
    count: int


@dataclass(frozen=True)
class Segments:
    """A text as it is sent: its `encoding` and the parts it is cut into."""

    text: str
    encoding: str
    parts: tuple[str, ...]

    @property
    def count(self) -> int:
        """Return how many SMS it is; what says nothing is still one."""
        return max(1, len(self.parts))

    @property
    def units(self) -> int:
        """Return its length as the alphabet counts it: septets, or UTF-16 code units."""
        return sum(_units(char, self.encoding) for char in self.text)

    @property
    def left(self) -> int:
        """Return how many units fit into the last part before another is begun."""
        most = _ALONE[self.encoding] if self.count == 1 else _OF_SEVERAL[self.encoding]
        return most - sum(_units(char, self.encoding) for char in (self.parts[-1] if self.parts else ""))

    @cached_property
    def offending(self) -> tuple[Offending, ...]:
        """Return the characters that keep the text out of the default alphabet, in the order they are met."""
        if self.encoding == GSM:
            return ()
        odd = dict.fromkeys(char for char in self.text if not _known(char))
        return tuple(Offending(char, self.text.index(char), self.text.count(char)) for char in odd)

    @cached_property
    def rewrite(self) -> str | None:
        """Return the text in the default alphabet: look-alikes put in, accents taken off, pictures left out.

        None where it is in that alphabet already, and where letters have no equivalent there: nothing that is read is
        lost.
        """
        if self.encoding == GSM:
            return None
        said = "".join(_plain(self.text))
        return said if said.strip() and all(map(_known, said)) else None


def segmented(text: str) -> Segments:
    """Return how a text is cut: an escape and its septet, and both halves of a surrogate pair, stay in one part."""
    encoding = GSM if all(map(_known, text)) else UCS2
    sizes = [_units(char, encoding) for char in text]
    if sum(sizes) <= _ALONE[encoding]:
        return Segments(text, encoding, (text,) if text else ())
    parts, begun, filled = [], 0, 0
    for place, size in enumerate(sizes):
        if filled + size > _OF_SEVERAL[encoding]:
            parts.append(text[begun:place])
            begun, filled = place, 0
        filled += size
    return Segments(text, encoding, (*parts, text[begun:]))


def _known(char: str) -> bool:
    return char in _BASIC or char in _EXTENDED


def _units(char: str, encoding: str) -> int:
    if encoding == GSM:
        return 2 if char in _EXTENDED else 1
    return 2 if ord(char) > 0xFFFF else 1


def _plain(text: str) -> Iterator[str]:
    """Yield the text in the default alphabet as far as it can be said there; what cannot be stays as it is."""
    for char in unicodedata.normalize("NFC", text):
        if _known(char):
            yield char
        elif char in _ALIKE:
            yield _ALIKE[char]
        elif unicodedata.category(char) == "Zs":
            yield " "
        elif unicodedata.category(char) in (*_UNSEEN, *_PICTURES):
            continue
        else:
            bare = [each for each in unicodedata.normalize("NFKD", char) if unicodedata.category(each) not in _UNSEEN]
            yield from (_ALIKE.get(each, each) for each in bare)
