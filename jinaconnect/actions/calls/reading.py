"""Reading calls: the list, one call with its last events, its history, its timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.listing import list_documents, log_cursor
from jinaconnect.actions.scoping import every_id, message_filter
from jinaconnect.core.calls import document
from jinaconnect.core.calls.history import render_event, render_timeline
from jinaconnect.core.errors import NotFound, PermissionDenied
from jinaconnect.core.paging import Listing
from jinaconnect.store.databases.mongo import Document

LISTEN = "voice.listen"  # hearing recordings, and reading what was said in them


async def within(ctx: Context) -> dict[str, Any]:
    """Return the filter that narrows calls to what the principal may see: agents see their contacts' and their own."""
    if not ctx.principal.assigned_only:
        return {}
    return {"$or": [await message_filter(ctx), {"user": ctx.principal.id}]}


async def visible_call(ctx: Context, id: str) -> Document:
    """Return a call the principal may see; raises NotFound for any other, as for one that never was."""
    doc = await ctx.data.get("calls", id)
    if ctx.principal.assigned_only and doc["user"] != ctx.principal.id:
        contact = await ctx.data.find("contacts", doc["contact"]) if doc["contact"] else None
        holder = None if contact is None else contact.get("assigned_to_user")
        allowed = contact is not None and (
            holder == ctx.principal.id or (holder is None and ctx.principal.sees_unassigned)
        )
        if not allowed:
            raise NotFound()
    return doc


async def controllable_call(ctx: Context, id: str) -> Document:
    """Return a call the principal may control: agents their own, others any."""
    doc = await visible_call(ctx, id)
    if ctx.principal.assigned_only and doc["user"] != ctx.principal.id:
        raise PermissionDenied("Agents control the calls they are in.")
    return doc


async def list_calls(ctx: Context, listing: Listing) -> dict[str, Any]:
    """Answer the list of calls."""

    async def render(docs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [document.render_call(doc) for doc in docs]

    return await list_documents(ctx, "calls", listing, render, await within(ctx))


async def read_call(ctx: Context, id: str) -> dict[str, Any]:
    """Answer one call with its last events and its transcription."""
    doc = await visible_call(ctx, id)
    await ctx.data.settle("calls", [doc])
    rows = await ctx.data.select(
        "call_events", {"call": id, "sequence": {"$type": "number"}}, sort=[("sequence", -1)], limit=document.RECENT
    )
    shown = document.render_call(doc, [render_event(row) for row in reversed(rows)])
    return {**shown, "transcription": await _transcription(ctx, id) if ctx.principal.may(LISTEN) else None}


async def _transcription(ctx: Context, id: str) -> dict[str, Any] | None:
    rows = await ctx.data.select("recordings", {"call": id, "transcription": {"$type": "string"}}, limit=1)
    if not rows:
        return None
    return {
        "recording": rows[0]["_id"], "text": rows[0]["transcription"], "provider": rows[0]["transcription_provider"],
        "confidence": rows[0]["transcription_confidence"], "language": rows[0].get("transcription_language"),
    }  # fmt: skip


async def list_events(ctx: Context, listing: Listing) -> dict[str, Any]:
    """Answer the history of one call, or of all the principal may see."""
    call = ctx.caller.query.get("call_id")
    condition: dict[str, Any] = {"sequence": {"$type": "number"}}
    if call:
        await visible_call(ctx, call)
        condition["call"] = call
    elif ctx.principal.assigned_only:
        condition["call"] = {"$in": await every_id(ctx, "calls", await within(ctx), "call_id")}

    async def render(docs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return [render_event(doc) for doc in docs]

    position = await log_cursor(ctx)
    await ctx.data.settle("calls")
    return {**await list_documents(ctx, "call_events", listing, render, condition), "cursor": position}


async def read_event(ctx: Context, id: str) -> dict[str, Any]:
    """Answer one event of a call's history."""
    row = await ctx.data.get("call_events", id)
    await visible_call(ctx, row["call"])
    return render_event(row)


async def timeline(ctx: Context, id: str) -> dict[str, Any]:
    """Answer everything that happened in a call, in order."""
    doc = await visible_call(ctx, id)
    await ctx.data.settle("calls", [doc])
    rows = await ctx.data.select("call_events", {"call": id}, sort=[("place", 1)], limit=10_000)
    return {"call": document.render_call(doc), "items": render_timeline(rows)}
