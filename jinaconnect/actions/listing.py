"""One way to answer a list: filter, order, page, and say how new the state shown is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from jinaconnect.actions.context import Context
from jinaconnect.core.errors import Invalid, NotFound
from jinaconnect.core.ids import well_formed
from jinaconnect.core.paging import Listing, Page, page_of
from jinaconnect.store.looking import (
    GLANCED_AT,
    LOOKED_AT,
    NEWEST,
    SEARCHED,
    WORDED,
    Atom,
    Order,
    Way,
    all_of,
    atoms,
    search_ways,
    total,
    ways,
)
from jinaconnect.store.reads import TenantReads

NAMED = "contact"  # the field by which a document is a contact's
Render = Callable[[Sequence[dict[str, Any]]], Awaitable[list[dict[str, Any]]]]


async def log_cursor(ctx: Context) -> str:
    """Return a cursor that what is read after this call is at least as new as."""
    cursor = ctx.cursor(await ctx.services.store.log.recent_head(ctx.principal.scope))
    assert cursor is not None
    return cursor


def _link(ctx: Context, **changes: object) -> str:
    """Return the address that was asked, with some of its query changed."""
    return f"{ctx.caller.url}?{urlencode({**ctx.caller.query, **changes})}"


def envelope(ctx: Context, page: Page, count: int, results: list[Any]) -> dict[str, Any]:
    """Return the page-number envelope; raises NotFound beyond the last page."""
    last = max(1, -(-count // page.size))
    if page.number > last:
        raise NotFound("There is no such page.")
    return {
        "count": count,
        "next": _link(ctx, page=page.number + 1) if page.number < last else None,
        "previous": _link(ctx, page=page.number - 1) if page.number > 1 else None,
        "results": results,
    }


def sliced(
    limit: int, offset: int, results: list[Any], *, more: bool, cursor: str, count: int | None = None, found: int = 0,
    exact: bool = True, **further: Any,
) -> dict[str, Any]:  # fmt: skip
    """Return the limit and offset envelope; `found` rows were seen from the offset on, where rows are counted."""
    counted = {} if count is None else {"count": max(count, offset + found) if found else count, "count_exact": exact}
    return {
        "results": results, **counted, "limit": limit, "offset": offset, "has_next": more, **further, "cursor": cursor
    }  # fmt: skip


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
    store: TenantReads,
    collection: str,
    listing: Listing,
    render: Render,
    within: Mapping[str, Any] | None = None,
    asked: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Answer a list of a collection: by page number, or endless after a row with `cursor=`.

    `within` always holds, `asked` are filters of the request that are not the listing's own. The endless form answers
    `next_cursor` (None at the end) instead of a count and keeps its place while rows arrive. What no index serves is
    looked for among the first ten thousand rows, by a page of more than that among the first thousand: a page that has
    not seen all says `complete: false`, an endless list goes on from there.
    """
    query = ctx.caller.query
    page = page_of(query)
    always = atoms(within or {})
    wanted = [*(atom for clause in asked for atom in atoms(clause)), *atoms(listing.condition(query))]
    wanted = await of_the_same(ctx, wanted)
    position = await log_cursor(ctx)
    if page.endless:
        return {**await _endless(ctx, store, collection, always, wanted, render, page), "cursor": position}
    order = total(collection, [*always, *wanted], listing.sort(query))
    found = await look_up(ctx, store, collection, always, wanted, order, skip=page.skip, limit=page.size)
    answer = envelope(ctx, page, max(found.count, page.skip + len(found.rows)), await render(found.rows))
    told = {} if found.complete else {"complete": False}
    return {**answer, "count_exact": found.exact, **told, "cursor": position}


async def of_the_same(ctx: Context, wanted: Sequence[Atom]) -> list[Atom]:
    """Return conditions in which who asks for a contact asks for those that are merged into it as well."""
    return [{NAMED: await _with_merged(ctx, atom[NAMED])} if NAMED in atom else atom for atom in wanted]


