"""A row of a file as what is written of a contact, or what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import phonenumbers

from jinaconnect.core.contacts.columns import ATTRIBUTE
from jinaconnect.core.contacts.sheet import meant, shown, unreadable
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.address import variants
from jinaconnect.core.inbox.profile import ContactChange
from jinaconnect.core.schema import e164, parse

MAX_NAME = 255
_ROUNDED = re.compile(r"[0-9][.,]?[0-9]*[eE]\+?[0-9]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_CUT = ("first_name", "last_name", "tag")


class RowRefused(ValueError):
    """A cell of a row cannot be taken."""

    def __init__(self, column: str, value: str, reason: str) -> None:
        super().__init__(reason)
        self.column, self.value, self.reason = column, shown(value)[:200], reason


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of a file are read: the names of its columns, the field each is, the country of its numbers."""

    names: Sequence[str]
    targets: Sequence[str | None]
    country: str | None

    def phone_of(self, cells: Sequence[str]) -> str:
        """Return what a row has in its column of numbers; rows with nothing there are passed over."""
        place = self.targets.index("phone")
        return meant(cells[place].strip()) if place < len(cells) else ""


@lru_cache(maxsize=1024)
def number_of(text: str, country: str | None) -> str:
    """Return a number as E.164: one of the country where it is valid there, else an international one.

    Raises ValueError.
    """
    if _ROUNDED.fullmatch(text):
        raise ValueError("a spreadsheet has rounded this number; format the column as text")
    if unreadable(text):
        raise ValueError(unreadable(text))
    if country is not None and not text.startswith("+"):
        try:
            number = phonenumbers.parse(text, country)
        except phonenumbers.NumberParseException:
            pass  # what it is without a country is told below
        else:
            if phonenumbers.is_valid_number(number) and not number.extension:
                return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return e164(text)


def key_of(phone: str) -> int:
    """Return what all ways to write a number have in common."""
    return int(max(variants(phone), key=len)[1:])


def read_row(cells: Sequence[str], layout: Layout) -> dict[str, Any]:
    """Return the fields of a contact that a row gives; raises RowRefused."""
    if len(cells) > len(layout.names) and any(cell.strip() for cell in cells[len(layout.names) :]):
        raise RowRefused("", cells[len(layout.names)], f"has more than {len(layout.names)} cells")
    given: dict[str, Any] = {}
    attributes: dict[str, str] = {}
    columns: dict[str, tuple[str, str]] = {}
    for name, target, cell in zip(layout.names, layout.targets, cells, strict=False):
        if target is None:
            continue
        if (reason := unreadable(cell)) is not None:
            raise RowRefused(name, cell, reason)
        value = meant(cell.strip())
        if not value:
            continue
        columns[target] = name, value
        if target.startswith(ATTRIBUTE):
            attributes[target.removeprefix(ATTRIBUTE)] = value
        else:
            given[target] = _field(name, target, value, layout.country)
    if attributes:
        given["attributes"] = attributes
    try:
        fields = parse(ContactChange, given).given()
    except Invalid as error:
        raise _refused(error, columns) from error
    if "tag" in fields:
        fields["tags"] = [fields.pop("tag")]
    return fields


def _field(name: str, target: str, value: str, country: str | None) -> Any:
    if target == "phone":
        try:
            return number_of(value, country)
        except ValueError as error:
            raise RowRefused(name, value, str(error)) from error
    if _CONTROL.search(value):
        raise RowRefused(name, value, "must be one line, without control characters")
    if target == "segments":
        return [part.strip() for part in value.split(";") if part.strip()]
    if target == "lead_status":
        return value.upper()
    return value[:MAX_NAME] if target in _CUT else value


def _refused(error: Invalid, columns: dict[str, tuple[str, str]]) -> RowRefused:
    assert not isinstance(error.detail, str)
    field, reasons = next(iter(error.detail.items()))
    target = next((each for each in columns if field == each or field.startswith(f"{each}.")), "")
    name, value = columns.get(target, (field, ""))
    return RowRefused(name, value, reasons[0])


def refusal(error: Invalid) -> RowRefused:
    """Return what a contact as a whole was refused for."""
    if isinstance(error.detail, str):
        return RowRefused("", "", error.detail)
    return _refused(error, {})
