"""`/telegram/v1/messages/`: Telegram messages, sent and received."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from jinaconnect.actions.contacts import contacts
from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.listing import list_documents
from jinaconnect.channels.telegram.view import BLOCKED, UNREACHABLE, telegram_view
from jinaconnect.core.contacts.listing import CONTACTS
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.status import FAILED, STATUSES
from jinaconnect.core.schema import Answer
from jinaconnect.handlers.contacts.contacts import ChannelContact
from jinaconnect.handlers.edge.operation import Reply, operation
from jinaconnect.handlers.messaging.messages import (
    SendPreview,
    listed_messages,
    message_listing,
    of_contacts,
    seen_message,
    sent_or_preview,
)
from jinaconnect.handlers.messaging.telegram_bots import PLATFORM
from jinaconnect.handlers.messaging.telegram_request import SendTelegram


class TelegramMessage(Answer):
    """A Telegram message. Bots hear nothing of a message after its send: SENT is the last status of one that went.

    BLOCKED is one that failed because its chat takes nothing from the bot.
    """

    id: str
    message_id: int | None
    direction: Literal["INBOUND", "OUTBOUND"]
    chat_id: int | None
    contact: str
    bot_id: str | None
    message_type: str
    text: str | None
    media_url: str | None
    reply_to: str | None
    provider_message_id: str | None = Field(description="Telegram's own names of it, `chat:message`, once it is sent.")
    status: Literal[
        "PENDING", "SENDING", "UNKNOWN", "SENT", "DELIVERED", "READ", "FAILED", "EXPIRED", "RECEIVED", "BLOCKED"
    ]
    scheduled_time: str | None
    sent_at: str | None
    failed_at: str | None
    error_code: str | None
    error_message: str | None
    created_at: str


class TelegramSent(TelegramMessage):
    """A message that is recorded; `outbound_id` is its id."""

    success: bool
    outbound_id: str


_MESSAGES = message_listing("bot_id", statuses=(*STATUSES, BLOCKED))


@operation(
    "POST", "/telegram/v1/messages/", id="telegram.messages.send", permission="inbox.reply", body=SendTelegram,
    returns=TelegramSent, status=201, effect=True, dry_run=SendPreview, tag="telegram",
    aliases=("/telegram/v1/send/", "/telegram/v1/messages/send/"),
)  # fmt: skip
async def send_message(ctx: OperationContext, body: SendTelegram) -> dict[str, Any] | Reply:
    """Send a Telegram message.

    The answer means "recorded"; `message.sent` or `message.failed` follows. Each bot sends 30 messages a second, one a
    second to a chat and 20 a minute to a group: what is more waits for its turn.
    """
    if faults := body.missing():
        raise Invalid(faults)
    made = await sent_or_preview(ctx, body.message())
    if isinstance(made, Reply):
        return made
    doc, contact = made
    shown = telegram_view(doc, contact["telegram_chat_id"])
    return {"success": True, "outbound_id": doc["_id"], **shown}


@operation(
    "GET", "/telegram/v1/messages/", id="telegram.messages.list", permission="inbox.view", listing=_MESSAGES,
    returns=TelegramMessage, tag="telegram",
)  # fmt: skip
async def list_messages(ctx: Context) -> dict[str, Any]:
    """List the Telegram messages, sent and received."""
    query, asked = dict(ctx.caller.query), []
    if query.get("status") in (BLOCKED, FAILED):  # the former is one of the latter here
        asked = [{"error_code": UNREACHABLE if query["status"] == BLOCKED else {"$ne": UNREACHABLE}}]
        ctx.caller.query = {**query, "status": FAILED}

    async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        chats = await of_contacts(ctx, docs, "telegram_chat_id")
        return [telegram_view(doc, chats.get(doc["contact"])) for doc in docs]

    within = await listed_messages(ctx, PLATFORM)
    return await list_documents(ctx, "messages", _MESSAGES, render, within, asked)


@operation(
    "GET", "/telegram/v1/messages/{id}/", id="telegram.messages.read", permission="inbox.view",
    returns=TelegramMessage, tag="telegram",
)  # fmt: skip
async def read_message(ctx: Context, id: str) -> dict[str, Any]:
    """Show one Telegram message."""
    doc, contact = await seen_message(ctx, PLATFORM, id)
    return telegram_view(doc, contact["telegram_chat_id"])


@operation(
    "GET", "/telegram/v1/contacts/", id="telegram.contacts.list", permission="contact.view", listing=CONTACTS,
    returns=ChannelContact, tag="telegram",
)  # fmt: skip
async def list_contacts(ctx: Context) -> dict[str, Any]:
    """List the contacts that came by Telegram or were added by hand."""
    return await contacts.list_contacts_of(ctx, PLATFORM)
