"""Sending over WhatsApp: check, record, answer; then hand to the carrier exactly once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from jinaconnect.actions.contacts.addressing import contact_at, contact_for
from jinaconnect.actions.context import Caller, Context, Services
from jinaconnect.actions.inbox.removal import follow_removal
from jinaconnect.actions.messaging.accounts import choose_app
from jinaconnect.actions.messaging.reports import report_message
from jinaconnect.actions.messaging.templates import template_for_send
from jinaconnect.actions.scoping import visible
from jinaconnect.actions.worker import until_taken
from jinaconnect.channels.base import Accepted, Outcome, Refused
from jinaconnect.channels.whatsapp_meta.compose import FREE_FORM_EXEMPT, SendWhatsapp, cloud_object, inbox_content
from jinaconnect.core.errors import Invalid, NotFound, SessionWindowClosed
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.address import PHONE, WHATSAPP_USER, Address, address_of
from jinaconnect.core.inbox.contact import counted, seen_by
from jinaconnect.core.inbox.message import OUTGOING, new_message, render_message
from jinaconnect.core.inbox.status import Report
from jinaconnect.core.inbox.window import window_open
from jinaconnect.core.principal import system_principal
from jinaconnect.store.due import Claim, due_at
from jinaconnect.store.mongo import Document
from jinaconnect.store.tenant import Change, Written

MAX_TRIES = 6
PAUSE_S = (1.0, 2.0, 5.0, 15.0, 60.0)

logger = structlog.get_logger(__name__)


async def _holder(ctx: Context, phone: str | None) -> Document | None:
    """Return the contact with a number, None where it may be added; raises Invalid on `phone`.

    Who sees their own contacts only and may not add any hears the same of another's number as of nobody's: a send is
    no way to ask who is a customer.
    """
    found = None if phone is None else await contact_at(ctx.data, Address(PHONE, phone))
    if found is not None and visible(ctx.principal, found):
        return found
    if found is not None or (ctx.principal.assigned_only and not ctx.principal.may("contact.create")):
        raise Invalid.field("phone", "there is no contact of yours with this number")
    return None


async def recipient(ctx: Context, id: str | None, phone: str | None) -> Document:
    """Return the contact to write to, made if the phone is new; raises Invalid on `contact` or `phone`."""
    if id is not None:
        found = await ctx.data.find("contacts", id)
        if found is None or found["deleted_at"] is not None or not visible(ctx.principal, found):
            raise Invalid.field("contact", "there is no such contact")
        if whatsapp_address(found) is None:
            raise Invalid.field("contact", "the contact has no phone number")
        return found
    found = await _holder(ctx, phone)
    if found is not None:
        return found
    assert phone is not None
    made = await contact_for(ctx, Address(PHONE, phone), "WHATSAPP", by=ctx.principal.username)
    if made is None or (made.seq is None and not visible(ctx.principal, made.doc)):  # somebody else was first
        raise Invalid.field("phone", "there is no contact of yours with this number")
    return ctx.wrote(made)


def whatsapp_address(contact: Document) -> Address | None:
    """Return where a contact is reached by WhatsApp: at their number, else by the id they have there."""
    return address_of(contact, PHONE) or address_of(contact, WHATSAPP_USER)


async def _replied(ctx: Context, id: str | None, contact: Document | None) -> str | None:
    if id is None:
        return None
    target = await ctx.data.find("messages", id) or await ctx.data.find_one(
        "messages", {"platform": "WHATSAPP", "carrier_id": id}
    )
    if target is None or target["carrier_id"] is None or (contact is not None and target["contact"] != contact["_id"]):
        raise Invalid.field("reply_to", "there is no such message in this conversation")
    return str(target["carrier_id"])


async def send_whatsapp(ctx: Context, body: SendWhatsapp) -> Document:
    """Record an outgoing message; delivery follows as events.

    Raises Invalid naming each field that is missing or wrong, SessionWindowClosed for free-form content outside the
    24-hour window.
    """
    if faults := body.missing():
        raise Invalid(faults)
    account = await choose_app(ctx, body.wa_app)
    template = await template_for_send(ctx, account, body) if body.message_type == "TEMPLATE" else None
    known = None if body.contact is None else await recipient(ctx, body.contact, None)
    if known is None and body.phone is not None:
        known = await _holder(ctx, body.phone)
    if body.message_type not in FREE_FORM_EXEMPT and not (known and window_open(known, "WHATSAPP", ctx.now())):
        raise SessionWindowClosed("The contact has not written in the last 24 hours; send a template.")
    context = await _replied(ctx, body.reply_to, known)
    contact = await recipient(ctx, body.contact, body.phone)
    request = cloud_object(body, context, template)
    now = ctx.now()
    principal = ctx.principal
    doc = new_message(
        ctx.ids.new("msg"), contact=contact["_id"], platform="WHATSAPP", direction=OUTGOING, type=body.message_type,
        content=inbox_content(body, template), author="USER", app=account.id, timestamp=now, status=status.PENDING,
        reply_to=body.reply_to, created_by=principal.username or principal.name or principal.id, user=principal.user_id,
        template=template["id"] if template else None, request=request, due=due_at(now), created_at=now, updated_at=now,
    )  # fmt: skip
    event = ctx.event(
        "message.queued",
        doc["_id"],
        render_message(doc),
        contact=contact["_id"],
        seen=seen_by(contact),
        channel="WHATSAPP",
    )
    written = (await ctx.data.insert("messages", doc, [event], tell=False)).doc
    await count_message(ctx, written)
    seqs = await ctx.data.tell("messages", [written])
    ctx.wrote(Written(written, seqs.get(written["_id"]), ctx.data.scope))
    ctx.services.worker.kick("messages", ctx.data.scope, written["_id"])
    if written["number"] is None and ctx.seq is not None:
        written = {**written, "number": ctx.seq}
    return written


async def count_message(ctx: Context, message: Document) -> None:
    """Bring a message into its conversation's preview; without effect when it is there already.

    A message of a contact that was removed meanwhile goes with it.
    """

    def decide(doc: Document) -> Change | None:
        fields = counted(doc, [message])
        return None if fields is None else Change(set={**fields, "updated_at": doc["updated_at"]})

    try:
        await ctx.data.change("contacts", message["contact"], decide)
    except NotFound:
        await follow_removal(ctx, message["contact"])


class Sender:
    """Hands recorded messages to their carrier."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def deliver(self, claim: Claim) -> None:
        """Send one claimed message and record the outcome.

        The claim is on disk before the carrier is asked: if it is found abandoned, the carrier may have been asked, so
        the message becomes `unknown` and waits for a report instead of being sent again.
        """
        message = claim.doc
        ctx = self._context(message["scope"])
        if claim.abandoned:
            await self._record(message, lambda: self._doubt(ctx, message))
            return
        try:
            contact = await ctx.data.get("contacts", message["contact"])
        except NotFound:
            await self._fail(ctx, message, "no_contact", "The contact was deleted.")
            return
        to = whatsapp_address(contact)
        if to is None:
            await self._fail(ctx, message, "no_contact", "The contact was removed.")
            return
        if counted(contact, [message]) is not None:  # the request that recorded it was cut off before counting
            await count_message(ctx, message)
        try:
            account = self._services.accounts.open(await ctx.data.get("apps", message["app"]))
        except NotFound:
            await self._fail(ctx, message, "no_account", "The channel account was removed.")
            return
        outcome = await self._services.whatsapp.send(account, to, message)
        if not await self._record(message, lambda: self._conclude(ctx, claim, outcome)):
            await self._record(message, lambda: self._conclude_plainly(ctx, message, outcome))

    async def _record(self, message: Document, write: Callable[[], Awaitable[None]]) -> bool:
        """Write down what came of a send that may have happened; tells whether it stands.

        What cannot be written stays claimed: a message given back here would be sent a second time.
        """
        try:
            await until_taken(write)
        except Exception as error:
            logger.error("send.outcome_not_recorded", id=message["_id"], exc_info=error)
            return False
        return True

    async def _doubt(self, ctx: Context, message: Document) -> None:
        await count_message(ctx, message)
        await report_message(ctx, message, Report(status.UNKNOWN, ctx.now()), None)
        await self._settle(ctx, message["_id"])

    async def _conclude(self, ctx: Context, claim: Claim, outcome: Outcome) -> None:
        message = claim.doc
        if isinstance(outcome, Accepted):
            await report_message(ctx, message, Report(status.SENT, ctx.now()), outcome.carrier_id)
            await self._settle(ctx, message["_id"])
        elif not isinstance(outcome, Refused):
            await report_message(
                ctx, message, Report(status.UNKNOWN, ctx.now(), "unknown", outcome.reason), None
            )
        elif outcome.again and claim.tries < MAX_TRIES:
            wait = outcome.retry_after or PAUSE_S[min(claim.tries, len(PAUSE_S)) - 1]
            until = self._services.clock() + timedelta(seconds=wait)
            await self._services.due.postpone("messages", message["scope"], message["_id"], until)
            self._services.worker.at("messages", message["scope"], message["_id"], wait + 0.01)
        else:
            await self._fail(ctx, message, outcome.code, outcome.message)

    async def _conclude_plainly(self, ctx: Context, message: Document, outcome: Outcome) -> None:
        """Write down the outcome without the carrier's own words, which may be what cannot be stored.

        Sent, failed or unknown is true all the same; left alone, a refused message would be called unknown.
        """
        if isinstance(outcome, Refused):
            await self._fail(ctx, message, "refused", "The carrier did not take the message.")
            return
        told = status.SENT if isinstance(outcome, Accepted) else status.UNKNOWN
        await report_message(ctx, message, Report(told, ctx.now()), None)
        await self._settle(ctx, message["_id"])

    def _context(self, scope: str) -> Context:
        tenant, _, mode = scope.rpartition(":")
        return Context(
            self._services, system_principal(tenant, "test" if mode == "test" else "live", kind="sender"), Caller("")
        )

    async def _fail(self, ctx: Context, message: Document, code: str, text: str) -> None:
        await report_message(ctx, message, Report(status.FAILED, ctx.now(), code, text), None)

    async def _settle(self, ctx: Context, id: str) -> None:
        """Take the claim off a message that a report has already moved further than its send."""

        def decide(doc: Document) -> Change | None:
            return Change(set={"updated_at": doc["updated_at"]}, unset=("due",)) if "due" in doc else None

        await ctx.data.change("messages", id, decide)
