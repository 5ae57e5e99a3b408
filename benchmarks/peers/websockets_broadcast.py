"""The `websockets` library with its `broadcast()`, which frames once for all clients; compression off.

Events come as lines on a bare TCP connection; what arrives together is broadcast together.
"""

from __future__ import annotations

import asyncio
import sys

import uvloop
from websockets.asyncio.server import ServerConnection, broadcast, serve

CLIENTS: set[ServerConnection] = set()


async def join(client: ServerConnection) -> None:
    """Keep one client until it goes."""
    await client.send('{"type":"subscribed"}')
    CLIENTS.add(client)
    try:
        await client.wait_closed()
    finally:
        CLIENTS.discard(client)


async def publish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send each line to everyone."""
    while line := await reader.readline():
        broadcast(CLIENTS, line.decode().rstrip("\n"))


async def main(sockets: int, lines: int) -> None:
    """Serve until ended."""
    async with serve(join, "127.0.0.1", sockets, compression=None, ping_interval=None):
        server = await asyncio.start_server(publish, "127.0.0.1", lines, limit=1 << 20)
        print("ready", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
