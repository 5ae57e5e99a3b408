"""A message over another platform, or by another account, in place of one that did not reach whom it was for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from jinaconnect.actions.contacts.preferences import set_reachable
from jinaconnect.actions.context import Context, OperationContext, Services, system_operation
from jinaconnect.actions.messaging.delivering import WRITTEN_DOWN
from jinaconnect.actions.messaging.sending import NewMessage, send_message
from jinaconnect.actions.ports import Ports
from jinaconnect.channels.abilities import FallsBack
from jinaconnect.channels.base import Channel
from jinaconnect.core.broadcasts import states
from jinaconnect.core.broadcasts.document import category_of
from jinaconnect.core.errors import GatewayError, Unavailable
from jinaconnect.core.ids import RepeatableIds
from jinaconnect.core.inbox import status
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.store.tenant import Change

_UNREACHED = (status.FAILED, status.EXPIRED)
RECIPIENT_JOB = "broadcast.fallback"

logger = structlog.get_logger(__name__)


async def fall_back(services: Services, ports: Ports, scope: str, data: Mapping[str, Any]) -> None:
    """Send what goes in a message's place, where its account has that turned on; asked again it does nothing more.

    Raises Unavailable while what became of the message is not written down.
    """
    ctx = system_operation(services, ports, scope, "fallback")
    message = await ctx.data.find("messages", data["message"])
    if message is not None and message["deleted_at"] is None and message["status"] == status.PENDING:
        raise Unavailable("What became of the message is not written down yet.")
    if message is None or message["deleted_at"] is not None or message["status"] not in _UNREACHED:
        return
    if message.get("fallback_to") is not None:
        return
    app = await ctx.data.find("apps", message["app"])
    if app is not None and app.get("fallback_app"):
        new = _by_another(message, app["fallback_app"])
    else:
        kept = message.get("memo") or {}
        wanted = kept.get("fallback")
        if wanted is None and message.get("broadcast_row") is not None:
            row = await ctx.data.get("broadcast_rows", message["broadcast_row"])
            wanted = (await ctx.data.get("broadcasts", row["broadcast"])).get("fallback_sms_enabled")
        new = _elsewhere(ports, app, message, wanted, kept.get("fallback_text") or "")
    sent = await _sent(ctx, message, new)
    if sent is not None:
        await ctx.data.change("messages", message["_id"], lambda doc: Change(set={"fallback_to": sent["_id"]}))


async def note_unreached(ctx: Context, ports: Ports, channel: Channel, rows: Sequence[Document]) -> None:
    """Have recipients whom a carrier says it does not reach known so, and written to another way where that is on.

    Before their rows are written, so that a cut in between loses nobody; a row that became something else is left.
    """
    now, platform = ctx.now(), channel.spec.platform
    if isinstance(channel, FallsBack):
        await ports.worker.add_jobs([_recipient_job(row, now) for row in rows])
    await asyncio.gather(*(set_reachable(ctx, row["contact"], platform, reachable=False, at=now) for row in rows))


def _recipient_job(row: Document, now: datetime) -> Document:
    return {
        "_id": f"job_fallback_{row['_id']}", "scope": row["scope"], "kind": RECIPIENT_JOB,
        "due": due_at(now + WRITTEN_DOWN), "data": {"row": row["_id"]},
    }  # fmt: skip


async def fall_back_recipient(services: Services, ports: Ports, scope: str, data: Mapping[str, Any]) -> None:
    """Write another way to a recipient whom a broadcast did not reach; asked again it does nothing more.

    Raises Unavailable while what became of the recipient is not written down.
    """
    ctx = system_operation(services, ports, scope, "fallback")
    row = await ctx.data.find("broadcast_rows", data["row"])
    if row is not None and row["status"] == states.ASKING:
        raise Unavailable("What became of the recipient is not written down yet.")
    if row is None or row["status"] != states.BLOCKED or row.get("fallback_sms") is not None:
        return
    broadcast = await ctx.data.get("broadcasts", row["broadcast"])
    app = await ctx.data.find("apps", broadcast["app"])
    judged = {**row, "category": category_of(row, broadcast)}
    sent = await _sent(ctx, row, _elsewhere(ports, app, judged, broadcast.get("fallback_sms_enabled")))
    if sent is not None:
        await ctx.data.change("broadcast_rows", row["_id"], lambda doc: Change(set={"fallback_sms": sent["_id"]}))


async def _sent(ctx: OperationContext, lost: Document, new: NewMessage | None) -> Document | None:
    """Send what goes in the place of a message or recipient; None where nothing does."""
    if new is None:
        return None
    # A run that was cut off has made its message already: the same ids meet it again.
    ctx.ids = RepeatableIds(lost["failed_at"], f"fallback {lost['_id']}".encode())
    try:
        return await send_message(ctx, new)
    except Unavailable:
        raise
    except GatewayError as error:
        logger.info("message.no_fallback", id=lost["_id"], reason=str(error))
        return None


def _elsewhere(
    ports: Ports, app: Document | None, lost: Document, wanted: bool | None, text: str = ""
) -> NewMessage | None:
    """Return what goes over another platform; None where nothing does. `wanted` None leaves it to the account."""
    channel = None if app is None else ports.channels.of(app["channel"], app["bsp"])
    if app is None or not isinstance(channel, FallsBack):
        return None
    text = text or channel.fallback_text(lost["content"])
    if not (app.get("sms_fallback_enabled") is not False if wanted is None else wanted) or not text:
        return None
    return NewMessage(
        platform=channel.falls_back_to, content={"type": "text", "body": {"text": text}}, contact=lost["contact"],
        account=app.get("sms_fallback_app"), account_field="sms_fallback_app", category=lost.get("category"),
    )  # fmt: skip


def _by_another(message: Document, account: str) -> NewMessage | None:
    """Return the same message by another account of its platform; what goes in another's place has no further one."""
    if (message.get("memo") or {}).get("in_place_of") or message["content"].get("template"):
        return None
    return NewMessage(
        platform=message["platform"], content=message["content"], contact=message["contact"], account=account,
        account_field="fallback_app", category=message.get("category"), memo={"in_place_of": message["_id"]},
    )  # fmt: skip
