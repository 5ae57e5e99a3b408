"""NCCO, the lists of actions of Vonage.

Its `notify` is the redirect, and what an action's `eventUrl` is answered replaces the list, an empty answer leaves it
going on. An address says in `part` which action it was given to.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from jinaconnect.core.ivr import exchange
from jinaconnect.core.ivr.dialects import languages, shape
from jinaconnect.core.ivr.dialects.shape import Document, Prompt, Remark, Urls
from jinaconnect.core.ivr.exchange import Order, Report

TEXT = 1_500
INPUT_S, START_S = 10, 60  # the longest time-outs for keys and for words
DIGITS = 20
SILENCE_S, LENGTH_S = (3, 10), (3, 7_200)
END_OF_WORDS_S = 2
SHORTEST_S = 0.1  # pause
EVENT_S = 2  # after a transfer, for the event that tells how it went
TALK_S = 7_200
FAILED = frozenset({"busy", "cancelled", "unanswered", "timeout", "rejected", "failed", "disconnected"})

Action = dict[str, Any]


def render(orders: Sequence[Order], urls: Urls) -> Document:
    """Return a turn; no orders hang up."""
    prompts, wait = shape.parts(orders)
    if wait is None and not prompts:
        wait = exchange.HangUp("")
    asks = isinstance(wait, exchange.Collect)
    actions = [action for each in prompts for action in _speak(each, barge_in=asks and each.barge_in)]
    if isinstance(wait, exchange.HangUp):
        # A list that has come to its end hangs up; an empty one is an error to some of Vonage's servers.
        actions.append({"action": "talk", "text": " ", "bargeIn": False, "loop": 1, "language": shape.LANGUAGE})
    else:
        actions += _wait(wait, urls)
    return Document(json.dumps(actions, ensure_ascii=False).encode(), "application/json")


def written_down(urls: Urls) -> Action:
    """Return what a recording is to have so that it is written down; nothing where it is not to be."""
    if not urls.transcript:
        return {}
    return {"transcription": {"language": shape.LANGUAGE, "eventUrl": [urls.transcript], "eventMethod": "POST"}}


def _wait(wait: Order | None, urls: Urls) -> list[Action]:
    match wait:
        case exchange.Collect():
            return [*_collect(wait, urls), _notify(urls.turn)]
        case exchange.Listen():
            return [*_listen(wait, urls), _notify(urls.turn)]
        case exchange.StartRecord():
            record: Action = {
                "action": "record", "format": "wav", "timeOut": shape.seconds(wait.max_duration_s, *LENGTH_S),
                "beepStart": wait.beep, "endOnKey": exchange.ENDS_RECORDING,
                "eventUrl": [_at(urls.turn, "record")], "eventMethod": "POST",
            }  # fmt: skip
            if wait.finish_on_silence_s is not None:
                record["endOnSilence"] = shape.seconds(wait.finish_on_silence_s, *SILENCE_S)
            record |= written_down(urls)
            return [record, *_again(urls, "asked-1")]
        case exchange.AwaitRecord(asked):
            return _again(urls, f"asked-{asked}")
        case exchange.StartTransfer(to):
            phone, address = {"type": "phone", "number": to.lstrip("+")}, {"type": "sip", "uri": to}
            connect: Action = {
                "action": "connect", "endpoint": [phone if to.startswith("+") else address], "timeout": shape.RING_S,
                "limit": TALK_S, "randomFromNumber": True, "eventType": "synchronous",
                "eventUrl": [_at(urls.turn, "connect")], "eventMethod": "POST",
            }  # fmt: skip
            return [connect, {"action": "wait", "timeout": EVENT_S}, _notify(_at(urls.turn, "after"))]
        case exchange.Pause(seconds):
            return [{"action": "wait", "timeout": max(SHORTEST_S, seconds)}, _notify(urls.turn)]
        case exchange.AskHttp():
            return _again(urls, "")
    return [_notify(urls.turn)]


def _again(urls: Urls, part: str) -> list[Action]:
    return [{"action": "wait", "timeout": shape.ASK_AGAIN_S}, _notify(_at(urls.turn, part))]


def _notify(url: str) -> Action:
    return {"action": "notify", "payload": {"turn": "over"}, "eventUrl": [url], "eventMethod": "POST"}


def _at(url: str, part: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}part={quote(part)}" if part else url


def _speak(prompt: Prompt, *, barge_in: bool) -> list[Action]:
    if isinstance(prompt, exchange.PlayAudio):
        return [{"action": "stream", "streamUrl": [prompt.url], "bargeIn": barge_in, "loop": 1}]
    named = prompt.language or shape.LANGUAGE
    said = {"bargeIn": barge_in, "loop": 1, "language": languages.spoken(named, languages.VONAGE) or named}
    if prompt.voice and prompt.voice.isascii() and prompt.voice.isdigit():
        said["style"] = int(prompt.voice)
    return [{"action": "talk", "text": text, **said} for text in shape.pieces(prompt.text, TEXT)]


# ---- input


def _by_key(order: exchange.Collect) -> bool:
    """Tell whether keys must be taken one by one: the list has no way to say what ends them."""
    many = order.max_digits > 1
    return order.terminators not in ("", "#") or order.max_digits > DIGITS or (many and order.inter_digit_s > INPUT_S)


def _times(order: exchange.Collect) -> list[int]:
    """Return the time-outs of the inputs that stand for one: the next follows when one got nothing."""
    if _by_key(order) or order.max_digits == 1:
        return _chain(order.inter_digit_s if order.collected else order.first_timeout_s, INPUT_S)
    # Each is as patient between keys as the node wants: the last one, the shortest, takes from those before it.
    times, between = _chain(shape.longer(order), INPUT_S), shape.seconds(order.inter_digit_s)
    for place in range(len(times) - 1):
        given = max(0, min(between - times[-1], times[place] - between))
        times[place] -= given
        times[-1] += given
    return [*times[:-1], max(times[-1], between)]


def _chain(value: float, most: int) -> list[int]:
    whole = shape.seconds(value)
    return [most] * ((whole - 1) // most) + [(whole - 1) % most + 1]


def _collect(order: exchange.Collect, urls: Urls) -> list[Action]:
    single = _by_key(order)
    digits = 1 if single else order.max_digits - len(order.collected)
    times = _times(order)
    return [
        {
            "action": "input", "type": ["dtmf"], "eventMethod": "POST",
            "eventUrl": [_at(urls.turn, _part("key" if single else "keys", place, len(times)))],
            "dtmf": {"maxDigits": digits, "timeOut": time, "submitOnHash": not single and order.terminators == "#"},
        }
        for place, time in enumerate(times, 1)
    ]  # fmt: skip


def _listen(order: exchange.Listen, urls: Urls) -> list[Action]:
    times = _chain(order.timeout_s, START_S)
    return [
        {
            "action": "input", "type": ["speech"], "eventMethod": "POST",
            "eventUrl": [_at(urls.turn, _part("speech", place, len(times)))],
            "speech": {
                "language": _of_words(order), "startTimeout": time, "endOnSilence": END_OF_WORDS_S,
                "maxDuration": START_S,
            },
        }
        for place, time in enumerate(times, 1)
    ]  # fmt: skip


def _of_words(order: exchange.Listen) -> str:
    """Return the language that words are taken in, which has a region: far more than those that are spoken."""
    tag = order.language.replace("_", "-")
    return tag if "-" in tag else languages.spoken(tag, languages.VONAGE) or tag


def _part(name: str, place: int, count: int) -> str:
    return name if place == count else f"{name}-more"


# ---- what comes back


def reports(fields: Mapping[str, Any]) -> tuple[Report, ...]:
    """Return what a turn's event tells: its JSON, and `part` of its address; nothing for a `notify` without one."""
    part = str(fields.get("part", ""))
    name, _, rest = part.partition("-")
    match name:
        case "keys" | "key":
            return _keys(fields.get("dtmf"), one=name == "key", more=rest == "more")
        case "speech":
            text = _words(fields.get("speech"))
            return (exchange.SpeechDone(text),) if text else (exchange.Ongoing(),) if rest == "more" else ()
        case "record":
            return (exchange.RecordDone(empty=not fields.get("recording_url") or fields.get("size") in (0, "0")),)
        case "asked" if (asked := shape.count(rest)) is not None:
            return (exchange.RecordRunning(asked),)
        case "connect":
            status = str(fields.get("status") or "")
            if status == "completed":
                return (exchange.TransferDone(True, talk_seconds=shape.number(str(fields.get("duration") or ""))),)
            return (exchange.TransferDone(False),) if status in FAILED else (exchange.Ongoing(),)
        case "after":
            return (exchange.TransferDone(False),)
    return ()


