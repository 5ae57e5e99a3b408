"""Contacts that become one because their carrier says so, and two again because the team says so."""

from __future__ import annotations

from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox.conversations import contact_event, visible_contact
from jinaconnect.core.errors import Conflict, NotFound
from jinaconnect.core.inbox.contact import render_contact
from jinaconnect.core.inbox.merging import elder, given_up, may_merge, merged, parted, restored
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Duplicate, Step, applied


async def merge(ctx: Context, one: Document, other: Document) -> Document:
    """Have two contacts be one and return the one that stays; both are told as `contact.merged`, or neither.

    Of two that may not be one the first is returned, as it is.
    """
    if not may_merge(one, other):
        return one
    keeper, gone = elder(one, other)
    ids = (ctx.ids.new("evt"), ctx.ids.new("evt"))
    held: list[Document] = []

    def give_up(doc: Document) -> Change | None:
        held[:] = [doc]
        return _told(ctx, ids[0], "contact.merged", doc, given_up(doc, keeper["_id"])) if _still(doc) else None

    def take(doc: Document) -> Change | None:
        [younger] = held
        if not _still(younger) or not may_merge(doc, younger):
            return None
        return _told(ctx, ids[1], "contact.merged", doc, merged(doc, younger))

    def _still(doc: Document) -> bool:
        return doc.get("merged_into") is None and keeper["_id"] not in doc.get("apart", ())

    try:  # the younger first: nobody else may have what it is found by
        written = await ctx.data.change_together(
            [Step("contacts", gone["_id"], give_up), Step("contacts", keeper["_id"], take)]
        )
    except (Duplicate, NotFound):  # one of them was removed, or changed hands meanwhile
        return one
    return written[1].doc


async def kept(ctx: Context, contact: Document) -> Document:
    """Return the contact that stands for one: itself, or the one it was merged into."""
    while contact.get("merged_into") is not None:
        found = await ctx.data.find("contacts", contact["merged_into"])
        if found is None or found["deleted_at"] is not None:
            return contact
        contact = found
    return contact


async def separate(ctx: Context, id: str) -> dict[str, object]:
    """Undo a merging and return the contact that was merged; the two are never merged again.

    Raises InvalidState for one that was not, Conflict where what it was found by is somebody else's by now.
    """
    doc = await visible_contact(ctx, id)
    restored(doc)
    keeper = await ctx.data.find("contacts", doc["merged_into"])
    ids = (ctx.ids.new("evt"), ctx.ids.new("evt"))

    def part(elder: Document) -> Change | None:
        return _told(ctx, ids[0], "contact.separated", elder, parted(elder, doc)) if id in elder["merged"] else None

    def restore(younger: Document) -> Change:
        return _told(ctx, ids[1], "contact.separated", younger, restored(younger))

    steps = [Step("contacts", id, restore)]
    if keeper is not None and keeper["deleted_at"] is None:
        steps.insert(0, Step("contacts", keeper["_id"], part))
    try:
        written = await ctx.data.change_together(steps)
    except Duplicate as error:
        raise Conflict("Somebody else has the contact's address by now.") from error
    return render_contact([ctx.wrote(each) for each in written][-1])


def _told(ctx: Context, event_id: str, type: str, doc: Document, fields: dict[str, object]) -> Change:
    fields = {**fields, "updated_at": ctx.now()}
    after = applied(doc, fields, (), ())
    return Change(set=fields, events=[contact_event(ctx, event_id, type, doc, after)])
