"""`POST /team-inbox/api/messages/`: the team writes to a contact over whichever channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from jinaconnect.actions.context import OperationContext
from jinaconnect.actions.inbox.messages import render_messages
from jinaconnect.actions.messaging import sending
from jinaconnect.actions.messaging.media import keep_upload
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.content import check_content
from jinaconnect.core.inbox.platform import PlatformName
from jinaconnect.core.schema import Answer, Id, Request, example, sample_id
from jinaconnect.handlers.edge.operation import Reply, Upload, dry_run, operation
from jinaconnect.handlers.inbox.inbox import InboxMessage
from jinaconnect.handlers.messaging.messages import SendPreview, render_preview

MAX_UPLOAD = 16 * 1024 * 1024


class NewInboxMessage(
    Request,
    json_schema_extra=example(
        contact=sample_id("cnt"), platform="WHATSAPP", content={"type": "text", "body": {"text": "We have it in blue."}}
    ),
):
    """A message to a contact, in the inbox's content form."""

    contact: Id
    platform: PlatformName
    content: dict[str, Any]
    channel_app_id: Id | None = None
    reply_to: Id | None = None


class StoredFile(
    Answer,
    json_schema_extra=example(
        id=sample_id("med"), url=f"/media/{sample_id('med')}/", kind="image", mime_type="image/jpeg", size=48_211
    ),
):  # fmt: skip
    """A file to send: `{"type": kind, kind: {"url": url}}` is the content of a message with it."""

    id: str
    url: str
    kind: Literal["image", "video", "audio", "document"]
    mime_type: str
    size: int


@operation(
    "POST", "/team-inbox/api/files/", id="inbox.files.create", permission="inbox.reply", returns=StoredFile, status=201,
    effect=True, files=("file",), limit=MAX_UPLOAD, tag="inbox",
)  # fmt: skip
async def upload_file(ctx: OperationContext, files: Mapping[str, Upload]) -> dict[str, Any]:
    """Upload a file (part `file`) to send with a message.

    What it is is told by how it begins. Carriers fetch it from this gateway, by `http.public_url`.
    """
    upload = files.get("file")
    if upload is None or not upload.body:
        raise Invalid.field("file", "is required")
    return await keep_upload(ctx, upload.body)


@operation(
    "POST",
    "/team-inbox/api/messages/",
    id="inbox.messages.send",
    permission="inbox.reply",
    body=NewInboxMessage,
    returns=InboxMessage,
    status=201,
    effect=True,
    dry_run=SendPreview,
    tag="inbox",
)
async def send_message(ctx: OperationContext, body: NewInboxMessage) -> dict[str, Any] | Reply:
    """Write to a contact; the answer means "recorded", delivery follows as events.

    The channel's own rules apply: WhatsApp takes free-form content within 24 hours of the customer's last message.
    """
    content = check_content(body.content)
    if "type" not in content:
        raise Invalid.field("content.type", "is required")
    message = sending.NewMessage(
        body.platform, content, body.channel_app_id, "channel_app_id", contact=body.contact, reply_to=body.reply_to
    )
    if dry_run(ctx):
        return Reply(render_preview(await sending.check_message(ctx, message)))
    [shown] = await render_messages(ctx, [await sending.send_message(ctx, message)])
    return shown
