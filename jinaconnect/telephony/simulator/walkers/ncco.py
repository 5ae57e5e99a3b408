"""How Vonage carries out an NCCO: a list of actions, some of which go on while the next are done."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinaconnect.telephony.simulator.walkers.line import BadDocument, CallerGone, Line, collect

TALK = 1_500
Action = Mapping[str, Any]


@dataclass(slots=True)
class _Recording:
    ends_at: float
    seconds: int
    stops: str
    urls: Sequence[str]


class NccoWalker:
    """Interprets the lists of one call; `common` are fields of every event."""

    def __init__(self, line: Line, common: Mapping[str, Any]) -> None:
        self._line = line
        self._common = dict(common)
        self._recordings: list[_Recording] = []
        self._prompts: list[tuple[str, str, int]] = []  # that go on until a key is pressed

    async def walk(self, url: str) -> None:
        """Ask for the first list and do what it and those after it say, until the call is over."""
        actions: Sequence[Action] | None = self._read(await self._line.send(url, self._common))
        try:
            while actions:
                actions = await self._list(actions)
        except CallerGone:
            await self._recorded(gone=True)

    def _read(self, body: bytes) -> Sequence[Action] | None:
        """Return the list of an answer; None for an answer without one, which changes nothing."""
        if not body.strip():
            return None
        actions = json.loads(body)
        if not isinstance(actions, list):
            raise BadDocument("an NCCO is a list")
        return actions

    async def _list(self, actions: Sequence[Action]) -> Sequence[Action] | None:
        self._prompts.clear()
        for action in actions:
            kind = action.get("action")
            if self._prompts and kind not in ("input", "talk", "stream"):
                raise BadDocument("bargeIn needs an input behind it")
            await self._recorded()
            instead = await self._action(str(kind), action)
            if instead is not None:
                return instead
        return None

    async def _action(self, kind: str, action: Action) -> Sequence[Action] | None:
        match kind:
            case "talk" | "stream":
                await self._prompt(kind, action)
            case "input":
                return await self._input(action)
            case "record":
                self._record(action)
            case "connect":
                return await self._connect(action)
            case "wait":
                await self._wait(_within(action, "timeout", 10, 0.1, 7_200))
            case "notify":
                if "payload" not in action:
                    raise BadDocument("notify without a payload")
                return await self._event(action, dict(action["payload"]))
            case _:
                raise BadDocument(f"no action {kind}")
        return None

    async def _event(self, action: Action, told: Mapping[str, Any]) -> Sequence[Action] | None:
        urls = action.get("eventUrl")
        if not isinstance(urls, list) or len(urls) != 1:
            raise BadDocument("eventUrl is a list of one address")
        return self._read(await self._line.send(urls[0], {**self._common, **told}))

    async def _prompt(self, kind: str, action: Action) -> None:
        if kind == "talk" and not 1 <= len(action["text"]) <= TALK:
            raise BadDocument("talk is empty or too long")
        what = ("text", action["text"]) if kind == "talk" else ("audio", action["streamUrl"][0])
        prompt = (*what, int(action.get("loop", 1)))
        if action.get("bargeIn", False):
            self._prompts.append(prompt)
        elif what[1].strip():
            for _ in range(prompt[2]):
                await self._line.hear(prompt[0], prompt[1], keys=False)

    async def _input(self, action: Action) -> Sequence[Action] | None:
        prompts, self._prompts = self._prompts, []
        first: str | None = None
        for kind, content, loop in prompts:
            for _ in range(loop):
                first = first or await self._line.hear(kind, content, keys=True)
            if first is not None:
                break
        if action["type"] == ["speech"]:
            return await self._speech(action)
        asked = action.get("dtmf", {})
        patience = _within(asked, "timeOut", 3, 0, 10)
        keys = await collect(
            self._line, first, most=int(_within(asked, "maxDigits", 4, 1, 20)),
            closes="#" if asked.get("submitOnHash", False) else "", first_s=patience, between_s=patience,
        )  # fmt: skip
        complete = bool(keys.closed_by) or len(keys.digits) == asked.get("maxDigits", 4)
        dtmf = {"digits": keys.digits, "timed_out": not complete}
        return await self._event(action, {"dtmf": dtmf, "speech": {"results": []}})

    async def _speech(self, action: Action) -> Sequence[Action] | None:
        asked = action.get("speech", {})
        _within(asked, "endOnSilence", 2, 0.4, 10)
        _within(asked, "maxDuration", 60, 1, 60)
        said = await self._line.words(_within(asked, "startTimeout", 10, 1, 60))
        results = [{"text": "something else", "confidence": "0.3"}, {"text": said, "confidence": "0.95"}]
        speech = {"results": results} if said else {"results": [], "timeout_reason": "start_timeout"}
        return await self._event(action, {"speech": speech, "dtmf": {"digits": None, "timed_out": False}})

    def _record(self, action: Action) -> None:
        """Begin to record; the list goes on."""
        silence = _within(action, "endOnSilence", 10, 3, 10) if "endOnSilence" in action else None
        take = self._line.recording(_within(action, "timeOut", 7_200, 3, 7_200), silence)
        stops = action.get("endOnKey", "")
        self._recordings.append(_Recording(take.ends_at, take.seconds, stops, action["eventUrl"]))

    async def _wait(self, seconds: float) -> None:
        """Let time pass; a key may end what is being recorded meanwhile."""
        until = self._line.now() + seconds
        while self._line.now() < until:
            stops = "".join(each.stops for each in self._recordings)
            key = await self._line.quiet(until - self._line.now(), stops)
            for each in self._recordings:
                if key is not None and key in each.stops:
                    each.ends_at = self._line.now()
            await self._recorded()

    async def _recorded(self, *, gone: bool = False) -> None:
        """Tell of recordings that have ended; the answer is not looked at."""
        for each in list(self._recordings):
            if gone or each.ends_at <= self._line.now():
                self._recordings.remove(each)
                url = {"recording_url": "https://api.nexmo.com/v1/files/one"} if each.seconds else {}
                told = {"recording_uuid": secrets.token_hex(16), "size": each.seconds * 16_000, **url}
                if not gone:
                    await self._line.send(each.urls[0], {**self._common, **told})

    async def _connect(self, action: Action) -> Sequence[Action] | None:
        if ("from" in action) == ("randomFromNumber" in action):
            raise BadDocument("connect says from or randomFromNumber")
        point = action["endpoint"][0]
        synchronous = action.get("eventType") == "synchronous"
        for status in ("started", "ringing"):
            instead = await self._event(action, {"status": status})
            if synchronous and instead is not None:
                return instead
        to = point["uri"] if point["type"] == "sip" else "+" + point["number"]
        done = await self._line.dial(to, _within(action, "timeout", 60, 1, 120))
        statuses = ("answered", "completed") if done.answered else ("unanswered",)
        for status in statuses:
            told = {"status": status, **({"duration": str(done.seconds)} if status == "completed" else {})}
            instead = await self._event(action, told)
            if synchronous and instead is not None:
                return instead
        return None


def _within(action: Mapping[str, Any], name: str, default: float, least: float, most: float) -> float:
    value = action.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise BadDocument(f"{name}={value!r}")
    return float(value)
