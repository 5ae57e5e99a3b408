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
from jinaconnect.core.ivr.dialects.shape import EMULATED, REFUSED, Prompt, Remark
from jinaconnect.core.ivr.exchange import Order, Report

AT = "exotel"  # whose flows they are

# The cases of the flow's SwitchCase; `WAIT` leads straight back to its Passthru.
GATHER, GREETING, CONNECT, VOICEMAIL, WAIT, HANGUP = "gather", "greeting", "connect", "voicemail", "wait", "hangup"
_JSON, _TEXT = "application/json", "text/plain; charset=utf-8"
_QUIET = 0  # what a gather asks to be repeated: retries are the machine's


@dataclass(frozen=True, slots=True)
class Part:
    """An applet the flow is built of.

    `case` is the SwitchCase's word for it, `asks` the kind of the address it is given (empty: none), `leads_to` the
    labels of what follows it, `text` how it is set up.
    """

    label: str
    case: str
    asks: str
    leads_to: tuple[str, ...]
    text: str


_PASSTHRU, _SWITCH = "Passthru", "SwitchCase"
_BACK = (_PASSTHRU,)
FLOW = (
    Part(_PASSTHRU, "", "done", (_SWITCH,), "The flow begins with it. Asynchronous off; both of its ends lead on."),
    Part(_SWITCH, "", "switch", ("Greeting", "Gather", "Connect", "Voicemail", _PASSTHRU, "Hangup"),
         "Its cases are named as below; any other word leads to Hangup."),
    Part("Greeting", GREETING, GREETING, _BACK, "Dynamic text, or the address of an audio file."),
    Part("Gather", GATHER, GATHER, _BACK, "Dynamic; with and without keys it leads on."),
    Part("Connect", CONNECT, CONNECT, _BACK, "Dynamic; both of its ends, answered or not, lead on."),
    Part("Voicemail", VOICEMAIL, "", _BACK, "Set up here: how long a message may be, and what ends it."),
    Part(_PASSTHRU, WAIT, "", (_SWITCH,), "The case leads straight back to where the flow begins."),
    Part("Hangup", HANGUP, "", (), ""),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Applet:
    """One applet of a turn, and what it is answered when it asks."""

    name: str
    body: bytes = b""
    content_type: str = _TEXT


def render(orders: Sequence[Order]) -> tuple[Applet, ...]:
    """Return a turn; no orders hang up. What no applet can do goes straight on to the next turn."""
    prompts, wait = shape.parts(orders)
    last = prompts.pop() if prompts and isinstance(wait, exchange.Collect) and prompts[-1].barge_in else None
    texts = _texts(last) if last is not None else [""]
    said = tuple(_greeting(text) for text in (*(text for each in prompts for text in _texts(each)), *texts[:-1]))
    match wait:
        case exchange.Collect():
            return *said, _gather(wait, {"audio_url" if isinstance(last, exchange.PlayAudio) else "text": texts[-1]})
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


def _gather(order: exchange.Collect, asked: Mapping[str, str]) -> Applet:
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
        answered = bool(talked) or str(fields.get("DialCallStatus")) in DIALLED
        return (exchange.TransferDone(answered, talk_seconds=talked),)
    if name == VOICEMAIL:
        return (exchange.RecordDone(empty=not fields.get("RecordingUrl")),)
    return ()


def remarks(order: Order) -> list[Remark]:
    """Return what is to be remarked about an order that a flow carries out."""
    match order:
        case exchange.Say():
            own = order.voice or order.language
            spoken = [Remark(EMULATED, "voice and language are those the flow is set up with")] if own else []
            return [*shape.text_remarks(order, TEXT), *spoken]
        case exchange.Collect():
            return [*shape.common_remarks(order), *shape.patience_remarks(order)]
        case exchange.Listen():
            return [Remark(REFUSED, "a flow takes keys, and tells of no speech")]
        case exchange.StartTransfer() if order.to.lower().startswith("sip"):
            return [Remark(REFUSED, "a Connect applet calls telephone numbers only")]
        case exchange.StartTransfer() if not order.to.startswith("+"):
            return [Remark(EMULATED, "an address that is no telephone number counts as failed")]
        case exchange.StartRecord():
            return [Remark(EMULATED, "its length, its silence and its beep are those of the Voicemail applet")]
        case exchange.Pause():
            return [Remark(EMULATED, "the pause is left out")]
        case exchange.AskHttp():
            return [Remark(EMULATED, "the flow goes round until the web service has answered")]
    return []
