"""A trunk's own numbers and where calls to them go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.voice.routes import checked_route
from jinaconnect.actions.voice.trunks import own_trunk
from jinaconnect.core.clock import iso
from jinaconnect.core.paging import Listing
from jinaconnect.store.mongo import Document
from jinaconnect.store.tenant import Change


def render_number(doc: Document) -> dict[str, Any]:
    """Return a number as it is answered."""
    return {
        "id": doc["_id"], "number": doc["number"], "provider_config": doc["provider_config"], "name": doc["name"],
        "route": doc["route"], "created_at": iso(doc["created_at"]), "updated_at": iso(doc["updated_at"]),
    }  # fmt: skip


async def list_numbers(ctx: Context, listing: Listing) -> dict[str, Any]:
    """Answer the list of numbers."""

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return [render_number(doc) for doc in docs]

    return await list_documents(ctx, "numbers", listing, render)


async def create_number(ctx: Context, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Add a number; raises Invalid on `provider_config` and `route`, Duplicate where the trunk has it already."""
    await own_trunk(ctx.data, fields["provider_config"], "provider_config")
    route = await checked_route(ctx, fields["route"], "route")
    doc = {"_id": ctx.ids.new("num"), **fields, "route": route}
    return render_number((await ctx.data.insert("numbers", doc)).doc)


async def change_number(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change a number; raises as `create_number`."""
    await ctx.data.get("numbers", id)
    if "provider_config" in fields:
        await own_trunk(ctx.data, fields["provider_config"], "provider_config")
    changes = {**fields, "updated_at": ctx.now()}
    if "route" in fields:
        changes["route"] = await checked_route(ctx, fields["route"], "route")
    return render_number((await ctx.data.change("numbers", id, lambda doc: Change(set=changes))).doc)


async def delete_number(ctx: Context, id: str) -> None:
    """Remove a number; calls to it take the trunk's default route."""
    await ctx.data.get("numbers", id)
    await ctx.data.remove("numbers", id)
