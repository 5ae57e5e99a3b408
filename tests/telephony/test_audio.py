"""Audio as people have it becomes audio as telephones take it; anything else is refused."""

from __future__ import annotations

import io
import struct
import tracemalloc

import pytest

from jinaconnect.telephony.audio import (
    MAX_BYTES,
    MAX_SECONDS,
    PEAKS,
    AudioError,
    length_s,
    peaks,
    telephone_wav,
    wav,
)
from tests.telephony import waves


@pytest.mark.parametrize("kind", ["wav", "flac", "vorbis"])
def test_a_file_keeps_its_length_and_pitch(kind: str) -> None:
    sound = waves.tone(1.5)
    file = telephone_wav(sound if kind == "wav" else waves.converted(sound, kind))
    channels, width, rate, count = waves.form(file)
    assert (channels, width, rate) == (1, 2, 8_000)
    assert count == pytest.approx(12_000, abs=80)
    assert length_s(file) == count / 8_000
    assert waves.pitch(file) == pytest.approx(440, abs=5)
    assert waves.loudness(file) > 5_000


def test_mp3_is_read() -> None:
    file = telephone_wav(waves.mp3(100))
    assert waves.form(file)[:3] == (1, 2, 8_000)
    assert length_s(file) == pytest.approx(100 * 1_152 / 44_100, abs=0.1)


@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (11_025, 1), (16_000, 2), (48_000, 2)])
def test_any_rate_and_number_of_channels_is_taken(rate: int, channels: int) -> None:
    file = telephone_wav(waves.tone(1, rate=rate, channels=channels))
    assert waves.form(file)[:3] == (1, 2, 8_000)
    assert length_s(file) == pytest.approx(1, abs=0.01)


def test_what_a_telephone_cannot_carry_does_not_come_back_as_another_tone() -> None:
    assert waves.loudness(telephone_wav(waves.tone(1, hz=9_000))) < waves.loudness(telephone_wav(waves.tone(1))) / 2


def test_a_wav_written_into_a_pipe_has_no_sizes_and_is_read() -> None:
    sound = waves.tone(1, rate=8_000, channels=1)
    piped = sound[:4] + b"\xff\xff\xff\x7f" + sound[8:40] + b"\xff\xff\xff\x7f" + sound[44:]
    assert waves.form(telephone_wav(piped))[3] == 8_000


def test_a_chunk_that_speaks_of_data_is_not_the_data() -> None:
    sound = waves.tone(1, rate=8_000, channels=1)
    note = b"data\xff\xff\xff\x7fnote"
    noted = sound[:36] + b"LIST" + struct.pack("<I", len(note)) + note + sound[36:]
    assert waves.form(telephone_wav(noted))[3] == 8_000


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", bytes(2_000), b"RIFF\x00\x00\x00\x00WAVE", waves.tone(1)[:30], b"\x89PNG\r\n\x1a\n" + bytes(500),
     b"ID3" + bytes(100), b"fLaC" + bytes(100), b"OggS" + bytes(100), b"RIFF" + b"\xff" * 100],
)  # fmt: skip
def test_what_is_no_audio_is_refused(data: bytes) -> None:
    with pytest.raises(AudioError, match=r"not WAV, MP3, FLAC or Ogg Vorbis|no sound"):
        telephone_wav(data)


def test_a_sound_without_samples_is_refused() -> None:
    with pytest.raises(AudioError, match="no sound"):
        telephone_wav(wav(b""))


def test_too_many_bytes_are_refused_unread() -> None:
    with pytest.raises(AudioError, match="20 MiB"):
        telephone_wav(waves.tone(0.1) + bytes(MAX_BYTES))


def test_too_long_a_sound_is_refused() -> None:
    just = wav(bytes(2 * 8_000 * MAX_SECONDS))
    assert length_s(telephone_wav(just)) == MAX_SECONDS
    with pytest.raises(AudioError, match="600 seconds"):
        telephone_wav(wav(bytes(2 * 8_000 * (MAX_SECONDS + 1))))


def test_hours_in_a_small_file_do_not_fill_the_memory() -> None:
    silence = waves.converted(wav(bytes(2)), "flac", "pad", "0", "14400")
    assert len(silence) < 2 * 2**20
    tracemalloc.start()
    try:
        with pytest.raises(AudioError, match="600 seconds"):
            telephone_wav(silence)
        assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
    finally:
        tracemalloc.stop()


def test_length_of_what_is_no_wav_is_refused() -> None:
    for data in (b"", b"hello", waves.mp3(3)):
        with pytest.raises(AudioError, match="not a WAV"):
            length_s(data)


def test_peaks_follow_the_loudness_of_a_recording() -> None:
    quiet, loud = ([level] * 8_000 * 60 for level in (256, -32_768))
    found = peaks(io.BytesIO(wav(struct.pack(f"<{8_000 * 120}h", *quiet, *loud))))
    assert len(found) == PEAKS
    assert (found[0], found[PEAKS // 2 - 1], found[PEAKS // 2], found[-1]) == (2, 2, 255, 255)
    assert 0 < len(peaks(io.BytesIO(waves.mp3(100)))) <= PEAKS
    assert peaks(io.BytesIO(wav(b"\x00\x10"))) == b"\x20"
    with pytest.raises(AudioError):
        peaks(io.BytesIO(b"no audio"))