def _keys(told: Any, *, one: bool, more: bool) -> tuple[Report, ...]:
    told = told if isinstance(told, Mapping) else {"digits": told}
    pressed = shape.keys(str(told.get("digits") or ""))
    if pressed:
        digits = tuple(exchange.Digit(key) for key in pressed)
        return (*digits, exchange.KeysSoFar()) if one else digits
    if told.get("timed_out", True):
        return (exchange.Ongoing(),) if more else ()
    return (exchange.Terminated(),)


def _words(told: Any) -> str:
    results = told.get("results") if isinstance(told, Mapping) else None
    heard = [each for each in results if isinstance(each, Mapping)] if isinstance(results, list) else []
    best = max(heard, key=_confidence, default=None)
    return "" if best is None else str(best.get("text") or "")


def _confidence(result: Mapping[str, Any]) -> float:
    try:
        return float(result.get("confidence") or 0)
    except (TypeError, ValueError):
        return 0.0


def remarks(order: Order) -> list[Remark]:
    """Return what is to be remarked about an order."""
    found = shape.common_remarks(order)
    match order:
        case exchange.Say():
            found += [*shape.text_remarks(order, TEXT), *languages.remarks(order.language, languages.VONAGE)]
            if order.voice and not order.voice.isdigit():
                found.append(Remark(shape.EMULATED, "voices are numbers of styles, this name is none"))
        case exchange.Collect():
            found += _collect_remarks(order)
        case exchange.Listen():
            found += shape.rounded("the time-out", order.timeout_s, sum(_chain(order.timeout_s, START_S)))
            if "-" not in (tag := order.language.replace("_", "-")):
                found += languages.remarks(tag, languages.VONAGE)
        case exchange.Pause():
            found += shape.rounded("the pause", order.seconds, max(SHORTEST_S, order.seconds))
        case exchange.StartRecord():
            found += _record_remarks(order)
        case exchange.StartTransfer():
            found.append(Remark(shape.EMULATED, "how it went is known by synchronous events; 7200 s at most"))
    return found


