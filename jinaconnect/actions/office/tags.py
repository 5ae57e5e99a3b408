"""Tags of an organisation: words that templates and contacts are sorted by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.rows import Rows
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Invalid
from jinaconnect.core.ids import well_formed
from jinaconnect.core.paging import MAX_CHOICES, Parse, parse_or_fault
from jinaconnect.core.principal import parse_scope
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Duplicate


def _render(tag: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": tag["_id"], "tenant": tag["tenant"], "name": tag["name"], "description": tag["description"],
        "is_active": tag["is_active"], "created_at": iso(tag["created_at"]), "updated_at": iso(tag["updated_at"]),
        "created_by": tag["created_by"], "updated_by": tag["updated_by"],
    }  # fmt: skip


TAGS = Rows(collection="tags", id="tag", told="tag", render=_render)


_BY_ID = ("tag__id", "tag__id__in")


async def by_tag_id(ctx: Context) -> list[dict[str, Any]]:
    """Return what a request for things that have tags of these ids asks of their words; raises Invalid."""
    query = ctx.caller.query
    asked = [parse_or_fault(name, _ids(name), query[name]) for name in _BY_ID if name in query]
    return [{"tags": {"$in": await _names(ctx, ids)}} for ids in asked]


def _ids(parameter: str) -> Parse:
    def read(text: str) -> list[str]:
        ids = [part for part in text.split(",") if part] if parameter != _BY_ID[0] else [text]
        if not all(well_formed(id) for id in ids) or len(ids) > MAX_CHOICES:
            raise ValueError(f"must be ids of tags, at most {MAX_CHOICES}")
        return ids

    return read


async def _names(ctx: Context, ids: Sequence[str]) -> list[str]:
    found = await ctx.data.select(TAGS.collection, {"_id": {"$in": list(ids)}}, fields={"name": 1}, limit=len(ids) + 1)
    return [tag["name"] for tag in found]


def _fields(ctx: Context, fields: Mapping[str, Any]) -> Document:
    named = {"name_key": fields["name"].casefold()} if "name" in fields else {}
    return {**fields, **named, "updated_by": ctx.principal.username}


async def create_tag(ctx: Context, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Add a tag; raises Invalid where its name is taken."""
    beginning = {
        "tenant": parse_scope(ctx.data.scope)[0], "description": None, "is_active": True,
        "created_by": ctx.principal.username,
    }  # fmt: skip
    try:
        return await TAGS.create(ctx, {**beginning, **_fields(ctx, fields)})
    except Duplicate as error:
        raise Invalid.field("name", "is taken") from error


async def change_tag(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change a tag; raises NotFound, and Invalid where its name is taken."""
    try:
        return await TAGS.change(ctx, id, _fields(ctx, fields))
    except Duplicate as error:
        raise Invalid.field("name", "is taken") from error
