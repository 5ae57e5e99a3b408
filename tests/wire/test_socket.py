"""The socket's manners that clients lean on."""

from __future__ import annotations

import asyncio
import json

import websockets

from tests.tenants import Tenant


async def test_a_client_need_not_wait_for_ready(tenant: Tenant) -> None:
    await tenant.receives("+12025550161", "hello")
    await tenant().wait_for_events(lambda seen: any(e["type"] == "message.received" for e in seen))
    url = tenant().url.replace("http", "ws", 1) + "/ws/"
    async with asyncio.timeout(20), websockets.connect(url) as socket:
        await socket.send(json.dumps({"type": "auth", "token": tenant().credential}))
        await socket.send(json.dumps({"type": "subscribe", "after": "start"}))
        kinds = [json.loads(await socket.recv())["type"] for _ in range(4)]
    assert kinds == ["hello", "ready", "subscribed", "events"]
