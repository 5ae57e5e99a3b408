"""Audio as telephones take it: WAV, mono, 8 kHz, 16 bit."""

from __future__ import annotations

import io
import wave

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
    try:
        sound = miniaudio.decode(
            _with_length(data), output_format=miniaudio.SampleFormat.SIGNED16, nchannels=1, sample_rate=RATE
        )
    except (miniaudio.DecodeError, ValueError) as error:
        raise AudioError("not WAV, MP3, FLAC or Ogg Vorbis") from error
    if not 0 < len(sound.samples) <= MAX_SECONDS * RATE:
        raise AudioError(f"must be longer than nothing and at most {MAX_SECONDS} seconds")
    return wav(sound.samples.tobytes())


def wav(samples: bytes) -> bytes:
    """Return 16-bit little-endian samples at 8 kHz as a WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(samples)
    return file.getvalue()


def length_s(data: bytes) -> float:
    """Return the length of a WAV file in seconds; raises AudioError for anything else."""
    try:
        with wave.open(io.BytesIO(data)) as reader:
            return float(reader.getnframes() / reader.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError) as error:
        raise AudioError("not a WAV file") from error


def _with_length(data: bytes) -> bytes:
    """Return a WAV that was written into a pipe with the sizes its writer could not go back to fill in."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE" or len(data) < 44:
        return data
    place = data.find(b"data", 12)
    if place < 0 or len(data) < place + 8:
        return data
    size = int.from_bytes(data[place + 4 : place + 8], "little")
    left = len(data) - place - 8
    if size <= left:
        return data
    riff = (len(data) - 8).to_bytes(4, "little")
    return data[:4] + riff + data[8 : place + 4] + left.to_bytes(4, "little") + data[place + 8 :]
