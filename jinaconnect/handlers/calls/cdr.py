"""`/voice/api/provider-configs/{id}/import-cdr/`: what a carrier says its calls have cost."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

import orjson
from pydantic import BeforeValidator, Field, StringConstraints

from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.rating.cdr_import import import_records
from jinaconnect.core.calls.cdr import IMPORTERS, RATIO, read_records
from jinaconnect.core.contacts.sheet import MOST_BYTES, SheetRefused
from jinaconnect.core.errors import Invalid
from jinaconnect.core.schema import Answer, Request, Text, example, sample_id
from jinaconnect.handlers.calls.fields import file_of
from jinaconnect.handlers.calls.operation import voice_operation
from jinaconnect.handlers.edge.operation import Reply, Upload, dry_run

_Column = Annotated[Text, StringConstraints(min_length=1, max_length=100)]


def _object(value: Any) -> Any:
    """Read an object that a form sends as JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except ValueError as error:
        raise ValueError("must be an object") from error


class ImportRecords(Request, json_schema_extra=example(vendor="generic", columns={"cost": "Amount"})):
    """How a file is read: as a vendor writes it, or by columns named here; the file is the part `file` of a form."""

    vendor: Literal[tuple(IMPORTERS)] = "generic"  # type: ignore[valid-type]
    columns: Annotated[
        dict[Literal["call_id", "duration_seconds", "cost", "currency"], _Column], BeforeValidator(_object)
    ] = Field(default_factory=dict)
    discrepancy_ratio: Annotated[Decimal, Field(ge=0, le=1000, max_digits=10)] = RATIO


class RecordApart(
    Answer,
    json_schema_extra=example(
        line=7, call=sample_id("call"), call_id="CA0123", cost=0.03, currency="USD", provider_cost=0.05,
        provider_currency="USD", difference=0.02,
    ),
):  # fmt: skip
    """A call whose carrier's price is far from ours; `difference` is how much more it is, in our currency."""

    line: int
    call: str
    call_id: str
    cost: float
    currency: str
    provider_cost: float
    provider_currency: str
    difference: float


class RecordUnmatched(Answer, json_schema_extra=example(line=8, call_id="CA4567")):
    """A record of no call of this provider config."""

    line: int
    call_id: str


class RecordsImported(
    Answer,
    json_schema_extra=example(
        matched=120, updated=118, skipped=1, discrepancies=0, differences=[], unmatched=[{"line": 8, "call_id": "CA4"}],
        dry_run=False,
    ),
):  # fmt: skip
    """What came of a carrier's records; of those listed singly there are at most 100."""

    matched: int
    updated: int
    skipped: int
    discrepancies: int
    differences: list[RecordApart]
    unmatched: list[RecordUnmatched]
    dry_run: bool


@voice_operation(
    "POST", "provider-configs/{id}/import-cdr/", id="trunks.import_cdr", permission="rate_card.manage",
    body=ImportRecords, files=("file",), returns=RecordsImported, effect=True, limit=MOST_BYTES + 1024 * 1024,
    socket=False, dry_run=RecordsImported,
)  # fmt: skip
async def import_cdr(ctx: OperationContext, id: str, body: ImportRecords, files: Mapping[str, Upload]) -> Any:
    """Take in a carrier's call detail records (CSV, at most 10 MB and 10,000 rows) and compare them with our costs.

    A record is of the call with its id at the carrier. Its price becomes the call's `provider_cost`, and what the call
    costs where no rate card has a price; what was charged stays. Prices that are further from ours than
    `discrepancy_ratio` of it are listed. One faulty line and nothing is taken; a file that is imported again changes
    nothing. With `dry_run=true` it answers what would be done.
    """
    try:
        columns = {str(field): name for field, name in body.columns.items()}
        records = read_records(file_of(files), body.vendor, columns)
    except SheetRefused as error:
        raise Invalid.field("file", str(error)) from error
    asked = dry_run(ctx)
    answer = await import_records(ctx, id, records, body.discrepancy_ratio, dry=asked)
    return Reply(answer) if asked else answer
