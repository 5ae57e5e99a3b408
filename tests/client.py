"""A small client of the gateway's own API, for tests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import websockets
from websockets.asyncio.client import ClientConnection

from jinaconnect.handlers.edge.description.frames import FROM_HERE


@dataclass
class Answered:
    """One answer: status, decoded body, headers."""

    status: int
    body: Any
    headers: Any

    def ok(self, status: int = 200) -> Any:
        """Return the body after checking the status."""
        assert self.status == status, (self.status, self.body)
        return self.body

    def refused(self, status: int, code: str) -> Any:
        """Return `detail` after checking status and code."""
        assert (self.status, self.body.get("code")) == (status, code), (self.status, self.body)
        assert "detail" in self.body
        return self.body["detail"]


class Client:
    """Calls one gateway with one credential."""

    def __init__(self, url: str, credential: str | None, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.credential = credential
        self.session = session

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.credential}"} if self.credential else {}

    async def ask(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None, **rest: Any
    ) -> Answered:
        """Send one request; a `body` that is bytes is sent as it is, anything else as JSON."""
        options: dict[str, Any] = {"headers": {**self.headers(), **(headers or {})}, **rest}
        if isinstance(body, bytes):
            options["data"] = body
        elif body is not None:
            options["json"] = body
        async with self.session.request(method, self.url + path, **options) as response:
            raw = await response.read()
            try:
                told = json.loads(raw) if raw else None
            except ValueError:
                told = raw
            return Answered(response.status, told, response.headers)

    async def get(self, path: str, **rest: Any) -> Answered:
        return await self.ask("GET", path, **rest)

    async def post(self, path: str, body: Any = None, **rest: Any) -> Answered:
        return await self.ask("POST", path, {} if body is None else body, **rest)

    async def patch(self, path: str, body: Any, **rest: Any) -> Answered:
        return await self.ask("PATCH", path, body, **rest)

    async def delete(self, path: str, **rest: Any) -> Answered:
        return await self.ask("DELETE", path, **rest)

    async def events(self, after: str = "start", **query: Any) -> list[dict[str, Any]]:
        """Read the whole tail after a cursor."""
        found: list[dict[str, Any]] = []
        while True:
            page = (await self.get("/events/", params={"after": after, "limit": 500, **query})).ok()
            found += page["events"]
            after = page["cursor"]
            if not page["has_more"]:
                return found

    async def wait_for_events(
        self, fits: Callable[[list[dict[str, Any]]], bool], within_s: float = 20, after: str = "start"
    ) -> list[dict[str, Any]]:
        """Long-poll until the events read so far fit."""
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(within_s):
            while not fits(found):
                page = (await self.get("/events/", params={"after": after, "limit": 500, "wait": 5})).ok()
                found += page["events"]
                after = page["cursor"]
        return found

    @asynccontextmanager
    async def socket(self, **options: Any) -> AsyncIterator[Socket]:
        """Open the WebSocket, authenticated by header."""
        url = self.url.replace("http", "ws", 1) + "/ws/"
        async with websockets.connect(url, additional_headers=self.headers(), max_size=None, **options) as connection:
            yield Socket(connection)


class Socket:
    """A socket whose frames are read by type."""

    def __init__(self, connection: ClientConnection) -> None:
        self.raw = connection
        self.events: list[dict[str, Any]] = []
        self.cursor: str | None = None

    async def send(self, **frame: Any) -> None:
        await self.raw.send(json.dumps(frame))

    async def next(self, *kinds: str, within_s: float = 20) -> dict[str, Any]:
        """Return the next frame of one of the kinds; event frames passed on the way are kept."""
        async with asyncio.timeout(within_s):
            while True:
                frame: dict[str, Any] = json.loads(await self.raw.recv())
                if frame["type"] == "events":
                    self.events += frame["events"]
                    self.cursor = frame["cursor"]
                else:
                    FROM_HERE[frame["type"]].model_validate(frame)  # whatever a test hears is as described
                if frame["type"] in kinds:
                    return frame

    async def ready(self) -> dict[str, Any]:
        return await self.next("ready")

    async def subscribe(self, **fields: Any) -> dict[str, Any]:
        await self.send(type="subscribe", **fields)
        return await self.next("subscribed", "error")

    async def until(self, fits: Callable[[list[dict[str, Any]]], bool], within_s: float = 20) -> list[dict[str, Any]]:
        """Read events until those seen so far fit."""
        async with asyncio.timeout(within_s):
            while not fits(self.events):
                await self.next("events", within_s=within_s)
        return self.events

    async def closed(self, within_s: float = 20) -> int | None:
        """Read to the end and return the close code."""
        async with asyncio.timeout(within_s):
            try:
                while True:
                    await self.raw.recv()
            except websockets.ConnectionClosed:
                return self.raw.close_code


async def until(check: Callable[[], Awaitable[Any]], within_s: float = 20) -> Any:
    """Call again and again until the result is true, and return it; raises TimeoutError.

    The time is looked at as well: what is cancelled in the moment it is done goes on (`asyncio.wait_for`, Python 3.11).
    """
    clock = asyncio.get_running_loop().time
    ends = clock() + within_s
    async with asyncio.timeout_at(ends):
        while True:
            result = await check()
            if result:
                return result
            if clock() > ends:
                raise TimeoutError
            await asyncio.sleep(0.02)
