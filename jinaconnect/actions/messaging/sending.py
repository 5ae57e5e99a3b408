"""Sending over a channel: check, record, answer; then hand to the carrier exactly once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog

from jinaconnect.actions.billing.messages import Quote, charge_of, covered, quote, reserve
from jinaconnect.actions.contacts.addressing import contact_at, contact_for, learn, move
from jinaconnect.actions.contacts.merging import kept
from jinaconnect.actions.contacts.preferences import set_marketing, set_reachable
from jinaconnect.actions.context import Context, OperationContext, Services, system_context
from jinaconnect.actions.inbox.removal import follow_removal
from jinaconnect.actions.messaging.account_reports import apply_account_report
from jinaconnect.actions.messaging.accounts import choose_account
from jinaconnect.actions.messaging.registered import registered_template
from jinaconnect.actions.messaging.reports import SEND_FIELDS, report_message
from jinaconnect.actions.messaging.templates import NamedTemplate, named_template
from jinaconnect.actions.ports import Accounts
from jinaconnect.actions.scoping import visible
from jinaconnect.actions.worker import Worker, until_taken
from jinaconnect.channels.base import (
    Accepted,
    Account,
    AccountReport,
    Channel,
    Composed,
    Outcome,
    Outgoing,
    Refused,
    TemplateUse,
    Unknown,
)
from jinaconnect.channels.pace import UNHURRIED
from jinaconnect.channels.table import Channels, spec_of
from jinaconnect.core.errors import Invalid, NotFound, OptedOut, SessionWindowClosed
from jinaconnect.core.inbox import status, trace
from jinaconnect.core.inbox.address import PHONE, Address, address_of
from jinaconnect.core.inbox.contact import counted
from jinaconnect.core.inbox.message import OUTGOING, new_message
from jinaconnect.core.inbox.message_event import message_event
from jinaconnect.core.inbox.platform import PLATFORMS, address_on
from jinaconnect.core.inbox.status import Report
from jinaconnect.core.inbox.window import window_open, window_text
from jinaconnect.core.rules import verdict as rules
from jinaconnect.core.rules.rows import CATEGORIES, Category
from jinaconnect.outbound import Ambiguous, Blocked, NotSent, TooLarge
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import Claim, Step, due_at
from jinaconnect.store.tenant import Addition, Change, Written

WINDOW = "window.closed"  # the rule that free-form content outside the platform's window breaks
MAX_TRIES = 6
PAUSE_S = (1.0, 2.0, 5.0, 15.0, 60.0)
FALLBACK_JOB = "message.fallback"
UNTURNED, ADDRESS_TURN, ACCOUNT_TURN = 0, 1, 2  # how far a message's wait for its turn has come
LONGEST_HELD = timedelta(days=1)  # a carrier that finds an account too fast for longer refuses its messages

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to send: on which platform, from which account, to whom, and what.

    `content` is in the inbox's words; `native` and `options` go to the channel with it, `memo` is kept with the message
    for what follows it. To whom is a `contact`, or an address that may be new (`to`). `account_field`, `contact_field`
    and `to_field` are what the request calls them. The `category` is its template's unless given; without either it is
    an answer. It is sent `at` a time, now where none is given.
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
    target = await ctx.data.find("messages", message.reply_to) or await ctx.data.find_one(
        "messages", {"platform": message.platform, "carrier_id": message.reply_to}
    )
    if target is None or target["carrier_id"] is None or (contact is not None and target["contact"] != contact["_id"]):
        raise Invalid.field("reply_to", "there is no such message in this conversation")
    return str(target["carrier_id"])


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
    outgoing = Outgoing(message.content, template, message.native, replied, message.options, to)
    composed = ctx.ports.channels[account.channel].compose(account, outgoing)
    category = message.category or _category(template)
    quoted = await quote(ctx, message.platform, known, message.phone, category, composed.segments)
    verdict = _verdict(ctx, message, known, template, category)
    return Checked(message, account, known, template, composed, category, verdict, quoted)


def _category(template: TemplateUse | None) -> Category:
    if template is None:
        return "SERVICE"
    return next((name for name in CATEGORIES if name == template.category), "UTILITY")


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
    window, OptedOut where the contact takes no such message.
    """
    checked = await check_message(ctx, message)
    account, template, composed = checked.account, checked.template, checked.composed
    match checked.verdict:
        case rules.Refused(rule=rule, reason=reason):
            raise SessionWindowClosed(reason) if rule == WINDOW else OptedOut(reason)
        case rules.Deferred(until=until):
            deferred: datetime | None = until
        case _:
            deferred = None
    quoted = checked.quote if checked.quote is not None and checked.quote.amount else None
    covered(quoted)
    contact = checked.contact or await _added(ctx, message)
    now = ctx.now()
    principal, at = ctx.principal, max(message.at or now, deferred or now, now)
    doc = new_message(
        ctx.ids.new("msg"), contact=contact["_id"], platform=message.platform, direction=OUTGOING, type=composed.type,
        content=composed.content, author="USER", app=account.id, timestamp=now, status=status.PENDING,
        reply_to=message.reply_to, created_by=principal.username or principal.name or principal.id,
        user=principal.user_id, template=template.id if template else None, request=dict(composed.wire),
        trace=[trace.queued(now, ctx.caller.request_id, principal.actor())],
        category=checked.category, deferred_until=deferred, due=due_at(at), created_at=now, updated_at=now,
        **({} if message.at is None else {"scheduled_at": message.at}),
        **({"memo": dict(message.memo)} if message.memo else {}),
        **({} if composed.segments is None else {"segments": composed.segments}),
        **({} if quoted is None else {"charge": charge_of(quoted, now)}),
    )  # fmt: skip
    event = message_event(ctx.ids.new("evt"), "message.queued", doc, contact, at=ctx.now(), actor=principal.actor())
    if quoted is None:
        written = (await ctx.data.insert("messages", doc, [event], tell=False)).doc
    else:
        written = await reserve(ctx, quoted, Addition("messages", doc, [event]))
    await count_message(ctx, written)
    seqs = await ctx.data.tell("messages", [written])
    ctx.wrote(Written(written, seqs.get(written["_id"]), ctx.data.scope))
    if at > now:
        ctx.ports.worker.at("messages", ctx.data.scope, written["_id"], (at - now).total_seconds())
    else:
        ctx.ports.worker.kick("messages", ctx.data.scope, written["_id"])
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


