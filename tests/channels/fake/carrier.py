"""Fake's servers on loopback: take sends, misbehave when told to, post forms."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter, deque
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class FakeCarrier:
    """The carrier; `next` holds how it meets the coming sends: a status, "reset" or "hang"."""

    token: str = field(default_factory=lambda: secrets.token_hex(16))
    address: str = field(default_factory=lambda: "shop-" + secrets.token_hex(4))
    accepted: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    next: deque[int | str] = field(default_factory=deque)
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    posts_to: str | None = None
    port: int = 0
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        application = web.Application()
        application.router.add_post("/send", self._send)
        application.router.add_put("/hook", self._hook)
        application.router.add_delete("/hook", self._hook)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """End."""
        assert self._runner is not None
        await self._runner.cleanup()

    def _knows(self, request: web.Request) -> bool:
        return request.headers.get("Authorization") == f"Bearer {self.token}"

    async def _hook(self, request: web.Request) -> web.StreamResponse:
        """Take the address webhooks go to, or forget it."""
        if not self._knows(request):
            return web.Response(status=401)
        self.posts_to = (await request.json())["url"] if request.method == "PUT" else None
        return web.json_response({"address": self.address, "nick": "The shop"})

    async def _send(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if not self._knows(request):
            return web.Response(status=401)
        self.asked[body["reference"]] += 1
        how = self.next.popleft() if self.next else 200
        if isinstance(how, int) and how != 200:
            return web.Response(status=how)
        self.accepted[body["reference"]] += 1
        if how == "hang":
            await self.let_go.wait()
        if how in ("reset", "hang"):
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        return web.json_response({"id": "fake-" + secrets.token_hex(8)})

    def form(self, sender: str, text: str, id: str, **more: str) -> dict[str, str]:
        """Return what is posted of a message; `Also` is what else the writer is known by, `Room` where it was said."""
        at = str(int(time.time()))
        return {"To": self.address, "From": sender, "Id": id, "Text": text, "Name": "Ann", "At": at, **more}
