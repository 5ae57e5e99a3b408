"""`/contacts/` and the WhatsApp contact list."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import RootModel

from jinaconnect.actions.contacts import contacts, merging, preferences
from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox import conversations, erasure, removal
from jinaconnect.actions.inbox.conversations import Assign, Unassign, WithReason
from jinaconnect.core.contacts.listing import CONTACTS
from jinaconnect.core.events.payloads.base import MOMENT, like
from jinaconnect.core.events.payloads.contacts import CONTACT, ContactData
from jinaconnect.core.inbox.platform import PlatformName
from jinaconnect.core.inbox.profile import ContactChange, NewContact
from jinaconnect.core.paging import FLAG, SHORT, parse_bool, parse_or_fault
from jinaconnect.core.schema import Answer, Id, Request, example, sample_id
from jinaconnect.handlers.edge.operation import operation
from jinaconnect.handlers.edge.schemas import PAGES, Parameter

_ASSIGN = "inbox.assign|contact.edit"
_RESOLVE = "inbox.resolve|contact.edit"


class ContactOut(ContactData):
    """A contact with the assignment and status of their conversation."""


class ChannelContact(
    ContactOut, json_schema_extra=like(CONTACT, expires_at="2026-11-24T10:00:00.123Z", last_message_at=MOMENT)
):
    """A contact with the end of the service window on one channel, null where it has none, and their last message."""

    expires_at: str | None
    last_message_at: str | None


class Keyword(Answer):
    """A placeholder every template may use."""

    key: str
    description: str


class Keywords(RootModel[list[Keyword]]):
    """The placeholders."""


class TagPage(Answer):
    """A page of tags."""

    count: int
    count_exact: bool
    next: str | None
    previous: str | None
    results: list[str]
    cursor: str


class Moved(Answer):
    """The contact after an action on its conversation."""

    status: Literal["success"]
    message: str
    contact: ContactOut


@operation(
    "GET", "/contacts/", id="contacts.list", permission="contact.view", listing=CONTACTS, returns=ContactOut
)
async def list_contacts(ctx: Context) -> dict[str, Any]:
    """List the contacts; agents get those assigned to them.

    `attributes.<key>=` filters by a custom attribute. `search` looks in names and phone numbers.
    """
    return await contacts.list_contacts(ctx)


@operation(
    "GET", "/wa/v1/contacts/", id="wa.contacts.list", permission="contact.view", listing=CONTACTS,
    returns=ChannelContact, tag="whatsapp", aliases=("/wa/v2/contacts/",),
)  # fmt: skip
async def list_whatsapp_contacts(ctx: Context) -> dict[str, Any]:
    """List the contacts that came by WhatsApp or were added by hand, with the end of their service window."""
    return await contacts.list_contacts_of(ctx, "WHATSAPP")


@operation(
    "POST", "/contacts/", id="contacts.create", permission="contact.create", body=NewContact, returns=ContactOut,
    status=201, effect=True,
)  # fmt: skip
async def create_contact(ctx: Context, body: NewContact) -> dict[str, Any]:
    """Add a contact.

    409 `already_exists` with `existing_id` when another contact has the phone number or Telegram chat.
    """
    return await contacts.create_contact(ctx, body)


@operation("GET", "/contacts/reserve-keyword/", id="contacts.keywords", permission="contact.view", returns=Keywords)
async def list_keywords(ctx: Context) -> list[dict[str, str]]:
    """List the placeholders that stand for a contact's fields."""
    return list(contacts.KEYWORDS)


@operation(
    "GET", "/contacts/contact-tags/", id="contacts.tags", permission="contact.view", returns=TagPage, query={
        **PAGES, "search": Parameter("Part of the tag.", SHORT)
    },
)  # fmt: skip
async def list_tags(ctx: Context) -> dict[str, Any]:
    """List the tags in use, each once."""
    return await contacts.list_tags(ctx)


@operation("GET", "/contacts/{id}/", id="contacts.read", permission="contact.view", returns=ContactOut)
async def read_contact(ctx: Context, id: str) -> dict[str, Any]:
    """Show one contact."""
    return await contacts.read_contact(ctx, id)


@operation(
    "PATCH", "/contacts/{id}/", id="contacts.change", permission="contact.edit", body=ContactChange, returns=ContactOut,
    effect=True,
)  # fmt: skip
async def change_contact(ctx: Context, id: str, body: ContactChange) -> dict[str, Any]:
    """Change a contact.

    Attributes and `opt_outs` are merged: null removes one, null in place of them all removes all. Assignment and status
    given here act like the actions of that name.
    """
    return await contacts.change_contact(ctx, id, body)


