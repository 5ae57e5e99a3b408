"""An ARI application that stores nothing: answers, plays a prompt, waits for a key, hangs up."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any

import aiohttp
import orjson
import uvloop

AT_ONCE = 16  # connections to Asterisk


class Nothing:
    """The application; every request is a task of its own, as the order of events is all it knows."""

    def __init__(self, http: aiohttp.ClientSession, root: str) -> None:
        self._http = http
        self._root = root
        self._tasks: set[asyncio.Task[None]] = set()

    def hear(self, text: str) -> None:
        """Take an event."""
        event = orjson.loads(text)
        channel = event.get("channel", {}).get("id")
        match event["type"]:
            case "StasisStart":
                self._do(self._ask(channel))
            case "ChannelDtmfReceived":
                self._do(self._request("DELETE", f"channels/{channel}"))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, channel: str) -> None:
        await self._request("POST", f"channels/{channel}/answer")
        await self._request("POST", f"channels/{channel}/play?media=sound:vm-press")

    async def _request(self, method: str, path: str) -> None:
        async with self._http.request(method, f"{self._root}/ari/{path}") as answer:
            await answer.read()


async def main(root: str, app: str, user: str, password: str) -> None:
    """Serve until ended."""
    connector = aiohttp.TCPConnector(limit=AT_ONCE)
    async with aiohttp.ClientSession(auth=aiohttp.BasicAuth(user, password), connector=connector) as http:
        nothing = Nothing(http, root)
        async with http.ws_connect(f"{root}/ari/events?app={app}", max_msg_size=0) as socket:
            filters = {"disallowed": [{"type": "ChannelVarset"}, {"type": "ChannelDialplan"}]}
            async with http.put(f"{root}/ari/applications/{app}/eventFilter", json=filters) as answer:
                answer.raise_for_status()
            print("ready", flush=True)
            async for message in socket:
                nothing.hear(message.data)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:5]))
