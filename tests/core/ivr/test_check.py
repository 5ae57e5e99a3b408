"""What is wrong with a graph is told at once, by node."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinaconnect.core.errors import Invalid
from jinaconnect.core.ivr.check import check, load
from jinaconnect.core.ivr.graph import MAX_NODES, GatherDtmf, GraphDocument
from tests.core.ivr.graphs import HANG, MENU, document, documents, edge, gather, node, say


def faults(*parts: dict[str, Any]) -> dict[str, list[str]]:
    return check(document(*parts)).faults


def test_a_good_graph_has_its_defaults() -> None:
    found = check(MENU)
    assert (found.faults, found.warnings) == ({}, [])
    assert found.graph is not None
    menu = found.graph.nodes["menu"].data
    assert isinstance(menu, GatherDtmf)
    assert (menu.min_digits, menu.barge_in, menu.inter_digit_s, menu.save_as) == (1, True, 3.0, "digits")
    assert found.graph.follow("hello", "done") == "menu"
    assert found.graph.follow("menu", "9") is None
    assert GraphDocument.model_validate(MENU).edges[0].on == "done"


def test_all_faults_come_at_once() -> None:
    found = check(
        {
            "entry_node_id": "nowhere",
            "nodes": [
                gather("g", max_digits=0, timeout_seconds="5", save_as="9x"),
                node("p", "voice.play"),
                node("p", "voice.hangup"),
                node("t", "voice.transfer", to_uri="call bob"),
                node("z", "voice.dance"),
                {"type": "voice.hangup"},
            ],
            "edges": [
                edge("p", "ghost"), edge("ghost", "p"), edge("g", "p", "yes"), edge("g", "p"), edge("t", "p", "failed"),
                edge("t", "z", "failed"), "nonsense",
            ],
        }
    ).faults  # fmt: skip
    assert set(found) == {"entry_node_id", "nodes", "nodes.g", "nodes.p", "nodes.t", "nodes.z", "edges"}
    assert {message.partition(":")[0] for message in found["nodes.g"]} == {"max_digits", "timeout_seconds", "save_as"}
    assert found["nodes.p"] == ["audio_url or tts_text must be given", "this id is used more than once"]
    assert len(found["edges"]) == 6
    assert found["nodes"] == ["node 6 has no id"]
    with pytest.raises(Invalid) as caught:
        load({"nodes": [], "edges": []})
    assert set(caught.value.detail) == {"graph.nodes", "graph.entry_node_id"}


@pytest.mark.parametrize(
    "bad",
    [
        node("n", "voice.play", tts_text="Hello {{ 1x }}"),
        node("n", "voice.play", tts_text="Hello {{name"),
        node("n", "voice.play", tts_text="é" * 2_049),
        node("n", "voice.play", tts_text=5),
        node("n", "voice.play", audio_url="ftp://a.example/x.wav"),
        node("n", "voice.play", audio_url="//a.example/x.wav"),
        node("n", "voice.play", audio_url="https://{{host}}/x.wav"),
        node("n", "voice.play", audio_url="https://a.example/x y.wav"),
        node("n", "voice.play", audio_url="/media/\r\nx"),
        node("n", "voice.play", audio_url="https://" + "a" * 512),
        node("n", "voice.play", tts_text="Hi", tts_language="english please"),
        node("n", "voice.gather_dtmf", max_digits=1),
        gather("n", max_digits=2, min_digits=3),
        gather("n", max_digits=True),
        gather("n", max_digits=33),
        gather("n", timeout_seconds=0),
        gather("n", timeout_seconds=121),
        gather("n", finish_on_key="##"),
        gather("n", finish_on_key="x"),
        gather("n", retries=-1),
        gather("n", barge_in="yes"),
        gather("n", prompt_tts="{{}}"),
        node("n", "voice.gather_speech", language="en"),
        node("n", "voice.record", max_duration_seconds=0),
        node("n", "voice.record", max_duration_seconds=5, finish_on_silence=0),
        node("n", "voice.transfer", to_uri="12025550101"),
        node("n", "voice.transfer", to_uri="sip:a@b\r\nX: y"),
        node("n", "voice.transfer", to_uri="sip:nobody"),
        node("n", "voice.transfer", to_uri="sip:{{a b}}@c"),
        node("n", "set_variable", name="a-b", value=1),
        node("n", "set_variable", name="a"),
        node("n", "set_variable", name="a", value={"b": 1}),
        node("n", "set_variable", name="a", value="{{"),
        node("n", "conditional", variable="a", op="like", value="1"),
        node("n", "conditional", variable="a", op="eq", value=["1"]),
        node("n", "conditional", variable="a", op="in", value=5),
        node("n", "conditional", variable="a", op="in", value=[[1]]),
        node("n", "conditional", variable="a", op="lt", value="many"),
        node("n", "conditional", variable="a", op="matches", value="("),
        node("n", "conditional", variable="a", op="matches", value="(a+)+b"),
        node("n", "conditional", variable="a", op="matches", value=7),
        node("n", "goto_template", template=""),
        node("n", "goto_template", template="a b"),
        node("n", "http_call", url="file:///etc/passwd"),
        node("n", "http_call", url="https://{{host}}/"),
        node("n", "http_call", url="https://a{{b}}.example"),
        node("n", "http_call", url="https://user:pw@a.example/"),
        node("n", "http_call", url="https://a.example/ x"),
        node("n", "http_call", url="https://a.example\\@b.example/"),
        node("n", "http_call", url="https://a.example", method="TRACE"),
        node("n", "http_call", url="https://a.example", timeout_s=31),
        node("n", "http_call", url="https://a.example", body={"a": ["{{ no"]}),
        node("n", "http_call", url="https://a.example", body="x" * 4_097),
        node("n", "http_call", url="https://a.example", body=[[[[[[[[[[[[1]]]]]]]]]]]]),
        node("n", "wait", seconds=0),
        {"id": "n", "type": "voice.hangup", "data": "none"},
        {"id": "n", "type": ["voice.hangup"]},
        {"id": "n"},
    ],
    ids=lambda part: str(part)[:70].replace("\r\n", " "),
)
def test_bad_nodes(bad: dict[str, Any]) -> None:
    found = faults(bad)
    assert list(found) == ["nodes.n"]
    assert len(found["nodes.n"]) == 1


@pytest.mark.parametrize(
    "good",
    [
        node("n", "voice.play", audio_url="/media/prompt-{{lang}}.wav"),
        node("n", "voice.play", audio_url="https://a.example:8443/{{lang}}/x.wav?v=2"),
        node("n", "voice.play", tts_text="Hi", label="Greeting", position={"x": 1}),
        node("n", "voice.transfer", to_uri="sips:desk@pbx.example:5061;transport=tls"),
        node("n", "voice.transfer", to_uri="+1{{number}}"),
        node("n", "voice.transfer", to_uri="{{agent}}"),
        node("n", "set_variable", name="a", value=None),
        node("n", "conditional", variable="a", op="in", value=["1", 2]),
        node("n", "conditional", variable="a", op="gt", value="{{limit}}"),
        node("n", "conditional", variable="a", op="matches", value=r"\d{4,6}|yes"),
        node("n", "http_call", url="https://a.example?x={{x}}", body={"a": [1, {"b": "{{x}}"}]}),
        {"id": "n", "type": "voice.hangup"},
        {"id": "n", "type": "voice.hangup", "data": None},
    ],
    ids=lambda part: str(part)[:70],
)
def test_good_nodes(good: dict[str, Any]) -> None:
    assert faults(good) == {}


@pytest.mark.parametrize("value", [None, [], "graph", 7, {}, {"nodes": "x"}, {"nodes": [None], "edges": {}}])
def test_what_is_no_graph(value: Any) -> None:
    assert check(value).graph is None


def test_limits() -> None:
    many = [node(f"n{place}", "voice.hangup") for place in range(MAX_NODES + 1)]
    assert faults(*many) == {"nodes": ["a graph has at most 200 nodes, this one 201"]}
    assert check(document(*many[:-1])).graph is not None
    assert "graph" in faults(node("n", "voice.hangup", note="x" * 270_000))
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert "graph" in faults(node("n", "http_call", url="https://a.example", body=deep))


def test_the_edge_of_an_outcome_is_needed_where_there_are_several() -> None:
    found = faults(gather("g"), HANG, edge("g", "bye"))
    assert "on must be given for voice.gather_dtmf: timeout, invalid, default or the keys pressed" in found["edges"][0]
    assert "on 'maybe' is not possible" in faults(gather("g"), HANG, edge("g", "bye", "maybe"))["edges"][0]
    assert "a second edge for '1'" in faults(gather("g"), HANG, edge("g", "bye", "1"), edge("g", "g", "1"))["edges"][0]


def test_warnings_do_not_refuse() -> None:
    found = check(
        document(
            gather("g", finish_on_key="#"), HANG, say("island"), edge("g", "bye", "12"), edge("g", "bye", "#"),
            edge("bye", "g"),
        )
    )  # fmt: skip
    assert found.graph is not None
    assert sorted(found.warnings) == [
        "no edge of node bye is ever followed: voice.hangup does not come back",
        "node g never collects '#': it holds finish_on_key",
        "node g never collects '12': max_digits is 1",
        "node island is never reached",
    ]


@settings(max_examples=100, deadline=None)
@given(documents())
def test_the_random_graphs_of_the_tests_are_in_order(drawn: dict[str, Any]) -> None:
    assert check(drawn).faults == {}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(documents(), st.data())
def test_a_graph_spoiled_anywhere_is_judged_without_an_error(drawn: dict[str, Any], data: st.DataObject) -> None:
    part = data.draw(
        st.sampled_from([drawn, *drawn["nodes"], *drawn["edges"], *(item["data"] for item in drawn["nodes"])])
    )
    if part:
        part[data.draw(st.sampled_from(sorted(part)))] = data.draw(json_values)
    found = check(drawn)
    assert (found.graph is None) == bool(found.faults)