async def _with_merged(ctx: Context, asked: Any) -> Any:
    ids = asked.get("$in") if isinstance(asked, dict) else [asked]
    if not ids or not all(isinstance(id, str) for id in ids):
        return asked  # text that is looked for, or none at all
    known, left = list(dict.fromkeys(ids)), list(ids)
    while left:
        rows = await ctx.data.select("contacts", {"_id": {"$in": left}}, fields={"merged": 1}, limit=len(left))
        left = [id for row in rows for id in row.get("merged", ()) if id not in known]
        known += left
    return asked if len(known) == len(set(ids)) else {"$in": known}


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of a list, how many there are and whether exactly; `last` is where a look ended that has not seen all."""

    rows: list[dict[str, Any]]
    count: int
    exact: bool
    complete: bool = True
    last: str | None = None


async def look_up(
    ctx: Context, store: TenantReads, collection: str, always: Sequence[Atom], wanted: Sequence[Atom], order: Order,
    *, skip: int, limit: int,
) -> Found:  # fmt: skip
    """Find rows in order at a cost that does not grow with the collection: by an index, by words, or in a part."""
    way = await _bounded(store, collection, always, wanted, order)
    if way is None:
        condition = all_of([*always, *wanted])
        (count, exact), rows = await asyncio.gather(
            store.count(collection, condition), store.select(collection, condition, sort=order, skip=skip, limit=limit)
        )
        return Found(rows, count, exact)
    if (found := await _search(ctx, store, collection, [*always, *wanted])) is not None:
        ids, whole = found
        return Found(await _picked(store, collection, ids, order, skip, limit), len(ids), whole, whole)
    most = GLANCED_AT if await store.wide(collection, way) else LOOKED_AT
    rows, count, last = await store.look(collection, way, order, skip=skip, limit=limit, most=most)
    return Found(rows, count, last is None, last is None, last)


async def _search(
    ctx: Context, store: TenantReads, collection: str, asked: Sequence[Atom]
) -> tuple[list[str], bool] | None:
    """Return the ids of what the request's `search=` finds by words, newest first, and whether that is all there is.

    None where nothing is searched for, or not by words.
    """
    text = ctx.caller.query.get("search", "").strip()
    ways = search_ways(collection, asked, text) if text else None
    if ways is None or not await store.searchable(collection):
        return None
    found = await asyncio.gather(
        *(store.gather(collection, way, SEARCHED if way.order else WORDED) for way in ways.ways)
    )
    ids = sorted({id for some, _ in found for id in some}, reverse=True)
    return ids, any(whole for _, whole in found[ways.enough :])


async def _picked(
    store: TenantReads, collection: str, ids: Sequence[str], order: Order, skip: int, limit: int
) -> list[dict[str, Any]]:
    """Return a page of documents whose ids are known, newest first."""
    if list(order) == list(NEWEST):
        return await store.select(collection, {"_id": {"$in": ids[skip : skip + limit]}})
    return await store.select(collection, {"_id": {"$in": list(ids)}}, sort=order, skip=skip, limit=limit)


async def _bounded(
    store: TenantReads, collection: str, always: Sequence[Atom], wanted: Sequence[Atom], order: Order
) -> Way | None:
    """Return the way to look along for what is wanted, None where an index serves all of it in its order."""
    found = ways(collection, [*always, *wanted], order)
    if any(way.ordered and not any(atom in wanted for atom in way.rest) for way in found):
        return None
    if len(found) == 1:
        return found[0]
    sizes = await asyncio.gather(*(store.count(collection, all_of(way.first)) for way in found))
    return min(zip(found, sizes, strict=True), key=lambda each: each[1][0])[0]


async def _endless(
    ctx: Context,
    store: TenantReads,
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
    found = await _search(ctx, store, collection, [*always, *wanted]) if way is not None else None
    if found is not None and found[1]:
        rows = await _picked(store, collection, found[0], NEWEST, 0, page.size + 1)
    elif way is not None:
        rows, _, last = await store.look(collection, way, NEWEST, limit=page.size + 1, most=LOOKED_AT)
    else:
        rows = await store.select(collection, all_of([*always, *wanted]), limit=page.size + 1)
    more, rows = len(rows) > page.size, rows[: page.size]
    following = rows[-1]["_id"] if more else last
    link = _link(ctx, cursor=following) if following else None
    return {"results": await render(rows), "next_cursor": following, "next": link}
