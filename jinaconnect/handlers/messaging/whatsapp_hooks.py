"""`/wa/v1/webhooks/…`, where Meta posts, and Gupshup for an app."""

from __future__ import annotations

from typing import Any

from jinaconnect.actions.context import OperationContext
from jinaconnect.channels.graph import SIGNATURE_HEADER
from jinaconnect.core.paging import one_of
from jinaconnect.core.schema import Answer, example
from jinaconnect.handlers.edge.operation import PUBLIC, Reply, operation
from jinaconnect.handlers.edge.schemas import Parameter
from jinaconnect.handlers.messaging.hooks import (
    WEBHOOK_BYTES,
    Taken,
    answer_greeting,
    secret_aside,
    take_for_app,
    take_webhook,
    webhook_request,
)

PLATFORM, CHANNEL = "WHATSAPP", "whatsapp_meta"
_EMPTY = ("text/plain", "application/json")  # the former for an app that there is
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


class GupshupWebhook(
    Answer,
    json_schema_extra=example(
        app="DemoApp", timestamp=1580227766370, version=2, type="message",
        payload={
            "id": "ABEGkYaYVSEEAhAL3SLAWwHKeKrt6s3FKB0c", "source": "12025550111", "type": "text",
            "payload": {"text": "Do you have it in blue?"},
            "sender": {"phone": "12025550111", "name": "Ann Lee", "country_code": "1", "dial_code": "2025550111"},
        },
    ),
):  # fmt: skip
    """What Gupshup posts: version 2 in this envelope of its own, version 3 in Meta's with ids of its own."""

    type: str | None = None
    payload: dict[str, Any] | None = None
    object: str | None = None
    entry: list[WhatsappEntry] | None = None


@operation(
    "POST", "/wa/v1/webhooks/{app_id}/inbound/", id="wa.webhooks.app", permission=PUBLIC, raw=True,
    body=GupshupWebhook, limit=WEBHOOK_BYTES, limited=False, tag="whatsapp", media_type=_EMPTY,
)  # fmt: skip
async def webhook_of_app(ctx: OperationContext, app_id: str, body: bytes) -> Any:
    """Take what Gupshup posts for an app, with the app's secret as the header `X-Webhook-Secret`."""
    return await take_for_app(ctx, PLATFORM, app_id, webhook_request(ctx, "POST", body))


@operation(
    "POST", "/wa/v1/webhooks/{app_id}/inbound/{secret}/", id="wa.webhooks.app.secret", permission=PUBLIC, raw=True,
    body=GupshupWebhook, limit=WEBHOOK_BYTES, limited=False, tag="whatsapp", media_type=_EMPTY,
)  # fmt: skip
async def webhook_by_secret(ctx: OperationContext, app_id: str, secret: str, body: bytes) -> Any:
    """Take what Gupshup posts for an app: it signs nothing, so the app's secret is in the address."""
    return await take_for_app(ctx, PLATFORM, app_id, secret_aside(ctx, body, secret))
