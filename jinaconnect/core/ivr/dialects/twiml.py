"""TwiML, the documents of Twilio.

A `Gather` or a `Record` that got nothing falls through to the next verb: behind each stands a `Redirect`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.core.ivr import exchange
from jinaconnect.core.ivr.dialects import shape
from jinaconnect.core.ivr.dialects.markup import Markup
from jinaconnect.core.ivr.dialects.shape import Document, Prompt, Remark, Urls
from jinaconnect.core.ivr.exchange import Order, Report

TEXT = 4_096
VOICES = ("man", "woman", "alice")
DIALLED = frozenset({"completed", "answered"})


def render(orders: Sequence[Order], urls: Urls) -> Document:
    """Return a turn; no orders hang up."""
    response = Markup("Response")
    prompts, wait = shape.parts(orders)
    if wait is None and not prompts:
        wait = exchange.HangUp("")
    _write(response, prompts, wait, urls)
    if not isinstance(wait, exchange.HangUp):
        response.add("Redirect", urls.turn, method="POST")
    return response.document()


def _write(response: Markup, prompts: Sequence[Prompt], wait: Order | None, urls: Urls) -> None:
    asks = isinstance(wait, exchange.Collect)
    before = [each for each in prompts if not (asks and each.barge_in)]
    _speak(response, before)
    match wait:
        case exchange.Collect():
            gather = response.add(
                "Gather", input="dtmf", action=urls.turn, method="POST", timeout=shape.seconds(shape.longer(wait)),
                numDigits=wait.max_digits - len(wait.collected), finishOnKey=wait.terminators, bargeIn=True,
                actionOnEmptyResult=True, language=shape.LANGUAGE,
            )  # fmt: skip
            _speak(gather, [each for each in prompts if each not in before])
        case exchange.Listen():
            response.add(
                "Gather", input="speech", action=urls.turn, method="POST", timeout=shape.seconds(wait.timeout_s),
                speechTimeout="auto", finishOnKey="", bargeIn=True, actionOnEmptyResult=True, language=wait.language,
            )  # fmt: skip
        case exchange.StartRecord():
            response.add(
                "Record", action=urls.turn, method="POST", maxLength=wait.max_duration_s,
                finishOnKey=exchange.ENDS_RECORDING,
                timeout=shape.seconds(wait.finish_on_silence_s or wait.max_duration_s), playBeep=wait.beep,
                trim="do-not-trim", transcribe=bool(urls.transcript), recordingStatusCallback=urls.recording,
                recordingStatusCallbackMethod="POST", recordingStatusCallbackEvent="completed absent",
                **({"transcribeCallback": urls.transcript} if urls.transcript else {}),
            )  # fmt: skip
        case exchange.StartTransfer():
            dial = response.add(
                "Dial", action=urls.turn, method="POST", timeout=shape.RING_S, timeLimit=shape.TALK_S,
                answerOnBridge=False, hangupOnStar=False, record="do-not-record",
            )  # fmt: skip
            dial.add("Number" if wait.to.startswith("+") else "Sip", wait.to)
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
            parent.add("Say", text, voice=shape.voice(each, VOICES), language=each.language or shape.LANGUAGE, loop=1)


def reports(fields: Mapping[str, Any]) -> tuple[Report, ...]:
    """Return what the form of a turn's callback tells; nothing for what came by a `Redirect`."""
    if "DialCallStatus" in fields:
        answered = fields["DialCallStatus"] in DIALLED
        return (exchange.TransferDone(answered, talk_seconds=shape.number(fields.get("DialCallDuration"))),)
    if "RecordingUrl" in fields or "RecordingDuration" in fields:
        if fields.get("Digits") == "hangup":
            return (exchange.CallerHungUp(),)
        return (exchange.RecordDone(empty=shape.number(fields.get("RecordingDuration")) == 0),)
    if fields.get("SpeechResult"):
        return (exchange.SpeechDone(fields["SpeechResult"]),)
    ended = fields.get("FinishedOnKey", "")
    pressed = shape.keys(fields.get("Digits", "")) + (shape.keys(ended) if len(ended) == 1 else "")
    return tuple(exchange.Digit(key) for key in pressed)


def remarks(order: Order) -> list[Remark]:
    """Return what is to be remarked about an order."""
    found = shape.common_remarks(order)
    match order:
        case exchange.Say():
            found += [*shape.text_remarks(order, TEXT), *shape.voice_remarks(order, VOICES)]
        case exchange.Collect():
            found += shape.patience_remarks(order)
        case exchange.Listen():
            found += shape.rounded("the time-out", order.timeout_s, shape.seconds(order.timeout_s))
        case exchange.StartRecord() if order.finish_on_silence_s is not None:
            silence = order.finish_on_silence_s
            found += shape.rounded("the silence that ends it", silence, shape.seconds(silence))
        case exchange.Pause():
            found += shape.rounded("the pause", order.seconds, shape.seconds(order.seconds))
    return found


TWIML = shape.Dialect("TwiML", render, reports, remarks)
