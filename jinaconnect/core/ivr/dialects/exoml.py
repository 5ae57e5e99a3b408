"""ExoML, the documents of Exotel: few attributes, and digits in quotes.

It is not published what a `Gather` or a `Record` that got nothing does: a `Redirect` behind each is right either way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.core.ivr import exchange
from jinaconnect.core.ivr.dialects import shape
from jinaconnect.core.ivr.dialects.markup import Markup
from jinaconnect.core.ivr.dialects.shape import Document, Prompt, Remark, Urls
from jinaconnect.core.ivr.exchange import Order, Report

TEXT = 1_500  # no limit is published; this is the least of the other carriers'
DIALLED = frozenset({"completed", "answered"})


def render(orders: Sequence[Order], urls: Urls) -> Document:
    """Return a turn; no orders hang up. What cannot be said asks for the next turn at once."""
    response = Markup("Response")
    prompts, wait = shape.parts(orders)
    if wait is None and not prompts:
        wait = exchange.HangUp("")
    _write(response, prompts, wait, urls)
    if not isinstance(wait, exchange.HangUp):
        response.add("Redirect", urls.turn, method="POST")
    return response.document()


def _write(response: Markup, prompts: Sequence[Prompt], wait: Order | None, urls: Urls) -> None:
    within = [each for each in prompts if isinstance(wait, exchange.Collect) and each.barge_in]
    _speak(response, [each for each in prompts if each not in within])
    match wait:
        case exchange.Collect():
            gather = response.add(
                "Gather", action=urls.turn, method="POST", numDigits=wait.max_digits - len(wait.collected),
                timeout=shape.seconds(shape.longer(wait)), finishOnKey=wait.terminators,
            )  # fmt: skip
            _speak(gather, within)
        case exchange.StartRecord():
            response.add(
                "Record", action=urls.turn, method="POST", maxLength=wait.max_duration_s,
                finishOnKey=exchange.ENDS_RECORDING,
                timeout=shape.seconds(wait.finish_on_silence_s or wait.max_duration_s), playBeep=wait.beep,
            )  # fmt: skip
        case exchange.StartTransfer() if wait.to.startswith("+"):
            response.add(
                "Dial", wait.to, action=urls.turn, method="POST", timeout=shape.RING_S, timeLimit=shape.TALK_S,
                record=False,
            )  # fmt: skip
        case exchange.Pause():
            response.add("Pause", length=shape.seconds(wait.seconds))
        case exchange.AskHttp() | exchange.AwaitRecord():
            response.add("Pause", length=shape.ASK_AGAIN_S)
        case exchange.HangUp():
            response.add("Hangup")


def _speak(parent: Markup, prompts: Sequence[Prompt]) -> None:
    for each in prompts:
        if isinstance(each, exchange.PlayAudio):
            parent.add("Play", each.url, loop=1)
            continue
        for text in shape.pieces(each.text, TEXT):
            parent.add("Say", text, voice=each.voice, loop=1)


def reports(fields: Mapping[str, Any]) -> tuple[Report, ...]:
    """Return what a turn's callback tells; nothing for what came by a `Redirect`.

    An action that is called without digits tells of a terminator alone.
    """
    if "DialCallStatus" in fields:
        answered = fields["DialCallStatus"] in DIALLED
        return (exchange.TransferDone(answered, talk_seconds=shape.number(fields.get("DialCallDuration"))),)
    digits = fields.get("DigitsPressed", fields.get("digits", fields.get("Digits")))
    if digits is not None:
        return tuple(exchange.Digit(key) for key in shape.keys(digits)) or (exchange.Terminated(),)
    if "RecordingUrl" in fields:
        return (exchange.RecordDone(empty=shape.number(fields.get("RecordingDuration")) == 0),)
    return ()


def remarks(order: Order) -> list[Remark]:
    """Return what is to be remarked about an order."""
    found = shape.common_remarks(order)
    match order:
        case exchange.Say():
            found += shape.text_remarks(order, TEXT)
            if order.language:
                found.append(Remark(shape.EMULATED, "the language is that of the voice"))
        case exchange.Collect():
            found += shape.patience_remarks(order)
        case exchange.Listen():
            found.append(Remark(shape.REFUSED, "Exotel does not understand speech"))
        case exchange.StartTransfer() if order.to.lower().startswith("sip"):
            found.append(Remark(shape.REFUSED, "Exotel transfers to telephone numbers only"))
        case exchange.StartTransfer() if not order.to.startswith("+"):
            found.append(Remark(shape.EMULATED, "an address that is no telephone number counts as failed"))
        case exchange.StartRecord() if order.finish_on_silence_s is not None:
            silence = order.finish_on_silence_s
            found += shape.rounded("the silence that ends it", silence, shape.seconds(silence))
        case exchange.Pause():
            found += shape.rounded("the pause", order.seconds, shape.seconds(order.seconds))
    return found


EXOML = shape.Dialect("ExoML", render, reports, remarks)
