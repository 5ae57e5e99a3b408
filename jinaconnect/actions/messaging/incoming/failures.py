"""Webhooks of which something could not be applied: kept as they came, told of, and tried again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from jinaconnect.actions.context import Services, system_context
from jinaconnect.channels.base import Account
from jinaconnect.channels.table import CHANNELS
from jinaconnect.core.clock import iso
from jinaconnect.core.lenient import storable
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change

REQUEST_FIELDS = ("channel", "kind", "method", "url", "headers", "query", "body")  # what a webhook is read again from
MAX_RAW = 256 * 1024  # of a carrier's own object; their whole bodies have at most 3 MB


async def keep_failure(services: Services, row: Document, account: Account, reason: str) -> None:
    """Keep a body of which something could not be applied, and tell of it; once for each body.

    One that was kept already, and tried again, has another reason now.
    """
    ctx = system_context(services, account.scope, "inbound")
    if (kept := row.get("again")) is not None:
        await ctx.data.change("webhook_events", kept, lambda _: Change(set={"reason": reason[:500] or "unknown"}))
        return
    id = "whe_" + row["_id"].partition("_")[2]
    failure = {"id": id, "account": account.id, "reason": reason[:500], "received_at": iso(row["received_at"])}
    event = ctx.event("webhook.failed", id, failure, channel=CHANNELS[account.channel].spec.platform)
    came: Document = {name: row[name] for name in REQUEST_FIELDS if name in row}
    doc = {
        "_id": id, "account": account.id, "reason": failure["reason"], "received_at": row["received_at"],
        "is_processed": False, "processed_at": None, "retry_count": 0, **came,
    }  # fmt: skip
    await ctx.data.insert("webhook_events", doc, [event])


def kept_raw(raw: Mapping[str, Any]) -> Any:
    """Return a carrier's own object of a message as its row keeps it: whole, or as cut text where it is huge."""
    kept = storable(raw)
    text = orjson.dumps(kept, default=str)
    return kept if len(text) <= MAX_RAW else {"cut": text[:MAX_RAW].decode("utf-8", "ignore")}
