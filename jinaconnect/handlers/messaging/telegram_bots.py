"""`/telegram/v1/bots/`: Telegram bots."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from jinaconnect.actions.context import Context, OperationContext, Services
from jinaconnect.actions.listing import list_documents
from jinaconnect.actions.messaging import accounts as apps
from jinaconnect.actions.messaging.connecting import connect
from jinaconnect.actions.messaging.daily import counted
from jinaconnect.channels.telegram.channel import Telegram
from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.errors import CarrierFailed, Invalid
from jinaconnect.core.paging import Filter, Listing, bool_filter
from jinaconnect.core.schema import Answer, Given, Request, example
from jinaconnect.handlers.edge.operation import operation
from jinaconnect.outbound import OutboundError

PLATFORM, CHANNEL = "TELEGRAM", "telegram"
_TOKEN = re.compile(r"([0-9]{1,20}):[A-Za-z0-9_-]{20,100}")

Token = Annotated[str, StringConstraints(max_length=128)]
BaseUrl = Annotated[str, StringConstraints(max_length=512, pattern=r"^https?://")]
DailyLimit = Annotated[int, Field(ge=0, le=10_000_000)]


class BotFields(Request, json_schema_extra=example(is_active=False)):
    """What may be changed of a bot; another `base_url` needs the token given anew."""

    bot_token: Given[Token] = None
    is_active: Given[bool] = None
    daily_limit: Given[DailyLimit] = None
    base_url: BaseUrl | None = None

    def split(self, services: Services) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return (plain fields, credentials to seal); raises Invalid naming each that cannot be one."""
        fields = self.model_dump(exclude_unset=True)
        given = [name for name in ("bot_token", "base_url") if name in fields]
        credentials: dict[str, Any] = {name: fields.pop(name) for name in given}
        faults = apps.check_credentials(services, Telegram.spec, credentials)
        if "bot_token" in credentials and _TOKEN.fullmatch(credentials["bot_token"]) is None:
            faults["bot_token"] = ["is no token of a bot: a number, a colon and the rest, as @BotFather gave it"]
        if faults:
            raise Invalid(faults)
        return fields, credentials


class NewBot(BotFields, json_schema_extra=example(bot_token="110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw")):
    """A bot to add; `base_url` is where the Bot API is, unless it is where the deployment says."""

    bot_token: Token


class BotOut(Answer):
    """A Telegram bot; its token is never shown."""

    id: str
    bot_username: str | None
    bot_user_id: str | None
    is_active: bool
    simulated: bool = Field(description="Whether it is one of the sandbox's, which never leave this program.")
    webhook_url: str
    daily_limit: int
    messages_sent_today: int
    created_at: str | None
    updated_at: str | None


class BotRegistered(Answer):
    """The webhook is set."""

    ok: bool
    webhook_url: str


class BotAuthenticated(Answer):
    """The token is good; `bot` is what Telegram says of it."""

    ok: bool
    bot: dict[str, Any]


class BotDeactivated(Answer):
    """The bot is turned off."""

    ok: bool
    is_active: bool


_BOTS = Listing(
    filters={"bot_user_id": Filter("bot_user_id", lookups=("", "in")), "is_active": bool_filter("is_active")},
    search=("bot_username", "bot_user_id"),
)


def _shown(services: Services, doc: Mapping[str, Any]) -> dict[str, Any]:
    base = services.settings.public_url or services.settings.own_url
    return {
        "id": doc["_id"], "bot_username": doc.get("bot_username"), "bot_user_id": doc.get("bot_user_id"),
        "is_active": doc["is_active"], "simulated": doc["simulated"],
        "webhook_url": base + Telegram.spec.path(doc["tenant_id"], doc["_id"]),
        "daily_limit": doc["daily_limit"], "messages_sent_today": doc["messages_sent_today"],
        "created_at": iso_or_none(doc["created_at"]), "updated_at": iso_or_none(doc["updated_at"]),
    }  # fmt: skip


async def _bot(ctx: Context, id: str) -> dict[str, Any]:
    return _shown(ctx.services, (await counted(ctx, [await apps.get_app(ctx, PLATFORM, id)]))[0])


