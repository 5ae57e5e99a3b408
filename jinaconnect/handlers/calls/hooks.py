"""`/voice/webhooks/…`: the door of the HTTP voice carriers."""

from __future__ import annotations

from pydantic import ConfigDict

from jinaconnect.actions.context import OperationContext
from jinaconnect.core.schema import Answer, example
from jinaconnect.core.webhook import WebhookRequest
from jinaconnect.handlers.edge.operation import PUBLIC, Reply, operation
from jinaconnect.handlers.edge.schemas import Parameter

WEBHOOK_BYTES = 256 * 1024


class VoiceWebhook(Answer, json_schema_extra=example()):
    """What a carrier posts, in a form of its own."""

    model_config = ConfigDict(extra="allow")


_OF = {
    "call": Parameter("The call the address was made for; none for calls that come in.", {"type": "string"}),
    "turn": Parameter("Which of its turns.", {"type": "integer", "minimum": 0}),
    "mark": Parameter("That it is an address of ours; every address of a call has one.", {"type": "string"}),
    "token": Parameter("The account's `inbound_webhook_token`, of carriers that sign nothing.", {"type": "string"}),
}
_PATH, _V1 = (f"/voice/{base}/{{provider}}/{{account}}/{{kind}}/" for base in ("webhooks", "v1/webhooks"))


async def _taken(ctx: OperationContext, provider: str, account: str, kind: str, method: str, body: bytes) -> Reply:
    caller = ctx.caller
    url = f"{caller.url}?{caller.raw_query}" if caller.raw_query else caller.url
    hook = WebhookRequest(method, url, caller.headers, caller.query, body)
    reply = await ctx.ports.voice_hooks.receive(provider, account, kind, hook)
    return Reply(reply.body, status=reply.status, headers=reply.headers, content_type=reply.content_type)


@operation(
    "POST", _PATH, aliases=(_V1,), id="voice.hooks.receive", permission=PUBLIC, raw=True,
    body=VoiceWebhook, limit=WEBHOOK_BYTES, limited=False, tag="voice", errors=(403,), query=_OF,
    media_type="application/octet-stream",
)  # fmt: skip
async def receive(ctx: OperationContext, provider: str, account: str, kind: str, body: bytes) -> Reply:
    """Take a carrier's signed webhook: `answer` (`gather`, `passthru`) asks what a call is to do now, others tell.

    The kinds are the carrier's (`call-status`, `recording-status`, `recording`, `event`, `status`). One without a call
    in its address, and `inbound`, tells of a call that comes in and asks what to do with it. A callback of a turn that
    is over gets the present turn's document; what is repeated changes nothing.
    """
    return await _taken(ctx, provider, account, kind, "POST", body)


@operation(
    "GET", _PATH, aliases=(_V1,), id="voice.hooks.ask", permission=PUBLIC, limited=False,
    tag="voice", errors=(403,), query=_OF, media_type="application/octet-stream",
)  # fmt: skip
async def ask(ctx: OperationContext, provider: str, account: str, kind: str) -> Reply:
    """Take the same of a carrier that asks with GET and tells in the query."""
    return await _taken(ctx, provider, account, kind, "GET", b"")
