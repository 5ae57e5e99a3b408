"""What writes recordings down, seen from above."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Protocol

from jinaconnect.core.calls.transcript import Heard


class UnsupportedLanguage(Exception):
    """What is spoken is no language the engine knows."""


class NotTranscribed(Exception):
    """The engine does not take this recording, now or later."""


class EngineAway(Exception):
    """The engine does not answer; it may do so later."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording: a file of so many bytes, `wav` or `mp3`, of so many seconds."""

    file: BinaryIO
    form: str
    size: int
    length_s: float

    @property
    def mime(self) -> str:
        """Its media type."""
        return {"wav": "audio/wav", "mp3": "audio/mpeg"}[self.form]


class Transcriber(Protocol):
    """One engine; `outside` tells that recordings leave the house for it, `at_once` how many it takes at one time."""

    name: str
    outside: bool
    at_once: int

    def deadline_s(self, length_s: float) -> float:
        """Return how long it may take over a recording of so many seconds."""

    async def hear(self, sound: Sound, language: str | None) -> Heard:
        """Write a recording down, in the language given (BCP 47) or one found out.

        Raises UnsupportedLanguage, NotTranscribed, EngineAway.
        """
