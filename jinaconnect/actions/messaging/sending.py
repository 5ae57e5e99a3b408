"""Sending over a channel: check, record, answer; `delivering.py` hands the message to its carrier."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from jinaconnect.actions.billing.messages import Quote, charge_of, covered, quote, reserve
from jinaconnect.actions.contacts.addressing import contact_at, contact_for
from jinaconnect.actions.contacts.merging import kept
from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.inbox.attention import counting
from jinaconnect.actions.inbox.erasure import follow_removal
from jinaconnect.actions.messaging.accounts import choose_account
from jinaconnect.actions.messaging.daily import one_of_the_day
from jinaconnect.actions.messaging.media import give_file, reachable
from jinaconnect.actions.messaging.registered import registered_template
from jinaconnect.actions.messaging.reports import by_carrier
from jinaconnect.actions.messaging.silent import looked_after
from jinaconnect.actions.messaging.templates import NamedTemplate, named_template, said_here
from jinaconnect.actions.scoping import visible
from jinaconnect.channels.base import (
    Account,
    Composed,
    Outgoing,
    TemplateUse,
)
from jinaconnect.core.errors import Invalid, NotFound, OptedOut, SessionWindowClosed
from jinaconnect.core.inbox import status, trace
from jinaconnect.core.inbox.address import PHONE, Address, address_of
from jinaconnect.core.inbox.media import with_url
from jinaconnect.core.inbox.message import OUTGOING, new_message
from jinaconnect.core.inbox.message_event import message_event
from jinaconnect.core.inbox.platform import PLATFORMS, address_on
from jinaconnect.core.inbox.window import window_open, window_text
from jinaconnect.core.rules import verdict as rules
from jinaconnect.core.rules.rows import Category, category_of
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.store.tenant import Addition, Change, Written

WINDOW = "window.closed"  # the rule that free-form content outside the platform's window breaks


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to send: on which platform, from which account, to whom, and what.

    `content` is in the inbox's words; `native` and `options` go to the channel with it, `memo` is kept with the message
    for what follows it. To whom is a `contact`, or an address that may be new (`to`). `account_field`, `contact_field`
    and `to_field` are what the request calls them. The `category` is its template's unless given; without either it is
    an answer. It is sent `at` a time, now where none is given. `id` is what it is called, where that is settled before.
    """

    platform: str
    content: Mapping[str, Any]
    account: str | None
    account_field: str
    contact: str | None = None
    to: Address | None = None
    reply_to: str | None = None
    template: NamedTemplate | None = None
    native: Mapping[str, Any] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    memo: Mapping[str, Any] = field(default_factory=dict)
    category: Category | None = None
    at: datetime | None = None
    contact_field: str = "contact"
    to_field: str = "phone"
    id: str | None = None

    @property
    def phone(self) -> str | None:
        """The number that may be new, where that is what names whom it goes to."""
        return str(self.to.value) if self.to is not None and self.to.field == PHONE else None


@dataclass(frozen=True, slots=True)
class Checked:
    """A message whose fields are right, made ready for its channel, and the verdict on sending it now.

    `contact` is None where the address is new.
    """

    message: NewMessage
    account: Account
    contact: Document | None
    template: TemplateUse | None
    composed: Composed
    category: Category
    verdict: rules.Verdict
    quote: Quote | None


def _nobody(message: NewMessage) -> Invalid:
    assert message.to is not None
    return Invalid.field(message.to_field, f"there is no contact of yours with this {_kind(message.to.field)}")


def _kind(field: str) -> str:
    return "number" if field == PHONE else field.replace("_", " ")


async def _holder(ctx: Context, message: NewMessage, to: Address) -> Document | None:
    """Return the contact with an address, None where it may be added; raises Invalid on it.

    Who sees their own contacts only and may not add any hears the same of another's address as of nobody's: a send is
    no way to ask who is a customer.
    """
    found = await contact_at(ctx.data, to)
    if found is not None and visible(ctx.principal, found):
        return found
    if found is not None or (ctx.principal.assigned_only and not ctx.principal.may("contact.create")):
        raise _nobody(message)
    return None


