"""Running an IVR on typed keys and silences, without a call.

The clock is simulated: a text lasts as long as it takes to say at 150 words a minute, at least half a second; a
recording counts as 5 s, a transfer rings for 5 s, a web service answers after a second. A typed
`{"keys":"12","after_s":1.5}` is pressed 1.5 s after the IVR begins to take keys (during a prompt with barge-in, else
after it; a `#` after it begins to record), further keys 0.3 s apart; `{"silence_s":10}` is nothing for 10 s from when
it begins to wait for a key; `{"words":"yes","after_s":1}` is said 1 s after it begins to listen; `{"hangup":true}` is
at once. Transfers are answered, something is said into recordings and web services say nothing unless
`{"answer":"failed"}`, `{"answer":"empty"}`, `{"answer":"error"}` or `{"answer":"ok","value":…}` tells otherwise, each
taken by the next of its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jinaconnect.core.calls.dtmf import DIGITS
from jinaconnect.core.errors import Invalid
from jinaconnect.core.ivr import exchange, machine, values
from jinaconnect.core.ivr import graph as graphs
from jinaconnect.core.ivr.graph import Graph

WORDS_PER_SECOND = 2.5
SHORTEST_PROMPT_S = 0.5
AUDIO_S = 5.0
TRANSFER_S = 5.0
HTTP_S = 1.0
KEY_GAP_S = 0.3

MAX_INPUTS = 100
MAX_AFTER_S = 3_600

WAITING = "waiting"


class Answer(NamedTuple):
    """How a transfer (answered, failed), a recording (done, empty) or a web service (ok, error) turns out."""

    word: str
    value: Any = None


class Act(NamedTuple):
    """What the caller does `after_s` later: digits, words, nothing (none), or hanging up."""

    digits: str = ""
    after_s: float = 0.0
    hangup: bool = False
    words: str = ""


@dataclass(slots=True)
class Script:
    """The caller's acts in order, and how transfers, recordings and web services turn out."""

    acts: list[Act] = field(default_factory=list)
    transfers: list[Answer] = field(default_factory=list)
    recordings: list[Answer] = field(default_factory=list)
    services: list[Answer] = field(default_factory=list)


def read_inputs(inputs: Any) -> Script:
    """Return the script of a list of inputs; raises Invalid naming each faulty one as `inputs.<place>`."""
    if not isinstance(inputs, list) or len(inputs) > MAX_INPUTS:
        raise Invalid.field("inputs", f"must be a list of at most {MAX_INPUTS}")
    script = Script()
    faults: dict[str, list[str]] = {}
    for place, item in enumerate(inputs):
        wrong = _read_input(item, script)
        if wrong is not None:
            faults[f"inputs.{place}"] = [wrong]
    if faults:
        raise Invalid(faults)
    return script


def _read_input(item: Any, script: Script) -> str | None:
    match item:
        case {"keys": str(digits)}:
            after = item.get("after_s", 0)
            if not 1 <= len(digits) <= 64 or any(digit not in DIGITS for digit in digits):
                return "keys must be 1 to 64 of 0-9, A-D, * and #"
            if not _seconds(after):
                return f"after_s must be seconds from 0 to {MAX_AFTER_S}"
            script.acts.append(Act(digits, float(after)))
        case {"words": str(words)}:
            after = item.get("after_s", 0)
            if not 1 <= len(words.strip()) <= values.MAX_VALUE:
                return f"words must be 1 to {values.MAX_VALUE} characters"
            if not _seconds(after):
                return f"after_s must be seconds from 0 to {MAX_AFTER_S}"
            script.acts.append(Act(after_s=float(after), words=words.strip()))
        case {"silence_s": seconds}:
            if not _seconds(seconds):
                return f"silence_s must be seconds from 0 to {MAX_AFTER_S}"
            script.acts.append(Act(after_s=float(seconds)))
        case {"hangup": True}:
            script.acts.append(Act(hangup=True))
        case {"answer": "answered" | "failed" as word}:
            script.transfers.append(Answer(word))
        case {"answer": "done" | "empty" as word}:
            script.recordings.append(Answer(word))
        case {"answer": "ok" | "error" as word}:
            script.services.append(Answer(word, item.get("value")))
        case _:
            return (
                "must be one of keys, words, silence_s, hangup: true, or answer: answered, failed, done, empty, ok or "
                "error"
            )
    return None


