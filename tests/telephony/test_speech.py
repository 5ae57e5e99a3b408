"""Texts are spoken by the real espeak-ng."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from jinaconnect.telephony import speech
from jinaconnect.telephony.audio import length_s
from jinaconnect.telephony.speech import EspeakNg, SpeechUnavailable
from tests.client import until
from tests.telephony import waves

SENTENCE = "Welcome to the surgery. Press one for an appointment, or two to speak to a nurse."


def script(directory: Path, *lines: str) -> str:
    """Return a program that stands where espeak-ng would."""
    program = directory / "engine"
    program.write_text("\n".join(("#!/bin/sh", *lines, "")))
    program.chmod(0o755)
    return str(program)


async def test_a_sentence_is_spoken_for_as_long_as_it_takes() -> None:
    file = await EspeakNg().render(SENTENCE, None, None)
    assert waves.form(file)[:3] == (1, 2, 8_000)
    assert 3 < length_s(file) < 10
    assert waves.loudness(file) > 500
    assert length_s(await EspeakNg().render("Yes.", None, None)) < 2


async def test_languages_sound_different_and_unknown_ones_are_english() -> None:
    engine = EspeakNg()
    english = await engine.render(SENTENCE, None, "en")
    german = await engine.render(SENTENCE, None, "de-DE")
    assert german != english
    assert await engine.render(SENTENCE, None, "de") == german
    assert await engine.render(SENTENCE, None, "de_DE") == german
    for language in ("qq", "qq-QQ", "", None, "../../etc/passwd", "-x", "en;reboot"):
        assert await engine.render(SENTENCE, None, language) == english
    assert length_s(await engine.render("नमस्ते, आपका स्वागत है।", None, "hi-IN")) > 0.8


async def test_a_voice_comes_before_the_language_and_an_unknown_one_gives_way() -> None:
    engine = EspeakNg()
    plain = await engine.render(SENTENCE, None, "en")
    assert await engine.render(SENTENCE, "en+f3", "en") != plain
    assert await engine.render(SENTENCE, "Polly.Aditi", "en") == plain
    assert await engine.render(SENTENCE, "nosuchvoice", "en") == plain


async def test_a_text_is_words_and_nothing_else(tmp_path: Path) -> None:
    engine = EspeakNg()
    mark = tmp_path / "made"
    orders = (f"$(touch {mark})", f"`touch {mark}`; touch {mark}", f"-w {mark}", f"--path={mark}")
    for text in (*orders, "a\x00b\x1b[0m c"):
        assert length_s(await engine.render(text, None, None)) > 0.3
    assert not mark.exists()
    codes = await engine.render("[[h@l'oU w'3:ld h@l'oU w'3:ld]]", None, None)
    assert codes == await engine.render("[ [h@l'oU w'3:ld h@l'oU w'3:ld]]", None, None)


@pytest.mark.parametrize("text", ["", "  \n ", "\x07"])
async def test_nothing_to_say_is_a_pause(text: str) -> None:
    file = await EspeakNg().render(text, None, None)
    assert (length_s(file), waves.loudness(file)) == (1, 0)


async def test_a_text_that_is_too_long_is_spoken_to_its_limit() -> None:
    engine = EspeakNg()
    longest = "word " * (speech.MAX_TEXT // 5)
    assert await engine.render(longest + "and much more of it", None, None) == await engine.render(longest, None, None)


async def test_a_missing_engine_is_named() -> None:
    with pytest.raises(SpeechUnavailable, match="not installed"):
        await EspeakNg("no-such-engine").render("Hello.", None, None)


async def test_an_engine_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    engine = tmp_path / "engine"
    engine.write_text("#!/no/such/interpreter\n")
    engine.chmod(0o755)
    with pytest.raises(SpeechUnavailable, match="does not start"):
        await EspeakNg(str(engine)).render("Hello.", None, None)


async def test_an_engine_that_fails_or_says_nothing_is_told(tmp_path: Path) -> None:
    for line in ("exit 1", "exec cat >/dev/null", "cat >/dev/null; echo nonsense"):
        with pytest.raises(SpeechUnavailable, match="could not speak"):
            await EspeakNg(script(tmp_path, line)).render("Hello.", None, None)


async def test_an_engine_that_hangs_is_ended(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    engine = EspeakNg(script(tmp_path, f"echo $$ > {pid}", "exec sleep 600"), deadline_s=0.5)
    with pytest.raises(SpeechUnavailable, match="in time"):
        await engine.render("Hello.", None, None)
    assert not Path(f"/proc/{pid.read_text().strip()}").exists()


async def test_who_stops_waiting_leaves_no_engine_behind(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    engine = EspeakNg(script(tmp_path, f"echo $$ > {pid}", "exec sleep 600"))
    task = asyncio.create_task(engine.render("Hi", None, None))

    async def begun() -> bool:
        return pid.exists() and bool(pid.read_text().strip())

    await until(begun, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async def gone() -> bool:
        return not Path(f"/proc/{pid.read_text().strip()}").exists()

    await until(gone, 10)  # who gives up while the engine is being started sees it killed, and not yet buried


async def test_few_engines_run_at_once(tmp_path: Path) -> None:
    running, most = tmp_path / "running", tmp_path / "most"
    running.mkdir()
    lines = (f"mkdir {running}/$$", f"ls {running} | wc -l >> {most}", "cat >/dev/null", "sleep 0.05",
             f"rmdir {running}/$$", "exit 1")  # fmt: skip
    engine = EspeakNg(script(tmp_path, *lines))
    results = await asyncio.gather(*(engine.render("Hello.", None, None) for _ in range(10)), return_exceptions=True)
    assert all(isinstance(result, SpeechUnavailable) for result in results)
    counts = [int(line) for line in most.read_text().split()]
    assert len(counts) == 10
    assert max(counts) <= speech.AT_ONCE
