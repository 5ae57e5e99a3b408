"""Text to speech, behind one small interface; the engine that comes along is espeak-ng."""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from typing import Protocol

from jinaconnect.telephony.audio import RATE, AudioError, telephone_wav, wav

MAX_TEXT = 4_000
DEADLINE_S = 20.0
AT_ONCE = 2
PAUSE_S = 1  # what a text without words is
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_VOICE = re.compile(r"[A-Za-z0-9_+-]{1,64}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class SpeechUnavailable(Exception):
    """The text cannot be spoken now."""


class Speech(Protocol):
    """A speech engine; `name` tells its renderings from another's."""

    name: str

    async def render(self, text: str, voice: str | None, language: str | None) -> bytes:
        """Return the spoken text as WAV, mono, 8 kHz, 16 bit; a second of silence where nothing is to be said.

        `language` is a tag of BCP 47 (RFC 5646). Raises SpeechUnavailable.
        """


class EspeakNg:
    """espeak-ng as a process of its own for every text; the text goes in as a file, never by a shell."""

    name = "espeak-ng"

    def __init__(self, binary: str = "espeak-ng", *, deadline_s: float = DEADLINE_S) -> None:
        self._binary = binary
        self._deadline_s = deadline_s
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def render(self, text: str, voice: str | None, language: str | None) -> bytes:
        """Speak in the voice, else the language, else English; one that espeak-ng lacks gives way to the next.

        Speaks the first 4,000 characters. Raises SpeechUnavailable.
        """
        if shutil.which(self._binary) is None:
            raise SpeechUnavailable("espeak-ng is not installed (Debian package espeak-ng)")
        # Two brackets would begin phoneme codes: a caller's text is words and nothing else.
        words = _CONTROL.sub(" ", text)[:MAX_TEXT].replace("[[", "[ [")
        if not words.strip():
            return wav(bytes(2 * RATE * PAUSE_S))
        tag = (language or "").replace("_", "-")
        tongue = tag if _LANGUAGE.fullmatch(tag) else None
        choices = [voice if voice and _VOICE.fullmatch(voice) else None, tongue, tongue and tongue.split("-")[0], "en"]
        for choice in dict.fromkeys(each for each in choices if each):
            async with self._slots:
                spoken = await self._run(words, choice)
            if spoken is not None:
                return spoken
        raise SpeechUnavailable("espeak-ng could not speak the text")

    async def _run(self, text: str, voice: str) -> bytes | None:
        try:
            # A file and not a pipe: an engine that ends without reading leaves nobody writing to it.
            with tempfile.TemporaryFile() as words:
                words.write(text.encode(errors="replace"))
                words.seek(0)
                process = await asyncio.create_subprocess_exec(
                    self._binary, "-v", voice, "--stdin", "--stdout", stdin=words,
                    stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
                )  # fmt: skip
        except OSError as error:
            raise SpeechUnavailable(f"espeak-ng does not start ({error.strerror})") from error
        try:
            async with asyncio.timeout(self._deadline_s):
                output, _ = await process.communicate()
        except TimeoutError as error:
            raise SpeechUnavailable("espeak-ng did not finish in time") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode or not output:
            return None
        try:
            return await asyncio.to_thread(telephone_wav, output)
        except AudioError:
            return None