def _collect_remarks(order: exchange.Collect) -> list[Remark]:
    found: list[Remark] = []
    times = _times(order)
    if _by_key(order):
        found.append(Remark(shape.EMULATED, "keys are taken one by one, each in a turn of its own"))
    elif order.max_digits > 1 and order.first_timeout_s != order.inter_digit_s:
        told = " and ".join(map(str, times))
        found.append(Remark(shape.EMULATED, f"one time-out of {told} s for the first key and between keys"))
    else:
        found += shape.rounded("the time-out", order.first_timeout_s, sum(times))
    if len(times) > 1:
        found.append(Remark(shape.EMULATED, f"{len(times)} inputs one after the other, {INPUT_S} s each at most"))
    return found


def _record_remarks(order: exchange.StartRecord) -> list[Remark]:
    if order.max_duration_s > LENGTH_S[1]:
        return [Remark(shape.REFUSED, f"Vonage records {LENGTH_S[1]} s at most")]
    found = [Remark(shape.EMULATED, "it is waited for, second by second, until the event that tells of it")]
    found += shape.rounded("the length", order.max_duration_s, shape.seconds(order.max_duration_s, *LENGTH_S))
    if order.finish_on_silence_s is not None:
        silence = order.finish_on_silence_s
        found += shape.rounded("the silence that ends it", silence, shape.seconds(silence, *SILENCE_S))
    return found


NCCO = shape.Dialect("NCCO", render, reports, remarks)
