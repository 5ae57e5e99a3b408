"""What became of the calls of broadcasts, in figures: by outcome, time and cost, and which keys were pressed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.core.broadcasts import calling, states
from jinaconnect.core.ids import encode
from jinaconnect.core.inbox.platform import PLATFORMS

MOST_ANSWERS = 1_000  # rows of the figures of keys
MOST_BROADCASTS = 10_000  # of a span
# What tells the outcome of a call (`calling.outcome_of`), as few values as there are outcomes.
_TOLD = {
    "status": "$status", "hangup_cause": "$hangup_cause", "inferred": "$inferred", "cost_currency": "$cost_currency",
    "duration_seconds": {"$gt": ["$duration_seconds", 0]},
    "dialing_at": {"$cond": [{"$ifNull": ["$dialing_at", False]}, True, None]},
    "metadata": {"answered_by": "$metadata.answered_by"},
}  # fmt: skip
_COUNTING = {
    "$group": {
        "_id": _TOLD, "n": {"$sum": 1}, "seconds": {"$sum": {"$ifNull": ["$duration_seconds", 0]}},
        "written": {"$sum": {"$cond": [{"$eq": ["$metadata.sms_fallback.success", True]}, 1, 0]}},
        "cost": {"$sum": {"$toDecimal": {"$ifNull": ["$cost_amount", "0"]}}},
    }
}  # fmt: skip


async def call_report(ctx: Context, id: str) -> dict[str, Any]:
    """Return what became of a broadcast's calls and recipients; raises NotFound."""
    doc = await ctx.data.get("broadcasts", id)
    calls, exact = await ctx.data.figures("calls", {"broadcast": id}, [_COUNTING])
    by_outcome = [{"$group": {"_id": {"status": "$status", "outcome": "$outcome"}, "n": {"$sum": 1}}}]
    rows, rows_exact = await ctx.data.figures("broadcast_rows", {"broadcast": id}, by_outcome)
    keys: list[dict[str, Any]] = [
        {"$unwind": "$answers"},
        {"$group": {"_id": {"node": "$answers.node", "digits": "$answers.digits"}, "n": {"$sum": 1}}},
        {"$sort": {"n": -1, "_id": 1}}, {"$limit": MOST_ANSWERS},
    ]  # fmt: skip
    pressed, keys_exact = await ctx.data.figures("broadcast_rows", {"broadcast": id}, keys)
    return {
        "broadcast": doc["_id"], **calling.spoken_figures(calls), "recipients": _recipients(rows),
        "answers": [{**each["_id"], "count": each["n"]} for each in pressed],
        "count_exact": exact and rows_exact and keys_exact,
    }  # fmt: skip


def _recipients(groups: list[dict[str, Any]]) -> dict[str, int]:
    """Return recipients by what became of the last call to them; who has not been called yet is waiting."""
    counts = {"waiting": 0, "blocked": 0, **dict.fromkeys(calling.OUTCOMES, 0)}
    for group in groups:
        status, outcome = group["_id"].get("status"), group["_id"].get("outcome")
        if status in states.UNFINISHED:
            counts["waiting"] += group["n"]
        elif status == states.BLOCKED:
            counts["blocked"] += group["n"]
        else:
            counts[outcome or calling.REFUSED] += group["n"]
    return counts


async def calls_between(ctx: Context, since: datetime, until: datetime, platform: str | None) -> dict[str, Any]:
    """Return what became of the calls of a span that broadcasts made, by outcome, time and cost."""
    if platform is not None and not PLATFORMS[platform].spoken:
        return calling.spoken_figures([])
    spoken = [name for name, each in PLATFORMS.items() if each.spoken]
    # A broadcast of before may call on into the span; those that never began have no calls.
    begun = await ctx.data.select(
        "broadcasts", {"platform": {"$in": spoken}, "_id": {"$lt": _first("brc", until)}}, limit=MOST_BROADCASTS,
        fields={"_id": 1},
    )  # fmt: skip
    within: Mapping[str, Any] = {
        "broadcast": {"$in": [doc["_id"] for doc in begun]},
        "_id": {"$gte": _first("call", since), "$lt": _first("call", until)},
    }  # fmt: skip
    groups, _ = await ctx.data.figures("calls", within, [_COUNTING]) if begun else ([], True)
    return calling.spoken_figures(groups)


def _first(prefix: str, moment: datetime) -> str:
    """Return the first id of a moment."""
    return encode(prefix, int(moment.timestamp() * 1000), bytes(10))
