"""Importing what a carrier says its calls have cost: matched to ours, compared, and kept beside."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.rating.provider_prices import IMPORTED, note_price
from jinaconnect.core.billing.money import exact, micros
from jinaconnect.core.billing.prices import NoExchangeRate
from jinaconnect.core.calls.cdr import Record, discrepant
from jinaconnect.core.calls.document import ended
from jinaconnect.core.calls.rating import LOCAL
from jinaconnect.core.errors import NotFound
from jinaconnect.store.databases.mongo import Document
from jinaconnect.telephony.provider import CarrierPrice

PAGE, AT_ONCE = 500, 16
SHOWN = 100  # of what is listed singly


async def import_records(
    ctx: OperationContext, trunk: str, records: Sequence[Record], ratio: Decimal, *, dry: bool
) -> dict[str, Any]:
    """Take in the records of a provider config's calls and return what came of it; with `dry` nothing is changed.

    Importing them again changes nothing. Raises NotFound for a provider config that is not there.
    """
    held = await ctx.data.get("trunks", trunk)
    if held["deleted_at"] is not None:
        raise NotFound()
    room, matched, updated = asyncio.Semaphore(AT_ONCE), 0, 0
    unmatched: list[dict[str, Any]] = []
    apart: list[dict[str, Any]] = []

    async def take(call: Document, record: Record) -> bool:
        known = call.get("provider_cost")
        new = known is None or (known["amount"], known["currency"]) != (str(record.cost), record.currency)
        lasted = record.duration_seconds if ended(call) and call["duration_seconds"] is None else None
        if dry or not (new or lasted):
            return new or bool(lasted)
        more = {"duration_seconds": lasted} if lasted else {}
        async with room:
            price = CarrierPrice(record.cost, record.currency)
            return await note_price(ctx.services, ctx.ports.worker, call, price, IMPORTED, more)

    for start in range(0, len(records), PAGE):
        page = records[start : start + PAGE]
        calls = await _calls(ctx, trunk, [record.call_id for record in page])
        found = [(calls[record.call_id], record) for record in page if record.call_id in calls]
        matched += len(found)
        updated += sum(await asyncio.gather(*(take(call, record) for call, record in found)))
        unmatched += [
            {"line": record.line, "call_id": record.call_id} for record in page if record.call_id not in calls
        ]
        compared = [_compared(ctx, call, record, ratio) for call, record in found]
        apart += [each for each in compared if each is not None]
    return {
        "matched": matched, "updated": updated, "skipped": len(unmatched), "discrepancies": len(apart),
        "differences": apart[:SHOWN], "unmatched": unmatched[:SHOWN], "dry_run": dry,
    }  # fmt: skip


async def _calls(ctx: OperationContext, trunk: str, ids: Sequence[str]) -> dict[str, Document]:
    """Return a provider config's calls by the id the carrier knows them under, or by ours."""
    theirs = {"provider_config": trunk, "provider_call_id": {"$in": list(ids)}}
    found = {
        row["provider_call_id"]: row
        for row in await ctx.data.select("calls", theirs, sort=[("provider_call_id", 1)])
    }  # fmt: skip
    own = [id for id in ids if id.startswith("call_") and id not in found]
    if own:
        rows = await ctx.data.select("calls", {"_id": {"$in": own}})
        found |= {row["_id"]: row for row in rows if row["provider_config"] == trunk}
    return found


def _compared(
    ctx: OperationContext, call: Mapping[str, Any], record: Record, ratio: Decimal
) -> dict[str, Any] | None:
    """Return how far a record is from what we have rated a call at, None where that is near enough."""
    if call["cost_source"] != LOCAL:
        return None
    ours = Decimal(call["cost_amount"])
    prices, day = ctx.services.wallets.prices, call["ended_at"].date()
    try:
        theirs = exact(prices.changed(micros(record.cost), record.currency, call["cost_currency"], day))
    except NoExchangeRate:
        return None
    if not discrepant(ours, theirs, ratio):
        return None
    return {
        "line": record.line, "call": call["_id"], "call_id": record.call_id, "cost": float(ours),
        "currency": call["cost_currency"], "provider_cost": float(record.cost), "provider_currency": record.currency,
        "difference": float(theirs - ours),
    }  # fmt: skip
