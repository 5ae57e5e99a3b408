"""Erasing a person: all that is theirs, begun on disk so that it goes on whatever is cut off, with a proof of it.

The proof says who asked for it, when it was done, and what kinds of things and how many there were; nothing of what
they said. What it needs to find things by, the person's addresses, it keeps until it is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.erasing.broadcasts import erase_recipient
from jinaconnect.actions.erasing.calls import erase_calls, refuse_live_calls
from jinaconnect.actions.erasing.imports import erase_rows
from jinaconnect.actions.inbox.conversations import visible_contact
from jinaconnect.actions.inbox.removal import end_contact, erase_bodies, erase_said, remove_messages_of
from jinaconnect.actions.inbox.stats import keep_counting
from jinaconnect.actions.listing import list_documents
from jinaconnect.core.clock import iso, iso_or_none
from jinaconnect.core.errors import NotFound
from jinaconnect.core.inbox.address import address_values, addresses_of
from jinaconnect.core.inbox.media import media_of
from jinaconnect.core.paging import Listing
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.store.tenant import Change

ERASURES = "erasures"
JOB = "erase"
TAKEN_UP_AFTER = timedelta(seconds=60)  # by whoever does jobs, where who began it has not ended it
PAGE = 500
LISTING = Listing()
_CONTENT = {"$cond": [{"$eq": [{"$type": "$data.content"}, "object"]}, "$data.content", {}]}
# What is told of an end, by which readers let go of what they hold, and says nothing of what it was.
_SILENT: tuple[dict[str, Any], ...] = (
    {"type": {"$in": ["contact.deleted", "recording.deleted"]}},
    {"type": "message.deleted", "$expr": {"$lte": [{"$size": {"$objectToArray": _CONTENT}}, 1]}},
    {"type": "scheduled_message.cancelled", "data.content": None, "data.template": None},
)


def render_erasure(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return the proof of an erasure."""
    return {
        "id": doc["_id"], "contact": doc["contact"], "requested_by": doc["requested_by"],
        "requested_at": iso(doc["created_at"]), "completed_at": iso_or_none(doc["completed_at"]),
        "erased": dict(doc["erased"]),
    }  # fmt: skip


async def list_erasures(ctx: Context) -> dict[str, Any]:
    """Return the proofs of erasures, the newest first."""

    async def render(docs: Sequence[Document]) -> list[dict[str, Any]]:
        return [render_erasure(doc) for doc in docs]

    return await list_documents(ctx, ERASURES, LISTING, render)


async def read_erasure(ctx: Context, id: str) -> dict[str, Any]:
    """Return the proof of an erasure; raises NotFound."""
    return render_erasure(await ctx.data.get(ERASURES, id))


async def erase_contact(ctx: Context, id: str) -> None:
    """Erase a contact, and those that were merged into it, who are the same person; raises NotFound.

    Their calls go as well, with their recordings, and the bodies kept of webhooks that could not be applied; it waits
    for calls that go on (Conflict). The address is free again: somebody who writes later is a new contact.
    """
    contact = await visible_contact(ctx, id)
    await refuse_live_calls(ctx, id)
    for other in contact.get("merged", ()):
        with suppress(NotFound):
            await erase_contact(ctx, other)
    await carry_out(ctx, await begin(ctx, contact))


async def begin(ctx: Context, contact: Document) -> Document:
    """Note on disk that a contact is to be erased, and what there is of it; begun already, it is what was begun."""
    id, now = f"ers_{contact['_id'].partition('_')[2]}", ctx.now()
    job = {"_id": f"job_{id}", "scope": ctx.data.scope, "kind": JOB, "data": {"erasure": id}}
    doc = {
        "_id": id, "contact": contact["_id"], "requested_by": ctx.principal.username or ctx.principal.id,
        "created_at": now, "completed_at": None, "erased": {**await _counted(ctx, contact), "events": 0},
        "names": [each.text for each in addresses_of(contact)],
        "words": [value.lstrip("+") for value in address_values(contact)],
    }  # fmt: skip
    said = await ctx.data.select("messages", {"said_by.address": {"$in": doc["names"]}}, fields={"_id": 1})
    doc["said"] = [row["_id"] for row in said]
    await ctx.services.due.add("jobs", [{**job, "due": due_at(now + TAKEN_UP_AFTER)}])
    return (await ctx.data.insert(ERASURES, doc)).doc


async def _counted(ctx: Context, contact: Document) -> dict[str, int]:
    """Return what there is of a contact, by kind."""
    files = messages = 0
    last = "\uffff"
    while rows := await ctx.data.select(
        "messages", {"contact": contact["_id"], "_id": {"$lt": last}}, sort=[("_id", -1)], limit=PAGE
    ):
        messages += len(rows)
        files += sum(media_of(row) is not None for row in rows)
        last = rows[-1]["_id"]
    calls = await ctx.data.select("calls", {"contact": contact["_id"]}, fields={"recording_url": 1})
    recordings = sum(bool(row.get("recording_url")) for row in calls)
    return {"messages": messages, "files": files, "calls": len(calls), "recordings": recordings}


async def carry_out(ctx: Context, erasure: Document) -> None:
    """Erase what is left of a contact; done again it finds less, and ends the same."""
    contact = await ctx.data.find("contacts", erasure["contact"])
    if erasure["completed_at"] is not None or contact is None:
        return
    await end_contact(ctx, contact, erase=True)
    id = contact["_id"]
    await erase_calls(ctx, id)
    await erase_recipient(ctx, id)
    said = [*erasure["said"], *await erase_said(ctx, erasure["names"])]
    for row in await ctx.data.select("timeline", {"contact": id}, fields={"_id": 1}):
        await ctx.data.remove("timeline", row["_id"])
    await erase_bodies(ctx, [word.encode() for word in erasure["words"]])
    await erase_rows(ctx, id, erasure["words"])
    blanked = await blank_events(ctx, id, said)
    done = {**erasure["erased"], "events": erasure["erased"]["events"] + blanked}
    fields = {"completed_at": ctx.now(), "erased": done}
    await ctx.data.change(ERASURES, erasure["_id"], lambda _: Change(set=fields, unset=["names", "words", "said"]))


async def blank_events(ctx: Context, contact: str, subjects: Sequence[str] = ()) -> int:
    """Have the log forget what its events say of a contact, once figures have counted them; returns how many."""
    await keep_counting(ctx.services, ctx.data.scope)
    return await ctx.services.store.log.blank(ctx.data.scope, contact, subjects, _SILENT)


async def go_on(services: Services, scope: str, data: Mapping[str, Any]) -> None:
    """End an erasure that was cut off."""
    ctx = system_context(services, scope, "erasing")
    erasure = await ctx.data.find(ERASURES, data["erasure"])
    if erasure is not None:
        await carry_out(ctx, erasure)


async def follow_removal(ctx: Context, id: str) -> None:
    """Remove what somebody added to a contact who had read it before it was removed; whoever adds looks at it after."""
    contact = await ctx.data.find("contacts", id)
    if contact is None or contact["deleted_at"] is None:
        return
    erase = bool(contact.get("erased"))
    await remove_messages_of(ctx, contact, erase=erase)
    if erase:
        await erase_calls(ctx, id)
        await blank_events(ctx, id)
