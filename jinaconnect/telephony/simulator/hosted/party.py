"""The telephone at the other end of a simulated call: hears, presses the keys it was given, hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from jinaconnect.core.calls.dtmf import DIGITS
from jinaconnect.telephony.simulator.numbers import Behaviour, behaviour
from jinaconnect.telephony.simulator.walkers.line import CallerGone, Dialled, Take

PROMPT_S, KEY_S, PAUSE_S, TALK_S = 1.0, 1.0, 0.5, 2.0
HANGS_UP = "h"  # at the end of the keys
Send = Callable[[str, Mapping[str, Any]], Awaitable[bytes]]


class Party:
    """A `Line` whose clock begins at the answer; `pace` stretches (or, below 1, shortens) every time."""

    def __init__(self, does: Behaviour, keys: str, send: Send, pace: float) -> None:
        self._send = send
        self._pace = pace
        self._over = asyncio.Event()
        self._begun = asyncio.get_running_loop().time()
        self._hangs_up_at = does.hangs_up_after_s
        self._keys: list[tuple[float, str]] = []
        at = 0.0
        for key in keys:
            at += PAUSE_S if key == "w" else KEY_S
            if key == HANGS_UP:
                self._hangs_up_at = at
            elif key != "w":
                self._keys.append((at, key))

    def now(self) -> float:
        """Return the seconds since the answer."""
        return (asyncio.get_running_loop().time() - self._begun) / self._pace

    def hang_up(self) -> None:
        """End the call from the carrier's side."""
        self._over.set()

    async def _wait(self, seconds: float, *, takes: str) -> str | None:
        ends = self.now() + seconds
        while True:
            at, key = self._keys[0] if self._keys else (ends, "")
            leaves = ends if self._hangs_up_at is None else self._hangs_up_at
            await self._until(min(ends, at, leaves))
            if self._over.is_set() or (self._hangs_up_at is not None and self.now() >= self._hangs_up_at):
                raise CallerGone
            if key and self.now() >= at:
                self._keys.pop(0)
                if key in takes:
                    return key
            elif self.now() >= ends:
                return None

    async def _until(self, moment: float) -> None:
        left = (moment - self.now()) * self._pace
        if left > 0:
            try:
                async with asyncio.timeout(left):
                    await self._over.wait()
            except TimeoutError:
                return

    async def hear(self, kind: str, content: str, *, keys: bool) -> str | None:
        """Listen: every prompt takes a second."""
        return await self._wait(PROMPT_S, takes=DIGITS if keys else "")

    async def key(self, seconds: float) -> str | None:
        """Press the next key, if it is time for it."""
        return await self._wait(seconds, takes=DIGITS)

    async def words(self, seconds: float) -> str:
        """Say nothing."""
        await self._wait(seconds, takes="")
        return ""

    async def quiet(self, seconds: float, until: str = "") -> str | None:
        """Let time pass."""
        return await self._wait(seconds, takes=until)

    def recording(self, most_s: float, silence_s: float | None) -> Take:
        """Begin to record: what waits for silence hears it."""
        length = min(most_s, silence_s or most_s)
        return Take(max(1, round(length)), self.now() + length)

    async def dial(self, to: str, ring_s: float) -> Dialled:
        """Call somebody, who behaves as their number does, and talk a little."""
        does = behaviour(to.removeprefix("sip:").partition("@")[0])
        if does.q850 is not None or does.rings:
            await self._wait(ring_s if does.rings else PROMPT_S, takes="")
            return Dialled(False)
        await self._wait(TALK_S, takes="")
        return Dialled(True, round(TALK_S))

    async def send(self, url: str, fields: Mapping[str, Any]) -> bytes:
        """Ask the gateway."""
        return await self._send(url, fields)
