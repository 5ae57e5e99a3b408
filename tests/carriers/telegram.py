"""The Bot API as a server on loopback: takes sends, counts them, misbehaves when told to, posts updates.

Requests, answers, errors and updates have the wire form of Telegram's description (Bot API 10.1), and every request is
held against it.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.carriers.bot_api import request_faults, update_faults

ERRORS = {
    400: "Bad Request: chat not found", 401: "Unauthorized", 403: "Forbidden: bot was blocked by the user",
    404: "Not Found", 409: "Conflict: terminated by other getUpdates request", 429: "Too Many Requests: retry after 1",
    500: "Internal Server Error", 502: "Bad Gateway",
}  # fmt: skip


@dataclass(frozen=True)
class Behaviour:
    """What one call meets: an error with `status` and `parameters`, a page without a word of the Bot API (`page`), or
    a broken connection after the message was taken (`reset`, which `hang` does once it is let go)."""

    status: int = 200
    parameters: dict[str, Any] | None = None
    description: str = ""
    page: bool = False
    reset: bool = False
    hang: bool = False


@dataclass
class BotServer:
    """The Bot API with one bot; `next` holds how it meets the coming sends, one each, after which it accepts."""

    id: int = field(default_factory=lambda: secrets.randbelow(10**9) + 10**9)
    username: str = "shop_bot"
    token: str = ""
    port: int = 0
    webhook: dict[str, Any] | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    calls: list[tuple[float, str, dict[str, Any]]] = field(default_factory=list)
    taken: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    next: deque[Behaviour] = field(default_factory=deque)
    webhook_refused: str = ""
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = field(default=None, repr=False)
    _serial: int = 100

    def __post_init__(self) -> None:
        self.token = self.token or f"{self.id}:{secrets.token_urlsafe(26)}"

    async def start(self) -> None:
        """Listen."""
        application = web.Application()
        application.router.add_post("/bot{token}/{method}", self._called)
        application.router.add_get("/file/bot{token}/{path:.+}", self._file)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """End."""
        self.let_go.set()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def bot(self) -> dict[str, Any]:
        """Return the body that adds this bot to a gateway."""
        return {"bot_token": self.token, "base_url": self.url}

    def called(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of every call of a method."""
        return [params for _, name, params in self.calls if name == method]

    def sent(self) -> list[tuple[float, str, dict[str, Any]]]:
        """Return every call that sends something."""
        return [call for call in self.calls if call[1].startswith("send")]

    # --- what the gateway asks -----------------------------------------------------------------------------------

    async def _called(self, request: web.Request) -> web.StreamResponse:
        method, params = request.match_info["method"], await request.json()
        if request.match_info["token"] != self.token:
            return self._error(401)
        self.calls.append((time.monotonic(), method, params))
        self.faults += request_faults(method, params)
        if method == "getMe":
            return self._result({"id": self.id, "is_bot": True, "first_name": "Shop", "username": self.username})
        if method == "setWebhook":
            if self.webhook_refused:
                return self._error(400, description=self.webhook_refused)
            self.webhook = params
            return self._result(True)
        if method == "deleteWebhook":
            self.webhook = None
            return self._result(True)
        if method == "getFile":
            return self._find_file(params["file_id"])
        if method.startswith("send") or method in ("setMessageReaction", "answerCallbackQuery"):
            return await self._send(request, method, params)
        return self._error(404)

    async def _send(self, request: web.Request, method: str, params: dict[str, Any]) -> web.StreamResponse:
        behaviour = self.next.popleft() if self.next else Behaviour()
        if behaviour.page:
            return web.Response(status=behaviour.status, text="<html>nginx</html>", content_type="text/html")
        if behaviour.status != 200:
            return self._error(behaviour.status, behaviour.parameters, behaviour.description)
        self._serial += 1
        self.taken[str(params.get("text", ""))] += 1
        if behaviour.hang:
            await self.let_go.wait()
        if behaviour.reset or behaviour.hang:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if not method.startswith("send"):
            return self._result(True)
        chat = {"id": params["chat_id"], "type": "private" if params["chat_id"] > 0 else "group"}
        return self._result({"message_id": self._serial, "date": int(time.time()), "chat": chat})

    def _find_file(self, id: str) -> web.Response:
        if id not in self.files:
            return self._error(400, description="Bad Request: wrong file_id or the file is temporarily unavailable")
        file = {"file_id": id, "file_unique_id": "u" + id, "file_size": len(self.files[id])}
        return self._result({**file, "file_path": f"photos/{id}.jpg"})

    async def _file(self, request: web.Request) -> web.Response:
        id = request.match_info["path"].removeprefix("photos/").removesuffix(".jpg")
        if request.match_info["token"] != self.token or id not in self.files:
            return web.Response(status=404)
        return web.Response(body=self.files[id], content_type="application/octet-stream")

    @staticmethod
    def _result(result: Any) -> web.Response:
        return web.json_response({"ok": True, "result": result})

    @staticmethod
    def _error(code: int, parameters: dict[str, Any] | None = None, description: str = "") -> web.Response:
        told: dict[str, Any] = {"ok": False, "error_code": code, "description": description or ERRORS[code]}
        if parameters is not None:
            told["parameters"] = parameters
        return web.json_response(told, status=code)

    # --- what Telegram posts -------------------------------------------------------------------------------------

    def update(self, **what: Any) -> dict[str, Any]:
        """Return an update; the next one has the next number."""
        self._serial += 1
        update = {"update_id": self._serial, **what}
        assert update_faults(update) == []
        return update

    def message(self, chat: int, **fields: Any) -> dict[str, Any]:
        """Return a message of a private chat; `message_id` and `date` are filled in where missing."""
        self._serial += 1
        person = {"id": chat, "first_name": "Ann", "last_name": "Lee", "username": "ann_lee"}
        return {
            "message_id": self._serial, "date": int(time.time()), "chat": {**person, "type": "private"},
            "from": {**person, "is_bot": False}, **fields,
        }  # fmt: skip

    def headers(self) -> dict[str, str]:
        """Return the headers of an update, with the secret that was given with the webhook."""
        assert self.webhook is not None
        return {"Content-Type": "application/json", "X-Telegram-Bot-Api-Secret-Token": self.webhook["secret_token"]}

    @property
    def path(self) -> str:
        """Where updates are posted, as it was given with the webhook."""
        assert self.webhook is not None
        return "/" + self.webhook["url"].split("/", 3)[3]
