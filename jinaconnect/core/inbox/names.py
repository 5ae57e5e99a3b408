"""Names as people type them into their profiles: what shows nothing is no name, what reorders the line is left out."""

from __future__ import annotations

import unicodedata

# Marks and overrides of direction (UAX #9): they reach beyond the name into what stands around it.
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Letters and symbols by category that show nothing: fillers of Hangul, the empty Braille pattern.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
_NOTHING = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zs", "Zl", "Zp", "Mn", "Me"})
MAX_NAME = 255


def shown_name(text: str) -> str:
    """Return a name without controls, each run of blanks as one; empty when no character of it can be seen."""
    if text.isascii() and text.isprintable():  # nearly all of them
        return " ".join(text.split())[:MAX_NAME]
    kept = "".join(" " if _ends_a_line(char) else char for char in text if not _is_control(char))
    if not any(_is_seen(char) for char in kept):
        return ""
    return " ".join(kept.split())[:MAX_NAME]


def _ends_a_line(char: str) -> bool:
    return char in "\t\n\v\f\r\x85\u2028\u2029"


def _is_control(char: str) -> bool:
    return char in _DIRECTION or (unicodedata.category(char) in ("Cc", "Cs") and not _ends_a_line(char))


def _is_seen(char: str) -> bool:
    return char not in _BLANK and unicodedata.category(char) not in _NOTHING
