"""Plain Tornado: `write_message` to every client. No authentication, no tenants, no store, no bounds.

Events come as lines on a bare TCP connection, so that the peer pays nothing for how it hears of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import uvloop
from tornado.web import Application
from tornado.websocket import WebSocketClosedError, WebSocketHandler

CLIENTS: set[WebSocketHandler] = set()


class Everyone(WebSocketHandler):
    """One client."""

    def open(self) -> None:
        """Join, and say so."""
        self.set_nodelay(True)
        CLIENTS.add(self)
        self.write_message('{"type":"subscribed"}')

    def on_close(self) -> None:
        """Leave."""
        CLIENTS.discard(self)


async def publish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send each line to everyone."""
    while line := await reader.readline():
        text = line.decode().rstrip("\n")
        for client in tuple(CLIENTS):
            with contextlib.suppress(WebSocketClosedError):
                client.write_message(text)


async def main(sockets: int, lines: int) -> None:
    """Serve until ended."""
    Application([("/ws/", Everyone)]).listen(sockets, "127.0.0.1")
    server = await asyncio.start_server(publish, "127.0.0.1", lines, limit=1 << 20)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
