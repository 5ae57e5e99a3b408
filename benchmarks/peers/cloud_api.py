"""A carrier that accepts every WhatsApp send at once over kept connections on a port.

What it is asked for with `GET` it answers with how many it has taken, and when (monotonic) the last one.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"


class Carrier(asyncio.Protocol):
    """One kept connection; every complete request is a send."""

    taken, last = 0, 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport, self._rest = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer each complete request."""
        self._rest += data
        while (end := self._rest.find(b"\r\n\r\n")) >= 0:
            head = self._rest[:end].lower()
            place = head.find(b"content-length:")
            size = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
            if len(self._rest) < end + 4 + size:
                return
            self._rest = self._rest[end + 4 + size :]
            if head.startswith(b"get"):
                body = json.dumps({"taken": Carrier.taken, "last": Carrier.last}).encode()
            else:
                Carrier.taken, Carrier.last = Carrier.taken + 1, time.monotonic()
                body = b'{"messaging_product":"whatsapp","contacts":[],"messages":[{"id":"wamid.B%d"}]}' % Carrier.taken
            self._transport.write(_HEAD % len(body) + body)  # type: ignore[attr-defined]


async def main() -> None:
    """Listen until it is ended."""
    server = await asyncio.get_running_loop().create_server(Carrier, "127.0.0.1", int(sys.argv[1]))
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
