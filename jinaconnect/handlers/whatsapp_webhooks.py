"""`/wa/v1/webhooks/{tenant_id}/`, the door of the carrier, and the files customers sent."""

from __future__ import annotations

import hmac
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.media import open_media
from jinaconnect.core.errors import PermissionDenied
from jinaconnect.handlers.operation import PUBLIC, Reply, operation


@operation(
    "GET",
    "/wa/v1/webhooks/{tenant_id}/",
    id="wa.webhooks.handshake",
    permission=PUBLIC,
    tag="whatsapp",
    limited=False,
    media_type="text/plain",
    query={"hub.mode": "subscribe", "hub.verify_token": "The app's verify token.", "hub.challenge": "Echoed."},
    errors=(403,),
)
async def webhook_handshake(ctx: Context, tenant_id: str) -> Reply:
    """Answer Meta's handshake with the challenge when the verify token is one of the tenant's."""
    query = ctx.caller.query
    given = query.get("hub.verify_token", "").encode()
    accounts = await ctx.services.accounts.of_door(tenant_id)
    tokens = [account.secrets["verify_token"].encode() for account in accounts if account.secrets.get("verify_token")]
    held = [hmac.compare_digest(token, given) for token in tokens]
    if query.get("hub.mode") != "subscribe" or not any(held):
        raise PermissionDenied("The verify token is not one of this tenant's.")
    return Reply(query.get("hub.challenge", ""), content_type="text/plain; charset=utf-8")


@operation(
    "POST",
    "/wa/v1/webhooks/{tenant_id}/",
    id="wa.webhooks.receive",
    permission=PUBLIC,
    raw=True,
    tag="whatsapp",
    limited=False,
)
async def webhook_receive(ctx: Context, tenant_id: str, body: bytes) -> dict[str, Any]:
    """Take a signed webhook: it is stored, then answered, then applied."""
    received = await ctx.services.door.receive(tenant_id, ctx.caller.headers, body)
    answer = {
        "status": received.status,
        "event_id": received.event_id,
        "event_type": received.event_type,
        "reason": received.reason,
    }
    return {key: value for key, value in answer.items() if value is not None}


@operation(
    "GET", "/media/{id}/", id="media.read", permission=PUBLIC, tag="media", media_type="application/octet-stream"
)
async def read_media(ctx: Context, id: str) -> Reply:
    """Serve a message's file by its unguessable id; 404 until it is fetched from the carrier."""
    body, mime = await open_media(ctx.services, id)
    safe = mime if mime.startswith(("image/", "audio/", "video/")) and "svg" not in mime else "application/octet-stream"
    headers = {"Cache-Control": "private, max-age=300", "Content-Security-Policy": "sandbox; default-src 'none'"}
    return Reply(body, headers=headers, content_type=safe)
