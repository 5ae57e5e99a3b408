"""The simulator, and the laws that hold for any graph under any script."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinaconnect.core.calls.dtmf import DIGITS
from jinaconnect.core.errors import Invalid
from jinaconnect.core.ivr import exchange
from jinaconnect.core.ivr.check import load
from jinaconnect.core.ivr.graph import MAX_NODES, MAX_VISITS, Graph
from jinaconnect.core.ivr.machine import State, Step, resume, start, step
from jinaconnect.core.ivr.simulate import simulate
from tests.core.ivr.graphs import HANG, MENU, documents, edge, gather, graph, node, say

KINDS = {"say", "play", "collect", "key", "silence", "record", "transfer", "set", "hangup"}


def test_a_call_on_paper() -> None:
    answer = simulate(load(MENU), [{"keys": "1", "after_s": 1.5}], {"name": "Asha"})
    assert answer == {
        "outcome": "hangup",
        "path": ["hello", "menu", "one", "bye"],
        "transcript": [
            {"at_s": 0.0, "node": "hello", "kind": "say", "text": "Welcome Asha"},
            {"at_s": 0.8, "node": "menu", "kind": "say", "text": "Press one or two"},
            {"at_s": 2.3, "node": "menu", "kind": "key", "text": "1"},
            {"at_s": 2.3, "node": "menu", "kind": "set", "text": "digits = 1"},
            {"at_s": 2.3, "node": "one", "kind": "say", "text": "You pressed 1"},
            {"at_s": 3.5, "node": "bye", "kind": "hangup", "text": "NORMAL_CLEARING"},
        ],
        "variables": {"name": "Asha", "digits": "1"},
    }


@pytest.mark.parametrize(
    ("inputs", "outcome", "path"),
    [
        ([], "waiting", ["hello", "menu"]),
        ([{"keys": "2"}], "transfer", ["hello", "menu", "two"]),
        ([{"keys": "2"}, {"answer": "failed"}], "hangup", ["hello", "menu", "two", "bye"]),
        ([{"answer": "failed"}, {"keys": "2"}], "hangup", ["hello", "menu", "two", "bye"]),
        ([{"silence_s": 6}], "waiting", ["hello", "menu"]),
        ([{"silence_s": 6}, {"silence_s": 6}], "hangup", ["hello", "menu", "late"]),
        ([{"silence_s": 6}, {"keys": "1"}], "hangup", ["hello", "menu", "one", "bye"]),
        ([{"keys": "9"}, {"keys": "8"}], "hangup", ["hello", "menu", "bye"]),
        ([{"keys": "9"}, {"hangup": True}], "hangup", ["hello", "menu"]),
        ([{"hangup": True}], "hangup", ["hello"]),
        ([{"keys": "1", "after_s": 60}], "hangup", ["hello", "menu", "late"]),
    ],
)
def test_paths(inputs: list[Any], outcome: str, path: list[str]) -> None:
    answer = simulate(load(MENU), inputs)
    assert (answer["outcome"], answer["path"]) == (outcome, path)


def test_several_keys_and_a_pause_between() -> None:
    drawn = graph(gather(max_digits=6), HANG, edge("menu", "bye", "default"))
    assert simulate(drawn, [{"keys": "123"}, {"keys": "456"}])["variables"] == {"digits": "123456"}
    assert simulate(drawn, [{"keys": "123"}, {"silence_s": 4}])["variables"] == {"digits": "123"}
    assert simulate(drawn, [{"keys": "123"}])["outcome"] == "waiting"


def test_a_prompt_that_was_cut_short_is_followed_by_none() -> None:
    said = [item["text"] for item in simulate(load(MENU), [{"keys": "9"}])["transcript"] if item["kind"] == "say"]
    assert said[2:] == ["No.", "Press one or two"]
    cut = simulate(load(MENU), [{"keys": "9"}, {"keys": "1", "after_s": 0.2}])["transcript"]
    assert [item["text"] for item in cut if item["kind"] == "say"][2:] == ["No.", "You pressed 1"]


def test_every_kind_of_node_has_its_place_in_the_transcript() -> None:
    drawn = graph(
        node("play", "voice.play", audio_url="/media/hello.wav"),
        node("rec", "voice.record", max_duration_seconds=60, finish_on_silence=3),
        node("ask", "http_call", url="https://crm.example"),
        node("wait", "wait", seconds=2),
        node("go", "goto_template", template="tpl_b"),
        edge("play", "rec"), edge("rec", "ask"), edge("ask", "wait", "ok"), edge("wait", "go"),
    )  # fmt: skip
    second = graph(say("hi", "{{response_tier}}"))
    answer = simulate(drawn, [{"answer": "ok", "value": {"tier": "gold"}}], templates={"tpl_b": second})
    assert [(item["at_s"], item["kind"], item["text"]) for item in answer["transcript"]] == [
        (0.0, "play", "/media/hello.wav"), (5.0, "record", "at most 60 s"), (9.0, "set", 'response = {"tier":"gold"}'),
        (9.0, "set", "response_tier = gold"), (11.0, "say", "gold"), (11.5, "hangup", "NORMAL_CLEARING"),
    ]  # fmt: skip
    assert answer["path"] == ["play", "rec", "ask", "wait", "go", "hi"]
    assert simulate(drawn)["outcome"] == "failed", "a template that is not there"
    assert simulate(drawn, recording=False)["transcript"][1]["text"] == "not allowed"


@pytest.mark.parametrize(
    ("inputs", "path", "ends_s"),
    [
        ([], ["rec", "kept"], 20.0), ([{"answer": "done"}], ["rec", "kept"], 20.0),
        ([{"answer": "empty"}], ["rec", "none"], 20.0), ([{"keys": "#", "after_s": 2}], ["rec", "kept"], 2.0),
        ([{"hangup": True}], ["rec", "gone", "if", "kept"], 0.0),
    ],
)  # fmt: skip
def test_a_recording_ends_with_something_nothing_or_nobody(inputs: list[Any], path: list[str], ends_s: float) -> None:
    drawn = graph(
        node("rec", "voice.record", max_duration_seconds=20), node("kept", "voice.hangup"),
        node("none", "voice.hangup"), node("gone", "set_variable", name="left", value="{{who}}"),
        node("if", "conditional", variable="left", op="eq", value="Ann"),
        edge("rec", "kept"), edge("rec", "none", "empty"), edge("rec", "gone", "hangup"), edge("gone", "if"),
        edge("if", "kept", "true"),
    )  # fmt: skip
    answer = simulate(drawn, inputs, {"who": "Ann"})
    assert (answer["outcome"], answer["path"], answer["transcript"][-1]["at_s"]) == ("hangup", path, ends_s)
    plain = graph(node("rec", "voice.record", max_duration_seconds=20), HANG, edge("rec", "bye"))
    assert simulate(plain, [{"answer": "empty"}])["path"] == ["rec", "bye"], "without an edge of its own"


def test_words_are_heard_where_it_listens() -> None:
    drawn = graph(
        node("ask", "voice.gather_speech", language="en-IN", timeout_seconds=5, save_as="said"), HANG,
        edge("ask", "bye"),
    )  # fmt: skip
    assert simulate(drawn, [{"words": " yes please ", "after_s": 2}])["variables"] == {"said": "yes please"}
    assert simulate(drawn, [{"words": "late", "after_s": 9}, {"silence_s": 9}])["variables"] == {"said": ""}


@pytest.mark.parametrize(
    "bad",
    [
        {}, {"keys": ""}, {"keys": "x"}, {"keys": 1}, {"keys": "1", "after_s": -1}, {"keys": "1", "after_s": "2"},
        {"keys": "1", "after_s": True}, {"keys": "1" * 65}, {"silence_s": None}, {"silence_s": float("inf")},
        {"silence_s": float("nan")}, {"hangup": False}, {"hangup": 1}, {"answer": "maybe"},
        {"answer": ["ok"]}, "1", None, {"words": " "}, {"words": 5}, {"words": "yes", "after_s": "2"},
    ],
)  # fmt: skip
def test_faulty_inputs_are_named(bad: Any) -> None:
    with pytest.raises(Invalid) as caught:
        simulate(load(MENU), [{"keys": "1"}, bad])
    assert list(caught.value.detail) == ["inputs.1"]


@pytest.mark.parametrize("bad", ["1", {"keys": "1"}, 5, [{"hangup": True}] * 101])
def test_inputs_are_a_list_with_a_limit(bad: Any) -> None:
    with pytest.raises(Invalid) as caught:
        simulate(load(MENU), bad)
    assert list(caught.value.detail) == ["inputs"]


# ---- laws

seconds = st.sampled_from([0, 0.1, 1, 4, 30])
inputs_of_any_kind = st.lists(
    st.one_of(
        st.fixed_dictionaries({"keys": st.text(DIGITS, min_size=1, max_size=6)}, optional={"after_s": seconds}),
        st.fixed_dictionaries({"silence_s": seconds}),
        st.fixed_dictionaries({"answer": st.sampled_from(["answered", "failed", "ok", "error"])}),
        st.just({"hangup": True}),
    ),
    max_size=12,
)
OTHER = graph(
    say("other", "In the other template"), gather("again"), edge("other", "again"), edge("again", "other", "default")
)


@settings(max_examples=200, deadline=None)
@given(documents(), inputs_of_any_kind)
def test_any_script_on_any_graph(drawn: dict[str, Any], inputs: list[Any]) -> None:
    read = load(drawn)
    answer = simulate(read, inputs, {"x": "1"}, {"tpl_a": OTHER})
    assert answer == simulate(load(json.loads(json.dumps(drawn))), inputs, {"x": "1"}, {"tpl_a": OTHER})
    assert answer["outcome"] in {"hangup", "transfer", "waiting", "failed"}
    assert json.loads(json.dumps(answer)) == answer
    path, transcript = answer["path"], answer["transcript"]
    assert path[0] == drawn["entry_node_id"]
    assert len(path) <= MAX_VISITS * MAX_NODES
    assert all(path.count(name) <= MAX_VISITS for name in set(path))
    ways = {
        (item["source"], item["target"]) for item in [*drawn["edges"], edge("other", "again"), edge("again", "other")]
    }
    ways |= {(item["id"], "other") for item in drawn["nodes"] if item["type"] == "goto_template"}
    assert all(pair in ways for pair in itertools.pairwise(path)), "a path follows edges"
    assert {item["kind"] for item in transcript} <= KINDS
    assert [item["at_s"] for item in transcript] == sorted(item["at_s"] for item in transcript)
    assert {item["node"] for item in transcript} <= set(path)


reports = st.lists(
    st.one_of(
        st.builds(exchange.PromptDone), st.builds(exchange.Digit, st.sampled_from(DIGITS)),
        st.builds(exchange.Silence), st.builds(exchange.RecordDone),
        st.builds(exchange.TransferDone, st.booleans()), st.builds(exchange.SpeechDone, st.sampled_from(["", "yes"])),
        st.builds(exchange.HttpDone, st.booleans(), st.sampled_from([None, "v", 5, {"a": "b", "c": [1]}])),
    ),
    max_size=40,
)  # fmt: skip


def path_of(drawn: Graph, told: list[exchange.Report], *, restart: bool) -> tuple[list[str], dict[str, Any], str]:
    """Return path, variables and outcome; with `restart` the state is written, read and resumed before each report."""
    path: list[str] = []

    def take(taken: Step) -> State:
        path.extend(trace.node for trace in taken.trail if isinstance(trace, exchange.Entered))
        return taken.state

    state = take(start(drawn, {"x": "1"}))
    for report in told:
        if restart:
            read = State.from_json(json.loads(json.dumps(state.to_json())))
            assert read == state
            state = take(resume(drawn, read))
        state = take(step(drawn, state, report))
    return path, dict(state.variables), state.outcome


@settings(max_examples=200, deadline=None)
@given(documents(without=frozenset({"goto_template", "http_call"})), reports)
def test_a_restart_before_every_report_changes_nothing(drawn: dict[str, Any], told: list[exchange.Report]) -> None:
    read = load(drawn)
    assert path_of(read, told, restart=True) == path_of(read, told, restart=False)


@settings(max_examples=100, deadline=None)
@given(documents(), reports)
def test_a_step_waits_for_one_thing_or_is_over(drawn: dict[str, Any], told: list[exchange.Report]) -> None:
    read = load(drawn)
    now = start(read, {"x": "1"})
    for report in [None, *told]:
        now = now if report is None else step(read, now.state, report)
        ends = [order for order in now.orders if isinstance(order, exchange.HangUp)]
        if now.state.over:
            assert bool(ends) == (bool(now.orders) and now.state.outcome in ("hangup", "failed"))
        else:
            assert ends == []
        assert now.state.node in read.nodes
        assert (now.state.outcome != "") == now.state.over
