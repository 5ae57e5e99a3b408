"""`/rcs/v1/webhooks/{app_id}/`, where an agent's provider posts."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from jinaconnect.actions.context import OperationContext
from jinaconnect.channels.rcs_google.channel import SIGNATURE_HEADER
from jinaconnect.core.schema import Answer, example
from jinaconnect.handlers.edge.operation import PUBLIC, Reply, operation
from jinaconnect.handlers.edge.schemas import Parameter
from jinaconnect.handlers.messaging.hooks import WEBHOOK_BYTES, answer_greeting, take_webhook
from jinaconnect.handlers.messaging.rcs_apps import CHANNELS, GOOGLE, PLATFORM

SIGNATURE = Parameter(
    "The base64 of the HMAC-SHA512 of the event's bytes, out of their base64, under the agent's client token. "
    "The question whether anybody is there (`clientToken` and `secret`) has none.",
    {"type": "string", "pattern": "^[A-Za-z0-9+/]{86}==$"},
)
HANDSHAKE = {
    name: Parameter(f"Of Meta's handshake: {said}.", {"type": "string"})
    for name, said in (
        ("hub.mode", "`subscribe`"), ("hub.verify_token", "the agent's client token"),
        ("hub.challenge", "answered as it is"),
    )
}  # fmt: skip


class RbmEnvelope(
    Answer,
    json_schema_extra=example(
        message={
            "data": "eyJzZW5kZXJQaG9uZU51bWJlciI6IisxNTU1MTIzMDAwMCIsImV2ZW50VHlwZSI6IkRFTElWRVJFRCIsImV2ZW50SWQiOiJl"
            "MSI"
            "sIm1lc3NhZ2VJZCI6Im0xIiwiYWdlbnRJZCI6ImRlbW8ifQ==",
            "messageId": "4711", "attributes": {"product": "RBM", "type": "event"},
        },
        subscription="projects/lee-and-sons/subscriptions/rbm",
    ),
):  # fmt: skip
    """What Google posts: an envelope of Pub/Sub, whose `data` is an event of RBM in base64; or the event by itself."""

    message: dict[str, Any] | None = None
    subscription: str | None = None


class RcsTaken(Answer):
    """It was taken, or is of no concern."""

    ok: bool = Field(description="Always true.")


@operation(
    "GET", "/rcs/v1/webhooks/{app_id}/", id="rcs.webhooks.greet", permission=PUBLIC, tag="rcs", limited=False,
    returns=RcsTaken, query=HANDSHAKE, errors=(403,), media_type=("application/json", "text/plain"),
)  # fmt: skip
async def webhook_greet(ctx: OperationContext, app_id: str) -> Any:
    """Say that the door is there; it tells nothing of whether there is such an agent.

    Meta's handshake is answered with its challenge, where the verify token is the agent's client token.
    """
    behind = await ctx.ports.message_hooks.behind(PLATFORM, app_id) if "hub.mode" in ctx.caller.query else None
    return {"ok": True} if behind is None else await answer_greeting(ctx, *behind)


@operation(
    "POST", "/rcs/v1/webhooks/{app_id}/", id="rcs.webhooks.receive", permission=PUBLIC, raw=True, body=RbmEnvelope,
    returns=RcsTaken, headers={SIGNATURE_HEADER: SIGNATURE}, limit=WEBHOOK_BYTES, tag="rcs", limited=False,
)  # fmt: skip
async def webhook_receive(ctx: OperationContext, app_id: str, body: bytes) -> Any:
    """Take a signed event: applied, or stored, then answered. What is for no agent of ours changes nothing.

    Google's question whether anybody is there is answered with its secret, where the client token is the agent's.
    """
    behind = await ctx.ports.message_hooks.behind(PLATFORM, app_id)
    if behind is None:
        return {"ok": True}
    if behind[0] == CHANNELS[GOOGLE] and b'"clientToken"' in body:
        return await _greeted(ctx, *behind, body)
    await take_webhook(ctx, *behind, body)
    return {"ok": True}


async def _greeted(ctx: OperationContext, channel: str, tenant: str, body: bytes) -> Reply:
    return await answer_greeting(ctx, channel, tenant, body)
