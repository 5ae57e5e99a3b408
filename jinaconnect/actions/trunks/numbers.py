"""A trunk's own numbers and where calls to them go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.trunks.accounts import own_trunk, render_number
from jinaconnect.actions.trunks.claims import check_claims
from jinaconnect.actions.trunks.routes import checked_route
from jinaconnect.core.events.event import Event
from jinaconnect.core.paging import Listing
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change


async def list_numbers(ctx: Context, listing: Listing) -> dict[str, Any]:
    """Answer the list of numbers."""

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return [render_number(doc) for doc in docs]

    return await list_documents(ctx, "numbers", listing, render)


async def create_number(ctx: Context, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Add a number; raises Invalid on `provider_config` and `route`, Duplicate where the trunk has it already.

    Raises Conflict on `number` where it is another tenant's at the same carrier's address.
    """
    trunk = await own_trunk(ctx.data, fields["provider_config"], "provider_config")
    route = await checked_route(ctx, fields["route"], "route")
    await check_claims(ctx, trunk, [fields["number"]], "number")
    made = {"created_at": ctx.now(), "updated_at": ctx.now()}
    doc = {"_id": ctx.ids.new("num"), **fields, "route": route, **made}
    return render_number(ctx.wrote(await ctx.data.insert("numbers", doc, [_told(ctx, "number.created", doc)])))


async def change_number(ctx: Context, id: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Change a number; raises as `create_number`."""
    held = {**await ctx.data.get("numbers", id), **fields}
    if "provider_config" in fields or "number" in fields:
        trunk = await own_trunk(ctx.data, held["provider_config"], "provider_config")
        await check_claims(ctx, trunk, [held["number"]], "number" if "number" in fields else "provider_config")
    changes = {**fields, "updated_at": ctx.now()}
    if "route" in fields:
        changes["route"] = await checked_route(ctx, fields["route"], "route")

    def decide(doc: Document) -> Change:
        return Change(set=changes, events=[_told(ctx, "number.updated", {**doc, **changes})])

    return render_number(ctx.wrote(await ctx.data.change("numbers", id, decide)))


async def delete_number(ctx: Context, id: str) -> None:
    """Remove a number; calls to it take the trunk's default route."""
    doc = await ctx.data.get("numbers", id)
    ctx.wrote(await ctx.data.delete("numbers", id, _told(ctx, "number.deleted", doc)))


def _told(ctx: Context, type: str, doc: Document) -> Event:
    return ctx.event(type, doc["_id"], render_number(doc), channel="VOICE")
