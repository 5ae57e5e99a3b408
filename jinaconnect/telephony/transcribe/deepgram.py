"""Deepgram's transcription of files: the audio goes as it is, each channel comes back by itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from jinaconnect.core.calls.transcript import Heard, Passage, Word
from jinaconnect.outbound import Outbound
from jinaconnect.telephony.transcribe.engine import Sound
from jinaconnect.telephony.transcribe.service import ask, field, listed, number

WITHIN_S = 30.0


class Deepgram:
    """`POST /v1/listen`."""

    name = "deepgram"
    outside = True
    at_once = 4

    def __init__(self, outside: Outbound, base_url: str, api_key: str) -> None:
        self._outside = outside
        self._url = f"{base_url.rstrip('/')}/v1/listen"
        self._key = api_key

    def deadline_s(self, length_s: float) -> float:
        """Return how long an answer may take."""
        return WITHIN_S + length_s / 10

    async def hear(self, sound: Sound, language: str | None) -> Heard:
        """Write a recording down; raises UnsupportedLanguage, NotTranscribed, EngineAway."""
        query = {"smart_format": "true", "multichannel": "true", "utterances": "true"}
        query |= {"language": language} if language else {"detect_language": "true"}
        sound.file.seek(0)
        answer = await ask(
            self._outside, f"{self._url}?{urlencode(query)}", sound.file, self.deadline_s(sound.length_s),
            {"Authorization": f"Token {self._key}", "Content-Type": sound.mime},
        )  # fmt: skip
        results = field(answer, "results", dict)
        channels = listed(results, "channels")
        best = [next(iter(listed(each, "alternatives")), {}) for each in channels]
        passages = [_passage(each) for each in listed(results, "utterances")] or [
            _whole(channel, each) for channel, each in enumerate(best)
        ]
        found = next((each.get("detected_language") for each in channels if each.get("detected_language")), language)
        sure = [number(each, "confidence") for each in best if each.get("transcript")]
        mean = round(sum(sure) / len(sure), 4) if sure else 0.0
        return Heard(tuple(passages), found, min(1.0, max(0.0, mean)), max(1, len(channels)))


def _passage(each: dict[str, Any]) -> Passage:
    text = str(each.get("transcript", "")).strip()
    return Passage(round(number(each, "channel")), number(each, "start"), number(each, "end"), text, _words(each))


def _whole(channel: int, best: dict[str, Any]) -> Passage:
    """Return all of a channel as one passage, where the answer has no finer ones."""
    words = _words(best)
    start, end = (words[0].start_s, words[-1].end_s) if words else (0.0, 0.0)
    return Passage(channel, start, end, str(best.get("transcript", "")).strip(), words)


def _words(held: dict[str, Any]) -> tuple[Word, ...]:
    return tuple(
        Word(
            str(each.get("punctuated_word") or each.get("word", "")), number(each, "start"), number(each, "end"),
            number(each, "confidence"),
        )
        for each in listed(held, "words")
    )  # fmt: skip
