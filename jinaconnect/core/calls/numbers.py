"""Telephone numbers as carriers write them, brought to one form for looking up and rating."""

from __future__ import annotations

import re

_SEPARATORS = re.compile(r"[\s().\-/]")
_SIP = re.compile(r"sips?:([^@;>]+)", re.IGNORECASE)


def plus_form(number: str) -> str:
    """Return a number with a leading `+`, without separators; `00` in front stands for the `+` (ITU-T E.123).

    Digits without either are taken as already international. A SIP address gives its user part. What holds anything
    but digits then (a name, an anonymous caller) comes back as it was.
    """
    found = _SIP.search(number)
    plain = _SEPARATORS.sub("", found[1] if found else number)
    digits = plain.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return "+" if plain == "+" else number.strip()
    if plain.startswith("00"):
        digits = digits.removeprefix("00")
    return "+" + digits
