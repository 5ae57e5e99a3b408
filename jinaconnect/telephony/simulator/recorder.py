"""What the simulated carrier records: a soft hum, and silence where it was paused."""

from __future__ import annotations

import asyncio
import math
from array import array
from datetime import datetime, timedelta

from jinaconnect.telephony.audio import RATE, wav
from jinaconnect.telephony.switch import Leg

HUM_HZ, LOUDNESS = 220, 1_000
_CYCLE = [round(LOUDNESS * math.sin(2 * math.pi * HUM_HZ * n / RATE)) for n in range(RATE)]


class CallRecorder:
    """One recording of a leg (or of a room, whose leg has no name)."""

    def __init__(self, of: Leg, started: datetime) -> None:
        self.of = of
        self.timer: asyncio.TimerHandle | None = None
        self.sides = False  # whether what the leg hears, which is nothing, has a channel as well
        self._parts: list[tuple[datetime, bool]] = [(started, True)]
        self._ended: datetime | None = None

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return self._ended is None

    @property
    def length(self) -> timedelta:
        """How long it is, pauses included; zero while it runs."""
        return timedelta() if self._ended is None else self._ended - self._parts[0][0]

    def pause(self, on: bool, at: datetime) -> None:
        """Hum no more, or again."""
        self._parts.append((at, not on))

    def stop(self, at: datetime) -> None:
        """End."""
        self._ended = at
        if self.timer is not None:
            self.timer.cancel()

    def file(self) -> bytes:
        """Return it as WAV."""
        samples = array("h")
        ends = [at for at, _ in self._parts[1:]] + [self._ended or self._parts[-1][0]]
        for (begin, hums), end in zip(self._parts, ends, strict=True):
            count = round((end - begin) / timedelta(seconds=1) * RATE)
            full, rest = divmod(count, RATE)
            samples.extend((_CYCLE * full + _CYCLE[:rest]) if hums else [0] * count)
        if self.sides:
            both = array("h", bytes(4 * len(samples)))
            both[::2] = samples
            return wav(both.tobytes(), channels=2)
        return wav(samples.tobytes())
