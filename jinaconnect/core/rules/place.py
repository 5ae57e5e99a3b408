"""Where somebody is, as far as rules of sending go by it: country, state and whose clock they live by."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers import timezone

from jinaconnect.core.rules.rows import us_states

_NANP = re.compile(r"\+1[2-9]\d{2}[2-9]\d{6}")
UNKNOWN = "Etc/Unknown"  # what libphonenumber says where a number has no zone


@dataclass(frozen=True, slots=True)
class Place:
    """A country (ISO 3166), a state of it (as its post writes it) and the zones somebody may live in; None, unknown.

    Several zones are all possible: what is to be kept is kept in each of them.
    """

    country: str | None = None
    state: str | None = None
    zones: tuple[str, ...] = ()


def place_of(contact: Mapping[str, Any]) -> Place:
    """Return where a contact is: what their attributes `country`, `state` and `timezone` say, else their number.

    An attribute that names nothing known is passed over.
    """
    attributes = contact.get("attributes") or {}
    by_number = place_of_number(contact.get("phone") or "")
    country = _code(attributes.get("country"))
    if country is not None and country != by_number.country:
        by_number = Place(country, None, by_number.zones)  # abroad with a number from home: its state says nothing
    zone = _zone(attributes.get("timezone"))
    return Place(
        by_number.country, _code(attributes.get("state")) or by_number.state,
        by_number.zones if zone is None else (zone,),
    )  # fmt: skip


@lru_cache(maxsize=4096)
def place_of_number(number: str) -> Place:
    """Return where the numbering plan says that a number (E.164) is."""
    if (state := us_states().get(number[2:5])) is not None and _NANP.fullmatch(number):  # which is most of the time
        known = phonenumbers.PhoneNumber(country_code=1, national_number=int(number[2:]))
        return Place("US", state, _zones(timezone.time_zones_for_geographical_number(known)))
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return Place()
    country = phonenumbers.region_code_for_number(parsed)
    return Place(country, None, _zones(timezone.time_zones_for_number(parsed)))


def _zones(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name != UNKNOWN)


def _code(value: Any) -> str | None:
    text = value.strip().upper() if isinstance(value, str) else ""
    return text if len(text) == 2 and text.isascii() and text.isalpha() else None


def _zone(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
    return value
