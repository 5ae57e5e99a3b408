"""Telephone numbers as carriers write them, brought to one form for looking up and rating."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote

import phonenumbers

_SEPARATORS = re.compile(r"[\s().\-/]")
_URI = re.compile(r"(?:sips?|tel):([^@>?]+)", re.IGNORECASE)
_CONTEXT = re.compile(r";phone-context=(\+[0-9().-]+)", re.IGNORECASE)


def subscriber(text: str) -> str:
    """Return the number or name in a user part or an address (`sip:`, `tel:`), without its parameters.

    What follows a semicolon says how a number is to be routed (`;npdi;rn=`, RFC 4694), which line of a subscriber is
    meant (`;isub=`, `;ext=`, RFC 3966) or which trunks lead there (`;tgrp=`, RFC 4904): none of it is digits of the
    number. A `phone-context` that together with the number is a valid one completes it.
    """
    found = _URI.search(text)
    user = found[1] if found else text.partition("@")[0]
    number, _, _ = user.partition(";")
    context = _CONTEXT.search(user)
    number = unquote(number).strip().strip("<>")
    if context is not None and not number.startswith("+"):
        whole = "+" + _SEPARATORS.sub("", context[1] + number).removeprefix("+")
        return whole if is_valid(whole) else number
    return number


def is_valid(number: str) -> bool:
    """Tell whether an E.164 number with a plus sign fits a numbering plan, assigned or not."""
    parsed = _parsed(number)
    return parsed is not None and phonenumbers.is_valid_number(parsed)


def is_possible(number: str) -> bool:
    """Tell whether an E.164 number with a plus sign has a length that its numbering plan knows."""
    parsed = _parsed(number)
    return parsed is not None and phonenumbers.is_possible_number(parsed)


def country_of(number: str) -> str:
    """Return the country code of an E.164 number, empty for what is none."""
    parsed = _parsed(number) if number.startswith("+") else None
    return "" if parsed is None else str(parsed.country_code)


@lru_cache(maxsize=4096)
def _parsed(number: str) -> phonenumbers.PhoneNumber | None:
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return None
    # A trunk prefix after the country's code is read over there, and is no part of the number.
    whole = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) == number
    return parsed if whole else None


def plus_form(number: str) -> str:
    """Return a number with a leading `+`, without separators; `00` in front stands for the `+` (ITU-T E.123).

    Digits without either are taken as already international. A SIP address gives its user part. What holds anything
    but digits then (a name, an anonymous caller) comes back as it was.
    """
    plain = _SEPARATORS.sub("", subscriber(number))
    digits = plain.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return "+" if plain == "+" else number.strip()
    if plain.startswith("00"):
        digits = digits.removeprefix("00")
    return "+" + digits
