"""`/voice/api/hooks/…`: the door of the HTTP voice carriers."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from jinaconnect.actions.context import OperationContext
from jinaconnect.core.schema import Answer, example
from jinaconnect.handlers.edge.operation import PUBLIC, Reply, operation
from jinaconnect.handlers.edge.schemas import Parameter

WEBHOOK_BYTES = 256 * 1024


class VoiceWebhook(Answer, json_schema_extra=example()):
    """What a carrier posts, in a form of its own."""

    model_config = ConfigDict(extra="allow")


@operation(
    "POST", "/voice/api/hooks/{provider}/{account}/{kind}/", id="voice.hooks.receive", permission=PUBLIC, raw=True,
    body=VoiceWebhook, limit=WEBHOOK_BYTES, limited=False, tag="voice", errors=(403,),
    media_type="application/octet-stream",
    query={
        "call": Parameter("The call the address was made for.", {"type": "string"}, required=True),
        "turn": Parameter("Which of its turns.", {"type": "integer", "minimum": 0}, required=True),
        "mark": Parameter("That it is an address of ours.", {"type": "string"}, required=True),
    },
)  # fmt: skip
async def receive(ctx: OperationContext, provider: str, account: str, kind: str, body: bytes) -> Any:
    """Take a carrier's signed webhook of a call: `turn` asks what to do now, `status` and `recording` tell.

    A callback of a turn that is over gets the present turn's document; what is repeated changes nothing.
    """
    reply = await ctx.ports.voice_hooks.receive(
        provider, account, kind, ctx.caller.query, ctx.caller.headers, body
    )
    return Reply(reply.body, status=reply.status, headers=reply.headers, content_type=reply.content_type)
