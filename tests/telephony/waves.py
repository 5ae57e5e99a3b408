"""Sounds for the tests of prompts: files as people upload them, and what is read from a WAV."""

from __future__ import annotations

import io
import math
import shutil
import subprocess
import wave
from array import array
from itertools import pairwise

import pytest


def tone(seconds: float, *, rate: int = 44_100, channels: int = 2, hz: float = 440.0) -> bytes:
    """Return a WAV with a tone."""
    samples = array("h")
    for place in range(round(seconds * rate)):
        samples.extend([round(12_000 * math.sin(2 * math.pi * hz * place / rate))] * channels)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.tobytes())
    return file.getvalue()


def mp3(frames: int) -> bytes:
    """Return silent MPEG-1 layer III frames of 1,152 samples at 44.1 kHz, 128 kbit/s (ISO/IEC 11172-3 §2.4.1)."""
    return (b"\xff\xfb\x90\x00" + bytes(413)) * frames


def converted(sound: bytes, kind: str, *effects: str) -> bytes:
    """Return a WAV in another format of sox's."""
    if shutil.which("sox") is None:
        pytest.fail("sox is missing: apt-get install sox")
    command = ["sox", "-t", "wav", "-", "-t", kind, "-", *effects]
    return subprocess.run(command, input=sound, capture_output=True, check=True).stdout


def form(file: bytes) -> tuple[int, int, int, int]:
    """Return channels, bytes per sample, rate and number of samples of a WAV."""
    with wave.open(io.BytesIO(file)) as reader:
        return reader.getnchannels(), reader.getsampwidth(), reader.getframerate(), reader.getnframes()


def samples(file: bytes) -> array[int]:
    """Return the samples of a 16-bit WAV."""
    with wave.open(io.BytesIO(file)) as reader:
        return array("h", reader.readframes(reader.getnframes()))


def loudness(file: bytes) -> float:
    """Return the root mean square of a WAV's samples, 0 to 32,768."""
    values = samples(file)
    return math.sqrt(sum(value * value for value in values) / len(values))


def pitch(file: bytes) -> float:
    """Return the frequency of a WAV's tone in Hz, by its rises through zero."""
    values = samples(file)
    rises = sum(1 for one, two in pairwise(values) if one < 0 <= two)
    return rises * form(file)[2] / len(values)
