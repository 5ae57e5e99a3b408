"""All that became of one message, in order."""

from __future__ import annotations

from typing import Any

from jinaconnect.actions.billing.messages import about
from jinaconnect.actions.context import Context
from jinaconnect.actions.scoping import visible
from jinaconnect.core.billing.money import shown
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import NotFound
from jinaconnect.core.inbox.message import render_message
from jinaconnect.core.inbox.trace import render_steps
from jinaconnect.store.databases.mongo import Document


async def trace_message(ctx: Context, id: str) -> dict[str, Any]:
    """Return the steps of a message and, to those who see the ledger, what it was charged.

    Raises NotFound for unknown, foreign and unseen ids alike.
    """
    doc = await ctx.data.get("messages", id)
    contact = await ctx.data.find("contacts", doc["contact"])
    if contact is None or not visible(ctx.principal, contact):
        raise NotFound()
    message = render_message(doc)
    steps, charges = render_steps(doc), None
    if ctx.principal.may("billing.view"):
        ledger, rounds = ctx.services.wallets.ledger, range(int(doc.get("charge", {}).get("round", 0)) + 1)
        rows = [row for each in rounds for row in await ledger.rows_about(ctx.data.scope, about(doc, each))]
        charges = [_charge(row) for row in rows]
    return {
        "id": id, "direction": doc["direction"], "platform": doc["platform"], "channel_app_id": doc["app"],
        "status": message["outgoing_status"], "carrier_id": doc["carrier_id"],
        "request_id": next((step["request_id"] for step in steps if step.get("request_id")), None), "steps": steps,
        "charges": charges,
    }  # fmt: skip


def _charge(row: Document) -> dict[str, Any]:
    return {
        "id": row["_id"], "at": iso(row["created_at"]), "key": row["key"], "type": row["type"],
        "change": shown(row["change"]), "reserved_change": shown(row["held"]), "currency": row["currency"],
    }  # fmt: skip
