"""Endpoints as servers on loopback: they check every signature, note what came, and misbehave when told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook

Meet = Callable[["Heard"], Awaitable[web.StreamResponse | int | None] | web.StreamResponse | int | None]


@dataclass
class Heard:
    """One request: its id, its event, whether the receiver's own library takes the signature, what was answered."""

    id: str
    event: dict[str, Any]
    signed: bool
    headers: dict[str, str]
    path: str
    status: int = 200


@dataclass
class Receiver:
    """A server that takes deliveries; `meet` decides what each of them is answered."""

    secret: str = ""
    meet: Meet = lambda heard: 200 
    heard: list[Heard] = field(default_factory=list)
    raw: dict[str, bytes] = field(default_factory=dict, repr=False)
    asked: int = 0
    port: int = 0
    at_once: int = 0
    most_at_once: int = 0
    _runner: web.AppRunner | None = field(default=None, repr=False)

    async def start(self) -> None:
        """Listen; a second start listens on the port of the first."""
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Refuse connections from now on."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            body = await request.read()
            headers = {name.lower(): value for name, value in request.headers.items()}
            heard = Heard(headers.get("webhook-id", ""), json.loads(body), self._signed(body, headers), headers,
                          request.path)  # fmt: skip
            self.raw[heard.id] = body
            answer = self.meet(heard)
            if asyncio.iscoroutine(answer):
                answer = await answer
            if isinstance(answer, web.StreamResponse):
                heard.status = answer.status
            else:
                heard.status = int(answer or 200)  # type: ignore[call-overload]
            self.heard.append(heard)
            return answer if isinstance(answer, web.StreamResponse) else web.Response(status=heard.status, text="told")
        finally:
            self.at_once -= 1

    def _signed(self, body: bytes, headers: dict[str, str]) -> bool:
        try:
            Webhook(self.secret).verify(body, headers)
        except Exception:
            return False
        return True

    def taken(self) -> list[Heard]:
        """Return what was answered with success."""
        return [each for each in self.heard if 200 <= each.status < 300]