def fallback_job(message: Document, now: datetime) -> Document:
    """Return the job that has another message sent in place of one that did not reach anybody; once for each."""
    return {
        "_id": f"job_fallback_{message['_id']}", "scope": message["scope"], "kind": FALLBACK_JOB, "due": due_at(now),
        "data": {"message": message["_id"]},
    }  # fmt: skip


async def ask_carrier(
    channel: Channel, account: Account, to: Address, wire: Mapping[str, Any], reference: str
) -> Outcome:
    """Hand a message to its carrier; whatever happens, what is known of it is the outcome."""
    try:
        return await channel.send(account, to, wire, reference)
    except NotSent as error:
        return Refused("unreachable", str(error), again=True)
    except Blocked as error:
        return Refused("blocked", str(error))
    except (Ambiguous, TooLarge) as error:
        return Unknown(str(error))
    except Exception as error:  # whatever it is, the carrier may have the message
        logger.error("send.broken", message=reference, exc_info=error)
        return Unknown(f"the answer could not be read: {type(error).__name__}")


class Sender:
    """Hands recorded messages to their carrier."""

    def __init__(self, services: Services, worker: Worker, accounts: Accounts, channels: Channels) -> None:
        self._services = services
        self._worker = worker
        self._accounts = accounts
        self._channels = channels

    async def deliver(self, claim: Claim) -> None:
        """Send one claimed message and record the outcome.

        The claim is on disk before the carrier is asked: if it is found abandoned, the carrier may have been asked, so
        the message becomes `unknown` and waits for a report instead of being sent again.
        """
        message = claim.doc
        ctx = self._context(message["scope"])
        if claim.abandoned and not await self._may_again(ctx, claim):
            await self._record(message, lambda: self._doubt(ctx, message))
            return
        try:
            holder = await ctx.data.get("contacts", message["contact"])
        except NotFound:
            await self._fail(ctx, message, "no_contact", "The contact was deleted.")
            return
        contact = await kept(ctx, holder)
        to = address_on(contact, message["platform"])
        if to is None:
            await self._fail(ctx, message, "no_contact", "The contact was removed.")
            return
        if not await self._may_go(ctx, message, contact):
            return
        if counted(holder, [message]) is not None:  # the request that recorded it was cut off before counting
            await count_message(ctx, message)
        try:
            account = self._accounts.open(await ctx.data.get("apps", message["app"]))
        except NotFound:
            await self._fail(ctx, message, "no_account", "The channel account was removed.")
            return
        if await self._early(claim, account, to):
            return
        channel, begun = self._channels[account.channel], ctx.now()
        outcome = await ask_carrier(channel, account, to, message["request"], message["_id"])
        ended = ctx.now()
        if not await self._record(message, lambda: self._conclude(ctx, claim, outcome, (begun, ended))):
            await self._record(message, lambda: self._conclude_plainly(ctx, message, outcome))

    async def _may_go(self, ctx: Context, message: Document, contact: Document) -> bool:
        """Tell whether a message may go now: since it was recorded its contact may have opted out, or its hours ended.

        What may not is failed, or waits for its hours.
        """
        category = message.get("category")
        asked = None if category is None else rules.verdict(contact, category, message["platform"], ctx.now())
        match asked:
            case rules.Refused(reason=reason):
                await self._fail(ctx, message, "opted_out", reason)
            case rules.Deferred(until=until):
                await self._postpone(message, until)
            case _:
                return True
        return False

    async def _postpone(self, message: Document, until: datetime, step: Document | None = None) -> None:
        """Have a message tried again at a time; `step` is what its trace says of this try."""
        told = None if step is None else Step("trace", step, trace.MOST)
        await self._services.due.postpone("messages", message["scope"], message["_id"], until, told)
        wait = (until - self._services.clock()).total_seconds()
        self._worker.at("messages", message["scope"], message["_id"], wait + 0.01)

    async def _early(self, claim: Claim, account: Account, to: Address) -> bool:
        """Give a message back that has to wait for its turn; tells whether it has.

        It waits for its address first and for its account last: so what waits long for one address keeps no turn of
        the account from the others.
        """
        pace, turns = self._channels[account.channel].spec.pace, self._services.turns
        if pace == UNHURRIED:
            return False
        turn, wait = claim.doc["due"].get("turn", UNTURNED), 0.0
        per_address = pace.to(to)
        if turn == UNTURNED and per_address is not None:
            wait, turn = await turns.take(f"{account.id}:{to.text}", 1 / per_address), ADDRESS_TURN
        waited = turn == ACCOUNT_TURN and not await turns.held(account.id)
        if not wait and not waited and pace.account_per_s is not None:
            wait, turn = await turns.take(account.id, 1 / pace.account_per_s), ACCOUNT_TURN
        if wait:
            await self._give_back(claim.doc, wait, turn)
        return wait > 0

    async def _give_back(self, message: Document, wait: float, turn: int, step: Document | None = None) -> None:
        until = self._services.clock() + timedelta(seconds=wait)
        told = None if step is None else Step("trace", step, trace.MOST)
        await self._services.due.give_back("messages", message["scope"], message["_id"], until, turn, told)
        self._worker.at("messages", message["scope"], message["_id"], wait + 0.01)

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
        now = ctx.now()
        cut = trace.attempt(now, now, "unknown", reason="This attempt was cut off.")
        await report_message(ctx, message, Report(status.UNKNOWN, now), None, step=cut)
        await self._settle(ctx, message["_id"])

    async def _conclude(
        self, ctx: Context, claim: Claim, outcome: Outcome, times: tuple[datetime, datetime]
    ) -> None:
        message = claim.doc
        if isinstance(outcome, Accepted):
            step = trace.attempt(*times, "accepted", carrier_id=outcome.carrier_id)
            await report_message(ctx, message, Report(status.SENT, ctx.now()), outcome.carrier_id, step=step)
            await self._settle(ctx, message["_id"])
            await self._learn(ctx, message, outcome)
        elif not isinstance(outcome, Refused) and await self._may_again(ctx, claim):
            until = self._again_at(claim, None)
            step = trace.attempt(*times, "unknown", reason=outcome.reason, next_at=until)
            await self._postpone(message, until, step)
        elif not isinstance(outcome, Refused):
            step = trace.attempt(*times, "unknown", reason=outcome.reason)
            await report_message(
                ctx, message, Report(status.UNKNOWN, ctx.now(), "unknown", outcome.reason), None, step=step
            )
        elif outcome.cause == "rate" and ctx.now() - message["created_at"] < LONGEST_HELD:
            wait = outcome.retry_after or PAUSE_S[0]
            await self._services.turns.hold(message["app"], wait)
            step = _refused(outcome, times, self._services.clock() + timedelta(seconds=wait))
            await self._give_back(message, wait, ADDRESS_TURN, step)
        elif outcome.again and claim.tries < MAX_TRIES:
            until = self._again_at(claim, outcome.retry_after)
            await self._postpone(message, until, _refused(outcome, times, until))
        else:
            await self._fail(ctx, message, outcome.code, outcome.message, _refused(outcome, times))
            await self._note(ctx, message, outcome)

    async def _may_again(self, ctx: Context, claim: Claim) -> bool:
        """Tell whether a message that its carrier may have taken can be sent again all the same."""
        app = await ctx.data.find("apps", claim.doc["app"])
        spec = None if app is None else spec_of(app["channel"], app["bsp"])
        return spec is not None and spec.idempotent and claim.tries < MAX_TRIES

    def _again_at(self, claim: Claim, retry_after: float | None) -> datetime:
        """Return when a message is tried again: after a pause that grows, or as long as the carrier asks for."""
        wait = retry_after or PAUSE_S[min(claim.tries, len(PAUSE_S)) - 1]
        return self._services.clock() + timedelta(seconds=wait)

    async def _note(self, ctx: Context, message: Document, refused: Refused) -> None:
        """Keep what a refusal says beyond its message: of the contact, or of the account."""
        contact, platform = message["contact"], message["platform"]
        if refused.opted_out:
            await set_marketing(ctx, contact, platform, stop=True, at=ctx.now())
        if refused.cause == "unreachable":
            await set_reachable(ctx, contact, platform, reachable=False, at=ctx.now())
            await self._worker.add_jobs([fallback_job(message, ctx.now())])
        if refused.cause == "auth":
            details = {"code": refused.code, "message": refused.message}
            report = AccountReport("", None, "authentication", "CREDENTIALS_REFUSED", details)
            await apply_account_report(ctx, message["app"], report, platform)

    async def _learn(self, ctx: Context, message: Document, outcome: Accepted) -> None:
        """Have the contact known by what the carrier calls whom a message went to: that is who will answer."""
        told = bool(outcome.known_as) or outcome.moved_to is not None
        contact = await ctx.data.find("contacts", message["contact"]) if told else None
        if contact is None or contact["deleted_at"] is not None:
            return
        if outcome.moved_to is not None:
            await move(ctx, contact, outcome.moved_to)
        await learn(ctx, contact, outcome.known_as)

    async def _conclude_plainly(self, ctx: Context, message: Document, outcome: Outcome) -> None:
        """Write down the outcome without the carrier's own words, which may be what cannot be stored.

        Sent, failed or unknown is true all the same; left alone, a refused message would be called unknown.
        """
        if isinstance(outcome, Refused):
            await self._fail(ctx, message, "refused", "The carrier did not take the message.")
            return
        told, word = (status.SENT, "accepted") if isinstance(outcome, Accepted) else (status.UNKNOWN, "unknown")
        now = ctx.now()
        step = trace.attempt(now, now, word)
        await report_message(ctx, message, Report(told, now), None, step=step)
        await self._settle(ctx, message["_id"])

    def _context(self, scope: str) -> Context:
        return system_context(self._services, scope, "sender")

    async def _fail(
        self, ctx: Context, message: Document, code: str, text: str, step: Document | None = None
    ) -> None:
        step = step or trace.ended(ctx.now(), code, text)
        await report_message(ctx, message, Report(status.FAILED, ctx.now(), code, text), None, step=step)

    async def _settle(self, ctx: Context, id: str) -> None:
        """Take the claim off a message that a report has already moved further than its send."""

        def decide(doc: Document) -> Change | None:
            left = [name for name in SEND_FIELDS if name in doc]
            return Change(set={"updated_at": doc["updated_at"]}, unset=left) if "due" in doc else None

        await ctx.data.change("messages", id, decide)


def _refused(outcome: Refused, times: tuple[datetime, datetime], next_at: datetime | None = None) -> Document:
    return trace.attempt(*times, "refused", code=outcome.code, reason=outcome.message, next_at=next_at)
