"""Variables, placeholders and conditions."""

from __future__ import annotations

from typing import Any

import pytest

from jinaconnect.core.ivr import values
from jinaconnect.core.ivr.compare import holds
from jinaconnect.core.ivr.graph import Conditional


def test_placeholders_are_replaced_and_missing_ones_vanish() -> None:
    variables = {"name": "Asha", "n": 3, "yes": True, "none": None}
    assert values.render("Hi {{ name }}{{missing}}, {{n}} {{yes}} {{none}}!", variables) == "Hi Asha, 3 true !"


def test_values_in_urls_cannot_leave_their_place() -> None:
    assert (
        values.render_url("https://a.example/{{x}}", {"x": "../b?c=d#é"}) == "https://a.example/..%2Fb%3Fc%3Dd%23%C3%A9"
    )


def test_values_within_json() -> None:
    body = {"{{k}}": ["{{x}}", 1, None, {"a": "-{{x}}-"}]}
    assert values.render_within(body, {"x": '"', "k": "key"}) == {"{{k}}": ['"', 1, None, {"a": '-"-'}]}


def test_growth_is_bounded() -> None:
    variables: dict[str, values.Scalar] = {"x": "ab"}
    for _ in range(40):
        variables = values.assign(variables, "x", values.render("{{x}}{{x}}", variables))
    assert len(str(variables["x"])) == values.MAX_VALUE
    for place in range(300):
        variables = values.assign(variables, f"v{place}", place)
    assert len(variables) == values.MAX_VARIABLES


def test_the_variables_of_a_call_are_json_scalars() -> None:
    given = {"a": [1, {"b": None}], "not a name": 1, "f": float("nan"), "ok": 1.5, "t": "x" * 2_000}
    assert values.initial(given) == {"a": '[1,{"b":null}]', "f": "nan", "ok": 1.5, "t": "x" * 1_024}


@pytest.mark.parametrize(
    ("given", "op", "value", "truth"),
    [
        ("1", "eq", 1, True), (1, "eq", "1", True), ("1.0", "eq", 1, False), (None, "eq", "", True),
        ("a", "ne", "b", True),
        ("2", "in", "1, 2,3", True), ("2", "in", [1, 2], True), ("", "in", [], False), ("4", "in", "1,2", False),
        ("9", "lt", "10", True), ("10", "lt", "9", False), (10, "gt", 9.5, True), ("x", "gt", "1", False),
        ("nan", "lt", "1", False), ("", "lt", 1, False), (" 5 ", "gt", "{{limit}}", True),
        ("7", "eq", "{{seven}}", True),
        ("1234", "matches", r"\d{4}", True), ("12345", "matches", r"\d{4}", False),
    ],
)  # fmt: skip
def test_conditions(given: Any, op: Any, value: Any, truth: bool) -> None:
    condition = Conditional(variable="v", op=op, value=value)
    assert holds(condition, {"v": given, "limit": 4, "seven": 7}) is truth


def test_a_missing_variable_reads_as_nothing() -> None:
    assert holds(Conditional(variable="v", op="eq", value=None), {})
    assert not holds(Conditional(variable="v", op="gt", value=0), {})
