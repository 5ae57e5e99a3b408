"""Inbound routes and the numbers they hang on."""

from __future__ import annotations

from typing import Any

import pytest

from jinaconnect.core.calls.numbers import plus_form
from jinaconnect.core.calls.routing import MAX_CHAIN, Reject, ToDevice, ToTemplate, read_route, resolve
from jinaconnect.core.errors import Invalid

TEMPLATE = {"type": "template", "template": "tpl_1"}


def test_the_three_kinds() -> None:
    assert read_route(TEMPLATE) == (ToTemplate("tpl_1"),)
    assert read_route({"type": "reject"}) == (Reject("CALL_REJECTED"),)
    assert read_route({"type": "reject", "cause": "USER_BUSY"}) == (Reject("USER_BUSY"),)
    assert read_route({"type": "device", "user": "usr_1"}) == (ToDevice("usr_1", 30), Reject("NO_ANSWER"))


def test_a_chain_rings_in_turn() -> None:
    second = {"type": "device", "user": "usr_2", "ring_s": 10, "then": TEMPLATE}
    route = read_route({"type": "device", "user": "usr_1", "ring_s": 20, "then": second})
    assert route == (ToDevice("usr_1", 20), ToDevice("usr_2", 10), ToTemplate("tpl_1"))


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (None, "route"), ([], "route"), ({}, "route.type"), ({"type": "x"}, "route.type"),
        ({"type": "template"}, "route.template"), ({"type": "template", "template": 5}, "route.template"),
        ({"type": "device", "user": " "}, "route.user"), ({"type": "device", "user": "u", "ring_s": 4}, "route.ring_s"),
        ({"type": "device", "user": "u", "ring_s": True}, "route.ring_s"),
        ({"type": "device", "user": "u", "ring_s": "30"}, "route.ring_s"),
        ({"type": "device", "user": "u", "then": {"type": "y"}}, "route.then.type"),
        ({"type": "device", "user": "u", "then": "no"}, "route.then"),
        ({"type": "reject", "cause": "BECAUSE"}, "route.cause"), ({"type": "reject", "cause": []}, "route.cause"),
    ],
)  # fmt: skip
def test_faults_name_their_field(document: Any, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_route(document)
    assert list(caught.value.detail) == [field]


def test_a_chain_is_bounded() -> None:
    route: dict[str, Any] = TEMPLATE
    for _ in range(MAX_CHAIN - 1):
        route = {"type": "device", "user": "u", "then": route}
    assert len(read_route(route)) == MAX_CHAIN
    with pytest.raises(Invalid):
        read_route({"type": "device", "user": "u", "then": route})


def test_the_number_then_the_trunk_then_a_rejection() -> None:
    numbers = {"+12025550101": read_route(TEMPLATE)}
    default = read_route({"type": "device", "user": "usr_1"})
    assert resolve("12025550101", numbers, default).source == "number"
    found = resolve("+12025550102", numbers, default)
    assert (found.source, found.rejected, found.route) == ("trunk", None, default)
    lost = resolve("+12025550102", numbers, None)
    assert (lost.source, lost.rejected) == ("none", "NUMBER_UNALLOCATED")
    assert resolve("+1", {"+1": read_route({"type": "reject"})}, None).rejected == "CALL_REJECTED"


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("+1 (202) 555-0101", "+12025550101"), ("12025550101", "+12025550101"), ("0012025550101", "+12025550101"),
        ("sip:+12025550101@carrier.example;user=phone", "+12025550101"), ("+", "+"),
        ("anonymous", "anonymous"), ("", ""),
    ],
)  # fmt: skip
def test_numbers_take_one_form(written: str, form: str) -> None:
    assert plus_form(written) == form
    assert plus_form(form) == form
