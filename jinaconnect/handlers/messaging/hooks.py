"""The door of every carrier, by the table of channels, and the files customers sent."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.messaging.media import servable
from jinaconnect.channels.base import WebhookRequest
from jinaconnect.core.errors import PermissionDenied
from jinaconnect.core.schema import Answer
from jinaconnect.handlers.edge.files import file_reply
from jinaconnect.handlers.edge.operation import PUBLIC, Reply, operation

SECRET_HEADER = "x-webhook-secret"  # how the secret of an address reaches a channel
WEBHOOK_BYTES = 3 * 1024 * 1024  # the largest that a carrier documents


class Taken(Answer):
    """What became of a webhook; one that is ignored says why and has no id."""

    status: Literal["received", "ignored"]
    event_id: str | None = None
    event_type: str | None = Field(None, description="MESSAGE, STATUS, TEMPLATE, ACCOUNT, BILLING or UNKNOWN.")
    reason: str | None = None


def webhook_request(ctx: Context, method: str, body: bytes = b"") -> WebhookRequest:
    """Return the request as it came; the address is the one the carrier was given."""
    caller = ctx.caller
    headers = {name.lower(): value for name, value in caller.headers.items()}
    url = f"{caller.url}?{caller.raw_query}" if caller.raw_query else caller.url
    return WebhookRequest(body, method, url, headers, dict(caller.query))


async def answer_greeting(ctx: OperationContext, channel: str, tenant: str, body: bytes = b"") -> Reply:
    """Answer a carrier that asks whether we are there, by POST where it asks with a body; raises PermissionDenied."""
    answer = await ctx.ports.message_hooks.greet(channel, tenant, webhook_request(ctx, "POST" if body else "GET", body))
    if answer is None:
        raise PermissionDenied("The verify token is not one of this tenant's.")
    return Reply(answer.body, content_type=answer.content_type)


async def take_webhook(ctx: OperationContext, channel: str, tenant: str, body: bytes) -> dict[str, Any]:
    """Take a carrier's webhook and return what became of it."""
    received = await ctx.ports.message_hooks.receive(channel, tenant, webhook_request(ctx, "POST", body))
    answer = {
        "status": received.status,
        "event_id": received.event_id,
        "event_type": received.event_type,
        "reason": received.reason,
    }
    return {key: value for key, value in answer.items() if value is not None}


def secret_aside(ctx: Context, body: bytes, secret: str) -> WebhookRequest:
    """Return a webhook without the secret in its address: it is shown as a header, which is not kept."""
    hook = webhook_request(ctx, "POST", body)
    url = hook.url.replace(f"/{secret}/", "/", 1)
    return WebhookRequest(body, "POST", url, {**hook.headers, SECRET_HEADER: secret}, hook.query)


async def take_for_app(ctx: OperationContext, platform: str, app_id: str, hook: WebhookRequest) -> Any:
    """Take a webhook whose address names an app; nobody learns from the answer which apps there are."""
    door = ctx.ports.message_hooks
    found = await door.behind(platform, app_id)
    if found is None:
        return {"ok": True}
    channel, tenant = found
    await door.receive(channel, tenant, hook)
    taken = ctx.ports.channels[channel].spec.taken
    return {"ok": True} if taken is None else Reply(taken.body, content_type=taken.content_type)


@operation(
    "GET", "/hooks/{channel}/{tenant_id}/", id="hooks.greet", permission=PUBLIC, tag="hooks", limited=False,
    media_type="text/plain", errors=(403, 404),
)  # fmt: skip
async def greet(ctx: OperationContext, channel: str, tenant_id: str) -> Reply:
    """Answer a carrier that asks whether anybody is there, as its channel does."""
    return await answer_greeting(ctx, channel, tenant_id)


@operation(
    "POST", "/hooks/{channel}/{tenant_id}/", id="hooks.receive", permission=PUBLIC, raw=True, returns=Taken,
    tag="hooks", limit=WEBHOOK_BYTES, limited=False, errors=(404,),
)  # fmt: skip
async def receive(ctx: OperationContext, channel: str, tenant_id: str, body: bytes) -> dict[str, Any]:
    """Take a channel's signed webhook, in whichever form its carrier posts them: applied, or stored, then answered."""
    return await take_webhook(ctx, channel, tenant_id, body)


@operation(
    "GET", "/media/{id}/", id="media.read", permission=PUBLIC, tag="media",
    media_type=("application/octet-stream", "image/*", "audio/*", "video/*"),
    errors=(416,),
)  # fmt: skip
async def read_media(ctx: Context, id: str) -> Reply:
    """Serve a message's file, whole or in ranges, by its unguessable id; 404 until it is fetched from the carrier."""
    scope, kind = await servable(ctx, id)
    headers = {"Cache-Control": "private, max-age=300", "Content-Security-Policy": "sandbox; default-src 'none'"}
    return await file_reply(ctx, scope, id, kind, headers)
