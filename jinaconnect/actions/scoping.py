"""Row scoping of role `agent`: the contacts assigned to them, and what belongs to those."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.core.principal import Principal

MOST = 5_000  # contacts one agent holds at a time; far above what a person can answer


def contact_filter(principal: Principal) -> dict[str, Any]:
    """Return the filter that narrows contacts to what a principal may see."""
    if not principal.assigned_only:
        return {}
    if principal.sees_unassigned:
        return {"assigned_to_user": {"$in": [principal.id, None]}}
    return {"assigned_to_user": principal.id}


async def message_filter(ctx: Context) -> dict[str, Any]:
    """Return the filter that narrows messages to contacts the principal may see."""
    if not ctx.principal.assigned_only:
        return {}
    rows = await ctx.data.select(
        "contacts", {**contact_filter(ctx.principal), "deleted_at": None}, limit=MOST, fields={"_id": 1}
    )
    return {"contact": {"$in": [row["_id"] for row in rows]}}


def visible(principal: Principal, contact: Mapping[str, Any]) -> bool:
    """Tell whether a principal with row scoping may see a contact."""
    if not principal.assigned_only:
        return True
    holder = contact.get("assigned_to_user")
    return holder == principal.id or (holder is None and principal.sees_unassigned)
