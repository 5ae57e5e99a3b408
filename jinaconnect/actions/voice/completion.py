"""What follows a call's end: inbox entry, cost, the contact's count; each repeatable, none stops another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from jinaconnect.actions.context import Caller, Context, Services
from jinaconnect.actions.messages import count_message
from jinaconnect.actions.voice.ledger import scope_parts
from jinaconnect.actions.voice.rate_cards import rate_call
from jinaconnect.core.calls import document as d
from jinaconnect.core.errors import NotFound, Unavailable
from jinaconnect.core.events.event import Event
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.contact import seen_by
from jinaconnect.core.inbox.message import INCOMING, OUTGOING, new_message, render_message
from jinaconnect.core.principal import system_principal
from jinaconnect.store.due import Claim
from jinaconnect.store.mongo import Document
from jinaconnect.store.tenant import Change, Duplicate

logger = structlog.get_logger(__name__)

Step = Callable[[Context, Document], Awaitable[None]]


def summary(call: Document) -> str:
    """Return a call in a sentence, for the inbox."""
    way = "Incoming" if call["direction"] == d.INBOUND else "Outgoing"
    seconds = call["duration_seconds"]
    lasted = "not answered" if seconds is None else f"{seconds // 60}:{seconds % 60:02d} min"
    cause = "" if call["hangup_cause"] in ("", "NORMAL_CLEARING") else f" ({call['hangup_cause']})"
    return f"{way} call {call['from_number']} → {call['to_number']}, {call['status'].lower()}, {lasted}{cause}"


class Completer:
    """Finishes calls that have ended (work of the collection `calls`)."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def complete(self, claim: Claim) -> None:
        """Do every step of one ended call; raises Unavailable, to be tried again, when the database was away."""
        call = claim.doc
        tenant, mode = scope_parts(call["scope"])
        ctx = Context(self._services, system_principal(tenant, mode, kind="telephony"), Caller(""))
        away: Unavailable | None = None
        for step in (self._inbox, self._cost, self._contact):
            try:
                await step(ctx, call)
            except Unavailable as error:
                away = error
            except Exception as error:
                logger.error("completion.step_broken", call=call["_id"], step=step.__name__, exc_info=error)
        if away is not None:
            raise away
        await ctx.data.change("calls", call["_id"], lambda doc: Change(unset=("due",)) if "due" in doc else None)

    async def _set(self, ctx: Context, id: str, fields: dict[str, Any]) -> None:
        await ctx.data.change("calls", id, lambda doc: Change(set={"updated_at": doc["updated_at"], **fields}))

    async def _inbox(self, ctx: Context, call: Document) -> None:
        """Leave one message in the contact's conversation, linked both ways."""
        if call["contact"] is None or call["team_inbox_message"] is not None or call["parent_call"] is not None:
            return
        try:
            contact = await ctx.data.get("contacts", call["contact"])
        except NotFound:
            return
        inbound = call["direction"] == d.INBOUND
        text, at = summary(call), call["ended_at"]
        message = new_message(
            "msg_" + call["_id"].partition("_")[2], contact=contact["_id"], platform="VOICE",
            direction=INCOMING if inbound else OUTGOING, type="TEXT",
            content={"type": "text", "body": {"text": text}}, author="CONTACT" if inbound else "BOT", app=None,
            timestamp=at, status=status.RECEIVED if inbound else status.DELIVERED, call=call["_id"],
            created_at=at, updated_at=at, is_read=not inbound or call["started_at"] is not None,
        )  # fmt: skip
        event = Event(
            id="evt_" + call["_id"].partition("_")[2], type="message.received" if inbound else "message.queued",
            occurred_at=at, actor=ctx.principal.actor(), subject=message["_id"], data=render_message(message),
            contact=contact["_id"], call=call["_id"], channel="VOICE", seen=seen_by(contact),
        )  # fmt: skip
        try:
            message = (await ctx.data.insert("messages", message, [event], tell=False)).doc
        except Duplicate:
            message = await ctx.data.get("messages", message["_id"])
        await count_message(ctx, message)
        await ctx.data.tell("messages", [message])
        await self._set(ctx, call["_id"], {"team_inbox_message": message["_id"]})

    async def _cost(self, ctx: Context, call: Document) -> None:
        """Rate the call by the local cards."""
        if call["cost_source"]:
            return
        rated = await rate_call(ctx.data, call)
        if rated is not None:
            await self._set(ctx, call["_id"], rated)

    async def _contact(self, ctx: Context, call: Document) -> None:
        """Count the call with its contact, once."""
        if call["contact"] is None or call["parent_call"] is not None:
            return
        id, at = call["_id"], call["ended_at"]

        def decide(doc: Document) -> Change | None:
            counted = doc.get("calls_counted", [])
            if id in counted:
                return None
            last = max(filter(None, (doc["last_called_at"], at)))
            return Change(set={
                "total_calls": doc["total_calls"] + 1, "last_called_at": last, "updated_at": doc["updated_at"],
                "calls_counted": [*counted, id][-50:],
            })  # fmt: skip

        try:
            await ctx.data.change("contacts", call["contact"], decide)
        except NotFound:
            return
