"""What a telephone says and hears: RTP with A-law sound and telephone events, and what is in the sound."""

from __future__ import annotations

import asyncio
import math
import random
import re
import socket
import struct
from array import array
from bisect import bisect
from collections import deque
from functools import cache
from typing import cast

from tests.telephony.asterisk import until

RATE = 8_000
FRAME = 160  # samples of 20 ms
AGENT_HZ, CUSTOMER_HZ = 700, 1_300  # tones that no key and no music is likely to be
LOUD = 300.0  # mean level of 16 bits above which something is heard
DIGITS = "0123456789*#ABCD"
PAD = ("123A", "456B", "789C", "*0#D")
LOW_HZ, HIGH_HZ = (697, 770, 852, 941), (1_209, 1_336, 1_477, 1_633)


def _decoded(code: int) -> int:
    """Return the 16-bit sample of an A-law byte (ITU-T G.711)."""
    code ^= 0x55
    level, exponent = (code & 0x0F) << 4, (code & 0x70) >> 4
    level += 8 if exponent == 0 else 0x108
    level <<= max(0, exponent - 1)
    return level if code & 0x80 else -level


ALAW = [_decoded(code) for code in range(256)]
_CODES = sorted((sample, code) for code, sample in enumerate(ALAW))


def encode(samples: list[int]) -> bytes:
    """Return samples as A-law."""
    return bytes(map(_code, samples))


@cache
def _code(sample: int) -> int:
    """Return the A-law byte nearest to a sample."""
    place = bisect(_CODES, (sample, 0))
    return min(_CODES[max(0, place - 1) : place + 1], key=lambda each: abs(each[0] - sample))[1]


@cache
def dual_tone(key: str) -> tuple[bytes, ...]:
    """Return the sound of a key (ITU-T Q.23) in frames, 120 ms, and as much silence."""
    row, column = next((n, line.index(key)) for n, line in enumerate(PAD) if key in line)
    low, high = (2 * math.pi * hertz / RATE for hertz in (LOW_HZ[row], HIGH_HZ[column]))
    sound = encode([round(7_000 * (math.sin(low * n) + math.sin(high * n))) for n in range(6 * FRAME)])
    return (*(sound[place : place + FRAME] for place in range(0, len(sound), FRAME)), *[b"\xd5" * FRAME] * 6)


def level(samples: array[int] | list[int]) -> float:
    """Return the root of the mean square."""
    return math.sqrt(sum(each * each for each in samples) / len(samples)) if samples else 0.0


def share(samples: array[int] | list[int], hertz: float) -> float:
    """Return how much of the sound's power is a tone, 0 to 1 (Goertzel's algorithm)."""
    turn = 2 * math.cos(2 * math.pi * hertz / RATE)
    first = second = 0.0
    for sample in samples:
        first, second = sample + turn * first - second, first
    power = first * first + second * second - turn * first * second
    whole = sum(each * each for each in samples)
    return 2 * power / (len(samples) * whole) if whole else 0.0


