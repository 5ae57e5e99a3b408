"""The two sides of a recorded call become one file with a channel for each."""

from __future__ import annotations

import io
import wave
from array import array

import pytest

from jinaconnect.telephony.ari.sides import PIECE, fetched_together
from jinaconnect.telephony.audio import wav
from jinaconnect.telephony.switch import Take


async def joined(one: array[int], other: array[int]) -> tuple[array[int], array[int]]:
    """Return the channels of what two files are made."""
    made = bytearray()

    def gives(samples: array[int]) -> object:
        file = wav(samples.tobytes())

        async def fetch(take: Take) -> None:
            for start in range(0, len(file), 1000):
                await take(file[start : start + 1000])

        return fetch

    async def take(piece: bytes) -> None:
        made.extend(piece)

    await fetched_together(gives(one), gives(other), take)  # type: ignore[arg-type]
    with wave.open(io.BytesIO(bytes(made)), "rb") as read:
        assert (read.getnchannels(), read.getsampwidth(), read.getframerate()) == (2, 2, 8_000)
        both = array("h", read.readframes(read.getnframes()))
    return both[::2], both[1::2]


@pytest.mark.parametrize(("first", "second"), [(PIECE + 7, 12), (0, 3), (5, 0), (2 * PIECE, 2 * PIECE + 1), (0, 0)])
async def test_the_shorter_side_ends_in_silence(first: int, second: int) -> None:
    one = array("h", [n % 1000 + 1 for n in range(first)])
    other = array("h", [-(n % 1000) - 1 for n in range(second)])
    left, right = await joined(one, other)
    longest = max(first, second)
    assert left == one + array("h", [0] * (longest - first))
    assert right == other + array("h", [0] * (longest - second))