@operation(
    "DELETE", "/contacts/{id}/", id="contacts.delete", permission="contact.delete", status=204, effect=True,
    query={"erase": Parameter("Overwrite what is personal as well.", FLAG)},
)  # fmt: skip
async def delete_contact(ctx: Context, id: str) -> None:
    """Remove a contact and their messages from the inbox.

    What is erased is nowhere any more, the log included, where `event.erased` stands in its place; the proof of it is
    in `contacts/erasures/`. All that was merged into the contact goes as well, and one that was removed before can
    still be erased.
    """
    erase = parse_or_fault("erase", parse_bool, ctx.caller.query.get("erase", "false"))
    await (erasure.erase_contact(ctx, id) if erase else removal.remove_contact(ctx, id))


class Merge(Request, json_schema_extra=example(contact_id=sample_id("cnt"))):
    """Who is the same person and becomes part of the contact of the path."""

    contact_id: Id


@operation(
    "POST", "/contacts/{id}/merge/", id="contacts.merge", permission="contact.edit", body=Merge, returns=ContactOut,
    effect=True, errors=(409,),
)  # fmt: skip
async def merge(ctx: Context, id: str, body: Merge) -> dict[str, Any]:
    """Merge another contact into this one, which has its addresses, tags, segments, attributes and refusals as well.

    The timeline of this one shows what was said to both; the other stays, `merged_into` this one, with its messages
    and calls as they were. `separate` undoes it and takes back what came of the other.
    """
    return await merging.merge_by_hand(ctx, id, body.contact_id)


@operation(
    "POST", "/contacts/{id}/separate/", id="contacts.separate", permission="contact.edit", returns=ContactOut,
    effect=True, errors=(409,),
)  # fmt: skip
async def separate(ctx: Context, id: str) -> dict[str, Any]:
    """Make a contact that was merged into another one of its own again; the two are not merged any more."""
    return await merging.separate(ctx, id)


@operation(
    "POST", "/contacts/{id}/assign/", id="contacts.assign", permission=_ASSIGN, body=Assign, returns=Moved, effect=True
)
async def assign(ctx: Context, id: str, body: Assign) -> dict[str, Any]:
    """Give the conversation to a member, by user or membership id.

    With `if_unassigned` it is a claim: of many at once one wins, the others get 409 with who holds it.
    """
    return await conversations.assign_conversation(ctx, id, body)


@operation(
    "POST", "/contacts/{id}/unassign/", id="contacts.unassign", permission=_ASSIGN, body=Unassign, returns=Moved,
    effect=True,
)  # fmt: skip
async def unassign(ctx: Context, id: str, body: Unassign) -> dict[str, Any]:
    """Take the conversation from whoever holds it."""
    return await conversations.unassign_conversation(ctx, id, body)


@operation(
    "POST",
    "/contacts/{id}/close/",
    id="contacts.close",
    permission=_RESOLVE,
    body=WithReason,
    returns=Moved,
    effect=True,
)
async def close(ctx: Context, id: str, body: WithReason) -> dict[str, Any]:
    """Close the conversation; 400 `invalid_state` when it is closed."""
    return await conversations.close_conversation(ctx, id, body)


@operation(
    "POST", "/contacts/{id}/reopen/", id="contacts.reopen", permission=_RESOLVE, body=WithReason, returns=Moved,
    effect=True,
)  # fmt: skip
async def reopen(ctx: Context, id: str, body: WithReason) -> dict[str, Any]:
    """Reopen the conversation; 400 `invalid_state` when it is open."""
    return await conversations.reopen_conversation(ctx, id, body)


class OptOut(Request, json_schema_extra=example(platform="SMS")):
    """On which platform a contact wants to be written to no more."""

    platform: PlatformName


@operation(
    "POST", "/contacts/{id}/opt-out/", id="contacts.opt_out", permission="inbox.reply|contact.edit", body=OptOut,
    returns=Moved, effect=True,
)  # fmt: skip
async def opt_out(ctx: Context, id: str, body: OptOut) -> dict[str, Any]:
    """Note that a contact has said, in words of their own, to want no more: as if they had sent the word for it.

    It is in `opt_outs` at once, as marketing alone where a platform knows that apart. This lifts none: that is for the
    contact's own word, or for who may change contacts.
    """
    return await preferences.opt_out(ctx, id, body.platform)