@operation(
    "GET", "/telegram/v1/bots/", id="telegram.bots.list", permission="wa_app.view", listing=_BOTS, returns=BotOut,
    tag="telegram",
)  # fmt: skip
async def list_bots(ctx: OperationContext) -> dict[str, Any]:
    """List the Telegram bots."""

    async def render(docs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [_shown(ctx.services, doc) for doc in await counted(ctx, docs)]

    if ctx.principal.mode == "test":
        await apps.ensure_sandbox_accounts(ctx.services, ctx.ports.channels, ctx.principal.tenant, PLATFORM)
    return await list_documents(ctx, "apps", _BOTS, render, {"deleted_at": None, "channel": PLATFORM})


@operation(
    "POST", "/telegram/v1/bots/", id="telegram.bots.create", permission="wa_app.manage", body=NewBot, returns=BotOut,
    status=201, effect=True, tag="telegram", errors=(409, 502),
)  # fmt: skip
async def create_bot(ctx: OperationContext, body: NewBot) -> dict[str, Any]:
    """Add a bot: its token is checked at Telegram, its webhook set there; the token is sealed and never shown again.

    With a test key the bot is simulated, and Telegram is not asked.
    """
    fields, credentials = body.split(ctx.services)
    id = body.bot_token.partition(":")[0]
    fields.update(app_name=f"Telegram bot {id}", bot_user_id=id)
    if ctx.principal.mode == "test":
        fields["bot_username"] = f"sandbox_{id}_bot"
    credentials["webhook_secret"] = ctx.secret("webhook secret")
    made = await apps.create_app(ctx, CHANNEL, fields, credentials)
    return await _bot(ctx, made["id"])


@operation(
    "GET", "/telegram/v1/bots/{id}/", id="telegram.bots.read", permission="wa_app.view", returns=BotOut, tag="telegram"
)
async def read_bot(ctx: Context, id: str) -> dict[str, Any]:
    """Show one bot."""
    return await _bot(ctx, id)


@operation(
    "PATCH", "/telegram/v1/bots/{id}/", id="telegram.bots.change", permission="wa_app.manage", body=BotFields,
    returns=BotOut, effect=True, tag="telegram", errors=(409, 502),
)  # fmt: skip
async def change_bot(ctx: OperationContext, id: str, body: BotFields) -> dict[str, Any]:
    """Change a bot; one that is turned on, or given another token, has its webhook set anew."""
    fields, credentials = body.split(ctx.services)
    if "bot_token" in credentials:
        fields["bot_user_id"] = credentials["bot_token"].partition(":")[0]
    await apps.change_app(ctx, PLATFORM, id, fields, credentials, place="{}")
    return await _bot(ctx, id)


@operation(
    "DELETE", "/telegram/v1/bots/{id}/", id="telegram.bots.delete", permission="wa_app.delete", status=204,
    effect=True, tag="telegram",
)  # fmt: skip
async def delete_bot(ctx: OperationContext, id: str) -> None:
    """Remove a bot and its webhook at Telegram; its messages stay."""
    await apps.delete_app(ctx, PLATFORM, id)


@contextmanager
def _refusing() -> Iterator[None]:
    """Have what Telegram refuses answered with `ok` and `error` besides, as what it takes is with `ok`."""
    try:
        yield
    except Invalid as refused:
        told = refused.detail.values() if isinstance(refused.detail, Mapping) else [[refused.detail]]
        refused.extra |= {"ok": False, "error": " ".join(words for each in told for words in each)}
        raise


@operation(
    "POST", "/telegram/v1/bots/{id}/register_webhook/", id="telegram.bots.register_webhook",
    permission="wa_app.manage", returns=BotRegistered, effect=True, tag="telegram", errors=(502,),
)  # fmt: skip
async def register_webhook(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Set the bot's webhook at Telegram once more, with its secret token."""
    shown = await _bot(ctx, id)
    doc = await apps.get_app(ctx, PLATFORM, id)
    with _refusing():
        await connect(ctx.services, ctx.ports.channels[CHANNEL], ctx.ports.accounts.open(doc))
    return {"ok": True, "webhook_url": shown["webhook_url"]}


@operation(
    "POST", "/telegram/v1/bots/{id}/test_auth/", id="telegram.bots.test_auth", permission="wa_app.manage",
    returns=BotAuthenticated, effect=True, tag="telegram", errors=(502,),
)  # fmt: skip
async def test_auth(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Ask Telegram whose the bot's token is."""
    account = ctx.ports.accounts.open(await apps.get_app(ctx, PLATFORM, id))
    channel = ctx.ports.channels[CHANNEL]
    assert isinstance(channel, Telegram)
    try:
        with _refusing():
            return {"ok": True, "bot": dict(await channel.who(account))}
    except OutboundError as error:
        raise CarrierFailed(f"Telegram could not be asked: {error}") from error


@operation(
    "POST", "/telegram/v1/bots/{id}/deactivate/", id="telegram.bots.deactivate", permission="wa_app.manage",
    returns=BotDeactivated, effect=True, tag="telegram",
)  # fmt: skip
async def deactivate(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Turn a bot off and remove its webhook at Telegram."""
    await apps.change_app(ctx, PLATFORM, id, {"is_active": False}, {}, place="{}")
    return {"ok": True, "is_active": False}
