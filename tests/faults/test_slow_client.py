"""A client that stops reading is cut off, one that reads slowly gets everything; nobody else notices either."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket as sockets
from collections.abc import AsyncIterator
from pathlib import Path

import websockets

from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.client import until
from tests.faults.carrier_side import Site, site
from tests.processes import GatewayProcess, memory_mb

TEXT = "x" * 4_000
PER_BODY = 50
BODIES = 40  # some 10 MB of events: more than the client's bound and what the kernel keeps for it
GROWTH_MB = 24  # the bound is 1 MiB a socket; the rest is room for the allocator


async def _flood(here: Site, mark: str) -> AsyncIterator[int]:
    for body in range(BODIES):
        texts = [{"type": "text", "text": {"body": f"{mark} {body} {n} {TEXT}"}} for n in range(PER_BODY)]
        assert await here.hears(here.carrier.inbound("15550001001", *texts)) == 200
        yield body


async def _subscriber(here: Site) -> websockets.ClientConnection:
    """Return a subscribed client for which little waits besides what it reads."""
    raw = sockets.socket()
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 16_384)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", here.gateway.port))
    client = await websockets.connect(
        here.gateway.url.replace("http", "ws") + "/ws/", sock=raw, additional_headers=here.owner.headers(),
        max_queue=1, max_size=None, ping_interval=None, close_timeout=1,
    )  # fmt: skip
    await client.send('{"type":"subscribe"}')
    while '"subscribed"' not in str(await client.recv()):
        pass
    return client


async def _numbers(client: websockets.ClientConnection) -> list[int]:
    """Return the numbers of the next frame of events."""
    while True:
        frame = json.loads(await asyncio.wait_for(client.recv(), 30))
        if frame["type"] == "events":
            return [event["seq"] for event in frame["events"]]


async def test_a_client_that_stops_reading_is_cut_off_alone(mongod: EmbeddedMongo, tmp_path: Path) -> None:
    settings = {"JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": f"slow_{secrets.token_hex(4)}"}
    async with site(GatewayProcess(tmp_path, settings)) as here, here.owner.socket() as good:
        await good.ready()
        await good.subscribe()

        async def follow(wanted: int) -> None:
            await good.until(lambda seen: sum(e["type"] == "message.received" for e in seen) >= wanted, 90)

        count = BODIES * PER_BODY
        warm = asyncio.create_task(follow(count))
        async for _ in _flood(here, "warm"):
            pass
        await warm
        before = memory_mb(here.gateway.pid)

        slow, late = await _subscriber(here), await _subscriber(here)
        following = asyncio.create_task(follow(2 * count))
        read: list[int] = []
        async for body in _flood(here, "flood"):
            if body % 4 == 0:  # much less than what has come meanwhile
                read += await _numbers(late)
        await following
        missing = len([event for event in good.events if event["seq"] > read[-1]])
        assert missing > count / 2
        while read[-1] < good.events[-1]["seq"]:
            read += await _numbers(late)
        assert read == list(range(read[0], good.events[-1]["seq"] + 1))
        await late.close()

        async def one_left() -> bool:
            text = (await here.owner.get("/metrics/")).ok()
            return any(line.startswith(b"jc_sockets ") and float(line.split()[1]) == 1 for line in text.splitlines())

        await until(one_left, 30)
        assert memory_mb(here.gateway.pid) - before < GROWTH_MB
        got = 0
        while slow.close_code is None:
            try:
                got += len(await asyncio.wait_for(slow.recv(), 20))
            except websockets.ConnectionClosed:
                break
        assert slow.close_code in (4201, 1006)  # a client that reads too late finds the connection cut
        assert got < count * len(TEXT)
        numbers = [event["seq"] for event in good.events]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
