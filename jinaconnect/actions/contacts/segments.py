"""Segments of contacts: kept, counted, and what of a list or an audience they mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.rows import Rows
from jinaconnect.core.contacts.listing import CONTACTS
from jinaconnect.core.contacts.segment import DYNAMIC, STATIC, check_segment, members, render_segment
from jinaconnect.core.errors import Invalid
from jinaconnect.core.paging import Listing
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Duplicate, TenantStore

COLLECTION = "segments"
SEGMENTS = Rows(collection=COLLECTION, id="seg", told="segment", render=render_segment, check=check_segment)
_ASKED = ("segment", "segment__in")


async def list_segments(ctx: Context, listing: Listing) -> dict[str, Any]:
    """Answer the list of segments, each with how many contacts it has."""

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return [await _counted(ctx, doc) for doc in docs]

    return await list_documents(ctx, COLLECTION, listing, render)


async def read_segment(ctx: Context, id: str) -> dict[str, Any]:
    """Return a segment; raises NotFound."""
    return await _counted(ctx, await ctx.data.get(COLLECTION, id))


async def create_segment(ctx: Context, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Add a segment; raises Invalid for a filter that is none, and a name that is taken."""
    by = ctx.principal.username
    beginning = {"description": None, "type": STATIC, "filter": None, "created_by": by, "updated_by": by}
    try:
        made = await SEGMENTS.create(ctx, {**beginning, **fields, "name_key": fields["name"].casefold()})
    except Duplicate as error:
        raise Invalid.field("name", "is taken") from error
    return await read_segment(ctx, made["id"])


async def change_segment(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change a segment; raises NotFound, Invalid as `create_segment` does, and for the name of one that contacts carry.

    Contacts say by name in which static segments they are.
    """
    held = await ctx.data.get(COLLECTION, id)
    named: dict[str, Any] = {}
    if "name" in fields and fields["name"] != held["name"]:
        if held["type"] == STATIC and (await ctx.data.count("contacts", {"segments": held["name"]}))[0]:
            raise Invalid.field("name", "stays while contacts carry it")
        named = {"name_key": fields["name"].casefold()}
    try:
        await SEGMENTS.change(ctx, id, {**fields, **named, "updated_by": ctx.principal.username})
    except Duplicate as error:
        raise Invalid.field("name", "is taken") from error
    return await read_segment(ctx, id)


async def _counted(ctx: Context, doc: Document) -> dict[str, Any]:
    count, exact = await ctx.data.count("contacts", {"deleted_at": None, **members(doc)})
    return {**render_segment(doc), "contact_count": count, "contact_count_exact": exact}


async def fitting(store: TenantStore, names: Sequence[str]) -> dict[str, Any]:
    """Return the condition of contacts that are in any of the segments so named."""
    found = await store.select(COLLECTION, {"name_key": {"$in": [name.casefold() for name in names]}})
    dynamic = [members(each) for each in found if each["type"] == DYNAMIC and each["name"] in names]
    carried: dict[str, Any] = {"segments": {"$in": list(names)}}
    return {"$or": [carried, *dynamic]} if dynamic else carried


async def by_segment(ctx: Context) -> tuple[Listing, list[dict[str, Any]]]:
    """Return the listing of contacts and what of a request it leaves: segments, where one asked for is dynamic."""
    query = ctx.caller.query
    asked = [await fitting(ctx.data, _names(name, query[name])) for name in _ASKED if query.get(name)]
    if not any("$or" in each for each in asked):
        return CONTACTS, []
    filters = {name: each for name, each in CONTACTS.filters.items() if name != _ASKED[0]}
    return replace(CONTACTS, filters=filters), asked


def _names(parameter: str, text: str) -> list[str]:
    return [text] if parameter == _ASKED[0] else text.split(",")
