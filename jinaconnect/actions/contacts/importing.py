"""Imports of contacts: a file looked at, taken in, and asked about; the rows are taken by `importing_rows.py`."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import phonenumbers

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.listing import list_documents
from jinaconnect.core.contacts import document
from jinaconnect.core.contacts.columns import names_of, targets_of
from jinaconnect.core.contacts.document import layout_of, render_import, render_status
from jinaconnect.core.contacts.row import Layout, RowRefused, read_row
from jinaconnect.core.contacts.sheet import (
    DELIMITERS,
    MOST_BYTES,
    MOST_COLUMNS,
    MOST_ROWS,
    SheetRefused,
    decoded,
    delimiter_of,
    header_of,
    records,
    shown,
    unreadable,
    written,
)
from jinaconnect.core.errors import Invalid
from jinaconnect.core.paging import Listing
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at

IMPORTS, LEFT = "contact_imports", "contact_import_rows"
PREVIEWED = 20
WORKBOOK = ".xlsx"
PAGE = 1000
WAITED_S = 45.0  # for an import that is to be done before the answer
MAX_NAME = 255
TEMPLATE = (
    "phone,first_name,last_name,tag\n"
    "+12025550111,Ann,Lee,vip\n"
    "# Numbers are international; lines that begin with # are passed over.\n"
    "+442079460123,Sam,Roe,\n"
)
LISTING = Listing(orderings={name: name for name in ("file_name", "created_at", "completed_at")})


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file that was looked at: its text, which is kept as `data`, and what it was taken for."""

    data: bytes
    text: str
    encoding: str
    delimiter: str
    layout: Layout
    total: int

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the line and the cells of each row that has something in its column of numbers."""
        return rows_of(self.text, self.delimiter, self.layout)


def rows_of(text: str, delimiter: str, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Yield the line and the cells of each row below the header that has a number."""
    found = islice(records(text, delimiter), 1, None)
    return ((line, cells) for line, cells in found if layout.phone_of(cells))


def _look(data: bytes, given: Mapping[str, Any], country: str | None) -> Sheet:
    """Look at a whole file once, so that what cannot be read is refused before anything is written."""
    try:
        text, encoding = decoded(data, given.get("encoding"))
        delimiter = given["delimiter"] if "delimiter" in given else delimiter_of(text)
        header = header_of(text, delimiter)[1]
        if not header:
            raise SheetRefused("has no header row")
        if len(header) > MOST_COLUMNS:
            raise SheetRefused(f"has more than {MOST_COLUMNS} columns")
        for place, cell in enumerate(header, 1):
            if (reason := unreadable(cell)) is not None:
                raise SheetRefused(f"the name of column {place} {reason}")
        names = names_of(header)
        layout = Layout(names, targets_of(names, given.get("mapping") or {}), country)
        total = 0
        if "phone" in layout.targets:
            for line, _ in rows_of(text, delimiter, layout):
                total += 1
                if total > MOST_ROWS:
                    raise SheetRefused(f"line {line}: has more than {MOST_ROWS} rows")
    except SheetRefused as error:
        raise Invalid.field("file", str(error)) from error
    return Sheet(data, text, encoding, delimiter, layout, total)


async def _looked_at(ctx: OperationContext, given: Mapping[str, Any], file_name: str, data: bytes) -> Sheet:
    workbook = file_name.lower().endswith(WORKBOOK)
    if not workbook and not file_name.lower().endswith(".csv"):
        raise Invalid.field("file", "must be a .csv or .xlsx file")
    if len(data) > MOST_BYTES:
        raise Invalid.field("file", f"must have at most {MOST_BYTES} bytes")
    if given.get("delimiter") not in (None, *DELIMITERS):
        raise Invalid.field("delimiter", f"must be one of {' '.join(repr(each) for each in DELIMITERS)}")
    country = given.get("country")
    if country is None:
        own = await ctx.services.registry.tenant(ctx.principal.tenant)
        country = (own or {}).get("country") or None
        country = country if country in phonenumbers.SUPPORTED_REGIONS else None
    elif country not in phonenumbers.SUPPORTED_REGIONS:
        raise Invalid.field("country", "must be a country's two letters, such as IN")
    if workbook:
        for name in ("encoding", "delimiter"):
            if name in given:
                raise Invalid.field(name, "is for CSV files; a workbook says so itself")
        given = {**given, "encoding": "utf-8", "delimiter": ""}
        try:
            data = await ctx.ports.workbooks.rows(data)
        except SheetRefused as error:
            raise Invalid.field("file", str(error)) from error
    return await asyncio.to_thread(_look, data, given, country)


