"""Erasing what calls hold of a person: numbers, keys pressed, what was said, recordings, consent."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.erasing.recordings import remove_recording
from jinaconnect.core.calls import document
from jinaconnect.core.errors import Conflict, NotFound
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change

PAGE = 100
PARALLEL = 16
_PLAN = ("kind", "template", "of", "place")  # what of a call's plan says nothing of a person


async def refuse_live_calls(ctx: Context, contact: str) -> None:
    """Raise Conflict while a call with a contact goes on, or has not been booked yet."""
    for going_on in ({"ended_at": None}, {"due": {"$exists": True}}):
        if await ctx.data.select("calls", {"contact": contact, **going_on}, limit=1, fields={"_id": 1}):
            raise Conflict("A call with this contact goes on; erase the contact when it is over.", retry_after=5)


async def erase_calls(ctx: Context, contact: str) -> None:
    """Overwrite what is personal in a contact's calls that are over, and remove their recordings and history."""
    wanted = {"contact": contact, "ended_at": {"$ne": None}, "due": {"$exists": False}, "erased": {"$ne": True}}
    while rows := await ctx.data.select("calls", wanted, limit=PAGE):
        for row in rows:
            for leg in await ctx.data.select("calls", {"parent_call": row["_id"], "ended_at": {"$ne": None}}):
                await _erase(ctx, leg)
            await _erase(ctx, row)
    for row in await ctx.data.select("recording_consents", {"contact": contact}):
        await ctx.data.remove("recording_consents", row["_id"])


async def _erase(ctx: Context, call: Document) -> None:
    await _erase_recordings(ctx, call["_id"])
    await _erase_history(ctx, call["_id"])
    await ctx.data.change("calls", call["_id"], lambda doc: Change(set=_blank(doc)))
    await _erase_recordings(ctx, call["_id"])  # what came in between; what comes later finds its call erased


async def _erase_recordings(ctx: Context, call: str) -> None:
    for row in await ctx.data.select("recordings", {"call": call}):
        with suppress(NotFound):  # its time was over at this moment
            await remove_recording(ctx.services, ctx.data.scope, row, ctx.principal.actor())


def _blank(doc: Document) -> dict[str, Any]:
    customer = "from_number" if doc["direction"] == document.INBOUND else "to_number"
    legs = {name: {**leg, "to": "", "endpoint": "", "number": None} for name, leg in doc["legs"].items()}
    plan = {name: doc["plan"][name] for name in _PLAN if name in doc["plan"]}
    return {customer: "", "metadata": {}, "ivr": None, "plan": plan, "legs": legs, "transfer": None, "erased": True}


async def _erase_history(ctx: Context, call: str) -> None:
    rows = await ctx.data.select("call_events", {"call": call}, fields={"_id": 1})
    for start in range(0, len(rows), PARALLEL):
        part = rows[start : start + PARALLEL]
        await asyncio.gather(*(ctx.data.remove("call_events", row["_id"]) for row in part))
