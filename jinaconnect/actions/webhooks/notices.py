"""What the fourth door tells of itself: an endpoint switched off, events missed, a delivery given up, a replay over."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from jinaconnect.actions.context import Services, system_context
from jinaconnect.actions.webhooks.endpoints import COLLECTION, changed
from jinaconnect.core.errors import NotFound, Unavailable
from jinaconnect.core.events.event import Recorded
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change
from jinaconnect.store.together import ANNOUNCED

AGAIN_S = 1.0

logger = structlog.get_logger(__name__)


async def until_told(work: Coroutine[Any, Any, None]) -> None:
    """Do something beside; what fails is noted."""
    try:
        await work
    except NotFound:
        return  # the endpoint was removed meanwhile
    except Exception as error:
        logger.error("webhooks.notice_broken", exc_info=error)


async def switch_off(services: Services, scope: str, id: str, reason: str) -> None:
    """Switch an endpoint off and say why; its place in the log is kept."""
    ctx = system_context(services, scope, "webhooks")

    def decide(doc: Document) -> Change | None:
        if doc["status"] == "disabled":
            return None
        fields = {"status": "disabled", "disabled_reason": reason, "disabled_at": ctx.now(), "updated_at": ctx.now()}
        return changed(ctx, doc, fields, type="endpoint.disabled")

    while True:
        try:
            await ctx.data.change(COLLECTION, id, decide)
            return
        except Unavailable:
            await asyncio.sleep(AGAIN_S)


async def replayed(services: Services, scope: str, id: str, replay: str) -> None:
    """End a replay that is through."""
    ctx = system_context(services, scope, "webhooks")

    def decide(doc: Document) -> Change | None:
        if doc["replay"] is None or doc["replay"]["id"] != replay:
            return None
        return changed(ctx, doc, {"replay": None, "updated_at": ctx.now()})

    try:
        await ctx.data.change(COLLECTION, id, decide)
    except NotFound:
        return
    await ctx.data.remove("webhook_positions", replay)


async def missed(services: Services, scope: str, id: str, after: int, oldest: int) -> None:
    """Tell that events were forgotten before an endpoint could be told of them."""
    data = {"id": id, "first_seq": after + 1, "last_seq": oldest - 1}
    await _tell(services, scope, id, "endpoint.missed", data)


async def gave_up(
    services: Services, scope: str, id: str, event: Recorded, delivery: str, tries: int, status: int | None
) -> None:
    """Tell that one event was tried as often as can be, while others got through."""
    data = {
        "id": delivery, "endpoint": id, "event": event.id, "type": event.type, "seq": event.seq, "attempts": tries,
        "response_code": status,
    }  # fmt: skip
    await _tell(services, scope, delivery, "delivery.failed", data)


async def _tell(services: Services, scope: str, subject: str, type: str, data: dict[str, Any]) -> None:
    ctx = system_context(services, scope, "webhooks")
    row, event = {"_id": ctx.ids.new("ann")}, ctx.event(type, subject, data)
    while True:
        try:
            await ctx.data.insert(ANNOUNCED, row, [event])
            return
        except Unavailable:
            await asyncio.sleep(AGAIN_S)