def _seconds(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_AFTER_S


def simulate(
    graph: Graph,
    inputs: Any = None,
    variables: Mapping[str, Any] | None = None,
    templates: Mapping[str, Graph] | None = None,
    *,
    recording: bool = True,
) -> dict[str, Any]:
    """Return `{"outcome", "path", "transcript", "variables"}` of a call; raises Invalid for faulty inputs.

    `outcome` is "hangup", "transfer", "failed", or "waiting" when the IVR takes keys or words and the script is over.
    Transcript items are `{"at_s", "node", "kind", "text"}`. `templates` are the graphs `goto_template` may name.
    """
    call = _Call(graph, read_inputs([] if inputs is None else inputs), templates or {})
    call.apply(machine.start(graph, variables, recording=recording))
    outcome = call.run()
    return {
        "outcome": outcome,
        "path": call.path,
        "transcript": call.transcript,
        "variables": dict(call.state.variables),
    }


class _Call:
    """A simulated call: the clock, the caller with the script, and what has been noted."""

    def __init__(self, graph: Graph, script: Script, templates: Mapping[str, Graph]) -> None:
        self.graph = graph
        self.script = script
        self.templates = templates
        self.state = machine.State(graph.entry)
        self.now = 0.0
        self.due = 0.0  # when the call reports by itself
        self.act_at: float | None = None  # when the caller's next act happens, once that is known
        self.ahead: list[dict[str, Any]] = []  # notes of prompts that follow the one being played
        self.path: list[str] = []
        self.transcript: list[dict[str, Any]] = []

    def run(self) -> str:
        while not self.state.over:
            if self.state.phase == machine.LOAD:  # takes no time
                self._load()
                continue
            self._aim()
            if self.act_at is not None and self.act_at <= self.due:
                self._advance(self.act_at)
                self._act()
            elif not self.script.acts and self.state.phase in (machine.COLLECT, machine.SPEECH):
                return WAITING
            else:
                self._advance(self.due)
                self._report()
        return self.state.outcome

    def _advance(self, moment: float) -> None:
        """Move the clock on; prompts that have begun by then are noted."""
        self.now = moment
        self.transcript += [item for item in self.ahead if item["at_s"] <= moment]
        self.ahead = [item for item in self.ahead if item["at_s"] > moment]

    def apply(self, step: machine.Step) -> None:
        """Take over a step: note it, and reckon when the call will report by itself."""
        for trace in step.trail:
            match trace:
                case exchange.Entered():
                    self.path.append(trace.node)
                case exchange.Assigned():
                    self._note("set", f"{trace.name} = {values.text_of(trace.value)}", trace.node)
                case exchange.Suppressed():
                    self._note("record", "not allowed", trace.node)
        moved = step.state != self.state
        self.state = step.state
        lasts = 0.0
        for order in step.orders:
            lasts += self._order(order, lasts)
        if moved:
            self.due = self.now + (machine.patience(self.graph, self.state) or lasts)

    def _order(self, order: exchange.Order, after: float) -> float:
        """Note an order that begins `after` seconds from now and return how long it lasts."""
        match order:
            case exchange.StopPrompt():
                self.ahead.clear()
            case exchange.Say():
                self._note("say", order.text, after=after)
                return max(SHORTEST_PROMPT_S, len(order.text.split()) / WORDS_PER_SECOND)
            case exchange.PlayAudio():
                self._note("play", order.url, after=after)
                return AUDIO_S
            case exchange.Collect():
                self._note("collect", _range(order.min_digits, order.max_digits))
            case exchange.Listen():
                self._note("collect", f"words in {order.language}")
            case exchange.StartRecord():
                self._note("record", f"at most {order.max_duration_s} s")
                return min(order.max_duration_s, order.finish_on_silence_s or order.max_duration_s)
            case exchange.StartTransfer():
                self._note("transfer", order.to)
                return TRANSFER_S
            case exchange.AskHttp():
                return HTTP_S
            case exchange.HangUp():
                self._note("hangup", order.cause)
        return 0.0

    def _aim(self) -> None:
        """Fix when the caller's next act happens, as soon as the call is where the act begins to count."""
        if self.act_at is not None or not self.script.acts:
            return
        act = self.script.acts[0]
        data = self.graph.nodes[self.state.node].data
        collecting = self.state.phase in (machine.COLLECT, machine.SPEECH)
        prompting = self.state.phase == machine.PROMPT and isinstance(data, graphs.GatherDtmf) and data.barge_in
        recording = self.state.phase == machine.RECORD and act.digits.startswith(exchange.ENDS_RECORDING)
        if act.hangup or collecting or (act.digits and prompting) or recording:
            self.act_at = self.now + act.after_s

    def _act(self) -> None:
        act = self.script.acts.pop(0)
        self.act_at = None
        if act.hangup:
            self._note("hangup", "by the caller")
            self.apply(machine.step(self.graph, self.state, exchange.CallerHungUp()))
        elif act.digits:
            if len(act.digits) > 1:
                self.script.acts.insert(0, Act(act.digits[1:]))
                self.act_at = self.now + KEY_GAP_S
            self._note("key", act.digits[0])
            if self.state.phase == machine.RECORD and act.digits[0] == exchange.ENDS_RECORDING:
                self._report()
            else:
                self.apply(machine.step(self.graph, self.state, exchange.Digit(act.digits[0])))
        elif act.words and self.state.phase == machine.SPEECH:
            self._note("words", act.words)
            self._tell(exchange.SpeechDone(act.words))

    def _report(self) -> None:
        """Report what the call was ordered to do as done."""
        match self.state.phase:
            case machine.PROMPT:
                self._tell(exchange.PromptDone())
            case machine.COLLECT | machine.SPEECH:
                self._note("silence", f"{machine.patience(self.graph, self.state):g} s")
                self._tell(exchange.Silence())
            case machine.PAUSE:
                self._tell(exchange.Silence())
            case machine.RECORD:
                answer = self.script.recordings.pop(0) if self.script.recordings else Answer("done")
                self._tell(exchange.RecordDone(empty=answer.word == "empty"))
            case machine.TRANSFER:
                answer = self.script.transfers.pop(0) if self.script.transfers else Answer("answered")
                self._note("transfer", answer.word)
                self._tell(exchange.TransferDone(answer.word == "answered"))
            case machine.HTTP:
                answer = self.script.services.pop(0) if self.script.services else Answer("ok")
                self._tell(exchange.HttpDone(answer.word == "ok", answer.value))

    def _load(self) -> None:
        data = self.graph.nodes[self.state.node].data
        loaded = self.templates.get(data.template) if isinstance(data, graphs.GotoTemplate) else None
        step = machine.step(self.graph, self.state, exchange.TemplateLoaded(loaded))
        self.graph = loaded or self.graph
        self.apply(step)

    def _tell(self, report: exchange.Report) -> None:
        self.apply(machine.step(self.graph, self.state, report))

    def _note(self, kind: str, text: str, node: str | None = None, after: float = 0.0) -> None:
        item = {"at_s": round(self.now + after, 3), "node": node or self.state.node, "kind": kind, "text": text}
        (self.ahead if after else self.transcript).append(item)


def _range(least: int, most: int) -> str:
    digits = f"{most}" if least == most else f"{least} to {most}"
    return f"{digits} key{'' if digits == '1' else 's'}"
