"""`/contacts/bulk-import/` and `/contacts/export-csv/`: contacts of a file, and as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import StringConstraints

from jinaconnect.actions.contacts import exporting, importing
from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.core.contacts.document import STATUSES
from jinaconnect.core.contacts.listing import CONTACTS
from jinaconnect.core.contacts.sheet import MOST_BYTES
from jinaconnect.core.errors import Invalid
from jinaconnect.core.events.payloads.base import like
from jinaconnect.core.events.payloads.imports import IMPORT, ImportData
from jinaconnect.core.schema import Answer, Given, Line, Request, example, sample_id
from jinaconnect.handlers.edge.operation import Pieces, Reply, Upload, dry_run, operation
from jinaconnect.handlers.edge.schemas import Parameter

_CSV = "text/csv"
_FILTERS = {name: Parameter("", schema) for name, schema in CONTACTS.parameters().items() if name != "ordering"}


_Label = Annotated[Line, StringConstraints(max_length=255)]


class ImportFields(Request, json_schema_extra=example(skip_duplicates=True, default_tag="spring", country="US")):
    """How a file is imported; the file itself is the part `file` of a form."""

    skip_duplicates: Given[bool] = None
    update_existing: Given[bool] = None
    default_tag: Given[_Label] = None
    default_segment: Given[_Label] = None
    country: Given[Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]] = None
    encoding: Given[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,40}$")]] = None
    delimiter: Given[Literal[",", ";", "\t", "|"]] = None
    mapping: Given[dict[str, str | None]] = None


class ImportStarted(
    Answer,
    json_schema_extra=example(import_job_id=sample_id("imp"), status="PENDING", file_name="customers.csv"),
):
    """An import that was taken in."""

    import_job_id: str
    status: Literal[STATUSES]  # type: ignore[valid-type]
    file_name: str


class ImportColumn(Answer, json_schema_extra=example(name="city", field="attributes.city")):
    """A column and the field of contacts it is, null where it is left out."""

    name: str
    field: str | None


class ImportCellError(Answer, json_schema_extra=example(column="phone", value="12", reason="not a phone number")):
    """What is wrong with a row."""

    column: str
    value: str
    reason: str


class ImportPreviewRow(
    Answer,
    json_schema_extra=example(
        line=2, cells=["+12025550111", "Ann"], contact={"phone": "+12025550111", "first_name": "Ann"}, error=None
    ),
):
    """A row as it would be taken, or what is wrong with it."""

    line: int
    cells: list[str]
    contact: dict[str, Any] | None
    error: ImportCellError | None


class ImportPreview(
    Answer,
    json_schema_extra=example(
        dry_run=True, file_name="customers.csv", encoding="utf-8", delimiter=",", country="US", total_rows=1,
        has_phone=True, columns=[{"name": "phone", "field": "phone"}, {"name": "first_name", "field": "first_name"}],
        rows=[
            {
                "line": 2, "cells": ["+12025550111", "Ann"], "error": None,
                "contact": {"phone": "+12025550111", "first_name": "Ann"},
            }
        ],
    ),
):  # fmt: skip
    """What a file would be taken for, and its first twenty rows."""

    dry_run: Literal[True]
    file_name: str
    encoding: str
    delimiter: str
    country: str | None
    total_rows: int
    has_phone: bool
    columns: list[ImportColumn]
    rows: list[ImportPreviewRow]


class ImportRowError(
    Answer,
    json_schema_extra=example(row=3, phone="12", error="not a possible phone number", column="phone", value="12"),
):
    """A row that could not be taken: its line, and what is wrong in which column."""

    row: int
    phone: str
    error: str
    column: str
    value: str


_ERRORS = [{"row": 3, "phone": "12", "error": "not a possible phone number", "column": "phone", "value": "12"}]


class Uploaded(
    Answer,
    json_schema_extra=example(
        import_job_id=sample_id("imp"), status="COMPLETED", total_rows=4, created_count=1, skipped_count=2,
        updated_count=0, error_count=1, errors=_ERRORS,
    ),
):  # fmt: skip
    """What became of the rows of a file; while the status is PROCESSING, of those that were looked at."""

    import_job_id: str
    status: Literal[STATUSES]  # type: ignore[valid-type]
    total_rows: int
    created_count: int
    skipped_count: int
    updated_count: int
    error_count: int
    errors: list[ImportRowError]


class ImportOut(ImportData):
    """An import of contacts."""


class ImportStatus(ImportData, json_schema_extra=like(IMPORT, errors=_ERRORS)):
    """An import of contacts, with the first rows that could not be taken."""

    errors: list[ImportRowError]


def _file(files: Mapping[str, Upload]) -> tuple[str, bytes]:
    for name in files:
        if name != "file":
            raise Invalid.field(name[:80], "is not a part that is taken: there is file")
    if "file" not in files:
        raise Invalid.field("file", "is required")
    return files["file"].filename, files["file"].body


@operation(
    "POST", "/contacts/bulk-import/", id="contacts.imports.create", permission="contact.import", body=ImportFields,
    files=("file",), returns=ImportStarted, status=202, effect=True, limit=MOST_BYTES + 1024 * 1024, socket=False,
    dry_run=ImportPreview,
)  # fmt: skip
async def bulk_import(ctx: OperationContext, body: ImportFields, files: Mapping[str, Upload]) -> Any:
    """Import contacts of a CSV file or XLSX workbook (part `file` of a form, at most 10 MB, 100,000 rows, 200 columns).

    The first row names the columns: `phone`, `first_name`, `last_name`, `tag`, `email`, `segments` (parted by `;`),
    `telegram_chat_id`, `lead_status`; others are attributes. `mapping`, an object of column to field, says otherwise,
    null leaves a column out. With `dry_run=true` it answers what the file would be taken for.
    """
    given = {name: value for name, value in body.given().items() if value is not None}
    if dry_run(ctx):
        return Reply(await importing.preview(ctx, given, *_file(files)))
    return await importing.start(ctx, given, *_file(files))


@operation(
    "POST", "/contacts/upload-csv/", id="contacts.imports.upload", permission="contact.import", body=ImportFields,
    files=("file",), returns=Uploaded, status=201, known=True, effect=True, limit=MOST_BYTES + 1024 * 1024,
    socket=False,
)  # fmt: skip
async def upload_csv(ctx: OperationContext, body: ImportFields, files: Mapping[str, Upload]) -> Reply:
    """Import the contacts of a CSV file and answer when that is done: 201 where it made some, else 200.

    What takes more than 45 seconds goes on by itself; the answer says PROCESSING, `contacts/import-status/` the rest.
    """
    given = {name: value for name, value in body.given().items() if value is not None}
    told = await importing.upload(ctx, given, *_file(files))
    shown = {name: told[name] for name in Uploaded.model_fields}
    return Reply(shown, 201 if told["created_count"] else 200)


@operation(
    "GET", "/contacts/import-jobs/", id="contacts.imports.list", permission="contact.import",
    listing=importing.LISTING, returns=ImportOut,
)  # fmt: skip
async def list_imports(ctx: Context) -> dict[str, Any]:
    """List the imports of contacts."""
    return await importing.list_imports(ctx)


@operation(
    "GET", "/contacts/import-status/{id}/", id="contacts.imports.read", permission="contact.import",
    returns=ImportStatus,
)  # fmt: skip
async def import_status(ctx: Context, id: str) -> dict[str, Any]:
    """Show how an import stands, with the first twenty rows that could not be taken."""
    return await importing.status(ctx, id)


@operation(
    "GET", "/contacts/import-jobs/{id}/rows-csv/", id="contacts.imports.rows", permission="contact.import",
    media_type=_CSV, socket=False,
)  # fmt: skip
async def rows_csv(ctx: Context, id: str) -> Reply:
    """Fetch the rows that made no contact and changed none, as CSV to be corrected and imported again.

    What is wrong stands in columns that begin with `#`, which are passed over. They are kept for seven days.
    """
    told = await importing.rows_left(ctx, id)
    headers = {"Content-Disposition": 'attachment; filename="contacts_to_correct.csv"'}
    return Reply(told.encode(), headers=headers, content_type=_CSV)


@operation(
    "GET", "/contacts/download-template/", id="contacts.imports.template", permission="contact.import",
    media_type=_CSV, socket=False,
)  # fmt: skip
async def download_template(ctx: Context) -> Reply:
    """Fetch a file to begin with."""
    headers = {"Content-Disposition": 'attachment; filename="contacts_template.csv"'}
    return Reply(importing.TEMPLATE.encode(), headers=headers, content_type=_CSV)


@operation(
    "GET", "/contacts/export-csv/", id="contacts.export", permission="contact.export", media_type=_CSV, socket=False,
    query=_FILTERS,
)  # fmt: skip
async def export_csv(ctx: Context) -> Reply:
    """Fetch contacts as CSV, the newest first; every filter of the list of contacts is taken.

    Cells that a spreadsheet would take for a formula have an apostrophe before them.
    """
    headers = {"Content-Disposition": 'attachment; filename="contacts_export.csv"'}
    return Reply(Pieces(None, await exporting.export(ctx)), headers=headers, content_type=_CSV)
