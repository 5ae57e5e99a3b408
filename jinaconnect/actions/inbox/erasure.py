"""Erasing a person: all that is theirs, begun on disk so that it goes on whatever is cut off, with a proof of it.

The proof says who asked for it, when it was done, and what kinds of things and how many there were; nothing of what
they said. What it needs to find things by, the person's addresses, it keeps until it is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.erasing.broadcasts import erase_recipient
from jinaconnect.actions.erasing.calls import erase_calls, refuse_live_calls
from jinaconnect.actions.erasing.imports import erase_rows
from jinaconnect.actions.erasing.notices import erase_notices
from jinaconnect.actions.inbox.removal import end_contact, erase_bodies, erase_said, remove_messages_of, said_by
from jinaconnect.actions.inbox.stats import keep_counting
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.scoping import visible
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
    {"type": "recording.deleted"},
    {
        "type": "contact.deleted", "data.full_name": "Unknown", "data.first_name": "", "data.last_name": "",
        "data.email": None, "data.description": None, "data.telegram_chat_id": None, "data.whatsapp_group_id": None,
        "data.tags": [], "data.segments": [], "data.attributes": {},
    },
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

    One that was removed before is erased as well, and one that is erased stays so. Their calls go too, with their
    recordings, and the bodies kept of webhooks that could not be applied; it waits for calls that go on (Conflict).
    The address is free again: somebody who writes later is a new contact.
    """
    contact = await ctx.data.find("contacts", id)
    if contact is None or not visible(ctx.principal, contact):
        raise NotFound()
    for each in await _same_person(ctx, contact):
        await refuse_live_calls(ctx, each["_id"])
    await carry_out(ctx, await begin(ctx, contact, ctx.principal.username or ctx.principal.id))


async def _same_person(ctx: Context, contact: Document) -> list[Document]:
    """Return a contact and those that are merged into it, whoever may see them, removed ones as well."""
    found = [contact]
    for each in found:  # which grows by those that it has
        for other in each.get("merged", ()):
            younger = await ctx.data.find("contacts", other)
            if younger is not None and younger.get("merged_into") == each["_id"]:
                found.append(younger)
    return found


async def begin(ctx: Context, contact: Document, by: str) -> Document:
    """Note on disk that a contact is to be erased, for whom, and what there is of it; begun already, it is that one."""
    id, now = f"ers_{contact['_id'].partition('_')[2]}", ctx.now()
    job = {"_id": f"job_{id}", "scope": ctx.data.scope, "kind": JOB, "data": {"erasure": id}}
    known = (contact, contact.get("former") or {})  # who was removed, or merged, is found by nothing any more
    names = [each.text for doc in known for each in addresses_of(doc)]
    words = [value.lstrip("+") for doc in known for value in address_values(doc)]
    until = contact["deleted_at"]
    said = [row["_id"] for row in await ctx.data.select("messages", said_by(names, until), fields={"_id": 1})]
    sought = {"completed_at": None, "names": names, "words": words, "said": said, "until": until}
    doc = {
        "_id": id, "contact": contact["_id"], "requested_by": by, "created_at": now,
        "erased": {**await _counted(ctx, contact), "events": 0}, **sought,
    }  # fmt: skip
    await ctx.services.due.add("jobs", [{**job, "due": due_at(now + TAKEN_UP_AFTER)}])
    held = (await ctx.data.insert(ERASURES, doc)).doc
    if held["completed_at"] is None or contact.get("erased"):
        return held
    # An earlier version ended it though somebody had removed the contact meanwhile: all was left there.
    return (await ctx.data.change(ERASURES, id, lambda _: Change(set=sought))).doc


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
    id, until = contact["_id"], erasure.get("until")  # which an earlier version did not note
    ended = await ctx.data.find("contacts", id) or contact  # into which nobody is merged any more
    for younger in (await _same_person(ctx, ended))[1:]:
        await carry_out(ctx, await begin(ctx, younger, erasure["requested_by"]))
    await erase_calls(ctx, id)
    await erase_recipient(ctx, id)
    said = [*erasure["said"], *await erase_said(ctx, erasure["names"], until)]
    for row in await ctx.data.select("timeline", {"contact": id}, fields={"_id": 1}):
        await ctx.data.remove("timeline", row["_id"])
    await erase_bodies(ctx, [word.encode() for word in erasure["words"]], until)
    await erase_rows(ctx, id, erasure["words"], until)
    await erase_notices(ctx, id)
    blanked = await blank_events(ctx, id, said)
    done = {**erasure["erased"], "events": erasure["erased"]["events"] + blanked}
    fields = {"completed_at": ctx.now(), "erased": done}
    sought = ["names", "words", "said", "until"]
    await ctx.data.change(ERASURES, erasure["_id"], lambda _: Change(set=fields, unset=sought))


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
        await erase_notices(ctx, id)
        await blank_events(ctx, id)
