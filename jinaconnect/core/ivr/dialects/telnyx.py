"""Commands of Telnyx Call Control, which has no documents: each is given when the one before has ended.

A turn is a JSON list of `{"verb", "payload"}`. `verb` names the action of the call, or is `pause`: a timer of ours of
`seconds`, whose end is the event `timer`. A command that leads to no event of its own (`transcription_start`) is
followed by the next at once. Every payload bears a `client_state` that the events it leads to repeat: the address of
the turn, with `step`, the command's place. `follows` tells which command an event leads to; where it tells of none, the
turn is over: `reports` says what was heard, and what `closing` names is given before anything else.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from jinaconnect.core.ivr import exchange
from jinaconnect.core.ivr.dialects import languages, shape
from jinaconnect.core.ivr.dialects.shape import Document, Prompt, Remark, Urls
from jinaconnect.core.ivr.exchange import Order, Report

TEXT = 3_000
VOICES = ("female", "male")
ENGINE = "B"  # their own
NEXT_PROMPT_MS = 100  # that a prompt which is not the last one waits for keys after its end
PAUSE = "pause"
TIMER = "timer"  # the event of ours that ends a pause
SECOND = "second"  # marks what is told of a leg that a transfer called

Command = dict[str, Any]


def render(orders: Sequence[Order], urls: Urls) -> Document:
    """Return a turn's commands as JSON."""
    return Document(json.dumps(commands(orders, urls), ensure_ascii=False).encode(), "application/json")


def commands(orders: Sequence[Order], urls: Urls) -> list[Command]:
    """Return a turn's commands; no orders hang up."""
    prompts, wait = shape.parts(orders)
    if wait is None and not prompts:
        wait = exchange.HangUp("")
    asks = isinstance(wait, exchange.Collect)
    made = [command for each in prompts if not (asks and each.barge_in) for command in _speak(each)]
    made += _wait([each for each in prompts if asks and each.barge_in], wait, urls)
    for step, command in enumerate(made):
        if command["verb"] != "hangup":
            command["payload"]["client_state"] = _state(f"{urls.turn}{_join(urls.turn)}step={step}")
    return made


def _wait(within: Sequence[Prompt], wait: Order | None, urls: Urls) -> list[Command]:
    match wait:
        case exchange.Collect():
            return _gathers(within, wait)
        case exchange.Listen():
            start = {
                "language": wait.language, "transcription_engine": ENGINE, "transcription_tracks": "inbound",
            }  # fmt: skip
            return [_command("transcription_start", **start), _command(PAUSE, seconds=wait.timeout_s)]
        case exchange.StartRecord():
            return [
                _command(
                    "record_start", format="wav", channels="single", play_beep=wait.beep,
                    max_length=wait.max_duration_s, timeout_secs=shape.seconds(wait.finish_on_silence_s or 0, 0),
                    recording_track="inbound", **({"transcription": True} if urls.transcript else {}),
                ),
                _command("record_stop"),
            ]  # fmt: skip
        case exchange.StartTransfer(to):
            second = _state(f"{urls.turn}{_join(urls.turn)}part={SECOND}")
            return [
                _command(
                    "transfer", to=to, timeout_secs=shape.RING_S, time_limit_secs=shape.TALK_S,
                    park_after_unbridge="self", target_leg_client_state=second,
                )
            ]  # fmt: skip
        case exchange.Pause(seconds):
            return [_command(PAUSE, seconds=seconds)]
        case exchange.AskHttp() | exchange.AwaitRecord():
            return [_command(PAUSE, seconds=shape.ASK_AGAIN_S)]
        case exchange.HangUp():
            return [_command("hangup")]
    return []


def _command(verb: str, **payload: Any) -> Command:
    return {"verb": verb, "payload": payload}


def _join(url: str) -> str:
    return "&" if "?" in url else "?"


