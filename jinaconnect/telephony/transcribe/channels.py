"""A recording as samples: its channels apart, in blocks that end where nobody speaks."""

from __future__ import annotations

import io
import wave
from array import array
from collections.abc import Generator
from dataclasses import dataclass

import miniaudio

MOST_CHANNELS = 2
BLOCK_S = 60.0
SEEK_S = 20.0  # of a block's end, in which its quietest moment is looked for
STEP_S = 0.1


@dataclass(frozen=True, slots=True)
class Block:
    """Samples (16 bit) of one channel from a moment of the recording on."""

    channel: int
    start_s: float
    samples: array[int]


def channels_of(path: str) -> int:
    """Return how many channels a file has; raises miniaudio.DecodeError."""
    with open(path, "rb") as file:
        wav = file.read(4) == b"RIFF"
    info = miniaudio.wav_get_file_info(path) if wav else miniaudio.mp3_get_file_info(path)
    return min(MOST_CHANNELS, int(info.nchannels))


def blocks(path: str, rate: int, block_s: float = BLOCK_S) -> Generator[Block, None, None]:
    """Give the channels of a WAV or MP3 file, resampled, block by block; raises miniaudio.DecodeError."""
    count = channels_of(path)
    held = [array("h") for _ in range(count)]
    starts = [0] * count
    stream = miniaudio.stream_file(
        path, miniaudio.SampleFormat.SIGNED16, nchannels=count, sample_rate=rate, frames_to_read=rate
    )
    for part in stream:
        for channel in range(count):
            held[channel].extend(part[channel::count])
            if len(held[channel]) >= block_s * rate:
                cut = _quietest(held[channel], rate)
                yield Block(channel, starts[channel] / rate, held[channel][:cut])
                held[channel], starts[channel] = held[channel][cut:], starts[channel] + cut
    for channel, rest in enumerate(held):
        if rest:
            yield Block(channel, starts[channel] / rate, rest)


def _quietest(samples: array[int], rate: int) -> int:
    """Return the sample in the middle of the quietest moment at the end of a block."""
    step = round(STEP_S * rate)
    first = max(step, len(samples) - round(SEEK_S * rate))
    moments = range(first, len(samples) - step + 1, step)
    loudness = {place: sum(map(abs, samples[place : place + step])) for place in moments}
    return min(loudness, key=lambda place: (loudness[place], -place)) + step // 2


def wav_of(samples: array[int], rate: int) -> bytes:
    """Return samples as a WAV file of one channel."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.tobytes())
    return file.getvalue()
