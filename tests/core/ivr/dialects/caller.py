"""A caller with a script, on a clock of its own: the other end of a carrier's interpreter.

It acts by the rules the simulator states for its scripts, so that what differs is the dialect's doing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinaconnect.core.ivr import simulate
from jinaconnect.core.ivr.simulate import Act, Answer
from jinaconnect.telephony.simulator.walkers.line import CallerGone, Dialled, Take

Send = Callable[[str, Mapping[str, Any]], bytes]


class Caller:
    """Implements `walkers.line.Line`."""

    def __init__(self, inputs: Sequence[Mapping[str, Any]], send: Send) -> None:
        self.script = simulate.read_inputs(list(inputs))
        self._send = send
        self._now = 0.0
        self._act_at: float | None = None
        self.heard: list[str] = []
        self.expected: list[str] = []  # the texts of the turn: a carrier may be given several of them as one

    def now(self) -> float:
        return self._now

    def _aim(self, *, prompting: bool, collecting: bool, until: str) -> None:
        if self._act_at is None and self.script.acts:
            act = self.script.acts[0]
            ends = simulate.exchange.ENDS_RECORDING in until and act.digits.startswith("#")
            if act.hangup or collecting or (act.digits and prompting) or ends:
                self._act_at = self._now + act.after_s

    def _pass(
        self, seconds: float, *, prompting: bool = False, collecting: bool = False, stops: str = ""
    ) -> Act | None:
        """Let time pass until something is done that may matter; None when nothing was."""
        until = self._now + seconds
        while True:
            self._aim(prompting=prompting, collecting=collecting, until=stops)
            if self._act_at is None or self._act_at > until:
                assert self.script.acts or not collecting, "the script is over and the call is not"
                self._now = until
                return None
            self._now, self._act_at = self._act_at, None
            act = self.script.acts.pop(0)
            if act.hangup:
                raise CallerGone
            if len(act.digits) > 1:
                self.script.acts.insert(0, Act(act.digits[1:]))
                self._act_at = self._now + simulate.KEY_GAP_S
            stopped = act.digits[:1] in stops if act.digits else False
            if (act.digits and (prompting or collecting)) or (act.words and collecting) or stopped:
                return act._replace(digits=act.digits[:1])

    async def hear(self, kind: str, content: str, *, keys: bool) -> str | None:
        for piece in self._pieces(content):
            self.heard.append(piece)
            spoken = max(simulate.SHORTEST_PROMPT_S, len(piece.split()) / simulate.WORDS_PER_SECOND)
            act = self._pass(simulate.AUDIO_S if kind == "audio" else spoken, prompting=keys)
            if act is not None:
                return act.digits
        return None

    def _pieces(self, content: str) -> list[str]:
        for first in range(len(self.expected)):
            for last in range(first + 2, len(self.expected) + 1):
                if " ".join(self.expected[first:last]) == content:
                    return self.expected[first:last]
        return [content]

    async def key(self, seconds: float) -> str | None:
        until = self._now + seconds
        while True:
            act = self._pass(until - self._now, collecting=True)
            if act is None or act.digits:
                return None if act is None else act.digits

    async def words(self, seconds: float) -> str:
        until = self._now + seconds
        while True:
            act = self._pass(until - self._now, collecting=True)
            if act is None or act.words:
                return "" if act is None else act.words

    async def quiet(self, seconds: float, until: str = "") -> str | None:
        act = self._pass(max(0.0, seconds), stops=until)
        return None if act is None else act.digits

    def recording(self, most_s: float, silence_s: float | None) -> Take:
        answer = self.script.recordings.pop(0) if self.script.recordings else Answer("done")
        seconds = min(most_s, silence_s or most_s)
        return Take(0 if answer.word == "empty" else max(1, int(seconds)), self._now + seconds)

    async def dial(self, to: str, ring_s: float) -> Dialled:
        self._pass(simulate.TRANSFER_S)
        answer = self.script.transfers.pop(0) if self.script.transfers else Answer("answered")
        return Dialled(True, 7) if answer.word == "answered" else Dialled(False)

    async def send(self, url: str, fields: Mapping[str, Any]) -> bytes:
        return self._send(url, fields)
