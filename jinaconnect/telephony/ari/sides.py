"""A call recorded with a channel for each side: two files of a switch, made one as they are fetched."""

from __future__ import annotations

import asyncio
import struct
import tempfile
import wave
from array import array
from collections.abc import Awaitable, Callable, Iterator
from typing import BinaryIO, cast

from jinaconnect.telephony.switch import Take

PIECE = 65_536  # samples of each side
IN_MEMORY = 4 * 1024 * 1024
Fetch = Callable[[Take], Awaitable[None]]


def other_side(name: str) -> str:
    """Return the name of the recording of what a leg hears, beside the one of what it says."""
    return f"{name}.heard"


async def fetched_together(says: Fetch, hears: Fetch, take: Take) -> None:
    """Give two mono WAV files of one moment to `take` as one with two channels; the shorter one ends in silence."""
    with (
        tempfile.SpooledTemporaryFile(IN_MEMORY) as one,
        tempfile.SpooledTemporaryFile(IN_MEMORY) as other,
    ):
        for fetch, file in ((says, one), (hears, other)):
            await fetch(_into(cast(BinaryIO, file)))
            file.seek(0)
        pieces = _joined(cast(BinaryIO, one), cast(BinaryIO, other))
        while (piece := await asyncio.to_thread(next, pieces, b"")) != b"":
            await take(piece)


def _into(file: BinaryIO) -> Take:
    async def keep(piece: bytes) -> None:
        file.write(piece)

    return keep


def _joined(one: BinaryIO, other: BinaryIO) -> Iterator[bytes]:
    with wave.open(one, "rb") as left, wave.open(other, "rb") as right:
        frames, rate = max(left.getnframes(), right.getnframes()), left.getframerate()
        size = 4 * frames
        yield struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 2, rate, 4 * rate, 4, 16,
                          b"data", size)  # fmt: skip
        for start in range(0, frames, PIECE):
            count = min(PIECE, frames - start)
            both = array("h", bytes(4 * count))
            for side, file in enumerate((left, right)):
                read = array("h", file.readframes(count))
                both[side : 2 * len(read) : 2] = read
            yield both.tobytes()