async def preview(ctx: OperationContext, given: Mapping[str, Any], file_name: str, data: bytes) -> dict[str, Any]:
    """Return what a file would be taken for, with its first rows; nothing is written. Raises Invalid."""
    sheet = await _looked_at(ctx, given, file_name, data)
    layout = sheet.layout
    has_phone = "phone" in layout.targets
    first = sheet.rows() if has_phone else islice(records(sheet.text, sheet.delimiter), 1, None)
    return {
        "dry_run": True, "file_name": _name(file_name), "encoding": sheet.encoding, "delimiter": sheet.delimiter,
        "country": layout.country, "total_rows": sheet.total, "has_phone": has_phone,
        "columns": [
            {"name": name, "field": target} for name, target in zip(layout.names, layout.targets, strict=True)
        ],
        "rows": [_previewed(line, cells, layout) for line, cells in islice(first, PREVIEWED)],
    }  # fmt: skip


def _previewed(line: int, cells: Sequence[str], layout: Layout) -> dict[str, Any]:
    contact, error = None, None
    try:
        contact = read_row(cells, layout)
    except RowRefused as refused:
        error = {"column": shown(refused.column), "value": refused.value, "reason": refused.reason}
    return {"line": line, "cells": [shown(cell)[:200] for cell in cells], "contact": contact, "error": error}


def _name(file_name: str) -> str:
    return "".join(char for char in file_name if char.isprintable())[:MAX_NAME]


async def start(ctx: OperationContext, given: Mapping[str, Any], file_name: str, data: bytes) -> dict[str, Any]:
    """Take a file in, to be imported as soon as may be; raises Invalid."""
    sheet = await _looked_at(ctx, given, file_name, data)
    if "phone" not in sheet.layout.targets:
        raise Invalid.field("file", "has no column 'phone'; name the one that is by 'mapping'")
    id, now, by = ctx.ids.new("imp"), ctx.now(), ctx.principal.username
    await ctx.services.blobs.put(ctx.data.scope, id, sheet.data)
    doc: Document = {
        "_id": id, "status": document.PENDING, "file_name": _name(file_name), "encoding": sheet.encoding,
        "delimiter": sheet.delimiter, "names": list(sheet.layout.names), "targets": list(sheet.layout.targets),
        "country": sheet.layout.country, "total_rows": sheet.total, "position": 0,
        "counts": dict.fromkeys(document.OUTCOMES, 0), "errors": [], "error": None,
        "skip_duplicates": given.get("skip_duplicates", True), "update_existing": given.get("update_existing", False),
        "default_tag": given.get("default_tag") or None, "default_segment": given.get("default_segment") or None,
        "created_by": by, "created_at": now, "updated_at": now, "completed_at": None, "due": due_at(now),
    }  # fmt: skip
    event = ctx.event("import.created", id, render_import(doc))
    doc = ctx.wrote(await ctx.data.insert(IMPORTS, doc, [event]))
    ctx.ports.worker.run_now(IMPORTS, ctx.data.scope, id)
    return {"import_job_id": id, "status": doc["status"], "file_name": doc["file_name"]}


async def upload(ctx: OperationContext, given: Mapping[str, Any], file_name: str, data: bytes) -> dict[str, Any]:
    """Take a CSV file in and return what became of it, or how far it is when the caller has waited long enough."""
    if file_name.lower().endswith(WORKBOOK):
        raise Invalid.field("file", "must be a .csv file")
    id = (await start(ctx, given, file_name, data))["import_job_id"]
    ends, pause = time.monotonic() + WAITED_S, 0.05
    while (doc := await ctx.data.get(IMPORTS, id))["completed_at"] is None and time.monotonic() < ends:
        await asyncio.sleep(pause)
        pause = min(2 * pause, 1.0)
    return {"import_job_id": id, **render_status(doc)}


async def status(ctx: Context, id: str) -> dict[str, Any]:
    """Return how an import stands; raises NotFound."""
    return render_status(await ctx.data.get(IMPORTS, id))


async def list_imports(ctx: Context) -> dict[str, Any]:
    """Return the imports."""

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return [render_import(doc) for doc in docs]

    return await list_documents(ctx, IMPORTS, LISTING, render)


async def rows_left(ctx: Context, id: str) -> str:
    """Return the rows that made no contact and changed none as CSV, to be corrected and given again."""
    doc = await ctx.data.get(IMPORTS, id)
    names = layout_of(doc).names
    parts, line = [written([[*names, *document.REMARKS]])], 0
    while True:
        page = await ctx.data.select(LEFT, {"import": id, "line": {"$gt": line}}, sort=[("line", 1)], limit=PAGE)
        parts.append(written([document.corrected(row, len(names)) for row in page]))
        if len(page) < PAGE:
            return "".join(parts)
        line = page[-1]["line"]


def counted(outcomes: Sequence[str], counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts of an import after some more rows."""
    more = Counter(outcomes)
    return {outcome: counts[outcome] + more[outcome] for outcome in document.OUTCOMES}
