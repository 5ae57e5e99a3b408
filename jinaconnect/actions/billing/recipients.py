"""What one recipient of a broadcast has cost in the end: given back, or brought to what their carrier says it bills.

Whoever has a message was paid for before it was written; `row["price"]` is what was paid.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.billing.messages import price_by_report
from jinaconnect.actions.context import Context
from jinaconnect.core.billing.money import shown
from jinaconnect.core.billing.prices import country
from jinaconnect.core.billing.purse import credited
from jinaconnect.core.broadcasts.states import SUCCESSES
from jinaconnect.core.inbox.platform import PLATFORMS
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Decide, Step


def _about(row: Mapping[str, Any]) -> str:
    return f"broadcast:{row['broadcast']}:{row['message']}"


async def give_back_recipient(ctx: Context, row: Document, message: str, decide: Decide) -> bool:
    """Give back what a recipient has cost who turns out not to be reached, with the change of their row; tells if so.

    Sent to once more they have another message, paid for anew.
    """
    if not row["price"] or row["message"] != message:
        return False
    await ctx.services.wallets.give_back(
        ctx.data.scope, _about(row), lambda _, __: credited(row["price"]), [Step("broadcast_rows", row["_id"], decide)]
    )
    return True


async def settle_by_report(
    ctx: Context, row: Document, message: str, pricing: Mapping[str, Any], decide: Decide
) -> bool:
    """Bring what a recipient has cost to the first word of the carrier that delivered it, with the change of their row.

    Tells whether that is done with the row; where it is not, `decide` is left to the caller.
    """
    paid, by_delivery = row["price"], PLATFORMS[row["platform"]].paid_on_delivery
    if not paid or row["message"] != message or "pricing" in row or not by_delivery:
        return False
    wallet = await ctx.services.wallets.ledger.wallet(ctx.data.scope)
    if wallet is None:
        return False
    await ctx.services.wallets.margins.refresh()
    cost = price_by_report(
        ctx, row["platform"], pricing, destination=country(row["phone"]), at=row["created_at"],
        currency=wallet["currency"], units=row["segments"] or 1, expected=paid,
    )  # fmt: skip

    def settled(doc: Document) -> Change | None:
        change = decide(doc) or Change(set={"updated_at": doc["updated_at"]})
        reached = change.set.get("status", doc["status"]) in SUCCESSES
        if not reached or doc["message"] != message or doc["price"] != paid or "pricing" in doc:
            return None
        return Change(set={**change.set, "price": cost, "pricing": dict(pricing)})

    if cost == paid:
        await ctx.data.change("broadcast_rows", row["_id"], lambda doc: settled(doc) or decide(doc))
        return True
    facts = {"reserved": shown(paid), "pricing": dict(pricing)}
    posted = await ctx.services.wallets.correct(
        ctx.data.scope, _about(row), paid, cost, facts=facts, steps=[Step("broadcast_rows", row["_id"], settled)]
    )
    return posted.fresh and posted.row is not None
