"""`/wa/v1/webhooks/{tenant_id}/`, where Meta posts."""

from __future__ import annotations

from typing import Any

from jinaconnect.actions.context import OperationContext
from jinaconnect.channels.whatsapp_meta.hooks import SIGNATURE_HEADER
from jinaconnect.core.paging import one_of
from jinaconnect.core.schema import Answer, example
from jinaconnect.handlers.edge.operation import PUBLIC, Reply, operation
from jinaconnect.handlers.edge.schemas import Parameter
from jinaconnect.handlers.messaging.hooks import WEBHOOK_BYTES, Taken, answer_greeting, take_webhook

CHANNEL = "whatsapp_meta"
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
async def webhook_handshake(ctx: OperationContext, tenant_id: str) -> Reply:
    """Answer Meta's handshake with the challenge when the verify token is one of the tenant's."""
    return await answer_greeting(ctx, CHANNEL, tenant_id)


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
async def webhook_receive(ctx: OperationContext, tenant_id: str, body: bytes) -> dict[str, Any]:
    """Take a signed webhook: it is stored, then answered, then applied."""
    return await take_webhook(ctx, CHANNEL, tenant_id, body)
