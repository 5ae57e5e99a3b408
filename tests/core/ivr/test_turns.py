"""Turns of a document: a question with its taking of keys, what was heard, and the orders as they are kept."""

from __future__ import annotations

import json

import pytest

from jinaconnect.core.ivr import exchange, machine, turns
from jinaconnect.core.ivr.check import load
from tests.telephony.calls.graphs import graph, menu

EVERY = (
    exchange.Say("Hello.", "ann", "en", True), exchange.PlayAudio("/a.wav"),
    exchange.Collect(1, 4, "#", 5.0, 3.0, "12"),
    exchange.Listen("en", 5.0), exchange.StartRecord(30, 3.0, True), exchange.StartTransfer("+12025550188"),
    exchange.AskHttp("POST", "https://example.com/", {"a": [1]}, 5.0), exchange.LoadTemplate("vtp_1"),
    exchange.HangUp("NORMAL_CLEARING"),
)  # fmt: skip


def test_orders_are_kept_as_json() -> None:
    kept = json.loads(json.dumps(turns.to_json(EVERY)))
    assert turns.from_json(kept) == EVERY


def test_a_question_and_the_taking_of_its_keys_are_one_turn() -> None:
    found = load(menu())
    step = turns.whole(found, machine.start(found))
    assert [type(each) for each in step.orders] == [exchange.Say, exchange.Collect]
    assert step.state.phase == machine.COLLECT


def test_what_is_left_when_the_machine_has_moved_on_belongs_to_no_turn() -> None:
    found = load(menu())
    asked = turns.whole(found, machine.start(found)).state
    step = turns.heard(found, asked, [exchange.Digit("1"), exchange.Digit("2")])
    assert step.state.node == "bye"
    assert step.state.variables["choice"] == "1"


@pytest.mark.parametrize(
    ("kind", "data", "after"),
    [("voice.play", {"tts_text": "a"}, "end"), ("wait", {"seconds": 1}, "end"),
     ("voice.record", {"max_duration_seconds": 5}, "end"),
     ("voice.gather_speech", {"language": "en", "timeout_seconds": 2}, "end"),
     ("voice.transfer", {"to_uri": "+12025550188"}, "end"),
     ("http_call", {"url": "https://example.com/"}, "first")],
)  # fmt: skip
def test_the_end_of_a_document_means_what_its_node_waits_for(
    kind: str, data: dict[str, object], after: str
) -> None:
    on = "failed" if kind == "voice.transfer" else "ok" if kind == "http_call" else "done"
    found = load(graph("first", {"first": (kind, data), "end": ("voice.hangup", {})}, ("first", on, "end")))
    step = turns.heard(found, turns.whole(found, machine.start(found)).state, [])
    assert step.state.node == after


def test_an_announcement_is_no_template_and_is_said_whole() -> None:
    text = "{{name}} {x} " * 100
    found, variables = turns.announcement(exchange.Say(text))
    step = turns.whole(found, machine.start(found, variables))
    assert step.orders == (exchange.Say(text.strip()),)
    assert turns.heard(found, step.state, []).state.over
