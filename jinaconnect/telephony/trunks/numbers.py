"""How a trunk writes telephone numbers: the gateway speaks E.164 with a plus sign, carriers differ.

Everything here is data and text; numbers are not checked against numbering plans.
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Style = Literal["e164_plus", "e164_digits", "national"]

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_DIALLED = re.compile(r"[+0-9]+")
_FILLING = str.maketrans("", "", " -.()/")


class NumberFormat(BaseModel):
    """How numbers are written to (`dial`, `caller`) and read from a trunk.

    `national` writes numbers of `country` as `trunk_prefix` and the rest, others as `international_prefix` and the
    digits: with country 49, trunk prefix 0 and international prefix 00, +4930123 is 030123 and +9122333 is 009122333.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dial: Style = "e164_plus"
    caller: Style = "e164_plus"
    country: str = Field(default="", pattern=r"^([1-9][0-9]{0,2})?$")
    trunk_prefix: str = Field(default="0", pattern=r"^[0-9]{0,4}$")
    international_prefix: str = Field(default="00", pattern=r"^[0-9]{0,5}$")


def write(number: str, style: Style, given: NumberFormat) -> str:
    """Return an E.164 number as the trunk wants it; raises ValueError for what is not E.164 with a plus sign."""
    if not _E164.fullmatch(number):
        raise ValueError(f"not an E.164 number with a plus sign: {number!r}")
    digits = number[1:]
    if style == "e164_plus":
        return number
    if style == "e164_digits":
        return digits
    if given.country and digits.startswith(given.country):
        return given.trunk_prefix + digits.removeprefix(given.country)
    return given.international_prefix + digits


def dialled(number: str, given: NumberFormat) -> str:
    """Return the number to call as the trunk wants it."""
    return write(number, given.dial, given)


def caller(number: str, given: NumberFormat) -> str:
    """Return the number to show to the called party as the trunk wants it."""
    return write(number, given.caller, given)


def read(text: str, given: NumberFormat) -> str | None:
    """Return what a carrier sent as E.164, or None where it is no number (withheld, `anonymous`, an extension).

    A plus sign is believed. Otherwise the international prefix, the national prefix of `country`, and bare digits
    that begin with the country's code are recognised, in this order; bare digits on a trunk that writes
    `e164_digits` or names no country are taken as E.164.
    """
    bare = text.strip().translate(_FILLING)
    if not _DIALLED.fullmatch(bare) or "+" in bare[1:]:
        return None
    digits = bare.removeprefix("+")
    if not bare.startswith("+"):
        international = given.international_prefix
        if international and digits.startswith(international):
            digits = digits.removeprefix(international)
        elif given.country and given.trunk_prefix and digits.startswith(given.trunk_prefix):
            digits = given.country + digits.removeprefix(given.trunk_prefix)
        elif given.country and "national" in (given.dial, given.caller) and not digits.startswith(given.country):
            digits = given.country + digits
    number = "+" + digits
    return number if _E164.fullmatch(number) else None