async def _known(ctx: Context, message: NewMessage) -> Document | None:
    """Return the contact to write to, None where its address is new; raises Invalid on what names it."""
    if message.contact is None:
        return None if message.to is None else await _holder(ctx, message, message.to)
    found = await ctx.data.find("contacts", message.contact)
    found = found and await kept(ctx, found)
    if found is None or found["deleted_at"] is not None or not visible(ctx.principal, found):
        raise Invalid.field(message.contact_field, "there is no such contact")
    if address_on(found, message.platform) is None:
        platform = PLATFORMS[message.platform]
        if platform.group is not None and address_of(found, platform.group) is not None:
            raise Invalid.field(message.contact_field, "is a group, which is not written to")
        kind = platform.addresses[0].replace("_", " ")
        raise Invalid.field(message.contact_field, f"the contact has no {'phone number' if kind == PHONE else kind}")
    return found


async def _added(ctx: Context, message: NewMessage) -> Document:
    """Return the contact of an address that is new."""
    assert message.to is not None
    made = await contact_for(ctx, message.to, message.platform, by=ctx.principal.username)
    if made is None or (made.seq is None and not visible(ctx.principal, made.doc)):  # somebody else was first
        raise _nobody(message)
    return ctx.wrote(made)


async def _replied(ctx: Context, message: NewMessage, contact: Document | None) -> str | None:
    if message.reply_to is None:
        return None
    target = await ctx.data.find("messages", message.reply_to) or await by_carrier(
        ctx, message.platform, message.reply_to
    )
    if target is None or target["carrier_id"] is None or (contact is not None and target["contact"] != contact["_id"]):
        raise Invalid.field("reply_to", "there is no such message in this conversation")
    return str(target.get("network_id") or target["carrier_id"])


async def check_message(ctx: OperationContext, message: NewMessage) -> Checked:
    """Check a message and change nothing; raises Invalid naming each field that is wrong."""
    known = await _known(ctx, message)
    account = await choose_account(
        ctx, message.platform, message.account, field=message.account_field, contact=known
    )
    to = address_on(known, message.platform) if known is not None else message.to
    if message.template is not None:
        template: TemplateUse | None = await named_template(ctx, account, message.template)
    else:
        template = await registered_template(ctx, account, message.platform, to, message.content, message.options)
    replied = await _replied(ctx, message, known)
    content = await reachable(ctx, message.content)
    said = said_here(message.platform, template, "template_params") if template is not None else None
    outgoing = Outgoing(said or content, None if said else template, message.native, replied, message.options, to)
    composed = ctx.ports.channels[account.channel].compose(account, outgoing)
    if content is not message.content and composed.content.get("type") == content["type"]:
        # The inbox goes on naming its file as its own.
        own = message.content[message.content["type"]]["url"]
        composed = replace(composed, content=with_url(composed.content, own))
    category = message.category or ("SERVICE" if template is None else category_of(template.category))
    quoted = await quote(
        ctx, message.platform, known, message.phone, category, composed.segments, account.fields, composed.type
    )  # fmt: skip
    verdict = _verdict(ctx, message, known, template, category)
    return Checked(message, account, known, template, composed, category, verdict, quoted)


def _verdict(
    ctx: Context, message: NewMessage, contact: Document | None, template: TemplateUse | None, category: Category
) -> rules.Verdict:
    platform = PLATFORMS[message.platform]
    if template is None and not window_open(contact, message.platform, ctx.now()):
        reason = f"The contact has not written in the last {window_text(message.platform)}; send a template."
        return rules.Refused(WINDOW, platform.label, reason)
    to = contact if contact is not None else {"phone": message.phone}
    return rules.verdict(to, category, message.platform, ctx.now())


