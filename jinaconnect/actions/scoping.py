"""Row scoping of role `agent`: the contacts assigned to them, and what belongs to those."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.core.errors import Invalid
from jinaconnect.core.principal import Principal

MOST = 200_000  # contacts one query can name


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
    return await of_contacts(ctx, {**contact_filter(ctx.principal), "deleted_at": None})


async def of_contacts(ctx: Context, contacts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filter for what belongs to contacts that fit: all of them, or all but the others, whichever are fewer.

    Raises Invalid where both are more than one query can name; nothing is ever left out silently.
    """
    others = {"$nor": [dict(contacts)]}
    (here, _), (there, _) = await asyncio.gather(
        ctx.data.count("contacts", contacts), ctx.data.count("contacts", others)
    )
    fewer = contacts if here <= there else others
    ids = await every_id(ctx, "contacts", fewer, "contact")
    return {"contact": {"$in": ids}} if here <= there else {"contact": {"$nin": [*ids, None]}}


async def every_id(ctx: Context, collection: str, query: Mapping[str, Any], field: str) -> list[str]:
    """Return the ids of all that fit; raises Invalid on `field`, which narrows them, where they are too many."""
    rows = await ctx.data.select(collection, query, limit=MOST + 1, fields={"_id": 1})
    if len(rows) > MOST:
        raise Invalid.field(field, "must be given: there is too much to look through all of it")
    return [row["_id"] for row in rows]


def visible(principal: Principal, contact: Mapping[str, Any]) -> bool:
    """Tell whether a principal with row scoping may see a contact."""
    if not principal.assigned_only:
        return True
    holder = contact.get("assigned_to_user")
    return holder == principal.id or (holder is None and principal.sees_unassigned)
