"""Sound on its way to somebody: what they do not take in time is dropped, the oldest first."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque

FRAME_BYTES = 640  # 20 ms of 16 kHz, 16 bits, mono
FRAME_S = 0.02
MOST_FRAMES = 20  # 400 ms
AHEAD_S = 0.06  # how far what is spoken may be ahead of its time, which evens out how it comes
KERNEL_BYTES = 4 * FRAME_BYTES  # that may wait in the kernel, where nothing can be dropped any more


class FrameQueue:
    """Holds what waits; above 400 ms the oldest frame makes room for the newest. `dropped` counts those."""

    def __init__(self) -> None:
        self._frames: deque[bytes] = deque(maxlen=MOST_FRAMES)
        self._came = asyncio.Event()
        self.dropped = 0

    def put(self, frame: bytes) -> None:
        """Let a frame wait."""
        self.dropped += len(self._frames) == MOST_FRAMES
        self._frames.append(frame)
        self._came.set()

    def clear(self) -> None:
        """Forget what waits."""
        self._frames.clear()

    async def get(self) -> bytes:
        """Return the oldest frame, waiting for one."""
        while not self._frames:
            self._came.clear()
            await self._came.wait()
        return self._frames.popleft()

    async def get_in_time(self, clock: PlayClock) -> bytes:
        """Return the oldest frame when it is due."""
        while True:
            await asyncio.sleep(clock.early())
            if self._frames:
                clock.played()
                return self._frames.popleft()
            self._came.clear()
            await self._came.wait()


class PlayClock:
    """When the next frame of somebody who speaks is due: one each 20 ms, after a silence a few at once."""

    def __init__(self) -> None:
        self._due = 0.0

    def early(self) -> float:
        """Return for how long the next frame has to wait."""
        now = asyncio.get_running_loop().time()
        self._due = max(self._due, now - AHEAD_S)
        return max(0.0, self._due - now)

    def played(self) -> None:
        """Count a frame."""
        self._due += FRAME_S


def keep_little(connection: socket.socket) -> None:
    """Have the kernel keep little of what a client does not take: the rest waits here, where it can be dropped."""
    with contextlib.suppress(OSError):  # it is gone already, or the system has no such bound
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, KERNEL_BYTES)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
