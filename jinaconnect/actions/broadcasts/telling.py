"""What a broadcast has come to: counted from its rows, told as events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.core.broadcasts import states
from jinaconnect.core.broadcasts.document import counted_rows, render_broadcast
from jinaconnect.core.broadcasts.states import ENDED, UNFINISHED
from jinaconnect.core.events.event import Event
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, applied

_BY_STATUS = [{"$group": {"_id": "$status", "n": {"$sum": 1}}}]


def told(ctx: Context, type: str, doc: Mapping[str, Any]) -> Event:
    """Return an event of a broadcast as it is after a change."""
    return ctx.event(type, doc["_id"], render_broadcast(doc), channel=doc["platform"])


def changed(ctx: Context, type: str, before: Document, **fields: Any) -> Change:
    """Return the change of a broadcast's fields that is told as an event."""
    fields = {"updated_at": ctx.now(), **fields}
    return Change(set=fields, events=[told(ctx, type, applied(before, fields, (), ()))])


async def counts_now(ctx: Context, doc: Document) -> dict[str, int]:
    """Return a broadcast's recipients by status, counted now."""
    return counted_rows(await ctx.data.aggregate("broadcast_rows", [{"$match": _recipients(doc)}, *_BY_STATUS]))


async def with_counts(ctx: Context, doc: Document) -> Document:
    """Return a broadcast with its recipients by status; of many, as counted a moment ago.

    One that has ended keeps what was counted then until a later count is there.
    """
    groups, _ = await ctx.data.figures("broadcast_rows", _recipients(doc), _BY_STATUS)
    counts = counted_rows(groups)
    before = doc["status"] in ENDED and not counts.keys().isdisjoint(UNFINISHED)
    return doc if before else {**doc, "counts": counts}


def _recipients(doc: Document) -> dict[str, Any]:
    """Return the query of a broadcast's recipients, of one queued again without those it will plan anew."""
    return {"broadcast": doc["_id"], **({"$nor": [states.UNSENT]} if doc.get("forget") else {})}
