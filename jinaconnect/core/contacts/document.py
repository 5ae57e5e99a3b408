"""An import of contacts: how far it has come, and what became of its rows.

`position` counts the rows that were seen, so that whoever takes it up goes on there. Every counted row is in one of
`OUTCOMES`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from jinaconnect.core.clock import iso, iso_or_none
from jinaconnect.core.contacts.row import Layout, RowRefused
from jinaconnect.core.contacts.sheet import shown

PENDING, PROCESSING, COMPLETED, FAILED = STATUSES = ("PENDING", "PROCESSING", "COMPLETED", "FAILED")
CREATED, UPDATED, UNCHANGED, DUPLICATE, INVALID, REFUSED = OUTCOMES = (
    "created", "updated", "unchanged", "duplicate_in_file", "invalid", "failed",
)  # fmt: skip
KEPT = timedelta(days=7)  # how long the rows that were not taken can be fetched
ERRORS_KEPT, ERRORS_SHOWN = 100, 20
REMARKS = ("#line", "#outcome", "#column", "#value", "#reason")


def layout_of(doc: Mapping[str, Any]) -> Layout:
    """Return how the rows of an import are read."""
    return Layout(doc["names"], doc["targets"], doc["country"])


def render_import(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return an import as events and lists show it."""
    counts = doc["counts"]
    return {
        "id": doc["_id"], "status": doc["status"], "file_name": doc["file_name"], "encoding": doc["encoding"],
        "delimiter": doc["delimiter"], "country": doc["country"], "total_rows": doc["total_rows"],
        "processed_rows": sum(counts.values()), **{f"{outcome}_count": counts[outcome] for outcome in OUTCOMES},
        "skipped_count": counts[UNCHANGED] + counts[DUPLICATE], "error_count": counts[INVALID] + counts[REFUSED],
        "error": doc["error"], "created_by": doc["created_by"], "created_at": iso(doc["created_at"]),
        "completed_at": iso_or_none(doc["completed_at"]),
    }  # fmt: skip


def render_status(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return an import with the first of the rows that could not be taken."""
    return {**render_import(doc), "errors": list(doc["errors"][:ERRORS_SHOWN])}


def new_left(
    id: str, outcome: str, line: int, phone: str, why: RowRefused, cells: Sequence[str], contact: str | None
) -> dict[str, Any]:
    """Return the document of a row that made no contact and changed none."""
    return {
        "_id": id, "outcome": outcome, "line": line, "phone": shown(phone)[:64], "column": shown(why.column)[:200],
        "value": why.value, "reason": why.reason, "cells": [shown(cell) for cell in cells], "contact": contact,
    }  # fmt: skip


def error_of(left: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an import's status says of a row that could not be taken."""
    return {
        "row": left["line"], "phone": left["phone"], "error": left["reason"], "column": left["column"],
        "value": left["value"],
    }  # fmt: skip


def corrected(left: Mapping[str, Any], width: int) -> list[str]:
    """Return a row as it came, with remarks, which are passed over when the file comes back."""
    cells, beyond = [*left["cells"], *[""] * width][:width], left["cells"][width:]
    return [*cells, str(left["line"]), left["outcome"], left["column"], left["value"], left["reason"], *beyond]
