"""Call detail records of a carrier: which column is what, and how far its price is from ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from jinaconnect.core.calls.sheets import Row, table
from jinaconnect.core.contacts.sheet import SheetRefused

MOST_RECORDS = 10_000
LONGEST_S = 7 * 86_400
DEFAULT_CURRENCY = "USD"
RATIO = Decimal("0.1")
FIELDS = ("call_id", "duration_seconds", "cost", "currency")
IMPORTERS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "generic": {name: (name,) for name in FIELDS},
    "knowlarity": dict(zip(FIELDS, (("CallSid",), ("CallDuration",), ("Charge",), ("Currency",)), strict=True)),
}


@dataclass(frozen=True, slots=True)
class Record:
    """What a carrier's file says of one call; the amount has no sign."""

    line: int
    call_id: str
    duration_seconds: int | None
    cost: Decimal
    currency: str


def read_records(data: bytes, importer: str, columns: Mapping[str, str]) -> list[Record]:
    """Return the records of a file; `columns` names columns where they are not the importer's.

    Raises SheetRefused for the first line that is no record, or that tells of a call again.
    """
    named = {**IMPORTERS[importer], **{field: (name,) for field, name in columns.items()}}
    found: dict[str, Record] = {}
    for row in table(data, named, ("call_id", "cost"), MOST_RECORDS):
        record = _record(row)
        if record.call_id in found:
            raise SheetRefused(f"line {record.line}: call_id is that of line {found[record.call_id].line} too")
        found[record.call_id] = record
    return list(found.values())


def _record(row: Row) -> Record:
    line, cells = row
    id, currency = cells.get("call_id", ""), cells.get("currency", DEFAULT_CURRENCY).upper()
    if not id or len(id) > 128:
        raise SheetRefused(f"line {line}: call_id must have 1 to 128 characters")
    if not (len(currency) == 3 and currency.isascii() and currency.isalpha()):
        raise SheetRefused(f"line {line}: currency must be three letters")
    cost = _number(line, "cost", cells.get("cost", ""))
    lasted = None
    if "duration_seconds" in cells:
        lasted = int(_number(line, "duration_seconds", cells["duration_seconds"]))
        if lasted > LONGEST_S:
            raise SheetRefused(f"line {line}: duration_seconds must be at most {LONGEST_S}")
    return Record(line, id, lasted, cost.quantize(Decimal("0.000001")), currency)


def _number(line: int, field: str, text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise SheetRefused(f"line {line}: {field} must be a number") from error
    if not amount.is_finite() or abs(amount) >= 10**8:
        raise SheetRefused(f"line {line}: {field} must be a number below a hundred million")
    return abs(amount)


def discrepant(ours: Decimal, theirs: Decimal, ratio: Decimal) -> bool:
    """Tell whether a carrier's price is further from ours than by a ratio of ours; nothing is, from nothing."""
    return ours > 0 and abs(theirs - ours) / ours > ratio
