"""How a trunk writes telephone numbers: the gateway speaks E.164 with a plus sign, carriers differ.

What is written is text; what is read is held against the numbering plans, for digits alone can mean several numbers.
"""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from jinaconnect.core.calls.numbers import is_possible, is_valid, subscriber

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


def read(text: str, given: NumberFormat, country: str = "") -> str | None:
    """Return what a carrier sent as E.164, or None where it is no number (withheld, `anonymous`, an extension).

    Parameters are no digits. A plus sign is believed. What else digits can stand for is looked at in order, and the
    first that fits a numbering plan is taken, else the first of a possible length, else the first: so a national
    number that begins like a country's code is not taken for an international one. `country` is that of the trunk
    where its format names none.
    """
    bare = subscriber(text).strip().translate(_FILLING)
    if not _DIALLED.fullmatch(bare) or "+" in bare[1:]:
        return None
    if bare.startswith("+"):
        return bare if _E164.fullmatch(bare) else None
    country = given.country or country
    marked = _marked(bare, given, country)
    found = [each for each in (*marked, *_bare(bare, given, country)) if _E164.fullmatch(each)]
    valid = next((each for each in found if is_valid(each)), None)
    if valid is not None or not found:
        return valid
    # A prefix that says what follows outweighs a length that happens to be possible.
    return found[0] if marked else next((each for each in found if is_possible(each)), found[0])


def _marked(digits: str, given: NumberFormat, country: str) -> list[str]:
    """Return the readings that a prefix tells: of an international number, else of a national one."""
    if given.international_prefix and digits.startswith(given.international_prefix):
        return ["+" + digits.removeprefix(given.international_prefix)]
    if not country or not given.trunk_prefix or not digits.startswith(given.trunk_prefix):
        return []
    return ["+" + country + digits.removeprefix(given.trunk_prefix)]


def _bare(digits: str, given: NumberFormat, country: str) -> list[str]:
    """Return the readings of digits without a prefix."""
    if not country:
        return ["+" + digits]
    readings = ["+" + country + digits, "+" + digits]
    if country == "1" and digits.startswith("011"):  # as the plan dials abroad, whatever the format says
        readings.append("+" + digits.removeprefix("011"))
    styles = (given.dial, given.caller)
    # A carrier that writes international numbers without their plus sign means those first, but in the ten digits of
    # North America nobody is called from abroad.
    return readings[::-1] if "e164_digits" in styles and "national" not in styles and country != "1" else readings
