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
from jinaconnect.store.looking import LOOKED_AT, NEWEST, Atom, Order, Way, all_of, atoms, ways
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
    ctx: Context,
    collection: str,
    listing: Listing,
    render: Render,
    within: Mapping[str, Any] | None = None,
    asked: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Answer a list of a collection of the caller's mode (see `list_in`)."""
    return await list_in(ctx, ctx.data, collection, listing, render, within, asked)


async def list_in(
    ctx: Context,
    store: TenantStore,
    collection: str,
    listing: Listing,
    render: Render,
    within: Mapping[str, Any] | None = None,
    asked: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Answer a list of a collection: by page number, or endless after a row with `cursor=`.

    `within` always holds, `asked` are filters of the request that are not the listing's own. The endless form answers
    `next_cursor` (None at the end) instead of a count and keeps its place while rows arrive. What no index serves is
    looked for among the first ten thousand rows: a page that has not seen all says `complete: false`, an endless list
    goes on from there.
    """
    query = ctx.caller.query
    page = page_of(query)
    always = atoms(within or {})
    wanted = [*(atom for clause in asked for atom in atoms(clause)), *atoms(listing.condition(query))]
    position = await log_cursor(ctx)
    if page.endless:
        return {**await _endless(ctx, store, collection, always, wanted, render, page), "cursor": position}
    order = listing.sort(query)
    condition = all_of([*always, *wanted])
    way = await _bounded(store, collection, always, wanted, order)
    if way is not None:
        rows, total, last = await store.look(collection, way, order, skip=page.skip, limit=page.size)
        answer = envelope(ctx, page, total, await render(rows))
        told = {} if last is None else {"complete": False}
        return {**answer, "count_exact": last is None, **told, "cursor": position}
    (count, exact), rows = await asyncio.gather(
        store.count(collection, condition),
        store.select(collection, condition, sort=order, skip=page.skip, limit=page.size),
    )
    answer = envelope(ctx, page, max(count, page.skip + len(rows)), await render(rows))
    return {**answer, "count_exact": exact, "cursor": position}


async def _bounded(
    store: TenantStore, collection: str, always: Sequence[Atom], wanted: Sequence[Atom], order: Order
) -> Way | None:
    """Return the way to look along for what is wanted, None where an index serves all of it in its order."""
    found = ways(collection, [*always, *wanted], order)
    if any(way.ordered and not any(atom in wanted for atom in way.rest) for way in found):
        return None
    if len(found) == 1:
        return found[0]
    sizes = await asyncio.gather(*(store.few(collection, all_of(way.first), LOOKED_AT) for way in found))
    return found[sizes.index(min(sizes))]


async def _endless(
    ctx: Context,
    store: TenantStore,
    collection: str,
    always: Sequence[Atom],
    wanted: Sequence[Atom],
    render: Render,
    page: Page,
) -> dict[str, Any]:
    if page.after is not None:
        if not well_formed(page.after):
            raise Invalid.field("cursor", "is not one this list gave")
        always = [*always, {"_id": {"$lt": page.after}}]
    way, last = await _bounded(store, collection, always, wanted, NEWEST), None
    if way is not None:
        rows, _, last = await store.look(collection, way, NEWEST, limit=page.size + 1)
    else:
        rows = await store.select(collection, all_of([*always, *wanted]), limit=page.size + 1)
    more, rows = len(rows) > page.size, rows[: page.size]
    following = rows[-1]["_id"] if more else last
    link = f"{ctx.caller.url}?{urlencode({**ctx.caller.query, 'cursor': following})}" if following else None
    return {"results": await render(rows), "next_cursor": following, "next": link}
