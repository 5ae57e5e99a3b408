"""A message over another platform, or by another account, in place of one that did not reach whom it was for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from jinaconnect.actions.context import Context, Services, system_operation
from jinaconnect.actions.messaging.sending import NewMessage, send_message
from jinaconnect.actions.ports import Ports
from jinaconnect.channels.abilities import FallsBack
from jinaconnect.core.errors import GatewayError, Unavailable
from jinaconnect.core.ids import RepeatableIds
from jinaconnect.core.inbox import status
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change

_UNREACHED = (status.FAILED, status.EXPIRED)

logger = structlog.get_logger(__name__)


async def fall_back(services: Services, ports: Ports, scope: str, data: Mapping[str, Any]) -> None:
    """Send what goes in a message's place, where its account has that turned on; asked again it does nothing more."""
    ctx = system_operation(services, ports, scope, "fallback")
    message = await ctx.data.find("messages", data["message"])
    if message is None or message["deleted_at"] is not None or message["status"] not in _UNREACHED:
        return
    new = await _instead(ctx, ports, message)
    if new is None or message.get("fallback_to") is not None:
        return
    # A run that was cut off has made its message already: the same ids meet it again.
    ctx.ids = RepeatableIds(message["failed_at"], f"fallback {message['_id']}".encode())
    try:
        sent = await send_message(ctx, new)
    except Unavailable:
        raise
    except GatewayError as error:
        logger.info("message.no_fallback", id=message["_id"], reason=str(error))
        return
    await ctx.data.change("messages", message["_id"], lambda doc: Change(set={"fallback_to": sent["_id"]}))


async def _instead(ctx: Context, ports: Ports, message: Document) -> NewMessage | None:
    """Return the message that goes in another's place, None where none does."""
    app = await ctx.data.find("apps", message["app"])
    if app is not None and app.get("fallback_app"):
        return _by_another(message, app["fallback_app"])
    channel = None if app is None else ports.channels.of(app["channel"], app["bsp"])
    if app is None or not isinstance(channel, FallsBack):
        return None
    kept = message.get("memo") or {}
    wanted = kept.get("fallback")
    text = kept.get("fallback_text") or channel.fallback_text(message["content"])
    if not (app.get("sms_fallback_enabled") is not False if wanted is None else wanted) or not text:
        return None
    return NewMessage(
        platform=channel.falls_back_to, content={"type": "text", "body": {"text": text}}, contact=message["contact"],
        account=app.get("sms_fallback_app"), account_field="sms_fallback_app",
    )  # fmt: skip


def _by_another(message: Document, account: str) -> NewMessage | None:
    """Return the same message by another account of its platform; what goes in another's place has no further one."""
    if (message.get("memo") or {}).get("in_place_of") or message["content"].get("template"):
        return None
    return NewMessage(
        platform=message["platform"], content=message["content"], contact=message["contact"], account=account,
        account_field="fallback_app", category=message.get("category"), memo={"in_place_of": message["_id"]},
    )  # fmt: skip
