"""The model on this machine: what it hears in telephone-band speech, and that it hears nothing in what is no speech."""

from __future__ import annotations

import io
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from jinaconnect.core.calls.transcript import Heard
from jinaconnect.telephony.transcribe.channels import blocks
from jinaconnect.telephony.transcribe.engine import NotTranscribed, Sound, UnsupportedLanguage
from jinaconnect.telephony.transcribe.local import Local, model_directory
from tests.telephony.transcribe.sounds import RATE, TEXTS, clip, errors, music, ringing, silence, wav, words

WORST = 0.10


@pytest.fixture(scope="module")
def engine() -> Local:
    """The model that comes with the extra."""
    return Local(model_directory(""))


async def heard(engine: Local, audio: bytes, length_s: float, language: str | None = None, form: str = "wav") -> Heard:
    with tempfile.TemporaryFile() as file:
        file.write(audio)
        return await engine.hear(Sound(file, form, len(audio), length_s), language)


def mp3(audio: bytes) -> bytes:
    command = ["ffmpeg", "-v", "error", "-f", "wav", "-i", "-", "-b:a", "32k", "-f", "mp3", "-"]
    return subprocess.run(command, input=audio, capture_output=True, check=True).stdout


async def test_ten_clips_are_understood_each_side_by_itself(engine: Local) -> None:
    wrong = 0
    for number in range(1, 10, 2):
        first, second = clip(number), clip(number + 1)
        begins = len(first) / RATE + 1
        found = await heard(engine, wav(first, silence(begins) + second), begins + len(second) / RATE, "en-IN")
        assert (found.language, found.channels) == ("en", 2)
        assert 0.4 < found.confidence <= 1
        for channel, said in enumerate(TEXTS[number - 1 : number + 1]):
            mine = [each for each in found.passages if each.channel == channel]
            wrong += errors(said, " ".join(each.text for each in mine))
            assert abs(mine[0].words[0].start_s - channel * begins) < 0.7
            for each in mine:
                assert all(each.start_s - 0.5 <= word.start_s <= word.end_s <= each.end_s + 0.5 for word in each.words)
                assert "".join(word.text for word in each.words) == each.text.replace(" ", "")
    rate = wrong / sum(len(words(text)) for text in TEXTS)
    print(f"word error rate {rate:.3f}")
    assert rate <= WORST


@pytest.mark.parametrize("make", [lambda: wav(silence(30)), ringing, music], ids=["silence", "ringing", "music"])
async def test_what_is_no_speech_has_an_empty_transcript(engine: Local, make: Callable[[], bytes]) -> None:
    found = await heard(engine, make(), 30)
    assert (found.text, found.passages, found.confidence) == ("", (), 0.0)


async def test_another_language_is_said_to_be_one(engine: Local) -> None:
    with pytest.raises(UnsupportedLanguage):
        await heard(engine, wav(clip(1)), 7, "de-AT")


async def test_speech_of_which_nothing_is_understood_is_another_language(engine: Local) -> None:
    backwards = clip(3) + clip(9)
    backwards.reverse()
    with pytest.raises(UnsupportedLanguage):
        await heard(engine, wav(backwards), len(backwards) / RATE)


async def test_what_is_no_audio_is_refused(engine: Local) -> None:
    with pytest.raises(NotTranscribed):
        await heard(engine, b"RIFF" + bytes(500), 1)


async def test_an_mp3_is_heard_as_well(engine: Local) -> None:
    found = await heard(engine, mp3(wav(clip(5))), 6, form="mp3")
    assert "appointment with the doctor" in found.text


def test_blocks_end_where_nobody_speaks_and_lose_nothing(tmp_path: Path) -> None:
    loud = clip(2)
    held = loud + silence(2) + loud
    (tmp_path / "call.wav").write_bytes(wav(held, silence(1)))
    parts = [each for each in blocks(str(tmp_path / "call.wav"), RATE, 12) if each.channel == 0]
    assert len(parts) == 2
    assert len(loud) / RATE < parts[1].start_s < len(loud) / RATE + 2
    assert sum(len(each.samples) for each in parts) == len(held)
    assert io.BytesIO(parts[0].samples.tobytes()).read(1000) == held[:500].tobytes()


def test_a_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no model of CTranslate2: there is no model\.bin"):
        model_directory(str(tmp_path))
