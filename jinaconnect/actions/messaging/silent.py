"""Messages on which their carrier is silent: it is asked where it can be, and the trace says what is known at the end.

Who is looked after carries the time of the next look (`report_due`), which a report takes off. Each account gets its
share of a look: one that has much to ask for holds up no other.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.messaging.reports import report_message
from jinaconnect.actions.ports import Ports
from jinaconnect.channels.abilities import TellsReports
from jinaconnect.channels.base import Channel
from jinaconnect.channels.facts import UNTIMED
from jinaconnect.core.errors import CarrierFailed, GatewayError, NotFound
from jinaconnect.core.inbox import status, trace
from jinaconnect.outbound import OutboundError
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change

FIRST, EVERY = timedelta(hours=1), timedelta(minutes=15)
MOST = 1_000  # messages of one look, over all accounts
SHARE = 50  # of them read of one account at a time
AT_ONCE = 8

logger = structlog.get_logger(__name__)


def looked_after(channel: Channel, sent: datetime) -> dict[str, datetime]:
    """Return what a message carries, sent at a time, whose report is waited for; nothing where none is."""
    within = channel.spec.reported_within
    if within is None:
        return {}
    return {"report_due": sent + (FIRST if isinstance(channel, TellsReports) else within)}


async def look(services: Services, ports: Ports) -> None:
    """Ask for what has not been reported, of all accounts in turn, and end what has been waited for long enough."""
    platforms = {channel.spec.platform for channel in ports.channels.values() if channel.spec.reported_within}
    apps = [doc for name in sorted(platforms) for doc in await services.store.across("apps", {"channel": name})]
    random.shuffle(apps)  # where a look does not come to all, the next begins elsewhere
    left, gate = MOST, asyncio.Semaphore(AT_ONCE)
    while apps and left > 0:
        waiting = []
        for app in apps:
            share = min(SHARE, max(1, MOST // len(apps)), left)
            due = await _due(services, app, share) if share else []
            left -= len(due)
            if due:
                waiting.append(app)
            await asyncio.gather(*(_attended(services, ports, app, message, gate) for message in due))
        apps = waiting


async def _due(services: Services, app: Document, most: int) -> list[Document]:
    due = {"app": app["_id"], "report_due": {"$lte": services.clock(), "$type": "date"}}
    return await services.store.within(app["scope"]).select("messages", due, sort=[("report_due", 1)], limit=most)


async def _attended(
    services: Services, ports: Ports, app: Document, message: Document, gate: asyncio.Semaphore
) -> None:
    async with gate:
        try:
            await _attend(services, ports, app, message)
        except GatewayError as error:  # it is looked at again
            logger.info("message.not_looked_at", id=message["_id"], reason=str(error)[:500])


async def _attend(services: Services, ports: Ports, app: Document, message: Document) -> None:
    ctx = system_context(services, app["scope"], "reports")
    channel = ports.channels.of(app["channel"], app["bsp"])
    within = None if channel is None else channel.spec.reported_within
    if channel is None or within is None or app["deleted_at"] is not None:
        await _let_go(ctx, message, "Its account was removed before the carrier reported anything.")
        return
    if not await _taken(ctx, message):
        return
    asks = isinstance(channel, TellsReports) and message["carrier_id"] is not None and app["is_active"]
    if isinstance(channel, TellsReports) and asks:
        try:
            report = await channel.report_on(ports.accounts.open(app), message["carrier_id"])
        except (CarrierFailed, OutboundError) as error:
            logger.info("message.not_asked", id=message["_id"], reason=str(error)[:500])
            report = None
        if report is not None:
            report = replace(report, at=ctx.now()) if report.at == UNTIMED else report
            step = {**trace.reported(report, message["carrier_id"], ctx.now()), "asked": True}
            await report_message(ctx, message, report, message["carrier_id"], step=step)
            return
    if ctx.now() >= _since(message) + within:
        hours = round(within / timedelta(hours=1))
        asked = ", nor when it was asked" if asks else ", and cannot be asked"
        await _let_go(ctx, message, f"The carrier has reported nothing in {hours} hours{asked}: it may be delivered.")


def _since(message: Mapping[str, Any]) -> datetime:
    found: datetime = message["sent_at"] or message["timestamp"]
    return found


async def _taken(ctx: Context, message: Document) -> bool:
    """Put a message's next look off, so that one process alone has this one; tells whether it is ours."""
    taken = False

    def decide(doc: Document) -> Change | None:
        nonlocal taken
        taken = doc.get("report_due") is not None and doc["report_due"] <= ctx.now()
        if not taken:
            return None
        return Change(set={"report_due": ctx.now() + EVERY, "updated_at": doc["updated_at"]})

    try:
        await ctx.data.change("messages", message["_id"], decide)
    except NotFound:
        return False
    return taken and message["status"] in (status.SENT, status.UNKNOWN)


async def _let_go(ctx: Context, message: Document, reason: str) -> None:
    """Look after a message no more, and say why in its trace; its status stays what is known of it."""

    def decide(doc: Document) -> Change | None:
        if "report_due" not in doc:
            return None
        steps = trace.with_step(doc, trace.silent(ctx.now(), reason))
        traced = {} if steps is None else {"trace": steps}
        kept = [name for name in ("report_due", "request") if name in doc]
        return Change(set={**traced, "updated_at": doc["updated_at"]}, unset=kept)

    await ctx.data.change("messages", message["_id"], decide)
