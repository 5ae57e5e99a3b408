"""Bounded writing to one client.

A frame goes to the socket in one system call while the client keeps up. What it does not take waits in the kernel and
then here, as a reference to the shared frame. Past `BEHIND_BYTES` the client has fallen behind: events wait for it in
the log, and are read from there when it has taken what is here. A client that takes nothing for `BUFFER_S`, or lets
`BUFFER_BYTES` of anything else wait, is told to resume from its cursor and cut off. Nobody else notices.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable

from tornado.iostream import IOStream, SSLIOStream, StreamClosedError

from jinaconnect.realtime.protocol import BUFFER_BYTES, BUFFER_S

SEND_BYTES = 131_072  # what the kernel may keep for a client (it doubles this); else it grows to 4 MiB unseen by us
KERNEL_BYTES = 2 * SEND_BYTES  # full before anything waits here
BEHIND_BYTES = 32_768  # what waits here is held among what comes and goes, so that little of it keeps much memory
LINGER_S = 5.0  # how long a cut-off client may take to read its close frame


class Outlet:
    """The way to one client's socket; every frame of a connection goes through it, in order."""

    __slots__ = (
        "_bytes", "_gone", "_on_behind", "_on_slow", "_pump", "_queue", "_since", "_stream", "limit_bytes", "limit_s",
    )  # fmt: skip

    def __init__(self, stream: IOStream, on_slow: Callable[[], None], on_behind: Callable[[], None]) -> None:
        with contextlib.suppress(OSError):  # it is gone already
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        self._stream = stream
        self._on_slow = on_slow
        self._on_behind = on_behind
        self._queue: deque[bytes] | None = None  # made when the client first does not keep up
        self._bytes = 0
        self._since = 0.0
        self._pump: asyncio.Task[None] | None = None
        self._gone = False
        self.limit_bytes = BUFFER_BYTES - KERNEL_BYTES
        self.limit_s = BUFFER_S

    def send(self, data: bytes) -> None:
        """Send or queue a frame; a client over its bounds is cut off."""
        stream = self._stream
        if self._gone or stream.closed():
            return
        # A pump that has not come to its end yet keeps the order, and would take the end of another for its own.
        if self._pump is None and not stream.writing() and not isinstance(stream, SSLIOStream):
            try:
                sent = stream.socket.send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError:
                stream.close()
                return
            if sent == len(data):
                return
            # The rest of a half-sent frame goes to the stream at once, so that nothing can come between.
            self._bytes = len(data) - sent
            self._begin(stream.write(memoryview(data)[sent:]), self._bytes)
            return
        if self._queue is None:
            self._queue = deque()
        self._queue.append(data)
        self._bytes += len(data)
        if self._pump is None:
            self._begin()
        if self._bytes > self.limit_bytes:
            self.cut()
        elif self._bytes > BEHIND_BYTES:
            self._on_behind()

    def _begin(self, first: asyncio.Future[None] | None = None, size: int = 0) -> None:
        loop = asyncio.get_running_loop()
        self._since = loop.time()
        self._pump = loop.create_task(self._drain(first, size))

    async def _drain(self, first: asyncio.Future[None] | None, size: int) -> None:
        loop = asyncio.get_running_loop()
        try:
            if first is not None:
                await first
                self._bytes -= size
            while self._queue:
                self._since = loop.time()
                data = self._queue.popleft()
                await self._stream.write(data)
                self._bytes -= len(data)
            self._bytes, self._queue = 0, None
        except StreamClosedError:
            self._queue = None
        finally:
            self._pump = None

    def waiting(self) -> int:
        """Return how many bytes the client has not taken yet."""
        return self._bytes if self._pump is not None else 0

    def check(self, now: float) -> None:
        """Cut the client off if its oldest frame has waited too long."""
        if self._pump is not None and not self._gone and now - self._since > self.limit_s:
            self.cut()

    def cut(self) -> None:
        """Drop what waits, tell the client to resume, and close for good after a moment."""
        if self._gone:
            return
        self._gone = True
        self._queue = None
        self._on_slow()
        asyncio.get_running_loop().call_later(LINGER_S, self._stream.close)

    def finish(self) -> None:
        """Take no more frames: a close frame is next, after whatever is half-sent."""
        self._gone = True
        self._queue = None

    async def drained(self) -> None:
        """Return when the client has taken what was sent."""
        pump = self._pump
        if pump is not None:
            await asyncio.wait([pump])
