"""The meaning of a graph, rule by rule."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jinaconnect.core.ivr import exchange, machine
from jinaconnect.core.ivr.check import load
from jinaconnect.core.ivr.graph import Graph
from jinaconnect.core.ivr.machine import State, Step, patience, resume, start, step
from tests.core.ivr.graphs import HANG, MENU, Document, edge, gather, graph, node, say

CLEAR = exchange.HangUp("NORMAL_CLEARING")


class Line:
    """A machine under test: reports go in, the last step stays."""

    def __init__(self, drawn: Graph, variables: dict[str, Any] | None = None, *, recording: bool = True) -> None:
        self.graph = drawn
        self.path: list[str] = []
        self._take(start(drawn, variables, recording=recording))

    def tell(self, *reports: exchange.Report) -> tuple[exchange.Order, ...]:
        """Report in turn; return the orders of the last."""
        for report in reports:
            self._take(step(self.graph, self.state, report))
        return self.last.orders

    def _take(self, taken: Step) -> None:
        self.last, self.state = taken, taken.state
        self.path += [trace.node for trace in taken.trail if isinstance(trace, exchange.Entered)]


def keys(text: str) -> list[exchange.Report]:
    return [exchange.Digit(digit) for digit in text]


def test_a_menu_from_greeting_to_hanging_up() -> None:
    line = Line(load(MENU), {"name": "Asha"})
    assert line.last.orders == (exchange.Say("Welcome Asha"),)
    assert line.tell(exchange.PromptDone()) == (exchange.Say("Press one or two", barge_in=True),)
    assert line.tell(exchange.PromptDone()) == (exchange.Collect(1, 1, "", 5.0, 3.0),)
    assert line.tell(exchange.Digit("1")) == (exchange.Say("You pressed 1"),)
    assert line.tell(exchange.PromptDone()) == (CLEAR,)
    assert (line.path, line.state.outcome) == (["hello", "menu", "one", "bye"], "hangup")
    assert line.tell(exchange.PromptDone(), exchange.Digit("1"), exchange.CallerHungUp()) == ()


def test_a_key_during_the_prompt_stops_it() -> None:
    line = Line(load(MENU))
    line.tell(exchange.PromptDone())
    assert line.tell(exchange.Digit("1")) == (exchange.StopPrompt(), exchange.Say("You pressed 1"))


def test_without_barge_in_keys_during_the_prompt_do_not_count() -> None:
    line = Line(graph(gather(prompt_tts="Wait", barge_in=False), HANG, edge("menu", "bye", "1")))
    assert line.tell(exchange.Digit("1")) == ()
    assert line.state.buffer == ""
    line.tell(exchange.PromptDone(), exchange.Digit("1"))
    assert line.path == ["menu", "bye"]


def test_barge_in_goes_on_collecting() -> None:
    line = Line(graph(gather(max_digits=4, prompt_tts="Your code"), HANG, edge("menu", "bye", "default")))
    assert line.tell(exchange.Digit("7")) == (exchange.StopPrompt(), exchange.Collect(1, 4, "", 5.0, 3.0, "7"))
    line.tell(*keys("890"))
    assert line.state.variables["digits"] == "7890"


def test_late_reports_of_earlier_turns_are_ignored() -> None:
    line = Line(load(MENU))
    first = line.state.turn
    line.tell(exchange.PromptDone(first))
    prompt = line.state.turn
    line.tell(exchange.Digit("1"))
    assert line.path[-1] == "one"
    assert line.tell(exchange.PromptDone(first), exchange.PromptDone(prompt)) == ()
    assert line.path[-1] == "one", "the stopped prompt's end does not end the next one"
    line.tell(exchange.PromptDone(line.state.turn))
    assert line.state.over


@pytest.mark.parametrize(
    "report",
    [
        exchange.PromptDone(), exchange.RecordDone(), exchange.TransferDone(True), exchange.HttpDone(True),
        exchange.SpeechDone("x"), exchange.TemplateLoaded(None), exchange.Digit("x"), exchange.Digit("12"),
        exchange.Digit(""),
    ],
)  # fmt: skip
def test_reports_a_state_does_not_wait_for_change_nothing(report: exchange.Report) -> None:
    line = Line(graph(gather()))
    before = line.state
    assert line.tell(report) == ()
    assert line.state == before


@pytest.mark.parametrize(
    ("data", "pressed", "digits"),
    [
        ({"max_digits": 4, "finish_on_key": "#"}, "12#", "12"),
        ({"max_digits": 4, "finish_on_key": "*"}, "1#*", "1#"),
        ({"max_digits": 2, "finish_on_key": "#"}, "12", "12"),
        ({"max_digits": 2}, "1#", "1#"),
        ({"max_digits": 4, "min_digits": 0, "finish_on_key": "#"}, "#", ""),
    ],
)
def test_the_end_of_collecting(data: Document, pressed: str, digits: str) -> None:
    line = Line(graph(gather(**data), HANG, edge("menu", "bye", "default")))
    line.tell(*keys(pressed))
    assert line.state.variables == {"digits": digits}
    assert line.path == ["menu", "bye"]


def test_silence_after_some_keys_ends_collecting_and_patience_follows() -> None:
    drawn = graph(
        gather(max_digits=4, min_digits=2, inter_digit_s=1.5, save_as="pin"), HANG, edge("menu", "bye", "default")
    )
    line = Line(drawn)
    assert patience(drawn, line.state) == 5.0
    line.tell(*keys("12"))
    assert patience(drawn, line.state) == 1.5
    line.tell(exchange.Silence())
    assert line.state.variables == {"pin": "12"}
    assert patience(drawn, line.state) is None


def test_retries_then_timeout() -> None:
    drawn = graph(gather(prompt_tts="Press", retries=2), HANG, edge("menu", "bye", "timeout"))
    line = Line(drawn)
    for _ in range(2):
        line.tell(exchange.PromptDone())
        assert line.tell(exchange.Silence()) == (exchange.Say("Press", barge_in=True),)
    line.tell(exchange.PromptDone())
    assert line.tell(exchange.Silence()) == (CLEAR,)
    assert line.path == ["menu", "bye"]


def test_retries_with_the_invalid_prompt_then_invalid() -> None:
    line = Line(load(MENU))
    line.tell(exchange.PromptDone(), exchange.PromptDone())
    again = exchange.Say("Press one or two", barge_in=True)
    assert line.tell(exchange.Digit("9")) == (exchange.Say("No.", barge_in=True), again)
    line.tell(exchange.PromptDone())
    assert line.tell(exchange.Digit("8")) == (CLEAR,)
    assert line.path == ["hello", "menu", "bye"]
    assert "digits" not in line.state.variables


def test_too_few_keys_are_invalid_even_with_a_default() -> None:
    drawn = graph(
        gather(min_digits=3, max_digits=3, finish_on_key="#", retries=0), HANG, say("no"),
        edge("menu", "bye", "default"), edge("menu", "no", "invalid"),
    )  # fmt: skip
    for end in (exchange.Digit("#"), exchange.Silence()):
        line = Line(drawn)
        line.tell(*keys("12"), end)
        assert line.path == ["menu", "no"]


def test_without_branches_on_keys_any_keys_will_do() -> None:
    line = Line(graph(gather(), edge("menu", "menu", "timeout")))
    assert line.tell(exchange.Digit("5")) == (CLEAR,)
    assert line.state.variables == {"digits": "5"}


@pytest.mark.parametrize(("answered", "outcome", "orders"), [(True, "transfer", ()), (False, "hangup", (CLEAR,))])
def test_a_transfer_without_edges(answered: bool, outcome: str, orders: tuple[exchange.Order, ...]) -> None:
    line = Line(graph(node("t", "voice.transfer", to_uri="sip:{{who}}@pbx.example")), {"who": "desk"})
    assert line.last.orders == (exchange.StartTransfer("sip:desk@pbx.example"),)
    assert line.tell(exchange.TransferDone(answered)) == orders
    assert line.state.outcome == outcome


def test_a_transfer_with_edges_and_one_to_nowhere() -> None:
    drawn = graph(
        node("t", "voice.transfer", to_uri="{{who}}"), say("joined"), say("sorry"),
        edge("t", "joined", "answered"), edge("t", "sorry", "failed"),
    )  # fmt: skip
    for variables, reports, last in (
        ({"who": "+12025550101"}, [exchange.TransferDone(True)], "joined"),
        ({"who": "+12025550101"}, [exchange.TransferDone(False)], "sorry"),
        ({"who": "sip:a@b\r\nX: y"}, [], "sorry"),
        ({}, [], "sorry"),
    ):
        line = Line(drawn, variables)
        line.tell(*reports)
        assert line.path == ["t", last]


def test_a_recording_is_passed_over_without_consent() -> None:
    drawn = graph(node("r", "voice.record", max_duration_seconds=30, finish_on_silence=4), HANG, edge("r", "bye"))
    line = Line(drawn)
    assert line.last.orders == (exchange.StartRecord(30, 4.0, True),)
    assert line.tell(exchange.RecordDone()) == (CLEAR,)
    refused = Line(drawn, recording=False)
    assert refused.last.orders == (CLEAR,)
    assert exchange.Suppressed("r") in refused.last.trail


def test_a_web_service_and_its_answer() -> None:
    drawn = graph(
        node("q", "http_call", url="https://crm.example/{{id}}", method="POST", body={"id": "{{id}}"}, save_as="crm"),
        say("hi", "{{crm_name}}"), HANG, edge("q", "hi", "ok"), edge("q", "bye", "error"),
    )  # fmt: skip
    line = Line(drawn, {"id": "a/b"})
    assert line.last.orders == (exchange.AskHttp("POST", "https://crm.example/a%2Fb", {"id": "a/b"}, 5.0),)
    assert line.tell(exchange.HttpDone(True, {"name": "Asha", "tags": [1], "bad key": 1})) == (exchange.Say("Asha"),)
    assert line.state.variables["crm_name"] == "Asha"
    assert set(line.state.variables) == {"id", "crm", "crm_name"}
    failed = Line(drawn)
    assert failed.tell(exchange.HttpDone(False)) == (CLEAR,)


def test_speech_is_kept_and_silence_is_nothing() -> None:
    drawn = graph(node("s", "voice.gather_speech", language="hi-IN", timeout_seconds=6), HANG, edge("s", "bye"))
    for report, kept in ((exchange.SpeechDone("haan"), "haan"), (exchange.Silence(), "")):
        line = Line(drawn)
        assert line.last.orders == (exchange.Listen("hi-IN", 6.0),)
        line.tell(report)
        assert line.state.variables == {"speech": kept}


def test_variables_conditions_and_waiting() -> None:
    drawn = graph(
        node("set", "set_variable", name="vip", value="{{tier}}-x"),
        node("if", "conditional", variable="vip", op="eq", value="gold-x"),
        node("wait", "wait", seconds=2), HANG,
        edge("set", "if"), edge("if", "wait", "true"), edge("if", "bye", "false"), edge("wait", "bye"),
    )  # fmt: skip
    line = Line(drawn, {"tier": "gold"})
    assert (line.path, line.last.orders) == (["set", "if", "wait"], (exchange.Pause(2),))
    assert patience(drawn, line.state) == 2.0
    assert exchange.Assigned("set", "vip", "gold-x") in line.last.trail
    assert line.tell(exchange.Silence()) == (CLEAR,)
    assert Line(drawn).path == ["set", "if", "bye"]


def test_another_template_goes_on_with_the_variables() -> None:
    first = graph(node("go", "goto_template", template="tpl_b"))
    second = graph(say("hi", "{{who}}"))
    begun = start(first, {"who": "Asha"})
    assert begun.orders == (exchange.LoadTemplate("tpl_b"),)
    went = step(first, begun.state, exchange.TemplateLoaded(second))
    assert (went.orders, went.state.template, went.state.node) == ((exchange.Say("Asha"),), "tpl_b", "hi")
    assert step(second, went.state, exchange.PromptDone()).orders == (CLEAR,)
    lost = step(first, begun.state, exchange.TemplateLoaded(None))
    assert (lost.orders, lost.state.outcome) == ((exchange.HangUp("INTERWORKING"),), "failed")


def test_going_round_in_circles_fails_the_call() -> None:
    line = Line(
        graph(
            node("a", "set_variable", name="n", value=1), node("b", "wait", seconds=1), edge("a", "b"), edge("b", "a")
        )
    )
    for _ in range(19):
        line.tell(exchange.Silence())
    assert not line.state.over
    assert line.tell(exchange.Silence()) == (exchange.HangUp("INTERWORKING"),)
    assert (line.state.outcome, line.path) == ("failed", ["a", "b"] * 20)
    silent = Line(graph(node("a", "set_variable", name="n", value=1), edge("a", "a")))
    assert (silent.state.outcome, len(silent.path)) == ("failed", 20)


def test_templates_that_call_each_other_fail_too() -> None:
    here = graph(node("go", "goto_template", template="tpl_a"))
    now = start(here)
    for _ in range(30):
        now = step(here, now.state, exchange.TemplateLoaded(here))
    assert now.state.outcome == "failed"


def test_the_caller_hangs_up_anywhere() -> None:
    line = Line(load(MENU))
    assert line.tell(exchange.CallerHungUp()) == ()
    assert (line.state.over, line.state.outcome) == (True, "hangup")


# ---- after a restart


def restored(state: State) -> State:
    return State.from_json(json.loads(json.dumps(state.to_json())))


def test_collected_keys_survive_a_restart() -> None:
    drawn = graph(gather(max_digits=4, prompt_tts="Code"), HANG, edge("menu", "bye", "default"))
    line = Line(drawn)
    line.tell(exchange.PromptDone(), *keys("12"))
    old_turn = line.state.turn
    again = resume(drawn, restored(line.state))
    assert again.orders == (exchange.Collect(1, 4, "", 5.0, 3.0, "12"),)
    assert again.trail == ()
    assert step(drawn, again.state, exchange.Silence(old_turn)).state == again.state
    done = step(drawn, step(drawn, again.state, exchange.Digit("3")).state, exchange.Digit("4"))
    assert done.state.variables == {"digits": "1234"}


def test_prompts_and_retries_are_taken_up_again() -> None:
    drawn = load(MENU)
    line = Line(drawn)
    line.tell(exchange.PromptDone(), exchange.PromptDone(), exchange.Digit("9"))
    again = resume(drawn, restored(line.state))
    assert again.orders == (exchange.Say("Press one or two", barge_in=True),)
    assert (again.state.tries, again.state.visits) == (1, line.state.visits)


@pytest.mark.parametrize(
    ("method", "orders"), [("GET", (exchange.AskHttp("GET", "https://a.example", None, 5.0),)), ("POST", (CLEAR,))]
)
def test_a_web_service_is_not_asked_twice_for_an_effect(method: str, orders: tuple[exchange.Order, ...]) -> None:
    drawn = graph(node("q", "http_call", url="https://a.example", method=method), HANG, edge("q", "bye", "error"))
    assert resume(drawn, restored(start(drawn).state)).orders == orders


def test_what_is_over_stays_over() -> None:
    drawn = graph(HANG)
    done = start(drawn).state
    assert resume(drawn, restored(done)) == Step(done)
    assert done.outcome == machine.HANGUP
