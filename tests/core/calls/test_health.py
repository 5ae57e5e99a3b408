"""Trunk health: hysteresis and figures."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinaconnect.core.calls.health import (
    Attempt,
    Figures,
    Floor,
    Reach,
    Rule,
    figures,
    observe,
    overall_status,
    percentile,
    trunk_status,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RULE = Rule(3, 4)


def run(results: str, rule: Rule = RULE) -> tuple[Reach, list[str]]:
    reach, changes = Reach(), []
    for place, result in enumerate(results):
        reach, changed = observe(reach, result == "+", NOW + timedelta(seconds=place), rule)
        if changed:
            changes.append(reach.state)
    return reach, changes


@pytest.mark.parametrize(
    ("results", "changes"),
    [
        ("+", ["up"]), ("-", ["down"]), ("++++", ["up"]), ("++--", ["up"]), ("++---", ["up", "down"]),
        ("++++-+-+-+-+", ["up"]), ("+---+-++", ["up", "down", "up"]), ("+-----+", ["up", "down"]),
    ],
)  # fmt: skip
def test_k_of_n_must_agree(results: str, changes: list[str]) -> None:
    assert run(results)[1] == changes


def test_since_is_the_moment_of_the_change() -> None:
    assert run("++---")[0].since == NOW + timedelta(seconds=4)


@pytest.mark.parametrize(("k", "n"), [(2, 4), (2, 3), (5, 4), (0, 1)])
def test_rules_that_would_flap_are_refused(k: int, n: int) -> None:
    with pytest.raises(ValueError, match="more than half"):
        Rule(k, n)


@settings(max_examples=100, deadline=None)
@given(st.text("+-", min_size=1, max_size=60))
def test_every_other_probe_failing_never_flaps(head: str) -> None:
    settled, _ = run(head)
    last = settled.recent[-1]
    _, before = run(head)
    _, after = run(head + "".join("-+"[(place + last) % 2] for place in range(20)))
    assert len(after) - len(before) <= 1


def attempts() -> list[Attempt]:
    answered = [Attempt(NOW, True, "NORMAL_CLEARING", talk_s=84.0, pdd_ms=900) for _ in range(9)]
    busy = [Attempt(NOW, False, "USER_BUSY", sip_code=486, pdd_ms=700) for _ in range(2)]
    return [*answered, *busy, Attempt(NOW, False, "NORMAL_TEMPORARY_FAILURE", sip_code=503)]


def test_the_figures_of_a_window() -> None:
    old = Attempt(NOW - timedelta(minutes=5), False, "UNKNOWN")
    later = Attempt(NOW + timedelta(seconds=1), False, "UNKNOWN")
    assert figures([*attempts(), old, later], NOW, timedelta(minutes=5)).view() == {
        "attempts": 12, "answered": 9, "asr": 0.75, "ner": 0.9167, "acd_s": 84.0, "pdd_ms": 900,
        "causes": [{"cause": "USER_BUSY", "count": 2}, {"cause": "NORMAL_TEMPORARY_FAILURE", "count": 1}],
    }  # fmt: skip


def test_an_empty_window_claims_nothing() -> None:
    assert figures([], NOW, timedelta(hours=1)) == Figures()
    assert figures([Attempt(NOW, False, "USER_BUSY")], NOW, timedelta(hours=1)).acd_s is None


@pytest.mark.parametrize(
    ("attempt", "ner"),
    [
        (Attempt(NOW, False, "USER_BUSY"), 1.0), (Attempt(NOW, False, "NUMBER_UNALLOCATED"), 0.0),
        (Attempt(NOW, False, "CALL_REJECTED", sip_code=403), 0.0),
        (Attempt(NOW, False, "CALL_REJECTED", sip_code=603), 1.0),
        (Attempt(NOW, False, "NORMAL_CLEARING", sip_code=487), 1.0), (Attempt(NOW, True, "NORMAL_CLEARING"), 1.0),
        (Attempt(NOW, False, "NO_ANSWER", sip_code=480), 1.0), (Attempt(NOW, False, "UNKNOWN"), 0.0),
    ],
)  # fmt: skip
def test_what_counts_as_the_networks_success(attempt: Attempt, ner: float) -> None:
    assert figures([attempt], NOW, timedelta(hours=1)).ner == ner


def test_the_status_of_a_trunk() -> None:
    up, floor = Reach("up"), Floor(asr=0.5, attempts=10)
    assert trunk_status(up, None, Figures(), floor) == "up"
    assert trunk_status(up, "registered", Figures(attempts=9, asr=0.1), floor) == "up"
    assert trunk_status(up, "registered", Figures(attempts=10, asr=0.1), floor) == "degraded"
    assert trunk_status(up, "rejected", Figures(), floor) == "degraded"
    assert trunk_status(Reach("down"), "registered", Figures(), floor) == "down"
    assert trunk_status(Reach(), None, Figures(), floor) == "unknown"


def test_the_status_of_all() -> None:
    assert overall_status([True], ["up", "unknown"]) == "up"
    assert overall_status([True, False], ["up"]) == "degraded"
    assert overall_status([True], ["up", "down"]) == "degraded"
    assert overall_status([False], ["up"]) == "down"
    assert overall_status([], []) == "down"


def test_percentiles_are_values_that_occurred() -> None:
    assert percentile([], 50) is None
    assert [percentile([15, 20, 35, 40, 50], rank) for rank in (0, 5, 30, 40, 50, 100)] == [15, 15, 20, 20, 35, 50]
