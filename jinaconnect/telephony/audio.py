"""Audio as telephones take it: WAV, mono, 8 kHz, 16 bit."""

from __future__ import annotations

import io
import math
import wave
from array import array
from contextlib import closing
from typing import BinaryIO

import miniaudio

RATE = 8_000
MAX_BYTES = 20 * 1024 * 1024
MAX_SECONDS = 600


class AudioError(Exception):
    """The bytes are no audio that can be read, or too much of it."""


def telephone_wav(data: bytes) -> bytes:
    """Return WAV, MP3, FLAC or Ogg Vorbis as mono 8 kHz 16-bit WAV; raises AudioError."""
    if len(data) > MAX_BYTES:
        raise AudioError(f"more than {MAX_BYTES // 2**20} MiB")
    samples = bytearray()
    try:
        # A second at a time: a few MiB of FLAC can be hours, which are given up on rather than kept in memory.
        stream = miniaudio.stream_memory(
            _with_length(data), miniaudio.SampleFormat.SIGNED16, nchannels=1, sample_rate=RATE, frames_to_read=RATE
        )
        with closing(stream):
            for part in stream:
                samples += part.tobytes()
                if len(samples) > MAX_SECONDS * RATE * 2:
                    raise AudioError(f"longer than {MAX_SECONDS} seconds")
    except (miniaudio.DecodeError, ValueError) as error:
        raise AudioError("not WAV, MP3, FLAC or Ogg Vorbis") from error
    if not samples:
        raise AudioError("there is no sound in it")
    return wav(bytes(samples))


def wav(samples: bytes, channels: int = 1) -> bytes:
    """Return 16-bit little-endian samples at 8 kHz as a WAV file; those of several channels alternate."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(samples)
    return file.getvalue()


def length_s(file: bytes | BinaryIO) -> float:
    """Return the length of a WAV file in seconds, of which its head is read; raises AudioError for anything else."""
    try:
        with wave.open(io.BytesIO(file) if isinstance(file, bytes) else file, "rb") as reader:
            return float(reader.getnframes() / reader.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError) as error:
        raise AudioError("not a WAV file") from error


PEAKS = 1000  # of a recording, whatever its length
_LOOKED_AT = 4096  # samples of one peak that are looked at; of a long recording every so many


def peaks(file: BinaryIO) -> bytes:
    """Return how loud a WAV or MP3 file is along its length, 0 to 255; read in pieces; raises AudioError."""
    form, length = looked_at(file)
    file.seek(0)
    each = max(1, math.ceil(length * RATE / PEAKS))  # samples that one peak stands for
    stride = max(1, each // _LOOKED_AT)
    found, held = bytearray(), array("h")
    try:
        stream = miniaudio.stream_any(
            _Reading(file), getattr(miniaudio.FileFormat, form.upper()), miniaudio.SampleFormat.SIGNED16,
            nchannels=1, sample_rate=RATE, frames_to_read=RATE,
        )  # fmt: skip
        with closing(stream):
            for part in stream:
                held.extend(part)
                while len(held) >= each and len(found) < PEAKS:
                    found.append(_loudest(held[:each:stride]))
                    del held[:each]
    except miniaudio.DecodeError as error:
        raise AudioError("neither WAV nor MP3") from error
    if held and len(found) < PEAKS:
        found.append(_loudest(held[::stride]))
    return bytes(found)


def _loudest(samples: array[int]) -> int:
    return min(255, max(max(samples), -min(samples)) >> 7)


class _Reading(miniaudio.StreamableSource):  # type: ignore[misc]
    """A file as the decoder reads it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, num_bytes: int) -> bytes:
        return self._file.read(num_bytes)

    def seek(self, offset: int, origin: miniaudio.SeekOrigin) -> bool:
        self._file.seek(offset, 0 if origin == miniaudio.SeekOrigin.START else 1)
        return True


def looked_at(file: BinaryIO) -> tuple[str, float]:
    """Return which of WAV and MP3 a file is, and its length in seconds; raises AudioError for anything else."""
    head = file.read(12)
    file.seek(0)
    if head[:4] == b"RIFF":
        return "wav", length_s(file)
    try:
        return "mp3", float(miniaudio.mp3_get_info(file.read()).duration)
    except miniaudio.DecodeError as error:
        raise AudioError("neither WAV nor MP3") from error


def _with_length(data: bytes) -> bytes:
    """Return a WAV that was written into a pipe with the sizes its writer could not go back to fill in."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return data
    place = 12  # of the chunk looked at: name, size, content padded to even length
    while data[place : place + 4] != b"data":
        place += 8 + (int.from_bytes(data[place + 4 : place + 8], "little") + 1) // 2 * 2
        if place + 8 > len(data):
            return data
    left = len(data) - place - 8
    if int.from_bytes(data[place + 4 : place + 8], "little") <= left:
        return data
    riff = (len(data) - 8).to_bytes(4, "little")
    return data[:4] + riff + data[8 : place + 4] + left.to_bytes(4, "little") + data[place + 8 :]