def _state(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _speak(prompt: Prompt) -> list[Command]:
    if isinstance(prompt, exchange.PlayAudio):
        return [_command("playback_start", audio_url=prompt.url, loop=1, target_legs="self")]
    return [_command("speak", payload=text, **_voice(prompt)) for text in shape.pieces(prompt.text, TEXT)]


def _voice(prompt: exchange.Say) -> dict[str, str]:
    voice, named = shape.voice(prompt, VOICES) or VOICES[0], prompt.language or shape.LANGUAGE
    meant = languages.spoken(named, languages.TELNYX)
    if meant is None and voice not in VOICES:
        return {"voice": voice, "payload_type": "text"}  # it has a language of its own
    return {"voice": voice, "language": meant or named, "payload_type": "text"}


def _gathers(within: Sequence[Prompt], order: exchange.Collect) -> list[Command]:
    """Return the gathers of a question: one for each prompt that a key may cut short, the last of them patient."""
    first = order.inter_digit_s if order.collected else order.first_timeout_s
    takes = {
        "minimum_digits": 1, "maximum_digits": order.max_digits - len(order.collected),
        "inter_digit_timeout_millis": round(order.inter_digit_s * 1000), "terminating_digit": order.terminators,
    }  # fmt: skip
    prompts = _merged(within)
    if not prompts:
        whole = first + order.inter_digit_s * order.max_digits  # longer than any way to press them
        times = {"initial_timeout_millis": round(first * 1000), "timeout_millis": round(whole * 1000)}
        return [_command("gather", **times, **takes)]
    made = []
    for place, prompt in enumerate(prompts, 1):
        patience = round(first * 1000) if place == len(prompts) else NEXT_PROMPT_MS
        times = {"timeout_millis": patience, "maximum_tries": 1}
        if isinstance(prompt, exchange.PlayAudio):
            made.append(_command("gather_using_audio", audio_url=prompt.url, **times, **takes))
        else:
            made.append(_command("gather_using_speak", payload=prompt.text, **_voice(prompt), **times, **takes))
    return made


def _merged(prompts: Sequence[Prompt]) -> list[Prompt]:
    """Return prompts with texts of one voice that follow each other made one, and long ones cut."""
    found: list[Prompt] = []
    for prompt in prompts:
        if isinstance(prompt, exchange.PlayAudio):
            found.append(prompt)
            continue
        for text in shape.pieces(prompt.text, TEXT):
            last = found[-1] if found else None
            same = isinstance(last, exchange.Say) and _voice(last) == _voice(prompt)
            if isinstance(last, exchange.Say) and same and len(last.text) + 1 + len(text) <= TEXT:
                found[-1] = exchange.Say(f"{last.text} {text}", prompt.voice, prompt.language, True)
            else:
                found.append(exchange.Say(text, prompt.voice, prompt.language, True))
    return found


# ---- what comes back


def address(client_state: str) -> tuple[str, dict[str, str]]:
    """Return the address a `client_state` holds and its query; empty for one that is not ours."""
    try:
        url = base64.b64decode(client_state, validate=True).decode()
        return url, dict(parse_qsl(urlsplit(url).query))
    except (binascii.Error, ValueError):
        return "", {}


def follows(fields: Mapping[str, Any], given: Sequence[Command]) -> Command | None:
    """Return the command of a turn that an event leads to, None where it leads to none.

    `fields` is the event's payload with its `event_type` and the `step` of its `client_state`.
    """
    step, event = shape.count(str(fields.get("step", ""))), fields.get("event_type")
    if step is None or step + 1 >= len(given):
        return None
    following = given[step + 1]
    if following["verb"] == "record_stop":
        ends = event == "call.dtmf.received" and fields.get("digit") == exchange.ENDS_RECORDING
        return following if ends else None
    goes_on = event in ("call.speak.ended", "call.playback.ended") or (
        event == "call.gather.ended" and fields.get("status") == "timeout" and not fields.get("digits")
    )
    return following if goes_on else None


def closing(given: Sequence[Command]) -> list[Command]:
    """Return the commands that end what a turn leaves running."""
    listens = any(command["verb"] == "transcription_start" for command in given)
    return [_command("transcription_stop")] if listens else []


def reports(fields: Mapping[str, Any]) -> tuple[Report, ...]:
    """Return what an event tells that ends a turn: its payload with `event_type`, and `part` of its `client_state`."""
    second = fields.get("part") == SECOND
    match fields.get("event_type"):
        case "call.hangup" if second:
            talked = fields.get("hangup_cause") in ("normal_clearing", "time_limit")
            return (exchange.TransferDone(talked),)
        case "call.hangup":
            return (exchange.CallerHungUp(),)
        case _ if second:
            return (exchange.Ongoing(),)
        case "call.gather.ended":
            return _gathered(str(fields.get("status") or ""), shape.keys(str(fields.get("digits") or "")))
        case "call.transcription":
            told = fields.get("transcription_data")
            told = told if isinstance(told, Mapping) else {}
            text = str(told.get("transcript") or "").strip()
            return (exchange.SpeechDone(text),) if text and told.get("is_final") else (exchange.Ongoing(),)
        case "call.recording.saved":
            nothing = fields.get("recording_started_at") == fields.get("recording_ended_at")
            return (exchange.RecordDone(empty=nothing and fields.get("recording_ended_at") is not None),)
        case "call.recording.error":
            return (exchange.RecordDone(empty=True),)
        case "call.speak.ended" | "call.playback.ended" | "timer":
            return ()
    return (exchange.Ongoing(),)


def _gathered(status: str, digits: str) -> tuple[Report, ...]:
    if status == "call_hangup":
        return (exchange.CallerHungUp(),)
    if digits:
        return tuple(exchange.Digit(key) for key in digits)
    if status in ("valid", "invalid"):  # fewer digits than the least one: the terminator came first
        return (exchange.Terminated(),)
    return () if status == "timeout" else (exchange.Ongoing(),)


def remarks(order: Order) -> list[Remark]:
    """Return what is to be remarked about an order."""
    found = shape.common_remarks(order)
    match order:
        case exchange.Say():
            found += [*shape.text_remarks(order, TEXT), *shape.voice_remarks(order, VOICES)]
            if (shape.voice(order, VOICES) or VOICES[0]) in VOICES:
                found += languages.remarks(order.language, languages.TELNYX)
        case exchange.Listen():
            found.append(Remark(shape.EMULATED, "the caller's words are transcribed until the first whole sentence"))
        case exchange.StartRecord() if order.finish_on_silence_s is not None:
            silence = order.finish_on_silence_s
            found += shape.rounded("the silence that ends it", silence, shape.seconds(silence))
            found.append(Remark(shape.EMULATED, "silence counts from the first words on"))
        case exchange.Pause():
            found.append(Remark(shape.EMULATED, "a timer of the gateway"))
    return found


TELNYX = shape.Dialect("Telnyx commands", render, reports, remarks)
