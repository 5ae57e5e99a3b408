"""`/telegram/v1/messages/`: Telegram messages, sent and received."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.messaging import sending
from jinaconnect.actions.scoping import message_filter, visible
from jinaconnect.channels.telegram.view import BLOCKED, UNREACHABLE, telegram_view
from jinaconnect.core.errors import Invalid, NotFound
from jinaconnect.core.inbox.status import FAILED, STATUSES
from jinaconnect.core.paging import Filter, Listing, choice_filter, one_of, parse_text, time_filter
from jinaconnect.core.schema import Answer
from jinaconnect.handlers.edge.operation import operation
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


def _direction(text: str) -> str:
    found = {"INBOUND": "INCOMING", "OUTBOUND": "OUTGOING"}.get(text.upper())
    if found is None:
        raise ValueError("must be INBOUND or OUTBOUND")
    return found


_MESSAGES = Listing(
    filters={
        "bot_id": Filter("app", lookups=("", "in")),
        "contact": Filter("contact"),
        "direction": Filter("direction", _direction, schema=one_of("INBOUND", "OUTBOUND")),
        "message_type": Filter("type", lambda text: parse_text(text).upper()),
        "status": choice_filter("status", (*STATUSES, BLOCKED)),
        "created_at": time_filter("created_at"),
        "sent_at": time_filter("sent_at"),
    },
    search=("content.body.text", "carrier_id"),
    orderings={"created_at": "created_at", "sent_at": "sent_at"},
)


@operation(
    "POST", "/telegram/v1/messages/", id="telegram.messages.send", permission="inbox.reply", body=SendTelegram,
    returns=TelegramSent, status=201, effect=True, tag="telegram",
    aliases=("/telegram/v1/send/", "/telegram/v1/messages/send/"),
)  # fmt: skip
async def send_message(ctx: OperationContext, body: SendTelegram) -> dict[str, Any]:
    """Send a Telegram message.

    The answer means "recorded"; `message.sent` or `message.failed` follows. Each bot sends 30 messages a second, one a
    second to a chat and 20 a minute to a group: what is more waits for its turn.
    """
    if faults := body.missing():
        raise Invalid(faults)
    doc = await sending.send_message(ctx, body.message())
    contact = await ctx.data.get("contacts", doc["contact"])
    shown = telegram_view(doc, contact["telegram_chat_id"])
    return {"success": True, "outbound_id": doc["_id"], **shown}


@operation(
    "GET", "/telegram/v1/messages/", id="telegram.messages.list", permission="inbox.view", listing=_MESSAGES,
    returns=TelegramMessage, tag="telegram",
)  # fmt: skip
async def list_messages(ctx: Context) -> dict[str, Any]:
    """List the Telegram messages, sent and received."""
    within: dict[str, Any] = {
        "platform": PLATFORM, "internal_note": False, "deleted_at": None, **await message_filter(ctx),
    }  # fmt: skip
    query, asked = dict(ctx.caller.query), []
    if query.get("status") in (BLOCKED, FAILED):  # the former is one of the latter here
        asked = [{"error_code": UNREACHABLE if query["status"] == BLOCKED else {"$ne": UNREACHABLE}}]
        ctx.caller.query = {**query, "status": FAILED}

    async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        ids = list({doc["contact"] for doc in docs})
        rows = await ctx.data.select("contacts", {"_id": {"$in": ids}}, fields={"telegram_chat_id": 1}) if ids else []
        chats = {row["_id"]: row.get("telegram_chat_id") for row in rows}
        return [telegram_view(doc, chats.get(doc["contact"])) for doc in docs]

    return await list_documents(ctx, "messages", _MESSAGES, render, within, asked)


@operation(
    "GET", "/telegram/v1/messages/{id}/", id="telegram.messages.read", permission="inbox.view",
    returns=TelegramMessage, tag="telegram",
)  # fmt: skip
async def read_message(ctx: Context, id: str) -> dict[str, Any]:
    """Show one Telegram message."""
    doc = await ctx.data.get("messages", id)
    contact = await ctx.data.find("contacts", doc["contact"])
    if doc["platform"] != PLATFORM or doc["internal_note"] or contact is None or not visible(ctx.principal, contact):
        raise NotFound()
    return telegram_view(doc, contact["telegram_chat_id"])
