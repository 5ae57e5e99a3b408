"""Graphs for the tests: some by hand, and any at random that are in order."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from jinaconnect.core.calls.dtmf import DIGITS
from jinaconnect.core.ivr.check import load
from jinaconnect.core.ivr.graph import NODE_TYPES, Graph, outcomes

Document = dict[str, Any]


def node(name: str, kind: str, /, **data: Any) -> Document:
    return {"id": name, "type": kind, "data": data}


def edge(source: str, target: str, on: str | None = None) -> Document:
    return {"source": source, "target": target, **({} if on is None else {"on": on})}


def document(*parts: Document, entry: str | None = None) -> Document:
    nodes = [part for part in parts if "id" in part]
    return {
        "entry_node_id": entry or nodes[0]["id"],
        "nodes": nodes,
        "edges": [part for part in parts if "source" in part],
    }


def graph(*parts: Document) -> Graph:
    return load(document(*parts))


def gather(name: str = "menu", /, **data: Any) -> Document:
    return node(name, "voice.gather_dtmf", **{"max_digits": 1, "timeout_seconds": 5, **data})


def say(name: str, text: str = "Hello there") -> Document:
    return node(name, "voice.play", tts_text=text)


HANG = node("bye", "voice.hangup")

MENU = document(
    say("hello", "Welcome {{name}}"),
    gather(prompt_tts="Press one or two", invalid_prompt_tts="No.", retries=1),
    say("one", "You pressed {{digits}}"),
    node("two", "voice.transfer", to_uri="+12025550101"),
    say("late", "Nobody there"),
    HANG,
    edge("hello", "menu"),
    edge("menu", "one", "1"),
    edge("menu", "two", "2"),
    edge("menu", "late", "timeout"),
    edge("menu", "bye", "invalid"),
    edge("one", "bye"),
    edge("two", "bye", "failed"),
)

_names = st.sampled_from(["digits", "choice", "speech", "response", "x"])
_texts = st.sampled_from([None, "Press a key", "{{digits}}", "You said {{x}} {{x}}", " "])
_seconds = st.sampled_from([0.2, 1, 3.5, 20])
_flags = st.booleans()

_DATA: dict[str, st.SearchStrategy[Document]] = {
    "voice.play": st.sampled_from(
        [{"tts_text": "Good day"}, {"tts_text": "{{nothing}}"}, {"audio_url": "https://a.example/{{x}}.wav"}]
    ),
    "voice.gather_dtmf": st.fixed_dictionaries(
        {"max_digits": st.integers(1, 4), "timeout_seconds": _seconds},
        optional={
            "min_digits": st.integers(0, 1), "inter_digit_s": _seconds, "finish_on_key": st.sampled_from(["",
            "#", "*"]),
            "retries": st.integers(0, 2), "barge_in": _flags, "save_as": _names, "prompt_tts": _texts,
            "invalid_prompt_tts": _texts,
        },
    ),
    "voice.gather_speech": st.fixed_dictionaries({"language": st.just("en-IN"), "timeout_seconds": _seconds}),
    "voice.record": st.fixed_dictionaries(
        {"max_duration_seconds": st.integers(1, 30)}, optional={"finish_on_silence": _seconds, "play_beep": _flags}
    ),
    "voice.transfer": st.sampled_from(
        [{"to_uri": "+12025550101"}, {"to_uri": "sip:{{x}}@pbx.example"}, {"to_uri": "{{x}}"}]
    ),
    "voice.hangup": st.just({}),
    "set_variable": st.fixed_dictionaries(
        {"name": _names, "value": st.sampled_from(["{{digits}}1", "{{x}}{{x}}", 7, None, True])}
    ),
    "conditional": st.fixed_dictionaries(
        {
            "variable": _names,
            "op": st.sampled_from(["eq", "ne", "in", "lt", "gt"]),
            "value": st.sampled_from(["1", "12", "5"]),
        }
    ),
    "goto_template": st.fixed_dictionaries({"template": st.sampled_from(["tpl_a", "tpl_none"])}),
    "http_call": st.fixed_dictionaries(
        {"url": st.just("https://crm.example/q?d={{digits}}"), "method": st.sampled_from(["GET", "POST"])},
        optional={"body": st.just({"d": "{{digits}}"})},
    ),
    "wait": st.fixed_dictionaries({"seconds": _seconds}),
}  # fmt: skip
assert set(_DATA) == set(NODE_TYPES)

key_strings = st.text(DIGITS, min_size=1, max_size=4)


@st.composite
def documents(draw: st.DrawFn, without: frozenset[str] = frozenset()) -> Document:
    """Any graph in order, of up to eight nodes; loops and dead ends included."""
    names = [f"n{place}" for place in range(draw(st.integers(1, 8)))]
    kinds = st.sampled_from([kind for kind in NODE_TYPES if kind not in without])
    nodes = []
    edges = []
    for name in names:
        kind = draw(kinds)
        nodes.append(node(name, kind, **draw(_DATA[kind])))
        taken = draw(st.sets(st.sampled_from(outcomes(kind))))
        if kind == "voice.gather_dtmf":
            taken |= draw(st.sets(key_strings, max_size=3))
        edges += [edge(name, draw(st.sampled_from(names)), on) for on in sorted(taken)]
    return document(*nodes, *edges, entry=draw(st.sampled_from(names)))
