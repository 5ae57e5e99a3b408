"""Plans as values: every form that calls are stored in is read, and written as it was."""

from __future__ import annotations

from typing import Any

import pytest

from jinaconnect.core.calls import plan as plans

DIALLED: dict[str, Any] = {"target": {"endpoint": "trk-1", "to": "+12025550111"}, "caller": "+12025550100",
                           "record": True}  # fmt: skip
PLACED: dict[str, Any] = {**DIALLED, "variables": {"name": "Ann"}}
ROUTE = {"type": "device", "user": "usr_1", "ring_s": 20, "then": {"type": "template", "template": "vtp_1"}}
AGENT = {"endpoint": "dev-1", "to": "", "user": "usr_1", "device": "dev_1"}
SPOKEN = {"tts_text": "Hello.", "tts_voice": None, "tts_language": "en"}

STORED: dict[str, dict[str, Any]] = {
    "text": {**PLACED, "kind": "tts", **SPOKEN},
    "text of a template": {**PLACED, "kind": "tts", "template": "vtp_1", **SPOKEN},
    "audio": {**PLACED, "kind": "audio", "audio_url": "https://example.com/a.wav"},
    "ivr": {**PLACED, "kind": "template", "template": "vtp_1"},
    "agent first": {**PLACED, "kind": "device", "agent": AGENT},
    "from a telephone": {**DIALLED, "kind": "outward"},
    "route that rings": {"kind": "route", "route": ROUTE, "place": 0, "record": False, "stop": "device"},
    "route to an ivr": {"kind": "template", "template": "vtp_1", "stop": "", "route": ROUTE, "place": 0,
                        "record": False},
    "route that refuses": {"kind": "route", "route": None, "place": 0, "record": False},
    "second leg": {"kind": "leg", "of": "call_1"},
}  # fmt: skip


@pytest.mark.parametrize("name", STORED)
def test_a_stored_plan_is_read_and_written_as_it_was(name: str) -> None:
    assert plans.stored(plans.of({"plan": STORED[name]})) == STORED[name]


@pytest.mark.parametrize("kind", ["tts", "audio", "template", "device", "outward", "route", "leg"])
def test_a_plan_that_was_erased_can_be_read(kind: str) -> None:
    left = {"kind": kind, **({"template": "vtp_1"} if kind == "template" else {}),
            **({"of": "call_1"} if kind == "leg" else {})}  # fmt: skip
    assert plans.of({"plan": left}).caller == ""


def test_who_is_connected_and_who_is_spoken_to() -> None:
    connects = {name for name, held in STORED.items() if plans.of({"plan": held}).connects}
    assert connects == {"agent first", "from a telephone", "route that rings"}
    assert {name for name, held in STORED.items() if plans.of({"plan": held}).announces} == {
        "text", "text of a template", "audio",
    }  # fmt: skip
    assert plans.host_of({"plan": STORED["second leg"]}) == "call_1"


def test_a_stop_of_a_route_changes_what_it_must() -> None:
    held = STORED["route that rings"]
    after = {**held, **plans.at_stop(plans.RunTemplate("vtp_1"), 1)}
    assert plans.of({"plan": after}).purpose == plans.RunTemplate("vtp_1")
    assert not plans.of({"plan": after}).connects
