"""Handing recorded messages to their carriers, each exactly once; what came of it is written down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog

from jinaconnect.actions.contacts.addressing import learn, move
from jinaconnect.actions.contacts.merging import kept
from jinaconnect.actions.contacts.preferences import set_marketing, set_reachable
from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.messaging.account_info import apply_account_report
from jinaconnect.actions.messaging.daily import give_back
from jinaconnect.actions.messaging.reports import SEND_FIELDS, report_message
from jinaconnect.actions.messaging.sending import count_message
from jinaconnect.actions.ports import Accounts
from jinaconnect.actions.worker import Worker, retry_while_unavailable
from jinaconnect.channels.base import Accepted, Account, Channel, Outcome, Refused, Unknown
from jinaconnect.channels.facts import AccountReport
from jinaconnect.channels.pace import UNHURRIED
from jinaconnect.channels.table import Channels, spec_of
from jinaconnect.core.broadcasts.states import EARLY_AGAIN, MOST_DEFERRALS
from jinaconnect.core.errors import NotFound, Unavailable
from jinaconnect.core.inbox import status, trace
from jinaconnect.core.inbox.address import Address
from jinaconnect.core.inbox.contact import counted
from jinaconnect.core.inbox.platform import address_on
from jinaconnect.core.inbox.status import Report
from jinaconnect.core.rules import verdict as rules
from jinaconnect.outbound import Ambiguous, Blocked, NotSent, TooLarge
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import Claim, Step, due_at
from jinaconnect.store.tenant import Change

MAX_TRIES = 6
PAUSE_S = (1.0, 2.0, 5.0, 15.0, 60.0)
FALLBACK_JOB = "message.fallback"
WRITTEN_DOWN = timedelta(seconds=1)  # after which what became of a message or recipient stands in its row, most often
UNTURNED, ADDRESS_TURN, ACCOUNT_TURN = 0, 1, 2  # how far a message's wait for its turn has come
LONGEST_HELD = timedelta(days=1)  # a carrier that finds an account too fast for longer refuses its messages

logger = structlog.get_logger(__name__)


def fallback_job(message: Document, at: datetime) -> Document:
    """Return the job that has another message sent in place of one that did not reach anybody; once for each."""
    return {
        "_id": f"job_fallback_{message['_id']}", "scope": message["scope"], "kind": FALLBACK_JOB, "due": due_at(at),
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
        self._worker.run_at("messages", message["scope"], message["_id"], wait + 0.01)

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
        self._worker.run_at("messages", message["scope"], message["_id"], wait + 0.01)

    async def _record(self, message: Document, write: Callable[[], Awaitable[None]]) -> bool:
        """Write down what came of a send that may have happened; tells whether it stands.

        What cannot be written stays claimed: a message given back here would be sent a second time.
        """
        try:
            await retry_while_unavailable(write)
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
        elif outcome.cause == "early" and claim.tries + message.get("deferrals", 0) < MOST_DEFERRALS:
            now, contact = ctx.now(), await ctx.data.get("contacts", message["contact"])
            until = rules.next_hours(contact, message["platform"], now, now) or now + EARLY_AGAIN
            await self._postpone(message, until, _refused(outcome, times, until))
        elif outcome.again and claim.tries < MAX_TRIES:
            until = self._again_at(claim, outcome.retry_after)
            await self._postpone(message, until, _refused(outcome, times, until))
        else:
            if outcome.opted_out:  # first, so that whoever hears of the failure finds it noted
                await set_marketing(ctx, message["contact"], message["platform"], stop=True, at=ctx.now())
            await self._note(ctx, message, outcome)
            await self._fail(ctx, message, outcome.code, outcome.message, _refused(outcome, times))

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
        """Keep what a refusal says beyond its message: of the contact, or of the account.

        Before the message is failed, so that a cut in between loses nothing: nobody looks at one that has failed.
        """
        contact, platform = message["contact"], message["platform"]
        app = None if refused.opted_out else await ctx.data.find("apps", message["app"])
        if refused.cause == "unreachable" or (app is not None and app.get("fallback_app")):
            await self._worker.add_jobs([fallback_job(message, ctx.now() + WRITTEN_DOWN)])
        if refused.cause == "unreachable":
            await set_reachable(ctx, contact, platform, reachable=False, at=ctx.now())
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
        try:
            await give_back(ctx, message)
        except Unavailable:  # it may be done: asked for again, the account could send more than its limit
            logger.info("send.place_not_given_back", id=message["_id"])

    async def _settle(self, ctx: Context, id: str) -> None:
        """Take the claim off a message that a report has already moved further than its send."""

        def decide(doc: Document) -> Change | None:
            if not doc.get("due", {}).get("by"):  # none, or a report has it wait for its hours
                return None
            left = [name for name in SEND_FIELDS if name in doc and (name == "due" or "report_due" not in doc)]
            return Change(set={"updated_at": doc["updated_at"]}, unset=left)

        await ctx.data.change("messages", id, decide)


def _refused(outcome: Refused, times: tuple[datetime, datetime], next_at: datetime | None = None) -> Document:
    return trace.attempt(*times, "refused", code=outcome.code, reason=outcome.message, next_at=next_at)
