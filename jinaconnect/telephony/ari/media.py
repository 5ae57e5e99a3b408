"""The sound of a channel over a WebSocket that we open to Asterisk (`/media/<name>`, subprotocol `media`).

Who has the name has the sound, both ways: it is a secret, and stands in no log.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import AsyncIterator
from urllib.parse import quote

import websockets
from websockets.asyncio.client import ClientConnection, connect

from jinaconnect.telephony.switch import LegGone, SwitchAway

OPEN_S = 5.0
PING_S = 3.0  # a frozen Asterisk is noticed within twice as long

# The library writes the address, and with it the name, at level DEBUG: this logger never lets it out.
_log = logging.getLogger("jinaconnect.ari.media")
_log.setLevel(logging.INFO)


class MediaSocket:
    """An open socket; iterate for what comes, a frame of 20 ms each, until it ends."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    @classmethod
    async def open(cls, base_url: str, name: str) -> MediaSocket:
        """Open the socket of a channel; raises LegGone where there is none of the name, SwitchAway."""
        url = f"ws{base_url.removeprefix('http')}/media/{quote(name, safe='')}"
        try:
            socket = await connect(
                url, subprotocols=[websockets.Subprotocol("media")], open_timeout=OPEN_S, ping_interval=PING_S,
                ping_timeout=PING_S, close_timeout=1.0, max_size=1 << 16, max_queue=8, compression=None, proxy=None,
                logger=_log, user_agent_header=None,
                ssl=ssl.create_default_context() if url.startswith("wss:") else None,
            )  # fmt: skip
        except websockets.InvalidStatus as error:
            raise LegGone(f"no such media socket ({error.response.status_code})") from None
        except (OSError, TimeoutError, websockets.InvalidHandshake) as error:
            raise SwitchAway(f"media: no connection ({type(error).__name__})", uncertain=False) from None
        return cls(socket)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the frames; what Asterisk says in words is not needed."""
        try:
            async for message in self._socket:
                if isinstance(message, bytes):
                    yield message
        except websockets.ConnectionClosedError:
            return

    async def send(self, frame: bytes) -> None:
        """Have 20 ms be heard; raises LegGone when it has ended."""
        try:
            await self._socket.send(frame)
        except websockets.ConnectionClosed:
            raise LegGone("the media socket has ended") from None

    async def close(self) -> None:
        """Close it, which ends its channel."""
        await self._socket.close()
