"""A server that takes webhooks and nothing else: `/now` answers at once, `/slow` after 200 ms, `/never` not at all.

It counts what it has answered by path, and notes when each text `n<number>;` came; `GET /told` says both.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter
from typing import cast

import uvloop

_NUMBER = re.compile(rb'"n(\d+);"')
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
told: Counter[str] = Counter()
seen: dict[str, float] = {}


class Receiver(asyncio.Protocol):
    """One connection, requests one after another."""

    def __init__(self) -> None:
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        self._data += data
        while True:
            head, gap, rest = self._data.partition(b"\r\n\r\n")
            if not gap:
                return
            place = head.lower().find(b"content-length:")
            size = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
            if len(rest) < size:
                return
            self._data = rest[size:]
            self._answer(head.split(b" ", 2)[1].decode(), rest[:size])

    def _answer(self, path: str, body: bytes) -> None:
        if path == "/told":
            text = json.dumps({"told": told, "seen": seen}).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
        elif path.startswith("/slow"):
            asyncio.get_running_loop().call_later(0.2, self._done, path, body)
        elif not path.startswith("/never"):
            self._done(path, body)

    def _done(self, path: str, body: bytes) -> None:
        told[path] += 1
        found = _NUMBER.search(body)
        if found:
            seen.setdefault(f"{path} {found[1].decode()}", time.monotonic())
        if not self._transport.is_closing():
            self._transport.write(_OK)


async def main(port: int) -> None:
    """Listen."""
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", port, backlog=1024)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
