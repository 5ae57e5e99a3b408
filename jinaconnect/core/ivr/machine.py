"""The meaning of an IVR graph: a state, a report of the call, and what follows.

Whoever runs it (Asterisk, a carrier's dialect, the simulator) keeps the state, carries out the orders of each step
and reports back. The rules:

- Prompts of one step are played one after the other, then PromptDone is reported once.
- A timer of `patience(graph, state)` seconds is begun whenever a step changed the state; Silence is reported when it
  runs out.
- Reports carry `state.turn` of the step that ordered; late ones of earlier turns are ignored, as is any report the
  state does not wait for. So reports may be repeated.
- Keys count where a node takes keys: while it collects and, with `barge_in`, during its prompt.
- The state is JSON. After a restart `resume` gives the orders of the present node again.
- A dead end hangs up in an orderly way. More than 20 visits of a node in a call fail it with INTERWORKING.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from jinaconnect.core.calls import causes
from jinaconnect.core.calls.dtmf import DIGITS
from jinaconnect.core.ivr import compare, exchange, values
from jinaconnect.core.ivr import graph as graphs
from jinaconnect.core.ivr.exchange import Assigned, Entered, Order, Report, Suppressed, Trace
from jinaconnect.core.ivr.graph import DEFAULT, DONE, EMPTY, HUNG_UP, INVALID, MAX_VISITS, TIMEOUT, Graph
from jinaconnect.core.ivr.values import Scalar

# Phases: what the state waits for.
PROMPT, COLLECT, SPEECH, RECORD, TRANSFER, HTTP, LOAD, PAUSE, OVER = (
    "prompt", "collect", "speech", "record", "transfer", "http", "load", "pause", "over",
)  # fmt: skip

# Outcomes of a machine that is over.
HANGUP, TRANSFERRED, FAILED = "hangup", "transfer", "failed"


@dataclass(frozen=True, slots=True)
class State:
    """Where an IVR is; `template` is "" for the graph the call began with.

    `buffer` holds the keys collected, `tries` the retries used at this node, `visits` how often each node was entered
    (`template/node`), `recording` whether this call may be recorded, `gone` whether the caller has hung up.
    """

    node: str
    phase: str = OVER
    turn: int = 0
    template: str = ""
    buffer: str = ""
    tries: int = 0
    visits: Mapping[str, int] = field(default_factory=dict)
    variables: Mapping[str, Scalar] = field(default_factory=dict)
    recording: bool = True
    outcome: str = ""
    gone: bool = False

    @property
    def over(self) -> bool:
        """Tell whether nothing more will happen."""
        return self.phase == OVER

    def to_json(self) -> dict[str, Any]:
        """Return the state as a JSON object."""
        held = {item.name: getattr(self, item.name) for item in fields(self)}
        return {**held, "visits": dict(self.visits), "variables": dict(self.variables)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> State:
        """Return the state `to_json` wrote; raises TypeError for anything else."""
        return cls(**document)


@dataclass(frozen=True, slots=True)
class Step:
    """The state after a report, the orders to carry out, and what was done, in order."""

    state: State
    orders: tuple[Order, ...] = ()
    trail: tuple[Trace, ...] = ()


def start(graph: Graph, variables: Mapping[str, Any] | None = None, *, recording: bool = True) -> Step:
    """Return the first step of a call."""
    run = _Run(graph, State(node=graph.entry, variables=values.initial(variables or {}), recording=recording))
    run.walk(graph.entry)
    return run.step()


def step(graph: Graph, state: State, report: Report) -> Step:
    """Return what follows a report; `graph` is that of `state.template`."""
    if state.over:
        return Step(state)
    if isinstance(report, exchange.CallerHungUp):
        run = _Run(graph, state)
        run.hung_up()
        return run.step()
    if not isinstance(report, exchange.Digit) and report.turn not in (None, state.turn):
        return Step(state)
    run = _Run(graph, state)
    run.take(report)
    return run.step()


def resume(graph: Graph, state: State) -> Step:
    """Return the orders that go on where a restart cut the call; no node is entered anew.

    A prompt is played again, collected keys are kept, a recording begins again. A web service that was being asked is
    asked again only with GET; another method may have had its effect, so its `error` edge is taken.
    """
    if state.over:
        return Step(state)
    run = _Run(graph, state)
    run.again()
    return run.step()


def patience(graph: Graph, state: State) -> float | None:
    """Return after how many seconds of nothing Silence is due, None when the state waits for something else."""
    data = graph.nodes[state.node].data
    if state.phase == COLLECT and isinstance(data, graphs.GatherDtmf):
        return data.inter_digit_s if state.buffer else data.timeout_seconds
    if state.phase == SPEECH and isinstance(data, graphs.GatherSpeech):
        return data.timeout_seconds
    if state.phase == PAUSE and isinstance(data, graphs.Wait):
        return data.seconds
    return None


class _Run:
    """One step in the making."""

    def __init__(self, graph: Graph, state: State) -> None:
        self.graph = graph
        self.state = state
        self.orders: list[Order] = []
        self.trail: list[Trace] = []

    def step(self) -> Step:
        return Step(self.state, tuple(self.orders), tuple(self.trail))

    # -- moving

    def walk(self, target: str | None) -> None:
        """Enter a node and those behind it until one waits or the call is over."""
        while target is not None:
            key = f"{self.state.template}/{target}"
            visits = self.state.visits.get(key, 0) + 1
            if visits > MAX_VISITS:
                self._end(FAILED, causes.INTERWORKING)
                return
            self.state = replace(self.state, node=target, buffer="", tries=0, visits={**self.state.visits, key: visits})
            self.trail.append(Entered(target, self.graph.nodes[target].kind))
            on = self._arrive()
            if on is None:
                return
            target = self.graph.follow(target, on)
        self._end(HANGUP, causes.NORMAL_CLEARING)

    def leave(self, on: str) -> None:
        self.walk(self.graph.follow(self.state.node, on))

    def hung_up(self) -> None:
        """End, after the nodes that need nobody where a recording goes on behind its caller's hangup."""
        target = self.graph.follow(self.state.node, HUNG_UP) if self.state.phase == RECORD else None
        self.state = replace(self.state, gone=True)
        if target is None:
            self._end(HANGUP, causes.NORMAL_CLEARING)
        else:
            self.walk(target)

    def _end(self, outcome: str, cause: str) -> None:
        self.state = replace(self.state, phase=OVER, outcome=outcome)
        if not self.state.gone:
            self.orders.append(exchange.HangUp(cause))

    def _wait(self, phase: str, *orders: Order) -> None:
        """Give orders and wait for the report on them, which belongs to a new turn."""
        self.state = replace(self.state, phase=phase, turn=self.state.turn + 1)
        self.orders.extend(orders)

    def _assign(self, name: str, value: Any) -> None:
        self.state = replace(self.state, variables=values.assign(self.state.variables, name, value))
        if name in self.state.variables:
            self.trail.append(Assigned(self.state.node, name, self.state.variables[name]))

    # -- arriving

    def _arrive(self) -> str | None:
        """Begin the present node; return the outcome when it has one at once."""
        data = self.graph.nodes[self.state.node].data
        match data:
            case graphs.SetVariable():
                value = values.render(data.value, self.state.variables) if isinstance(data.value, str) else data.value
                self._assign(data.name, value)
                return DONE
            case graphs.Conditional():
                return "true" if compare.holds(data, self.state.variables) else "false"
            case _ if self.state.gone:
                self._end(HANGUP, causes.NORMAL_CLEARING)
                return None
            case graphs.Record() if not self.state.recording:
                self.trail.append(Suppressed(self.state.node))
                return DONE
            case graphs.Hangup():
                self._end(HANGUP, causes.NORMAL_CLEARING)
                return None
        return self._begin()

    def _begin(self) -> str | None:
        """Give the present node's orders; return the outcome of one that has nothing to wait for."""
        data = self.graph.nodes[self.state.node].data
        match data:
            case graphs.Play():
                orders = tuple(self._prompt(data.audio_url, data.tts_text, data, barge_in=False))
                if not orders:
                    return DONE
                self._wait(PROMPT, *orders)
            case graphs.GatherDtmf():
                self._ask(data, invalid=False)
            case graphs.GatherSpeech():
                self._wait(SPEECH, exchange.Listen(data.language, data.timeout_seconds))
            case graphs.Record():
                length, silence = data.max_duration_seconds, data.finish_on_silence
                self._wait(RECORD, exchange.StartRecord(length, silence, data.play_beep))
            case graphs.Transfer():
                to = values.render(data.to_uri, self.state.variables).strip()
                if not graphs.is_target(to):
                    return "failed"
                self._wait(TRANSFER, exchange.StartTransfer(to))
            case graphs.HttpCall():
                self._wait(HTTP, self._request(data))
            case graphs.GotoTemplate():
                self._wait(LOAD, exchange.LoadTemplate(data.template))
            case graphs.Wait():
                self._wait(PAUSE, exchange.Pause(data.seconds))
        return None

    def _prompt(self, url: str | None, text: str | None, spoken: graphs.Spoken, *, barge_in: bool) -> Iterator[Order]:
        if url:
            # A path on our own host, or a URL whose host the graph fixes: values can only fill what comes after it.
            yield exchange.PlayAudio(values.render_url(url, self.state.variables), barge_in)
        elif text:
            words = values.render(text, self.state.variables).strip()
            if words:
                yield exchange.Say(words, spoken.tts_voice, spoken.tts_language, barge_in)

    def _ask(self, data: graphs.GatherDtmf, *, invalid: bool) -> None:
        """Prompt for keys, telling first what was wrong; collect at once where there is nothing to play."""
        self.state = replace(self.state, buffer="")
        orders = [
            *(self._prompt(data.invalid_prompt_audio_url, data.invalid_prompt_tts, data, barge_in=data.barge_in)
              if invalid else ()),
            *self._prompt(data.prompt_audio_url, data.prompt_tts, data, barge_in=data.barge_in),
        ]  # fmt: skip
        if orders:
            self._wait(PROMPT, *orders)
        else:
            self._collect(data)

    def _collect(self, data: graphs.GatherDtmf) -> None:
        order = exchange.Collect(
            data.min_digits, data.max_digits, data.finish_on_key, data.timeout_seconds, data.inter_digit_s,
            self.state.buffer,
        )  # fmt: skip
        self._wait(COLLECT, order)

    def _request(self, data: graphs.HttpCall) -> exchange.AskHttp:
        url = values.render_url(data.url, self.state.variables)
        return exchange.AskHttp(data.method, url, values.render_within(data.body, self.state.variables), data.timeout_s)

    # -- reports

    def take(self, report: Report) -> None:
        data = self.graph.nodes[self.state.node].data
        match self.state.phase, report, data:
            case "prompt", exchange.PromptDone(), graphs.GatherDtmf():
                self._collect(data)
            case "prompt", exchange.PromptDone(), _:
                self.leave(DONE)
            case (("prompt" | "collect"), exchange.Digit(), graphs.GatherDtmf()):
                self._key(data, report.digit)
            case "collect", exchange.Terminated(), graphs.GatherDtmf():
                self._complete(data)
            case "collect", exchange.Silence(), graphs.GatherDtmf():
                self._silence(data)
            case "speech", exchange.SpeechDone(), graphs.GatherSpeech():
                self._assign(data.save_as, report.text)
                self.leave(DONE)
            case "speech", exchange.Silence(), graphs.GatherSpeech():
                self._assign(data.save_as, "")
                self.leave(DONE)
            case "record", exchange.RecordDone(), _:
                nothing = report.empty and self.graph.follow(self.state.node, EMPTY) is not None
                self.leave(EMPTY if nothing else DONE)
            case "pause", exchange.Silence(), _:
                self.leave(DONE)
            case "transfer", exchange.TransferDone(), _:
                self._transferred(report.answered)
            case "http", exchange.HttpDone(), graphs.HttpCall():
                self._answered(data, report)
            case "load", exchange.TemplateLoaded(), graphs.GotoTemplate():
                self._loaded(data, report.graph)

    def _key(self, data: graphs.GatherDtmf, digit: str) -> None:
        if digit not in DIGITS or len(digit) != 1:
            return
        if self.state.phase == PROMPT:
            if not data.barge_in:
                return
            self.orders.append(exchange.StopPrompt())
        if digit == data.finish_on_key:
            self._complete(data)
            return
        self.state = replace(self.state, buffer=self.state.buffer + digit)
        if len(self.state.buffer) >= data.max_digits:
            self._complete(data)
        elif self.state.phase == PROMPT:
            self._collect(data)

    def _silence(self, data: graphs.GatherDtmf) -> None:
        if self.state.buffer:
            self._complete(data)
        elif not self._retry(data, invalid=False):
            self.leave(TIMEOUT)

    def _complete(self, data: graphs.GatherDtmf) -> None:
        node, digits = self.state.node, self.state.buffer
        on = next((on for on in (digits, DEFAULT) if self.graph.follow(node, on) is not None), DEFAULT)
        unwanted = self.graph.follow(node, on) is None and self.graph.branches_on_keys(node)
        if len(digits) < data.min_digits or unwanted:
            if not self._retry(data, invalid=True):
                self.leave(INVALID)
            return
        self._assign(data.save_as, digits)
        self.leave(on)

    def _retry(self, data: graphs.GatherDtmf, *, invalid: bool) -> bool:
        if self.state.tries >= data.retries:
            return False
        self.state = replace(self.state, tries=self.state.tries + 1)
        self._ask(data, invalid=invalid)
        return True

    def _transferred(self, answered: bool) -> None:
        on = "answered" if answered else "failed"
        if answered and self.graph.follow(self.state.node, on) is None:
            # The caller talks with the other party now: the IVR has done its part, the call goes on.
            self.state = replace(self.state, phase=OVER, outcome=TRANSFERRED)
        else:
            self.leave(on)

    def _answered(self, data: graphs.HttpCall, report: exchange.HttpDone) -> None:
        if not report.ok:
            self.leave("error")
            return
        self._assign(data.save_as, report.value)
        if isinstance(report.value, Mapping):
            for key, value in report.value.items():
                name = f"{data.save_as}_{key}"
                if values.NAME.fullmatch(name) and not isinstance(value, list | Mapping):
                    self._assign(name, value)
        self.leave("ok")

    def _loaded(self, data: graphs.GotoTemplate, graph: Graph | None) -> None:
        if graph is None:
            self._end(FAILED, causes.INTERWORKING)
            return
        self.graph = graph
        self.state = replace(self.state, template=data.template)
        self.walk(graph.entry)

    # -- restart

    def again(self) -> None:
        data = self.graph.nodes[self.state.node].data
        if self.state.phase == COLLECT and isinstance(data, graphs.GatherDtmf):
            self._collect(data)
        elif isinstance(data, graphs.HttpCall) and data.method != "GET":
            self.leave("error")
        else:
            on = self._begin()
            if on is not None:
                self.leave(on)
