"""One way to answer a list: filter, order, page, and say how new the state shown is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from jinaconnect.actions.context import Context
from jinaconnect.core.errors import Invalid, NotFound
from jinaconnect.core.ids import well_formed
from jinaconnect.core.paging import Listing, Page, page_of
from jinaconnect.store.tenant import TenantStore

Render = Callable[[Sequence[dict[str, Any]]], Awaitable[list[dict[str, Any]]]]


async def log_cursor(ctx: Context) -> str:
    """Return a cursor that what is read after this call is at least as new as."""
    cursor = ctx.cursor(await ctx.services.store.log.recent_head(ctx.principal.scope))
    assert cursor is not None
    return cursor


def envelope(ctx: Context, page: Page, count: int, results: list[Any]) -> dict[str, Any]:
    """Return the page-number envelope; raises NotFound beyond the last page."""
    last = max(1, -(-count // page.size))
    if page.number > last:
        raise NotFound("There is no such page.")

    def link(number: int) -> str:
        return f"{ctx.caller.url}?{urlencode({**ctx.caller.query, 'page': number})}"

    return {
        "count": count,
        "next": link(page.number + 1) if page.number < last else None,
        "previous": link(page.number - 1) if page.number > 1 else None,
        "results": results,
    }


async def list_documents(
    ctx: Context, collection: str, listing: Listing, render: Render, within: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Answer a list of a collection of the caller's mode (see `list_in`)."""
    return await list_in(ctx, ctx.data, collection, listing, render, within)


async def list_in(
    ctx: Context,
    store: TenantStore,
    collection: str,
    listing: Listing,
    render: Render,
    within: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Answer a list of a collection: by page number, or endless after a row with `cursor=`.

    The endless form answers `next_cursor` (None at the end) instead of a count and keeps its place while rows arrive.
    """
    query = ctx.caller.query
    page = page_of(query)
    clauses = [clause for clause in (dict(within or {}), listing.condition(query)) if clause]
    condition: dict[str, Any] = {"$and": clauses} if len(clauses) > 1 else (clauses[0] if clauses else {})
    position = await log_cursor(ctx)
    if page.endless:
        return {**await _endless(ctx, store, collection, condition, render, page), "cursor": position}
    order = listing.sort(query)
    (count, exact), rows = await asyncio.gather(
        store.count(collection, condition),
        store.select(collection, condition, sort=order, skip=page.skip, limit=page.size),
    )
    answer = envelope(ctx, page, max(count, page.skip + len(rows)), await render(rows))
    return {**answer, "count_exact": exact, "cursor": position}


async def _endless(
    ctx: Context, store: TenantStore, collection: str, condition: dict[str, Any], render: Render, page: Page
) -> dict[str, Any]:
    if page.after is not None:
        if not well_formed(page.after):
            raise Invalid.field("cursor", "is not one this list gave")
        condition = {"$and": [condition, {"_id": {"$lt": page.after}}]} if condition else {"_id": {"$lt": page.after}}
    rows = await store.select(collection, condition, limit=page.size + 1)
    more, rows = len(rows) > page.size, rows[: page.size]
    following = rows[-1]["_id"] if more else None
    link = f"{ctx.caller.url}?{urlencode({**ctx.caller.query, 'cursor': following})}" if following else None
    return {"results": await render(rows), "next_cursor": following, "next": link}
