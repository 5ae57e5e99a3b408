"""The connection between a gateway and its Asterisk, for tests that cut it."""

from __future__ import annotations

import asyncio
import contextlib


class Cable:
    """A TCP connection between gateway and Asterisk that can be cut and mended."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._server: asyncio.Server | None = None
        self._links: set[asyncio.StreamWriter] = set()
        self.whole = True

    async def lay(self) -> str:
        """Listen; returns the URL of this end."""
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.whole:
            writer.transport.abort()
            return
        there_reader, there_writer = await asyncio.open_connection(*self._to)
        self._links |= {writer, there_writer}
        ways = [self._pump(reader, there_writer), self._pump(there_reader, writer)]
        await asyncio.gather(*ways)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()
        self._links.discard(writer)

    def cut(self) -> None:
        """Break every connection and take no new one."""
        self.whole = False
        for writer in tuple(self._links):
            writer.transport.abort()

    def mend(self) -> None:
        """Take connections again."""
        self.whole = True

    async def roll_up(self) -> None:
        """Stop listening."""
        self.cut()
        if self._server is not None:
            self._server.close()
