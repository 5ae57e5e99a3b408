"""OpenAI's transcription of files: it mixes channels, so each goes by itself, in parts as small as it takes them."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import miniaudio

from jinaconnect.core.calls.transcript import Heard, Passage, Word, primary, sure
from jinaconnect.outbound import Outbound
from jinaconnect.telephony.transcribe.channels import Block, blocks, channels_of, wav_of
from jinaconnect.telephony.transcribe.engine import NotTranscribed, Sound, UnsupportedLanguage
from jinaconnect.telephony.transcribe.service import ask, listed, number

WITHIN_S = 60.0
MODEL = "whisper-1"
RATE = 8_000
PART_S = 600.0  # 10 MB, of the 25 MB it takes


class OpenAi:
    """`POST /v1/audio/transcriptions`."""

    name = "openai"
    outside = True
    at_once = 4

    def __init__(self, outside: Outbound, base_url: str, api_key: str) -> None:
        self._outside = outside
        self._url = f"{base_url.rstrip('/')}/v1/audio/transcriptions"
        self._key = api_key

    def deadline_s(self, length_s: float) -> float:
        """Return how long the answers for all parts may take."""
        return WITHIN_S * 2 * (1 + length_s // PART_S)

    async def hear(self, sound: Sound, language: str | None) -> Heard:
        """Write a recording down; raises UnsupportedLanguage, NotTranscribed, EngineAway."""
        tongue = primary(language)
        if tongue is not None and len(tongue) != 2:
            raise UnsupportedLanguage(tongue)
        sound.file.flush()
        path = f"/proc/self/fd/{sound.file.fileno()}"
        passages: list[Passage] = []
        certain: list[float] = []
        found, parts = tongue, None
        try:
            channels = await asyncio.to_thread(channels_of, path)
            parts = blocks(path, RATE, PART_S)
            while (part := await asyncio.to_thread(next, parts, None)) is not None:
                answer = await self._part(part, tongue)
                found = found or answer.get("language")
                certain += [number(each, "avg_logprob") for each in listed(answer, "segments")]
                passages += _passages(part, answer)
        except miniaudio.DecodeError as error:
            raise NotTranscribed("the recording cannot be read") from error
        finally:
            if parts is not None:
                parts.close()
        return Heard(tuple(passages), found, sure(certain), channels)

    async def _part(self, part: Block, language: str | None) -> dict[str, Any]:
        form = aiohttp.FormData()
        form.add_field("model", MODEL)
        form.add_field("response_format", "verbose_json")
        for each in ("segment", "word"):
            form.add_field("timestamp_granularities[]", each)
        if language is not None:
            form.add_field("language", language)
        wav = await asyncio.to_thread(wav_of, part.samples, RATE)
        form.add_field("file", wav, filename="recording.wav", content_type="audio/wav")
        return await ask(self._outside, self._url, form, WITHIN_S, {"Authorization": f"Bearer {self._key}"})


def _passages(part: Block, answer: dict[str, Any]) -> list[Passage]:
    """Return the segments of an answer with the words that begin within them."""
    words = [
        Word(str(each.get("word", "")).strip(), _at(part, each, "start"), _at(part, each, "end"))
        for each in listed(answer, "words")
    ]
    found: list[Passage] = []
    for each in listed(answer, "segments"):
        start, end = _at(part, each, "start"), _at(part, each, "end")
        within = tuple(word for word in words if start <= word.start_s < end)
        found.append(Passage(part.channel, start, end, str(each.get("text", "")).strip(), within))
    if not found and str(answer.get("text", "")).strip():
        end = words[-1].end_s if words else part.start_s
        found.append(Passage(part.channel, part.start_s, end, str(answer["text"]).strip(), tuple(words)))
    return found


def _at(part: Block, held: dict[str, Any], name: str) -> float:
    return round(part.start_s + number(held, name), 3)
