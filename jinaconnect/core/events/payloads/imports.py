"""Events of imports of contacts: the import as it is afterwards."""

from __future__ import annotations

from typing import Literal

from jinaconnect.core.events.payloads.base import EARLIER, MOMENT, Count, Payload, Stamp, like
from jinaconnect.core.schema import sample_id

IMPORT = {
    "id": sample_id("imp"), "status": "COMPLETED", "file_name": "customers.csv", "encoding": "utf-8", "delimiter": ",",
    "country": "US", "total_rows": 4, "processed_rows": 4, "created_count": 1, "updated_count": 0,
    "unchanged_count": 1, "duplicate_in_file_count": 1, "invalid_count": 1, "failed_count": 0, "skipped_count": 2,
    "error_count": 1, "error": None, "created_by": "sam@example.com", "created_at": EARLIER, "completed_at": MOMENT,
}  # fmt: skip


class ImportData(Payload, json_schema_extra=like(IMPORT)):
    """An import of contacts; each row that was processed is in one of the six counts."""

    id: str
    status: Literal["PENDING", "PROCESSING", "COMPLETED", "FAILED"]
    file_name: str
    encoding: str
    delimiter: str
    country: str | None
    total_rows: Count
    processed_rows: Count
    created_count: Count
    updated_count: Count
    unchanged_count: Count
    duplicate_in_file_count: Count
    invalid_count: Count
    failed_count: Count
    skipped_count: Count
    error_count: Count
    error: str | None
    created_by: str | None
    created_at: Stamp
    completed_at: Stamp | None


class ImportCreated(
    ImportData,
    json_schema_extra=like(
        IMPORT, status="PENDING", processed_rows=0, created_count=0, unchanged_count=0, duplicate_in_file_count=0,
        invalid_count=0, skipped_count=0, error_count=0, completed_at=None,
    ),
):  # fmt: skip
    """Somebody gave a file of contacts to be imported."""


class ImportProgressed(
    ImportData,
    json_schema_extra=like(
        IMPORT, status="PROCESSING", processed_rows=1, unchanged_count=0, duplicate_in_file_count=0, invalid_count=0,
        skipped_count=0, error_count=0, completed_at=None,
    ),
):  # fmt: skip
    """More rows of an import were processed."""


class ImportCompleted(ImportData, json_schema_extra=like(IMPORT)):
    """All rows of an import were processed."""


class ImportFailed(
    ImportData,
    json_schema_extra=like(IMPORT, status="FAILED", error="The file is gone."),
):
    """An import could not go on."""
