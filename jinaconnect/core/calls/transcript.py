"""What was said in a recording: words with their times, in passages, each by one side of the call."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

# Who is heard in a channel where each side has one: carriers put the call's own line first, whom it talks with second.
SPEAKERS = ("customer", "agent")


@dataclass(frozen=True, slots=True)
class Word:
    """A word and when it was said, in seconds from the recording's beginning; `confidence` is 0 to 1."""

    text: str
    start_s: float
    end_s: float
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """What was said in one go in one channel."""

    channel: int
    start_s: float
    end_s: float
    text: str
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """What an engine has made of a recording: nothing said is no passage, no text and no confidence."""

    passages: tuple[Passage, ...] = ()
    language: str | None = None
    confidence: float = 0.0
    channels: int = 1

    @property
    def text(self) -> str:
        """All that was said, in the order in which it was said; several sides have a line for each passage."""
        return ("\n" if self.channels > 1 else " ").join(each.text for each in ordered(self.passages))


def ordered(passages: Iterable[Passage]) -> list[Passage]:
    """Return passages that say something, by when they begin."""
    return sorted((each for each in passages if each.text), key=lambda each: (each.start_s, each.channel))


def sure(log_probabilities: Sequence[float]) -> float:
    """Return how sure a model is whose segments have these mean log probabilities: 0 to 1, 0 without any."""
    if not log_probabilities:
        return 0.0
    return round(min(1.0, max(0.0, math.exp(sum(log_probabilities) / len(log_probabilities)))), 4)


def primary(tag: str | None) -> str | None:
    """Return the language of a tag of BCP 47 without its region, None without one."""
    return (tag or "").strip().replace("_", "-").partition("-")[0].lower() or None


def stored(heard: Heard) -> dict[str, Any]:
    """Return what was heard as it is kept beside its recording."""
    return {"channels": heard.channels, "passages": [asdict(each) for each in ordered(heard.passages)]}


def shown(kept: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return kept passages as they are answered; who speaks is known where each side has a channel."""
    several = kept["channels"] > 1
    return [
        {
            "speaker": SPEAKERS[each["channel"]] if several and each["channel"] < len(SPEAKERS) else None,
            **{name: each[name] for name in ("channel", "start_s", "end_s", "text", "words")},
        }
        for each in kept["passages"]
    ]
