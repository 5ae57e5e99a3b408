"""`/wa/v1/webhooks/{tenant_id}/`, the door of the carrier, and the files customers sent."""

from __future__ import annotations

import hmac
from typing import Any, Literal

from pydantic import Field

from jinaconnect.actions.context import Context
from jinaconnect.actions.messaging.media import servable
from jinaconnect.channels.whatsapp_meta.hooks import SIGNATURE_HEADER
from jinaconnect.core.errors import PermissionDenied
from jinaconnect.core.paging import one_of
from jinaconnect.core.schema import Answer, example
from jinaconnect.handlers.edge.files import file_reply
from jinaconnect.handlers.edge.operation import PUBLIC, Reply, operation
from jinaconnect.handlers.edge.schemas import Parameter

SIGNATURE = Parameter(
    "`sha256=` and the hex HMAC-SHA256 of the body's bytes under the app secret.",
    {"type": "string", "pattern": "^sha256=[0-9a-f]{64}$"},
    required=True,
)


class WhatsappChange(Answer):
    """One change: its `value` is as the Cloud API documents it for `field`."""

    field: str
    value: dict[str, Any]


class WhatsappEntry(Answer):
    """The changes of one WhatsApp business account."""

    id: str
    changes: list[WhatsappChange]


class WhatsappWebhook(
    Answer,
    json_schema_extra=example(
        object="whatsapp_business_account",
        entry=[{
            "id": "102290129340398",
            "changes": [{
                "field": "messages",
                "value": {
                    "messaging_product": "whatsapp",
                    "metadata": {"display_phone_number": "12025550100", "phone_number_id": "106540352242922"},
                    "contacts": [{"profile": {"name": "Ann Lee"}, "wa_id": "12025550111"}],
                    "messages": [{
                        "from": "12025550111", "id": "wamid.HBgLMTIwMjU1NTAxMTE", "timestamp": "1795687200",
                        "type": "text", "text": {"body": "Do you have it in blue?"},
                    }],
                },
            }],
        }],
    ),
):  # fmt: skip
    """What Meta posts: messages, delivery reports, reviews of templates. Bodies of other objects are ignored."""

    object: str
    entry: list[WhatsappEntry]


class Taken(Answer):
    """What became of a webhook; one that is ignored says why and has no id."""

    status: Literal["received", "ignored"]
    event_id: str | None = None
    event_type: str | None = Field(None, description="MESSAGE, STATUS, TEMPLATE, ACCOUNT, BILLING or UNKNOWN.")
    reason: str | None = None

WEBHOOK_BYTES = 3 * 1024 * 1024  # Meta documents payloads of up to 3 MB


@operation(
    "GET",
    "/wa/v1/webhooks/{tenant_id}/",
    id="wa.webhooks.handshake",
    permission=PUBLIC,
    tag="whatsapp",
    limited=False,
    media_type="text/plain",
    query={
        "hub.mode": Parameter("What the carrier wants.", one_of("subscribe"), required=True),
        "hub.verify_token": Parameter("The app's verify token.", {"type": "string"}, required=True),
        "hub.challenge": Parameter("Answered as it is.", {"type": "string"}),
    },
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
    body=WhatsappWebhook,
    returns=Taken,
    headers={SIGNATURE_HEADER: SIGNATURE},
    limit=WEBHOOK_BYTES,
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
    "GET", "/media/{id}/", id="media.read", permission=PUBLIC, tag="media",
    media_type=("application/octet-stream", "image/*", "audio/*", "video/*"),
    errors=(416,),
)  # fmt: skip
async def read_media(ctx: Context, id: str) -> Reply:
    """Serve a message's file, whole or in ranges, by its unguessable id; 404 until it is fetched from the carrier."""
    scope, kind = await servable(ctx, id)
    headers = {"Cache-Control": "private, max-age=300", "Content-Security-Policy": "sandbox; default-src 'none'"}
    return await file_reply(ctx, scope, id, kind, headers)
