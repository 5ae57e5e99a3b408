"""A supervisor as a program: orders over REST, the sound of the call over its socket."""

from __future__ import annotations

import asyncio
import json
import math
from array import array
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection

from tests.client import Client
from tests.telephony.asterisk import until
from tests.telephony.calls.sound import LOUD, level

RATE = 16_000
FRAME = RATE // 50
SUPERVISOR_HZ = 1_900


def tone(hertz: int) -> list[bytes]:
    """Return a second of a tone in frames."""
    wave = array("h", [round(8_000 * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(RATE)])
    return [wave[place : place + FRAME].tobytes() for place in range(0, RATE, FRAME)]


def share(samples: array[int], hertz: float) -> float:
    """Return how much of the sound's power is a tone, 0 to 1 (one bin of a discrete Fourier transform)."""
    whole = sum(each * each for each in samples)
    turn = 2 * math.pi * hertz / RATE
    real = sum(each * math.cos(turn * n) for n, each in enumerate(samples))
    imaginary = sum(each * math.sin(turn * n) for n, each in enumerate(samples))
    return 2 * (real * real + imaginary * imaginary) / (len(samples) * whole) if whole else 0.0


@dataclass
class Supervisor:
    """Somebody who hears a call: `words` are what the socket says, `closed` the code it ended with."""

    client: Client
    call: str
    id: str
    socket: ClientConnection

    def __post_init__(self) -> None:
        self.words: list[dict[str, Any]] = []
        self.closed: int | None = None
        self.speaks = 0
        self._frames: deque[bytes] = deque(maxlen=25)
        self._tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._speak())]

    async def _hear(self) -> None:
        try:
            async for message in self.socket:
                if isinstance(message, bytes):
                    self._frames.append(message)
                else:
                    self.words.append(json.loads(message))
        except websockets.ConnectionClosed:
            pass
        self.closed = self.socket.close_code

    async def _speak(self) -> None:
        loop = asyncio.get_running_loop()
        next_at = loop.time()
        place = 0
        frames = tone(SUPERVISOR_HZ)
        while True:
            next_at = max(next_at + 0.02, loop.time() - 0.2)
            await asyncio.sleep(max(0.0, next_at - loop.time()))
            if self.speaks:
                place += 1
                try:
                    await self.socket.send(frames[place % len(frames)])
                except websockets.ConnectionClosed:
                    return

    @property
    def heard_by(self) -> str | None:
        """Who hears the supervisor, as the socket said last."""
        return self.words[-1]["heard_by"] if self.words else None

    def hears(self, *tones: int) -> bool:
        """Tell whether all these tones are heard now."""
        heard = array("h", b"".join(list(self._frames)[-15:]))
        if len(heard) < 10 * FRAME or level(heard) < LOUD:
            return False
        return all(share(heard, hertz) > 0.15 for hertz in tones)

    async def until_hears(self, *tones: int) -> None:
        """Wait until these tones are heard."""
        def seen() -> object:
            heard = array("h", b"".join(self._frames))
            return len(self._frames), [round(share(heard, hertz), 3) for hertz in tones], self.words, self.closed
        await until(lambda: self.hears(*tones), f"hearing {tones}", 15, seen)

    async def until_heard_by(self, who: str) -> None:
        """Wait until the socket says who hears the supervisor."""
        await until(lambda: self.heard_by == who, f"heard by {who}", 15, lambda: (self.words, self.closed))

    async def order(self, mode: str) -> dict[str, Any]:
        """Be heard by others, or end."""
        body = {"mode": mode, "supervision": self.id}
        return dict((await self.client.post(f"/voice/api/calls/{self.call}/supervise/", body)).ok())

    async def over(self) -> str:
        """Wait for the end and return why."""
        await until(lambda: self.closed is not None, "the end of the sound", 15, lambda: self.words)
        return str(self.words[-1]["ended"])

    async def leave(self) -> None:
        """Close the socket, as a closed page does."""
        for task in self._tasks:
            task.cancel()
        await self.socket.close()


@asynccontextmanager
async def supervising(client: Client, call: str, mode: str = "listen", **options: Any) -> AsyncIterator[Supervisor]:
    """Begin to supervise a call."""
    begun = (await client.post(f"/voice/api/calls/{call}/supervise/", {"mode": mode})).ok()
    async with sound_of(client, begun, **options) as there:
        yield there


@asynccontextmanager
async def sound_of(client: Client, begun: dict[str, Any], **options: Any) -> AsyncIterator[Supervisor]:
    """Open the sound of a supervision with its ticket."""
    url = f"ws{client.url.removeprefix('http')}/ws/sound/?ticket={begun['ticket']}"
    async with websockets.connect(url, max_size=None, compression=None, **options) as socket:
        there = Supervisor(client, begun["call"], begun["id"], socket)
        try:
            yield there
        finally:
            await there.leave()
