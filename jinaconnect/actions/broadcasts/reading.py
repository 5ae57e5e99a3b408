"""What became of recipients: figures and CSV."""

from __future__ import annotations

import csv
import io
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.core.broadcasts import states
from jinaconnect.core.broadcasts.document import render_row

MOST_ROWS = 10_000
COLUMNS = (
    "contact", "contact_name", "contact_phone", "status", "error_code", "response", "message_id", "sent_at",
    "delivered_at", "read_at", "failed_at", "retry_count",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would take for a formula


async def row_counts(ctx: Context, broadcast: str | None) -> dict[str, Any]:
    """Return recipients by status, of one broadcast or of all; raises NotFound for one that is not here."""
    if broadcast is not None:
        await ctx.data.get("broadcasts", broadcast)
    within = {} if broadcast is None else {"broadcast": broadcast}
    group = {"$group": {"_id": "$status", "n": {"$sum": 1}}}
    groups, exact = await ctx.data.figures("broadcast_rows", within, [group])
    by_status = {status: 0 for status in states.ROW_STATUSES}
    by_status.update({each["_id"]: each["n"] for each in groups})
    failed = by_status[states.FAILED] + by_status[states.BLOCKED]
    pending = by_status[states.PENDING] + by_status[states.QUEUED]
    total, good = sum(by_status.values()), sum(by_status[name] for name in states.SUCCESSES)
    sending = by_status[states.ASKING]
    return {
        "total_messages": total, "success_count": good, "count_exact": exact,
        "ui_status_breakdown": {
            "pending": pending, "sending": sending, "sent": total - pending - sending, "failed": failed,
        },
        "status_breakdown": {name.lower(): count for name, count in by_status.items()},
    }  # fmt: skip


async def results_csv(ctx: Context, broadcast: str, after: str | None) -> tuple[str, str | None]:
    """Return (recipients as CSV, the id of the last one where there are more); raises NotFound."""
    await ctx.data.get("broadcasts", broadcast)
    query: dict[str, Any] = {"broadcast": broadcast, **({"_id": {"$lt": after}} if after else {})}
    rows = await ctx.data.select("broadcast_rows", query, limit=MOST_ROWS + 1)
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for row in rows[:MOST_ROWS]:
        shown = render_row(row)
        writer.writerow([_safe(shown[name]) for name in COLUMNS])
    return file.getvalue(), rows[MOST_ROWS - 1]["_id"] if len(rows) > MOST_ROWS else None


def _safe(value: Any) -> str:
    """Return a cell that no spreadsheet runs; a phone number stays what it is."""
    text = "" if value is None else str(value)
    dangerous = text.startswith(_FORMULA) and not text.lstrip("+").isdigit()
    return f"'{text}" if dangerous else text
