"""What follows a call's end: inbox entry, cost, the contact's count; each repeatable, none stops another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from jinaconnect.actions.billing.calls import settle_call
from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.inbox.erasure import follow_removal
from jinaconnect.actions.rating.provider_prices import ask_later, by_provider
from jinaconnect.actions.rating.rate_cards import rate_call
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls import document
from jinaconnect.core.calls.machine import CANCELED
from jinaconnect.core.errors import NotFound, Unavailable
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.contact import counted
from jinaconnect.core.inbox.message import INCOMING, OUTGOING, new_message
from jinaconnect.core.inbox.message_event import message_event
from jinaconnect.store.ahead import Trail
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import Claim, due_at
from jinaconnect.store.tenant import Change, Duplicate

KEPT = 50  # calls a contact remembers to have counted

logger = structlog.get_logger(__name__)

Step = Callable[[Context, Document], Awaitable[Mapping[str, Any]]]


def summary(call: Document) -> str:
    """Return a call in a sentence, for the inbox."""
    way = "Incoming" if call["direction"] == document.INBOUND else "Outgoing"
    seconds = call["duration_seconds"]
    lasted = "not answered" if seconds is None else f"{seconds // 60}:{seconds % 60:02d} min"
    status = call["status"].lower()
    if call["status"] == CANCELED and not call["ending"]:
        status = "canceled by the caller"
    cause = "" if call["hangup_cause"] in ("", "NORMAL_CLEARING") else f" ({call['hangup_cause']})"
    return f"{way} call {call['from_number']} → {call['to_number']}, {status}, {lasted}{cause}"


def entry_of(call: Document) -> str:
    """Return the id of the message that an ended call leaves in its contact's conversation."""
    return "msg_" + str(call["_id"]).partition("_")[2]


class Completer:
    """Finishes calls that have ended (work of the collection `calls`); `more` are the steps of other rooms."""

    def __init__(self, services: Services, worker: Worker, *more: Step) -> None:
        self._services = services
        self._worker = worker
        self._more = more

    async def complete(self, claim: Claim) -> None:
        """Do every step of one ended call; raises Unavailable, to be tried again, when the database was away."""
        call = claim.doc
        ctx = system_context(self._services, call["scope"], "telephony")
        away: Unavailable | None = None
        fields: dict[str, Any] = {"updated_at": call["updated_at"]}
        for step in (self._inbox, self._cost, *self._more):
            try:
                fields |= await step(ctx, call)
            except Unavailable as error:
                away = error
            except Exception as error:
                name = getattr(step, "__qualname__", str(step))
                logger.error("completion.step_broken", call=call["_id"], step=name, exc_info=error)
        if away is not None:
            raise away
        # The claim has told nobody, so the document is at the revision it was claimed at unless somebody else wrote.
        # What was pending then is being told by whoever ended the call.
        known = {**call, "pending": []}

        def done(doc: Document) -> Change:
            late = "cost_amount" not in fields and not call["cost_source"] and doc.get("provider_cost")
            if late and not call.get("provider_cost"):  # the carrier's price came meanwhile: once more
                return Change(set={**fields, "due": due_at(self._services.clock())})
            return Change(set=fields, unset=("due",))

        # What is lost of this with a term of the primary is done again when the claim's lease is over.
        await ctx.data.change("calls", call["_id"], done, known=known, trail=Trail())
        if call["contact"] is not None:
            await follow_removal(ctx, call["contact"])

    async def _inbox(self, ctx: Context, call: Document) -> Mapping[str, Any]:
        """Leave one message in the contact's conversation, linked both ways, and count the call with the contact."""
        if call["contact"] is None or call["parent_call"] is not None:
            return {}
        try:
            contact = await ctx.data.get("contacts", call["contact"])
        except NotFound:
            return {}
        inbound = call["direction"] == document.INBOUND
        text, at = summary(call), call["ended_at"]
        message = new_message(
            entry_of(call), contact=contact["_id"], platform="VOICE",
            direction=INCOMING if inbound else OUTGOING, type="TEXT",
            content={"type": "text", "body": {"text": text}}, author="CONTACT" if inbound else "BOT", app=None,
            timestamp=at, status=status.RECEIVED if inbound else status.DELIVERED, call=call["_id"],
            created_at=at, updated_at=ctx.now(), is_read=not inbound or call["started_at"] is not None,
        )  # fmt: skip
        event = message_event(
            "evt_" + call["_id"].partition("_")[2], "message.received" if inbound else "message.queued", message,
            contact, at=at, actor=ctx.principal.actor(), call=call["_id"],
        )  # fmt: skip
        trail: Trail | None = Trail()
        [written] = await ctx.data.insert_many("messages", [(message, [event])], tell=False, trail=trail)
        if isinstance(written, Duplicate):
            message, trail = await ctx.data.get("messages", message["_id"]), None
        else:
            message = written.doc
        await self._count(ctx, call, message, contact, trail)
        await ctx.data.tell_all([("messages", [message])], trail)
        if trail is not None and not trail.unbroken:
            raise Unavailable("The database's primary is another one now.")  # done again, with what is there by then
        return {"team_inbox_message": message["_id"]}

    async def _count(
        self, ctx: Context, call: Document, message: Document, contact: Document, trail: Trail | None
    ) -> None:
        """Bring the message into its conversation and the call into the contact's figures, each once."""
        id, at = call["_id"], call["ended_at"]

        def decide(doc: Document) -> Change | None:
            fields = dict(counted(doc, [message]) or {})
            calls = doc.get("calls_counted", [])
            if id not in calls:
                fields["total_calls"] = doc["total_calls"] + 1
                fields["last_called_at"] = max(filter(None, (doc["last_called_at"], at)))
                fields["calls_counted"] = [*calls, id][-KEPT:]
            return Change(set={**fields, "updated_at": doc["updated_at"]}) if fields else None

        try:
            await ctx.data.change("contacts", contact["_id"], decide, known=contact, trail=trail)
        except NotFound:
            return  # deleted meanwhile; the message stays

    async def _cost(self, ctx: Context, call: Document) -> Mapping[str, Any]:
        """Rate the call by the local cards, else as its carrier does, and charge what it cost."""
        fields = {} if call["cost_source"] else await rate_call(ctx.data, call) or by_provider(call)
        fields = await settle_call(ctx, call, fields)
        await ask_later(self._worker, call)
        return fields
