"""Exotel's applets: a flow built once in its dashboard, which asks applet by applet what it is to do.

The flow goes round: Passthru tells what was heard, SwitchCase asks which applet is next, and that one asks what to say,
take or dial. A turn is a few applets, one after the other. Its structure is the dashboard's: what an applet does not
take from us (how long a message may be) is set there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from jinaconnect.core.ivr import exchange
from jinaconnect.core.ivr.dialects import shape
from jinaconnect.core.ivr.dialects.exoml import DIALLED, TEXT
from jinaconnect.core.ivr.dialects.shape import Prompt
from jinaconnect.core.ivr.exchange import Order, Report

# The cases of the flow's SwitchCase; `WAIT` leads straight back to its Passthru.
GATHER, GREETING, CONNECT, VOICEMAIL, WAIT, HANGUP = "gather", "greeting", "connect", "voicemail", "wait", "hangup"
_JSON, _TEXT = "application/json", "text/plain; charset=utf-8"
_QUIET = 0  # what a gather asks to be repeated: retries are the machine's


@dataclass(frozen=True, slots=True)
class Applet:
    """One applet of a turn, and what it is answered when it asks."""

    name: str
    body: bytes = b""
    content_type: str = _TEXT


def render(orders: Sequence[Order]) -> tuple[Applet, ...]:
    """Return a turn; no orders hang up. What no applet can do goes straight on to the next turn."""
    prompts, wait = shape.parts(orders)
    last = prompts.pop() if prompts and isinstance(wait, exchange.Collect) else None
    said = tuple(_greeting(text) for each in prompts for text in _texts(each))
    match wait:
        case exchange.Collect():
            return *said, _gather(wait, last)
        case exchange.StartTransfer() if wait.to.startswith("+"):
            return *said, _connect(wait.to)
        case exchange.StartRecord():
            return *said, Applet(VOICEMAIL)
        case exchange.HangUp():
            return *said, Applet(HANGUP)
        case None if not said:
            return (Applet(HANGUP),)
        case None:
            return said
    return *said, Applet(WAIT)


def choice(name: str) -> Applet:
    """Return what a SwitchCase is answered."""
    return Applet("switch", orjson.dumps({"select": name}), _JSON)


def _texts(prompt: Prompt) -> list[str]:
    return [prompt.url] if isinstance(prompt, exchange.PlayAudio) else shape.pieces(prompt.text, TEXT)


def _greeting(text: str) -> Applet:
    return Applet(GREETING, text.encode())


def _gather(order: exchange.Collect, prompt: Prompt | None) -> Applet:
    asked = {"text": prompt.text[:TEXT]} if isinstance(prompt, exchange.Say) else {"text": ""}
    if isinstance(prompt, exchange.PlayAudio):
        asked = {"audio_url": prompt.url}
    return Applet(GATHER, orjson.dumps({
        "gather_prompt": asked, "max_input_digits": order.max_digits - len(order.collected),
        "finish_on_key": order.terminators, "input_timeout": shape.seconds(shape.longer(order)),
        "repeat_menu": _QUIET, "repeat_gather_prompt": asked,
    }), _JSON)  # fmt: skip


def _connect(to: str) -> Applet:
    return Applet(CONNECT, orjson.dumps({
        "fetch_after_attempt": False, "destination": {"numbers": [to]}, "record": False,
        "max_ringing_duration": shape.RING_S, "max_conversation_duration": shape.TALK_S,
        "music_on_hold": {"type": "operator_tone"},
    }), _JSON)  # fmt: skip


def reports(name: str, fields: Mapping[str, Any]) -> tuple[Report, ...]:
    """Return what the Passthru behind an applet tells of it; nothing where nothing was heard."""
    if name == GATHER:
        digits = fields.get("digits")
        return () if digits is None else tuple(exchange.Digit(key) for key in shape.keys(str(digits)))
    if name == CONNECT:
        talked = shape.number(str(fields.get("DialCallDuration") or ""))
        answered = bool(talked) or fields.get("DialCallStatus") in DIALLED
        return (exchange.TransferDone(answered, talk_seconds=talked),)
    if name == VOICEMAIL:
        return (exchange.RecordDone(empty=not fields.get("RecordingUrl")),)
    return ()
