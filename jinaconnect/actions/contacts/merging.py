"""Contacts that become one because their carrier or the team says so, and two again because the team says so."""

from __future__ import annotations

from collections.abc import Callable

from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox.conversations import contact_event, visible_contact
from jinaconnect.core.errors import Conflict, Invalid, InvalidState, NotFound
from jinaconnect.core.inbox.contact import render_contact
from jinaconnect.core.inbox.merging import elder, given_up, may_merge, merged, parted, restored
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Duplicate, Step, applied

May = Callable[[Document, Document], bool]


async def merge(ctx: Context, one: Document, other: Document) -> Document:
    """Have two contacts be one and return the one that stays; both are told as `contact.merged`, or neither.

    Of two that may not be one the first is returned, as it is.
    """
    if not may_merge(one, other):
        return one
    try:
        keeper, gone = elder(one, other)
        return await _joined(ctx, dict(keeper), dict(gone), may_merge)
    except (Conflict, NotFound):  # one of them was removed, or changed hands meanwhile
        return one


async def merge_by_hand(ctx: Context, id: str, other: str) -> dict[str, object]:
    """Merge a contact into another because the team says so, whatever it said before; returns the one that stays.

    Raises NotFound, Invalid on `contact_id`, InvalidState where one of them is merged already, or a group.
    """
    keeper = await visible_contact(ctx, id)
    try:
        gone = await visible_contact(ctx, other)
    except NotFound as error:
        raise Invalid.field("contact_id", "there is no such contact") from error
    if keeper["_id"] == gone["_id"]:
        raise Invalid.field("contact_id", "must be another contact")
    for doc in (keeper, gone):
        if doc.get("merged_into") is not None or render_contact(doc)["whatsapp_group_id"] is not None:
            raise InvalidState("One of them is merged with another already, or a group.")
    try:
        joined = await _joined(ctx, keeper, gone, lambda one, two: may_merge({**one, "apart": ()}, two))
    except Duplicate as error:
        raise Conflict("Somebody else has one of their addresses by now.") from error
    return render_contact(joined)


async def _joined(ctx: Context, keeper: Document, gone: Document, may: May) -> Document:
    """Have one contact take another and return it as it is then; raises Conflict where they may not be one any more."""
    ids = (ctx.ids.new("evt"), ctx.ids.new("evt"))
    held: list[Document] = []

    def give_up(doc: Document) -> Change:
        held[:] = [doc]
        return _told(ctx, ids[0], "contact.merged", doc, given_up(doc, keeper["_id"]))

    def take(doc: Document) -> Change:
        [younger] = held
        if not may(doc, younger):
            raise Conflict("One of them has changed meanwhile; look at them again.")
        return _told(ctx, ids[1], "contact.merged", doc, merged(doc, younger))

    # The younger first: nobody else may have what it is found by.
    written = await ctx.data.change_together(
        [Step("contacts", gone["_id"], give_up), Step("contacts", keeper["_id"], take)]
    )
    return [ctx.wrote(each) for each in written][1]


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
