"""Telegram bots through the Bot API: sending, files, the bot itself and its webhook.

Source: the machine-readable description of the Bot API, version 10.1, and Telegram's documented limits. The token is
part of every address, so no address of a request is logged or kept.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from jinaconnect.channels.abilities import Connected, Written
from jinaconnect.channels.base import (
    Accepted,
    Account,
    ChannelSpec,
    Composed,
    FileRefused,
    Outcome,
    Outgoing,
    Parts,
    Unknown,
    Verified,
    WebhookReply,
    WebhookRequest,
    no_file,
)
from jinaconnect.channels.facts import Fact
from jinaconnect.channels.pace import Pace
from jinaconnect.channels.telegram.compose import composed
from jinaconnect.channels.telegram.facts import chat_of, facts_of, kind_of
from jinaconnect.channels.telegram.ids import carrier_id, chat_address, is_group
from jinaconnect.channels.telegram.outcome import Answer, read, refusal
from jinaconnect.channels.telegram.simulator import SimulatedTelegram, customers_update, simulated_bot
from jinaconnect.core.errors import BadSignature, CarrierFailed, Invalid, Malformed
from jinaconnect.core.inbox.address import Address
from jinaconnect.core.inbox.media_type import media_type
from jinaconnect.outbound import Fetched
from jinaconnect.store.blobs import Spool

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
UPDATES = (
    "message", "edited_message", "channel_post", "edited_channel_post", "callback_query", "message_reaction",
    "my_chat_member",
)  # fmt: skip
CONNECTIONS = 40  # at once, of a bot's webhooks
TIMEOUT_S, FETCH_S = 30.0, 60.0
MAX_FILE = 20 * 1024 * 1024  # what Telegram's own servers give out
GROUP_PER_S = 20 / 60


def _group_pace(address: Address) -> float | None:
    return GROUP_PER_S if is_group(address) else None


class Telegram:
    """The Bot API."""

    spec = ChannelSpec(
        name="telegram", platform="TELEGRAM", provider="TELEGRAM", label="Telegram",
        secrets={"bot_token": 20, "webhook_secret": 24}, presented=("bot_token",), settings=("base_url",),
        account_address="_id", fields=("bot_user_id", "bot_username"), webhook_path="/telegram/v1/webhooks/{account}/",
        receipts=False, pace=Pace(account_per_s=30, address_per_s=1, slower=_group_pace),
    )  # fmt: skip

    def __init__(self, parts: Parts) -> None:
        self._base_url = parts.settings.get(self.spec.name, {}).get("base_url", "https://api.telegram.org")
        self._outside = parts.outbound
        self._simulator = SimulatedTelegram(parts)

    def _base(self, account: Account) -> str:
        return (account.settings.get("base_url") or self._base_url).rstrip("/")

    async def _call(self, account: Account, method: str, params: Mapping[str, Any], reference: str = "") -> Answer:
        """Have the Bot API carry out a method; raises what the transport raises."""
        if account.simulated:
            return read(await self._simulator.call(account, method, params, reference))
        url = f"{self._base(account)}/bot{account.secrets.get('bot_token', '')}/{method}"
        return read(await self._outside.request("POST", url, json=dict(params), timeout_s=TIMEOUT_S))

    # --- sending -------------------------------------------------------------------------------------------------

    def compose(self, account: Account, message: Outgoing) -> Composed:
        """Return a message as a method and its parameters."""
        return composed(message)

    async def send(self, account: Account, to: Address, wire: Mapping[str, Any], reference: str) -> Outcome:
        """Send one message; a group that has become a supergroup is followed there."""
        answer = await self._send(account, to, wire, reference)
        if answer.migrated_to is None:
            return _outcome(account, to, answer, reference)
        moved = chat_address(answer.migrated_to)
        outcome = _outcome(account, moved, await self._send(account, moved, wire, reference), reference)
        return Accepted(outcome.carrier_id, moved_to=moved) if isinstance(outcome, Accepted) else outcome

    async def _send(self, account: Account, to: Address, wire: Mapping[str, Any], reference: str) -> Answer:
        return await self._call(account, wire["method"], {"chat_id": to.value, **wire["params"]}, reference)

    # --- webhooks ------------------------------------------------------------------------------------------------

    def verify(self, accounts: Sequence[Account], hook: WebhookRequest) -> Verified:
        """Return whose an update is: its address names the bot, its header has that bot's secret."""
        named = [account for account in accounts if account.id == hook.part(-1)]
        given = hook.headers.get(SECRET_HEADER.lower(), "").encode("utf-8", "replace")
        if not named:
            return Verified((), reason="no bot of this name")
        secret = named[0].secrets.get("webhook_secret", "")
        if not secret or not hmac.compare_digest(secret.encode(), given):
            raise BadSignature("The secret token is not the bot's.")
        try:
            update = hook.json
        except Malformed:
            return Verified((), reason="not JSON")  # Telegram would repeat for days what is refused
        if not isinstance(update, dict) or type(update.get("update_id")) is not int:
            return Verified((), reason="no update")
        return Verified((named[0].id,), kind_of(update), chat_of(update))

    def parse(self, hook: WebhookRequest) -> list[Fact]:
        """Return what an update tells."""
        return facts_of(hook.json, hook.part(-1))

    def greet(self, accounts: Sequence[Account], hook: WebhookRequest) -> WebhookReply | None:
        """Say that somebody is there; Telegram does not ask, people do."""
        return WebhookReply('{"ok":true}', "application/json")

    async def acknowledge(self, account: Account, handle: Mapping[str, Any]) -> None:
        """Answer a pressed button, which shows until then that somebody waits; one that is too old needs none."""
        answer = await self._call(account, "answerCallbackQuery", handle)
        if not answer.told or answer.status == 429 or answer.status >= 500:
            raise CarrierFailed(f"the carrier answered {answer.status} to an acknowledgement")

    # --- files ---------------------------------------------------------------------------------------------------

    async def fetch(self, account: Account, handle: Mapping[str, Any], into: Spool, limit: int) -> str | None:
        """Ask where a file lies and fetch it; Telegram's own servers give out none above 20 MB."""
        own = self._base(account) != "https://api.telegram.org"
        most = limit if own else min(limit, MAX_FILE)
        size = handle.get("size")
        if type(size) is int and size > most:
            raise FileRefused(f"the file has {size} bytes, more than the {most} that can be fetched")
        answer = await self._call(account, "getFile", {"file_id": handle["file_id"]})
        if not answer.ok:
            failure = FileRefused if answer.told and answer.status == 400 else CarrierFailed
            raise failure(f"the carrier answered {answer.status} for a file: {answer.description}")
        path = answer.result.get("file_path") if isinstance(answer.result, Mapping) else None
        if not isinstance(path, str) or not path or path.startswith("/") or ".." in path:
            raise FileRefused("the carrier told no path of the file")
        file = await self._download(account, path, into, most)
        if file.status != 200:
            raise no_file(file.status, f"the carrier answered {file.status} for a file")
        return media_type(handle.get("mime_type") or file.headers.get("content-type"))

    async def _download(self, account: Account, path: str, into: Spool, limit: int) -> Fetched:
        if account.simulated:
            return await self._simulator.file(path, into, limit)
        url = f"{self._base(account)}/file/bot{account.secrets.get('bot_token', '')}/{path}"
        return await self._outside.request("GET", url, limit=limit, timeout_s=FETCH_S, into=into)

    # --- the bot -------------------------------------------------------------------------------------------------

    async def who(self, account: Account) -> Mapping[str, Any]:
        """Return the bot as Telegram knows it; raises Invalid naming the token it refuses, CarrierFailed."""
        answer = await self._call(account, "getMe", {})
        if answer.told and answer.status in (401, 404):
            raise Invalid.field("bot_token", f"Telegram refuses it: {answer.description}")
        bot = answer.result
        if not answer.ok or not isinstance(bot, Mapping) or type(bot.get("id")) is not int:
            raise CarrierFailed(f"Telegram answered {answer.status}: {answer.description or 'nothing it should'}")
        return bot

    async def connect(self, account: Account, url: str) -> Connected:
        """Check the token, and have the bot's updates posted to `url` with its secret."""
        bot = await self.who(account)
        wanted = {
            "url": url, "secret_token": account.secrets["webhook_secret"], "allowed_updates": list(UPDATES),
            "max_connections": CONNECTIONS,
        }  # fmt: skip
        answer = await self._call(account, "setWebhook", wanted)
        if answer.told and answer.status == 400:
            raise Invalid.field("webhook_url", f"Telegram refuses {url}: {answer.description}")
        if not answer.ok:
            raise CarrierFailed(f"Telegram answered {answer.status} to the webhook: {answer.description}")
        return Connected({"bot_user_id": str(bot["id"]), "bot_username": str(bot.get("username") or "")})

    async def disconnect(self, account: Account) -> None:
        """Have the bot's updates posted no more."""
        answer = await self._call(account, "deleteWebhook", {})
        if not answer.ok:
            raise CarrierFailed(f"Telegram answered {answer.status}: {answer.description}")

    # --- the simulated carrier -----------------------------------------------------------------------------------

    def simulated_account(self, number: str, secret: Callable[[str], str]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the fields and credentials of a simulated bot."""
        return simulated_bot(number, secret)

    def customer_writes(
        self, account: Account, sender: str, name: str, text: str | None, media_url: str | None, id: str, at: datetime
    ) -> Written:
        """Return the update of a customer's message; raises Invalid for a sender that is no chat id."""
        chat = sender.lstrip("+")
        if not chat.isascii() or not chat.isdigit() or not 0 < int(chat) < 2**52:
            raise Invalid.field("from", "must be a chat id, a whole number")
        number, body = customers_update(int(chat), name, text, media_url, id, at)
        return Written(self._posted(account, body), carrier_id(account.id, int(chat), number))

    def reported(self, account: Account, data: Mapping[str, Any]) -> WebhookRequest:
        """Return the webhook of a planned update."""
        return self._posted(account, data["body"].encode())

    def _posted(self, account: Account, body: bytes) -> WebhookRequest:
        headers = {"content-type": "application/json", SECRET_HEADER.lower(): account.secrets["webhook_secret"]}
        return WebhookRequest(body, url=self.spec.path(account.tenant, account.id), headers=headers)


def _outcome(account: Account, to: Address, answer: Answer, reference: str) -> Outcome:
    """Return what an answer to a send means.

    Only the Bot API's own word that it did not take the message is a refusal: a page with a 5xx may come from whatever
    stands before it, after the message was taken.
    """
    if not answer.told:
        return Unknown(f"the carrier answered {answer.status} without a result")
    if not answer.ok:
        return refusal(answer)
    if answer.result is True:  # a reaction is no message, and has no number
        return Accepted(f"reaction:{reference}")
    number = answer.result.get("message_id") if isinstance(answer.result, Mapping) else None
    if type(number) is not int:
        return Unknown("the carrier accepted without naming the message")
    return Accepted(carrier_id(account.id, int(to.value), number))