class Line(asyncio.DatagramProtocol):
    """The sound of one call: `say` speaks a tone, `keys` came as telephone events, `said_s` is the time."""

    def __init__(self, ip: str) -> None:
        self.keys = ""
        self.said_s = 0.0  # of sound that was sent, a call's own clock
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((ip, 0))
        self._ip, self._port = self._socket.getsockname()
        self._towards: tuple[str, int] | None = None
        self._frames: deque[tuple[float, bytes]] = deque(maxlen=100)
        self._stamps: set[int] = set()
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._tone = b""
        self._pressed: deque[tuple[int, int]] = deque()
        self._spoken: deque[bytes] = deque()
        self._closed = False

    # ---- the wire

    def offer(self) -> str:
        """Return our side in SDP (RFC 4566)."""
        return "\r\n".join([
            "v=0", f"o=phone 1 1 IN IP4 {self._ip}", "s=-", f"c=IN IP4 {self._ip}", "t=0 0",
            f"m=audio {self._port} RTP/AVP 8 101", "a=rtpmap:8 PCMA/8000", "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-16", "a=sendrecv", "",
        ])  # fmt: skip

    def towards(self, sdp: str) -> None:
        """Learn where the other side listens."""
        host, port = re.search(r"c=IN IP4 (\S+)", sdp), re.search(r"m=audio (\d+)", sdp)
        if host and port:
            self._towards = (host[1], int(port[1]))

    def open(self) -> None:
        """Begin to hear and to speak."""
        if not self._tasks and not self._closed:
            self._tasks.append(asyncio.create_task(self._run()))

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        self._socket.setblocking(False)
        await loop.create_datagram_endpoint(lambda: self, sock=self._socket)
        sequence, stamp, source = random.randrange(1 << 15), 0, random.randrange(1 << 32)
        next_at = loop.time()
        while not self._closed:
            for kind, payload, event_stamp in self._next(stamp):
                head = struct.pack("!BBHII", 0x80, kind, sequence & 0xFFFF, event_stamp, source)
                if self._transport is not None and self._towards is not None:
                    self._transport.sendto(head + payload, self._towards)
                sequence += 1
            stamp += FRAME
            self.said_s += FRAME / RATE
            next_at += 0.02
            await asyncio.sleep(max(0.0, next_at - loop.time()))

    def _next(self, stamp: int) -> list[tuple[int, bytes, int]]:
        """Return what is sent in the next 20 ms: a key's event if one is pressed, else sound."""
        if self._pressed:
            event, age = self._pressed.popleft()
            if event < 0:
                return []
            end = 0x80 if age >= 6 else 0
            body = struct.pack("!BBH", event, end | 10, min(age, 6) * FRAME)
            return [(101 | (0x80 if age == 1 else 0), body, stamp - (age - 1) * FRAME)]
        if self._spoken:
            return [(8, self._spoken.popleft(), stamp)]
        if not self._tone:
            return [(8, b"\xd5" * FRAME, stamp)]
        start = stamp % len(self._tone)
        return [(8, (self._tone + self._tone)[start : start + FRAME], stamp)]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Take a packet."""
        if len(data) < 12:
            return
        kind, stamp, payload = data[1] & 0x7F, int.from_bytes(data[4:8], "big"), data[12:]
        if kind == 8:
            self._frames.append((asyncio.get_running_loop().time(), payload))
        elif kind == 101 and len(payload) >= 4 and payload[1] & 0x80 and stamp not in self._stamps:
            self._stamps.add(stamp)
            self.keys += DIGITS[payload[0]]

    def close(self) -> None:
        """Neither hear nor speak any more."""
        if self._closed:
            return
        self._closed = True
        for task in self._tasks:
            task.cancel()
        if self._transport is not None:
            self._transport.close()
        else:
            self._socket.close()

    # ---- speaking

    def say(self, hertz: int) -> None:
        """Speak a tone from now on, 0 for silence."""
        # One second holds whole periods of any tone of whole hertz.
        wave = [round(8_000 * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(RATE)]
        self._tone = encode(wave) if hertz else b""

    def press_in_band(self, keys: str) -> None:
        """Press keys as sound (ITU-T Q.23), 120 ms each and 120 ms apart."""
        for key in keys:
            self._spoken.extend(dual_tone(key))

    def press(self, keys: str) -> None:
        """Press keys (RFC 4733), 120 ms each and 120 ms apart."""
        for key in keys:
            self._pressed.extend((DIGITS.index(key), age) for age in (*range(1, 7), 7, 8))
            self._pressed.extend((-1, 0) for _ in range(6))

    def holds(self) -> bool:
        """Tell whether a key is held, some time already, and not let go."""
        return 6 < len(self._pressed) < 12

    # ---- hearing

    def _latest(self, last_s: float = 0.3) -> list[int]:
        since = asyncio.get_running_loop().time() - last_s
        return [ALAW[code] for at, frame in self._frames if at >= since for code in frame]

    def hears(self, hertz: int) -> bool:
        """Tell whether a tone is what is heard now."""
        heard = self._latest()
        return len(heard) >= 5 * FRAME and level(heard) > LOUD and share(heard, hertz) > 0.2

    def quiet(self) -> bool:
        """Tell whether nothing is heard now."""
        return level(self._latest()) < LOUD

    def hears_else(self, *hertz: int) -> bool:
        """Tell whether something is heard that is none of these tones."""
        heard = self._latest()
        return len(heard) >= 5 * FRAME and level(heard) > LOUD and all(share(heard, each) < 0.05 for each in hertz)

    async def until_hears(self, hertz: int, what: str) -> None:
        """Wait until a tone is heard."""
        await until(lambda: self.hears(hertz), f"{what} hearing {hertz} Hz", 10, self._told)

    async def until_not(self, hertz: int, what: str) -> None:
        """Wait until a tone is not heard any more."""
        await until(lambda: share(self._latest(), hertz) < 0.05 or self.quiet(), f"{what} not hearing {hertz} Hz", 10)

    def _told(self) -> object:
        heard = self._latest()
        shares = {hertz: round(share(heard, hertz), 2) for hertz in (AGENT_HZ, CUSTOMER_HZ)}
        return (len(heard), round(level(heard)), shares)
