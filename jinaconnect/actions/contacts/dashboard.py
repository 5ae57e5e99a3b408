"""An organisation's contacts in figures: how many came, how many write, and how far they went."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.scoping import contact_filter
from jinaconnect.core.broadcasts.figures import PERIODS, change, end_of, share

ACTIVE = timedelta(days=30)  # since the last message of somebody who counts as active
LEAST_TAGGED = 5  # a tag with fewer contacts is not compared with others
_WROTE = {"$gt": [{"$size": {"$objectToArray": "$chat.inbound"}}, 0]}
_COUNTED = ("total", "new", "before", "active", "messaged", "engaged", "converted")


def _ones(condition: dict[str, Any]) -> dict[str, Any]:
    return {"$sum": {"$cond": [condition, 1, 0]}}


async def dashboard(ctx: Context, period: str) -> dict[str, Any]:
    """Return the figures of a period that ends now; contacts that were merged into others are not counted."""
    span = PERIODS[period]
    now = end_of(span, ctx.now())
    within = {"deleted_at": None, "merged_into": None, **contact_filter(ctx.principal)}
    sums = {
        "total": {"$sum": 1},
        "new": _ones({"$gte": ["$created_at", now - span]}),
        "before": _ones({"$and": [{"$gte": ["$created_at", now - 2 * span]}, {"$lt": ["$created_at", now - span]}]}),
        "active": _ones({"$gte": ["$chat.at", now - ACTIVE]}),
        "messaged": _ones({"$gt": ["$chat.at", None]}),
        "engaged": _ones(_WROTE),
        "converted": _ones({"$eq": ["$lead_status", "CONVERTED"]}),
    }
    groups, exact = await ctx.data.figures("contacts", within, [{"$group": {"_id": None, **sums}}])
    found = {name: int(groups[0][name]) if groups else 0 for name in _COUNTED}
    inactive = found["total"] - found["active"]
    return {
        "period": period, "new_contacts": found["new"],
        "new_contacts_change_percent": change(found["new"], found["before"]), "total_contacts": found["total"],
        "active_contacts": found["active"], "inactive_contacts": inactive,
        "active_percent": share(found["active"], found["total"]), "inactive_percent": share(inactive, found["total"]),
        "top_segment": await _top_tag(ctx, within),
        "funnel": {
            "total_reach": found["total"], **{name: found[name] for name in ("messaged", "engaged", "converted")},
        },
        "count_exact": exact,
    }  # fmt: skip


async def _top_tag(ctx: Context, within: dict[str, Any]) -> dict[str, Any] | None:
    """Return the tag most of whose contacts have written, None where no tag has enough of them."""
    stages: list[dict[str, Any]] = [
        {"$unwind": "$tags"},
        {"$group": {"_id": "$tags", "contacts": {"$sum": 1}, "wrote": _ones(_WROTE)}},
        {"$match": {"contacts": {"$gte": LEAST_TAGGED}}},
        {"$set": {"rate": {"$divide": ["$wrote", "$contacts"]}}},
        {"$sort": {"rate": -1, "contacts": -1, "_id": 1}},
        {"$limit": 1},
    ]
    groups, _ = await ctx.data.figures("contacts", {**within, "tags": {"$gt": ""}}, stages)
    if not groups:
        return None
    [best] = groups
    rate = share(best["wrote"], best["contacts"])
    return {"name": best["_id"], "contact_count": best["contacts"], "engagement_rate": rate}