async def send_message(ctx: OperationContext, message: NewMessage) -> Document:
    """Record an outgoing message; delivery follows as events, at the earliest hour its kind has.

    Raises Invalid naming each field that is wrong, SessionWindowClosed for free-form content outside the platform's
    window, OptedOut where the contact takes no such message, OverDaily where the account has sent what it may in a day.
    """
    checked = await check_message(ctx, message)
    account = checked.account
    match checked.verdict:
        case rules.Refused(rule=rule, reason=reason):
            raise SessionWindowClosed(reason) if rule == WINDOW else OptedOut(reason)
        case rules.Deferred(until=until):
            deferred: datetime | None = until
        case _:
            deferred = None
    quoted = checked.quote if checked.quote is not None and checked.quote.amount else None
    covered(quoted)
    now = ctx.now()
    at = max(message.at or now, deferred or now, now)
    async with one_of_the_day(ctx, account, at, opens=_opens(ctx, checked)):
        written = await _stored(ctx, checked, quoted, at, deferred)
    await give_file(ctx, written)
    await count_message(ctx, written)
    seqs = await ctx.data.tell("messages", [written])
    ctx.wrote(Written(written, seqs.get(written["_id"]), ctx.data.scope))
    if at > now:
        ctx.ports.worker.run_at("messages", ctx.data.scope, written["_id"], (at - now).total_seconds())
    else:
        ctx.ports.worker.run_now("messages", ctx.data.scope, written["_id"])
    if written["number"] is None and ctx.seq is not None:
        written = {**written, "number": ctx.seq}
    return written


def _opens(ctx: Context, checked: Checked) -> str | None:
    """Return the contact a message is the first to in its platform's window ("" for a new one), None where it is not.
    """
    contact, platform = checked.contact, checked.message.platform
    if checked.template is None or PLATFORMS[platform].window is None or window_open(contact, platform, ctx.now()):
        return None
    return "" if contact is None else str(contact["_id"])


async def _stored(
    ctx: OperationContext, checked: Checked, quoted: Quote | None, at: datetime, deferred: datetime | None
) -> Document:
    """Record a message that goes at a time, with what is set aside for it; what it tells waits."""
    message, account, template, composed = checked.message, checked.account, checked.template, checked.composed
    contact = checked.contact or await _added(ctx, message)
    now, principal = ctx.now(), ctx.principal
    doc = new_message(
        message.id or ctx.ids.new("msg"), contact=contact["_id"], platform=message.platform, direction=OUTGOING,
        type=composed.type,
        content=composed.content, author="USER", app=account.id, timestamp=now, status=status.PENDING,
        reply_to=message.reply_to, created_by=principal.username or principal.name or principal.id,
        user=principal.user_id, template=template.id if template else None, request=dict(composed.wire),
        trace=[trace.queued(now, ctx.caller.request_id, principal.actor())],
        category=checked.category, deferred_until=deferred, due=due_at(at), created_at=now, updated_at=now,
        **({} if message.at is None else {"scheduled_at": message.at}),
        **looked_after(ctx.ports.channels[account.channel], at),
        **({"memo": dict(message.memo)} if message.memo else {}),
        **({} if composed.segments is None else {"segments": composed.segments}),
        **({} if quoted is None else {"charge": charge_of(quoted, now)}),
    )  # fmt: skip
    event = message_event(ctx.ids.new("evt"), "message.queued", doc, contact, at=ctx.now(), actor=principal.actor())
    if quoted is None:
        return (await ctx.data.insert("messages", doc, [event], tell=False)).doc
    return await reserve(ctx, quoted, Addition("messages", doc, [event]))


async def count_message(ctx: Context, message: Document) -> None:
    """Bring a message into its conversation's preview; without effect when it is there already.

    A message of a contact that was removed meanwhile goes with it.
    """

    event_id = ctx.ids.new("evt")

    def decide(doc: Document) -> Change | None:
        return counting(ctx, doc, [message], [event_id])

    try:
        await ctx.data.change("contacts", message["contact"], decide)
    except NotFound:
        await follow_removal(ctx, message["contact"])
