"""Plivo XML.

An input that got nothing goes on with the next element without a callback: a `Redirect` stands behind each. `GetInput`
takes 5 to 60 s for the first key and 2 to 10 s between keys; the older `GetDigits` takes any.
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
FIRST_S, BETWEEN_S, LONGEST_S = (5, 60), (2, 10), 60
END_OF_WORDS_S = 2
VOICES = ("WOMAN", "MAN")
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
    within = [each for each in prompts if isinstance(wait, exchange.Collect) and each.barge_in]
    _speak(response, [each for each in prompts if each not in within])
    match wait:
        case exchange.Collect():
            _speak(_gather(response, wait, urls), within)
        case exchange.Listen():
            for part in _chain(wait.timeout_s):
                response.add(
                    "GetInput", inputType="speech", action=urls.turn, method="POST", redirect=True,
                    executionTimeout=part, speechEndTimeout=END_OF_WORDS_S, finishOnKey="none", language=wait.language,
                )  # fmt: skip
        case exchange.StartRecord():
            response.add(
                "Record", action=urls.turn, method="POST", redirect=True, fileFormat="wav",
                maxLength=wait.max_duration_s, timeout=shape.seconds(wait.finish_on_silence_s or wait.max_duration_s),
                finishOnKey=exchange.ENDS_RECORDING, playBeep=wait.beep, recordSession=False,
                callbackUrl=urls.recording, callbackMethod="POST", **written_down(urls),
            )  # fmt: skip
        case exchange.StartTransfer():
            dial = response.add(
                "Dial", action=urls.turn, method="POST", redirect=True, timeout=shape.RING_S, timeLimit=shape.TALK_S,
                hangupOnStar=False,
            )  # fmt: skip
            dial.add("Number" if wait.to.startswith("+") else "User", wait.to)
        case exchange.Pause():
            response.add("Wait", length=shape.seconds(wait.seconds))
        case exchange.AskHttp() | exchange.AwaitRecord():
            response.add("Wait", length=shape.ASK_AGAIN_S)
        case exchange.HangUp():
            response.add("Hangup")


def written_down(urls: Urls) -> dict[str, str]:
    """Return the attributes of a recording that is to be written down."""
    if not urls.transcript:
        return {}
    return {"transcriptionType": "auto", "transcriptionUrl": urls.transcript, "transcriptionMethod": "POST"}


def _gather(response: Markup, order: exchange.Collect, urls: Urls) -> Markup:
    first, between = shape.seconds(order.first_timeout_s), shape.seconds(order.inter_digit_s)
    if order.collected:
        first = between
    taken: dict[str, Any] = {
        "action": urls.turn, "method": "POST", "redirect": True, "finishOnKey": order.terminators or "none",
        "numDigits": order.max_digits - len(order.collected),
    }  # fmt: skip
    if FIRST_S[0] <= first <= FIRST_S[1] and BETWEEN_S[0] <= between <= BETWEEN_S[1]:
        times: dict[str, Any] = {"executionTimeout": first, "digitEndTimeout": between}
        return response.add("GetInput", inputType="dtmf", **taken, **times, language=shape.LANGUAGE)
    times = {"timeout": first, "digitTimeout": between, "retries": 1, "playBeep": False}
    return response.add("GetDigits", **taken, **times)


def _chain(value: float) -> list[int]:
    """Return the time-outs of the inputs that stand for one: the next follows when one got nothing."""
    whole = shape.seconds(value, FIRST_S[0])
    if whole <= LONGEST_S:
        return [whole]
    return [LONGEST_S, shape.seconds(whole - LONGEST_S, FIRST_S[0])]


def _speak(parent: Markup, prompts: Sequence[Prompt]) -> None:
    for each in prompts:
        if isinstance(each, exchange.PlayAudio):
            parent.add("Play", each.url, loop=1)
            continue
        for text in shape.pieces(each.text, TEXT):
            parent.add(
                "Speak",
                text,
                voice=shape.voice(each, VOICES) or VOICES[0],
                loop=1,
                language=each.language or shape.LANGUAGE,
            )


def reports(fields: Mapping[str, Any]) -> tuple[Report, ...]:
    """Return what the form of a turn's callback tells; nothing for what came by a `Redirect`.

    An action that is called without digits tells of a terminator alone: silence calls none.
    """
    if "DialStatus" in fields:
        answered = fields["DialStatus"] in DIALLED
        return (exchange.TransferDone(answered, talk_seconds=shape.number(fields.get("DialBLegDuration"))),)
    if "RecordUrl" in fields or "RecordingDuration" in fields:
        if "hangup" in fields.get("RecordingEndReason", "").lower():
            return (exchange.CallerHungUp(),)
        return (exchange.RecordDone(empty=(shape.number(fields.get("RecordingDuration")) or 0) <= 0),)
    if fields.get("Speech"):
        return (exchange.SpeechDone(fields["Speech"]),)
    if fields.get("InputType") == "speech" or "Digits" not in fields:
        return ()
    pressed = shape.keys(fields["Digits"])
    return tuple(exchange.Digit(key) for key in pressed) or (exchange.Terminated(),)


def remarks(order: Order) -> list[Remark]:
    """Return what is to be remarked about an order."""
    found = shape.common_remarks(order)
    match order:
        case exchange.Say():
            found += [*shape.text_remarks(order, TEXT), *shape.voice_remarks(order, VOICES)]
        case exchange.Collect():
            first, between = order.first_timeout_s, order.inter_digit_s
            found += shape.rounded("the time-out", first, shape.seconds(first))
            if order.max_digits > 1:
                found += shape.rounded("the time-out between keys", between, shape.seconds(between))
        case exchange.Listen():
            found += shape.rounded("the time-out", order.timeout_s, sum(_chain(order.timeout_s)))
        case exchange.StartRecord() if order.finish_on_silence_s is not None:
            silence = order.finish_on_silence_s
            found += shape.rounded("the silence that ends it", silence, shape.seconds(silence))
        case exchange.Pause():
            found += shape.rounded("the pause", order.seconds, shape.seconds(order.seconds))
    return found


PLIVO = shape.Dialect("Plivo XML", render, reports, remarks)
