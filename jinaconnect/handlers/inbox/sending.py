"""`POST /team-inbox/api/messages/`: the team writes to a contact over whichever channel."""

from __future__ import annotations

from typing import Any, Literal

from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox.messages import render_messages
from jinaconnect.actions.messaging.sending import send_whatsapp
from jinaconnect.channels.whatsapp_meta.compose import SendWhatsapp
from jinaconnect.channels.whatsapp_meta.content import send_fields
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.content import check_content
from jinaconnect.core.schema import Id, Request, example, parse, sample_id
from jinaconnect.handlers.edge.operation import operation
from jinaconnect.handlers.inbox.inbox import InboxMessage


class NewInboxMessage(
    Request,
    json_schema_extra=example(
        contact=sample_id("cnt"), platform="WHATSAPP", content={"type": "text", "body": {"text": "We have it in blue."}}
    ),
):
    """A message to a contact, in the inbox's content form."""

    contact: Id
    platform: Literal["WHATSAPP"]
    content: dict[str, Any]
    channel_app_id: Id | None = None
    reply_to: Id | None = None


@operation(
    "POST",
    "/team-inbox/api/messages/",
    id="inbox.messages.send",
    permission="inbox.reply",
    body=NewInboxMessage,
    returns=InboxMessage,
    status=201,
    effect=True,
    tag="inbox",
)
async def send_message(ctx: Context, body: NewInboxMessage) -> dict[str, Any]:
    """Write to a contact; the answer means "recorded", delivery follows as events.

    The channel's own rules apply: WhatsApp takes free-form content within 24 hours of the customer's last message.
    """
    content = check_content(body.content)
    if "type" not in content:
        raise Invalid.field("content.type", "is required")
    fields = {"contact": body.contact, "wa_app": body.channel_app_id, "reply_to": body.reply_to, **send_fields(content)}
    given = {name: value for name, value in fields.items() if value is not None}
    [message] = await render_messages(ctx, [await send_whatsapp(ctx, parse(SendWhatsapp, given))])
    return message
