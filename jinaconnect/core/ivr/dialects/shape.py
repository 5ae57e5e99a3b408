"""What all dialects share: what a document is, how sure its compiler is of it, and the cutting of texts and times."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from jinaconnect.core.ivr.exchange import (
    AskHttp,
    AwaitRecord,
    Collect,
    HangUp,
    Listen,
    Order,
    Pause,
    PlayAudio,
    Report,
    Say,
    StartRecord,
    StartTransfer,
)

EXACT, EMULATED, REFUSED = "exact", "emulated", "refused"
LANGUAGE = "en-US"  # of a text that names none
RING_S, TALK_S = 30, 14_400  # of a transfer
ASK_AGAIN_S = 1  # of a turn that waits for ourselves

Prompt = Say | PlayAudio
Wait = Collect | Listen | StartRecord | AwaitRecord | StartTransfer | Pause | AskHttp | HangUp

_PROVIDED_VOICE = re.compile(r"[A-Za-z]+(\.[A-Za-z0-9_-]+)+")
_SENTENCE = re.compile(r"(?<=[.!?;:…।。])\s+")


class Urls(Protocol):
    """Where a carrier finds us for one call."""

    @property
    def turn(self) -> str:
        """Return where it asks for the next document."""

    @property
    def status(self) -> str:
        """Return where it tells of the call's life."""

    @property
    def recording(self) -> str:
        """Return where it tells of recordings."""

    @property
    def transcript(self) -> str:
        """Return where it tells what was said in one, empty where it is not to write that down."""


@dataclass(frozen=True, slots=True)
class Document:
    """What a carrier is answered."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Remark:
    """How a dialect says something: `level` is emulated or refused; what is said exactly needs no remark."""

    level: str
    text: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """One dialect: a turn written down, the fields of a callback read, and what is to be remarked about an order."""

    label: str
    render: Callable[[Sequence[Order], Urls], Document]
    reports: Callable[[Mapping[str, Any]], tuple[Report, ...]]
    remarks: Callable[[Order], list[Remark]]


def parts(orders: Sequence[Order]) -> tuple[list[Prompt], Wait | None]:
    """Return a turn's prompts and the one thing it waits for; None where only its prompts are waited for."""
    prompts = [each for each in orders if isinstance(each, Prompt)]
    waits = [each for each in orders if isinstance(each, Wait)]
    return prompts, waits[-1] if waits else None


def pieces(text: str, limit: int) -> list[str]:
    """Return a text in pieces no longer than `limit`: cut between sentences, else between words, else anywhere."""
    found: list[str] = []
    for sentence in _SENTENCE.split(text):
        if found and len(found[-1]) + 1 + len(sentence) <= limit:
            found[-1] += f" {sentence}"
            continue
        while len(sentence) > limit:
            at = sentence.rfind(" ", 1, limit + 1)
            at = at if at > 0 else limit
            found.append(sentence[:at])
            sentence = sentence[at:].lstrip()
        if sentence:
            found.append(sentence)
    return found


def seconds(value: float, least: int = 1, most: int | None = None) -> int:
    """Return whole seconds, rounded up, within a carrier's limits."""
    whole = max(least, math.ceil(value))
    return whole if most is None else min(whole, most)


def longer(order: Collect) -> float:
    """Return the one time-out of a carrier that has one for the first key and for those that follow."""
    return max(order.first_timeout_s, order.inter_digit_s)


def patience_remarks(order: Collect) -> list[Remark]:
    """Return what is to be said where a carrier has one time-out, in whole seconds."""
    whole = seconds(longer(order))
    if order.max_digits > 1 and order.first_timeout_s != order.inter_digit_s:
        return [Remark(EMULATED, f"one time-out of {whole} s for the first key and between keys")]
    return rounded("the time-out", order.first_timeout_s, whole)


def rounded(what: str, value: float, said: float) -> list[Remark]:
    """Return what is to be said of a time that a carrier cannot take as it is."""
    return [] if value == said else [Remark(EMULATED, f"{what} is {said:g} s, not {value:g} s")]


def common_remarks(order: Order) -> list[Remark]:
    """Return what holds for every carrier that leads calls by documents."""
    match order:
        case Collect() if order.terminators and order.terminators in "ABCD":
            return [Remark(REFUSED, f"no carrier hands on the key {order.terminators}")]
        case AskHttp():
            text = f"the carrier pauses for {ASK_AGAIN_S} s and asks again until the web service has answered"
            return [Remark(EMULATED, text)]
    return []


def text_remarks(order: Say, limit: int) -> list[Remark]:
    """Return what is to be said of a text that may be too long for one element."""
    if len(order.text) <= limit:
        return []
    return [Remark(EMULATED, f"the text is cut into {len(pieces(order.text, limit))}, {limit} characters at most")]


def voice(order: Say, plain: Collection[str]) -> str | None:
    """Return the voice a text names where a carrier knows it: one of its plain ones, or `Engine.Name`."""
    known = order.voice is not None and (order.voice in plain or _PROVIDED_VOICE.fullmatch(order.voice))
    return order.voice if known else None


def voice_remarks(order: Say, plain: Collection[str]) -> list[Remark]:
    """Return what is to be said of a voice that a carrier does not know."""
    if order.voice is None or voice(order, plain) is not None:
        return []
    return [Remark(EMULATED, f"it knows no voice {order.voice}: the language's own is taken")]


def keys(text: str) -> str:
    """Return the keys within what a carrier sends for them: some quote them."""
    return "".join(each for each in text if each in "0123456789ABCD*#")


def count(text: str) -> int | None:
    """Return the number that some digits are, None for what is none and for more digits than any count has."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def number(text: str | None) -> int | None:
    """Return the whole number a field holds, None for anything else."""
    try:
        return int(float(text)) if text else None
    except (ValueError, OverflowError):
        return None
