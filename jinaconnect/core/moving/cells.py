"""The cells of a dump's tables: text as another product wrote it, read as what it means."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from jinaconnect.core.ids import encode, well_formed
from jinaconnect.core.schema import cannot_be_kept, e164

Row = Mapping[str, str]
_TRUE, _FALSE = ("true", "t", "1", "yes"), ("false", "f", "0", "no", "")
_NOTHING = ("", "null", "none", "\\n")


class Fault(Exception):
    """A cell that cannot be read; `column` says which."""

    def __init__(self, column: str, why: str) -> None:
        super().__init__(f"{column}: {why}")
        self.column = column


def text(row: Row, column: str, most: int = 255) -> str | None:
    """Return a cell's text, None where it is empty or not there."""
    value = (row.get(column) or "").strip()
    if value.casefold() in _NOTHING:
        return None
    if "\x00" in value or len(value) > most:
        raise Fault(column, f"must be text of at most {most} characters")
    return value


def needed(row: Row, column: str, most: int = 255) -> str:
    """Return a cell's text; it has to be there."""
    value = text(row, column, most)
    if value is None:
        raise Fault(column, "is required")
    return value


def choice(row: Row, column: str, choices: Sequence[str], usual: str) -> str:
    """Return one of some words, in whatever case it is written."""
    value = (text(row, column) or usual).upper()
    if value not in choices:
        raise Fault(column, f"must be one of {', '.join(choices)}")
    return value


def flag(row: Row, column: str, usual: bool = False) -> bool:
    """Return a truth value."""
    value = (row.get(column) or "").strip().casefold()
    if value not in (*_TRUE, *_FALSE):
        raise Fault(column, "must be true or false")
    return usual if value == "" else value in _TRUE


def number(row: Row, column: str) -> int | None:
    """Return a whole number of at most 52 bits."""
    value = text(row, column)
    if value is None:
        return None
    try:
        found = int(value)
    except ValueError as error:
        raise Fault(column, "must be a whole number") from error
    if abs(found) >= 2**52:
        raise Fault(column, "must be a whole number of at most 52 bits")
    return found


def moment(row: Row, column: str) -> datetime | None:
    """Return a time, to milliseconds; one without an offset is UTC."""
    value = text(row, column)
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Fault(column, "must be a time (ISO 8601)") from error
    return found.replace(microsecond=found.microsecond // 1000 * 1000)


def document(row: Row, column: str, kind: type, usual: Any) -> Any:
    """Return a JSON value of a kind."""
    value = text(row, column, 1 << 20)
    if value is None:
        return usual
    try:
        found = orjson.loads(value)
    except ValueError as error:
        raise Fault(column, "must be JSON") from error
    if not isinstance(found, kind) or (why := cannot_be_kept(found)) is not None:
        raise Fault(column, "must be a JSON " + ("list" if kind is list else "object") if not isinstance(found, kind)
                    else str(why))  # fmt: skip
    return found


def phone(row: Row, column: str) -> str | None:
    """Return a telephone number as E.164."""
    value = text(row, column)
    if value is None:
        return None
    try:
        return e164(value)
    except ValueError as error:
        raise Fault(column, str(error)) from error


def moved_id(prefix: str, tenant: str, table: str, former: str, at: datetime) -> str:
    """Return the id something of the older product has here: its own where it is one of ours, else always the same."""
    if well_formed(former, prefix):
        return former
    chance = hashlib.sha256(f"{tenant}/{table}/{former}".encode()).digest()
    return encode(prefix, max(0, int(at.timestamp() * 1000)), chance)


def read_with(read: Callable[[Row], Any], rows: Sequence[tuple[int, Row]]) -> tuple[list[Any], list[tuple[int, str]]]:
    """Return what rows mean, and (line, reason) of each that cannot be read."""
    found, faults = [], []
    for line, row in rows:
        try:
            found.append(read(row))
        except Fault as fault:
            faults.append((line, str(fault)))
    return found, faults
