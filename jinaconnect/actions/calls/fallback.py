"""Sending a text message in place of a call that reached nobody, once, under the rules of every message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.calls.journal import CallJournal, Entry, Tell
from jinaconnect.actions.context import Context, Services, system_operation
from jinaconnect.actions.messaging.sending import NewMessage, send_message
from jinaconnect.actions.ports import Ports
from jinaconnect.core.broadcasts import calling, states
from jinaconnect.core.calls import fallback
from jinaconnect.core.calls.document import OUTBOUND
from jinaconnect.core.errors import GatewayError, Unavailable
from jinaconnect.core.ids import RepeatableIds
from jinaconnect.core.inbox.address import PHONE, Address
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change


class SmsFallback:
    """Writes to whom a call did not reach (a step that follows a call's end)."""

    def __init__(self, services: Services, ports: Ports) -> None:
        self._services = services
        self._ports = ports

    async def follow(self, ctx: Context, call: Document) -> Mapping[str, Any]:
        """Send the message that goes in an ended call's place, and tell of it in the call; asked again nothing more."""
        if call["direction"] != OUTBOUND or call["parent_call"] is not None or fallback.succeeded(call):
            return {}
        account = await ctx.data.find("trunks", str(call["provider_config"]))
        if account is None:
            return {}
        wanted, again = await self._broadcast(ctx, call)
        reason = fallback.skipped(call, account, wanted, again=again)
        text = "" if reason is not None else await self._text(ctx, call, account)
        reason = reason if reason is not None or text else fallback.EMPTY
        if reason in fallback.QUIET:
            return {}
        if reason is not None:
            await self._told(ctx, call, fallback.result(None, reason=reason))
            return {}
        if not call["metadata"].get("sms_fallback_sent"):
            flagged = Change(set={"metadata.sms_fallback_sent": True})
            await ctx.data.change("calls", call["_id"], lambda _: flagged)
        await self._told(ctx, call, await self._sent(call, account, text))
        return {}

    async def _broadcast(self, ctx: Context, call: Document) -> tuple[bool | None, bool]:
        """Return what a call's broadcast says of such messages, and whether it calls once more."""
        if call["broadcast"] is None:
            return None, False
        doc = await ctx.data.find("broadcasts", call["broadcast"])
        row = await ctx.data.find("broadcast_rows", str(call.get("broadcast_row")))
        if doc is None or row is None:
            return None, False
        if row["call"] != call["_id"]:
            return doc.get("fallback_sms_enabled"), True
        options, outcome = doc.get("call_options") or {}, calling.outcome_of(call)
        later = calling.again_at(options, row["retry_count"], outcome, call["hangup_cause"], call["ended_at"])
        going = doc["status"] in (states.SENDING, states.PAUSED) and row["status"] in states.UNFINISHED
        return doc.get("fallback_sms_enabled"), going and later is not None

    async def _text(self, ctx: Context, call: Document, account: Document) -> str:
        contact = None if call["contact"] is None else await ctx.data.find("contacts", call["contact"])
        return fallback.body(call, account, contact, ctx.principal.tenant)

    async def _sent(self, call: Document, account: Document, text: str) -> dict[str, Any]:
        """Send it; a run that was cut off has made its message already, and the same ids meet it again."""
        ctx = system_operation(self._services, self._ports, call["scope"], "fallback")
        ctx.ids = RepeatableIds(call["ended_at"], f"sms fallback {call['_id']}".encode())
        to: dict[str, Any] = {"contact": call["contact"]}
        if call["contact"] is None:
            to = {"to": Address(PHONE, call["to_number"])}
        try:
            message = await send_message(ctx, NewMessage(
                platform="SMS", content={"type": "text", "body": {"text": text}},
                account=account["fallback_sms_config"], account_field="fallback_sms_config",
                category=call.get("category") or "UTILITY", memo={"in_place_of": call["_id"]}, **to,
            ))  # fmt: skip
        except Unavailable:
            raise
        except GatewayError as error:
            return fallback.result(None, error=f"{error.code}: {error}"[:500])
        return fallback.result(str(message["_id"]))

    async def _told(self, ctx: Context, call: Document, result: Mapping[str, Any]) -> None:
        """Write what came of it into the call, once, with its event."""
        journal = CallJournal(self._services, self._ports.worker, call, keeper=call.get("keeper", 0))

        def decide(doc: Document) -> Entry | None:
            if "sms_fallback" in doc["metadata"]:
                return None
            told = Tell("call.sms_fallback", {**result, "cause": call["hangup_cause"]})
            return Entry(tell=[told], set={"metadata.sms_fallback": dict(result)})

        await journal.decide(decide)
