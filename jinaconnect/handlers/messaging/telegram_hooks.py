"""`/telegram/v1/webhooks/{bot_app_id}/`, where Telegram posts."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.channels.telegram.channel import SECRET_HEADER
from jinaconnect.core.schema import Answer, example
from jinaconnect.handlers.edge.operation import PUBLIC, operation
from jinaconnect.handlers.edge.schemas import Parameter
from jinaconnect.handlers.messaging.hooks import WEBHOOK_BYTES, take_webhook
from jinaconnect.handlers.messaging.telegram_bots import PLATFORM

SECRET = Parameter(
    "The secret token that was given with the webhook.",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,256}$"},
    required=True,
)


class TelegramUpdate(
    Answer,
    json_schema_extra=example(
        update_id=10000,
        message={
            "message_id": 1365, "date": 1795687200, "text": "Do you have it in blue?",
            "chat": {"id": 12025550111, "type": "private", "first_name": "Ann", "last_name": "Lee"},
            "from": {"id": 12025550111, "is_bot": False, "first_name": "Ann", "last_name": "Lee"},
        },
    ),
):  # fmt: skip
    """What Telegram posts: one update, as the Bot API describes it."""

    update_id: int
    message: dict[str, Any] | None = None
    edited_message: dict[str, Any] | None = None
    callback_query: dict[str, Any] | None = None
    message_reaction: dict[str, Any] | None = None
    my_chat_member: dict[str, Any] | None = None


class TelegramTaken(Answer):
    """It was taken, or is of no concern."""

    ok: bool = Field(description="Always true.")


@operation(
    "GET", "/telegram/v1/webhooks/{bot_app_id}/", id="telegram.webhooks.greet", permission=PUBLIC, tag="telegram",
    limited=False, returns=TelegramTaken,
)  # fmt: skip
async def webhook_greet(ctx: Context, bot_app_id: str) -> dict[str, Any]:
    """Say that the door is there; it tells nothing of whether there is such a bot."""
    return {"ok": True}


@operation(
    "POST", "/telegram/v1/webhooks/{bot_app_id}/", id="telegram.webhooks.receive", permission=PUBLIC, raw=True,
    body=TelegramUpdate, returns=TelegramTaken, headers={SECRET_HEADER: SECRET}, limit=WEBHOOK_BYTES, tag="telegram",
    limited=False,
)  # fmt: skip
async def webhook_receive(ctx: OperationContext, bot_app_id: str, body: bytes) -> dict[str, Any]:
    """Take an update with the bot's secret token: applied, or stored, then answered.

    What is for no bot of ours, or no update at all, is answered the same and changes nothing: Telegram repeats for
    days what is refused.
    """
    behind = await ctx.ports.message_hooks.behind(PLATFORM, bot_app_id)
    if behind is not None:
        await take_webhook(ctx, *behind, body)
    return {"ok": True}
