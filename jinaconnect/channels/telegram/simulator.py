"""A simulated Bot API: takes what the real one takes, answers as it does, and posts updates through the webhook door.

What it does is decided by the chat written to, as everywhere in the sandbox: chat 12025550111 stands for the number
+1 202 555 0111. Telegram reports nothing of messages after their send, so what reports would say is left out.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson

from jinaconnect.channels.base import Account, Parts
from jinaconnect.channels.script import PLANS, SILENT, Script, ending
from jinaconnect.outbound import Ambiguous, Fetched
from jinaconnect.store.blobs import Spool

_MEDIA = "simmedia"
_NO_MESSAGES = ("answerCallbackQuery", "setMessageReaction", "setWebhook", "deleteWebhook", "sendChatAction")


def simulated_bot(number: str, secret: Callable[[str], str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the fields and credentials of a simulated bot; `secret` makes its secrets."""
    fields = {"bot_user_id": number, "bot_username": f"sandbox_{number}_bot"}
    return fields, {"bot_token": f"{number}:{secret('bot token')}", "webhook_secret": secret("webhook secret")}


class SimulatedTelegram:
    """The simulated Bot API."""

    def __init__(self, parts: Parts) -> None:
        self._script = Script.of(parts)
        self._outside = parts.outbound

    async def call(self, account: Account, method: str, params: Mapping[str, Any], reference: str) -> Fetched:
        """Carry out a method as the Bot API does."""
        if method == "getMe":
            return _result({**_bot(account), "username": account.fields["bot_username"]})
        if method == "getFile":
            id = str(params["file_id"])
            return _result({"file_id": id, "file_unique_id": _digest(id)[:16], "file_path": f"photos/{id}"})
        if method in _NO_MESSAGES:
            return _result(True)
        return await self._message(account, method, params, reference)

    async def _message(self, account: Account, method: str, params: Mapping[str, Any], reference: str) -> Fetched:
        chat = str(params["chat_id"])
        if "failed" in PLANS.get(ending(chat), ((),))[0]:
            return _error(403, "Forbidden: bot was blocked by the user")
        if self._script.busy(chat, reference):
            return _error(429, "Too Many Requests: retry after 1", {"retry_after": 1})
        number = _number(f"out {reference}")
        message: dict[str, Any] = {
            "message_id": number, "chat": _chat(int(chat), ""), "from": _bot(account), **_shown(method, params),
        }  # fmt: skip

        def answer(at: datetime) -> dict[str, Any]:
            """The customer presses the first button there is, else says hello."""
            data = _first_button(params)
            stamp = {"date": int(at.timestamp())}
            if data is None:
                said = {"message_id": _number(f"reply {reference}"), "text": "hello", **stamp}
                update = {"message": {**said, "chat": _chat(int(chat), ""), "from": _person(int(chat), "")}}
            else:
                query = {"id": str(_number(f"press {reference}")), "chat_instance": _digest(chat)[:16], "data": data}
                update = {
                    "callback_query": {**query, "from": _person(int(chat), ""), "message": {**message, **stamp}},
                }  # fmt: skip
            return {"body": _update(at, update).decode()}

        await self._script.deliver(account, chat, f"{account.id}:{number}", lambda status, at: None, answer)
        if ending(chat) == SILENT:
            raise Ambiguous("the simulated carrier timed out after accepting")
        return _result(message)

    async def file(self, path: str, into: Spool, limit: int) -> Fetched:
        """Fetch a simulated customer's file from where they have it."""
        link = base64.urlsafe_b64decode(path.rpartition("/")[2].removeprefix(_MEDIA)).decode()
        return await self._outside.request("GET", link, follow=True, limit=limit, timeout_s=60, into=into)


def customers_update(
    chat: int, name: str, text: str | None, media_url: str | None, id: str, at: datetime
) -> tuple[int, bytes]:
    """Return (the message's number, the update) of a message a customer writes."""
    number = _number(f"in {id}")
    message: dict[str, Any] = {
        "message_id": number, "date": int(at.timestamp()), "chat": _chat(chat, name), "from": _person(chat, name),
    }  # fmt: skip
    if media_url is not None:
        file = _MEDIA + base64.urlsafe_b64encode(media_url.encode()).decode()
        message["photo"] = [
            {"file_id": file, "file_unique_id": _digest(file)[:16], "width": 800, "height": 600}
        ]  # fmt: skip
    else:
        message["text"] = text
    return number, _update(at, {"message": message})


def _update(at: datetime, what: Mapping[str, Any]) -> bytes:
    return orjson.dumps({"update_id": int(at.timestamp() * 1000) % 2**31, **what})


def _person(id: int, name: str) -> dict[str, Any]:
    first, _, last = (name or f"Customer {id % 10_000:04}").partition(" ")
    return {"id": id, "is_bot": False, "first_name": first, **({"last_name": last} if last else {})}


def _chat(id: int, name: str) -> dict[str, Any]:
    person = {part: value for part, value in _person(id, name).items() if part != "is_bot"}
    return {**person, "type": "private"} if name else {"id": id, "type": "private"}


def _bot(account: Account) -> dict[str, Any]:
    return {"id": int(account.fields["bot_user_id"] or 0), "is_bot": True, "first_name": "Sandbox"}


def _shown(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    named = {name: params[name] for name in ("text", "caption") if name in params}
    markup = params.get("reply_markup")
    inline = isinstance(markup, Mapping) and "inline_keyboard" in markup
    return {**named, **({"reply_markup": markup} if inline else {})}


def _first_button(params: Mapping[str, Any]) -> str | None:
    markup = params.get("reply_markup")
    rows = markup.get("inline_keyboard") if isinstance(markup, Mapping) else None
    buttons = [button for row in rows or () for button in row]
    return next((str(button["callback_data"]) for button in buttons if "callback_data" in button), None)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _number(text: str) -> int:
    return int(_digest(text)[:12], 16) % 2**31 or 1


def _result(result: Any) -> Fetched:
    return Fetched(200, {"content-type": "application/json"}, orjson.dumps({"ok": True, "result": result}), "")


def _error(code: int, description: str, parameters: Mapping[str, Any] | None = None) -> Fetched:
    told = {"ok": False, "error_code": code, "description": description}
    if parameters is not None:
        told["parameters"] = dict(parameters)
    return Fetched(code, {"content-type": "application/json"}, orjson.dumps(told), "")
