"""Sounds for transcription: clips with what is said in them, and what has no word in it."""

from __future__ import annotations

import io
import math
import re
import wave
from array import array
from pathlib import Path

import miniaudio

CLIPS = Path(__file__).with_name("clips")
RATE = 8_000
TEXTS = [line.partition(" ")[2] for line in (CLIPS / "texts.txt").read_text().splitlines()]


def clip(number: int) -> array[int]:
    """Return the samples of a clip, the first being 1."""
    file = CLIPS / f"{number:02}.wav"
    return array("h", miniaudio.decode_file(str(file), nchannels=1, sample_rate=RATE).samples)


def silence(seconds: float) -> array[int]:
    """Return samples of silence."""
    return array("h", bytes(2 * round(seconds * RATE)))


def wav(*channels: array[int]) -> bytes:
    """Return a WAV file with these channels, the shorter ones silent at their end."""
    longest = max(map(len, channels))
    even = [channel + array("h", bytes(2 * (longest - len(channel)))) for channel in channels]
    mixed = array("h", bytes(2 * longest * len(even)))
    for place, channel in enumerate(even):
        mixed[place :: len(even)] = channel
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(len(even))
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(mixed.tobytes())
    return file.getvalue()


def ringing() -> bytes:
    """Return half a minute of the ring tone of North America: 440 and 480 Hz, two seconds of six."""
    pairs = ((math.sin(2 * math.pi * 440 * n / RATE), math.sin(2 * math.pi * 480 * n / RATE)) for n in range(2 * RATE))
    burst = array("h", (round(6_000 * (low + high)) for low, high in pairs))
    return wav((burst + silence(4)) * 5)


def music() -> bytes:
    """Return half a minute of chords on an instrument with overtones, each dying away."""
    played = array("h")
    for root in (220.0, 174.6, 261.6, 196.0) * 15:
        tones = [(root * step * harmonic, 1 / harmonic) for step in (1, 1.25, 1.5) for harmonic in (1, 2, 3, 4)]
        for n in range(RATE // 2):
            loud = 2_500 * math.exp(-5 * n / RATE)
            played.append(round(loud * sum(part * math.sin(2 * math.pi * hz * n / RATE) for hz, part in tones)))
    return wav(played)


def words(text: str) -> list[str]:
    """Return the words of a text as errors are counted: small letters, no punctuation, numbers written out."""
    text = text.lower().replace("anymore", "any more").replace("9 o'clock", "nine o'clock").replace("24", "twenty four")
    return re.findall(r"[a-z0-9']+", text)


def errors(said: str, heard: str) -> int:
    """Return how many words have to be put in, left out or exchanged to make one text of the other."""
    left, right = words(said), words(heard)
    row = list(range(len(right) + 1))
    for place, word in enumerate(left, 1):
        before, row[0] = row[0], place
        for other, told in enumerate(right, 1):
            before, row[other] = row[other], min(row[other] + 1, row[other - 1] + 1, before + (word != told))
    return row[-1]
