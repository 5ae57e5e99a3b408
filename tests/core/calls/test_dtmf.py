"""Keys: collected once, sent as written."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinaconnect.core.calls.dtmf import Collector, KeyPress, key_script
from jinaconnect.core.errors import Invalid

Report = tuple[str, int, int]  # digit, when it was reported, how long it is said to have been held
BY_INFO_MS = 160  # what telephones say of a press they do not measure


def pressed(reports: Sequence[Report]) -> str:
    collector = Collector()
    return "".join(digit for digit, at_ms, duration_ms in reports if collector.report(digit, at_ms, duration_ms))


@pytest.mark.parametrize("held", [40, 100, 250, 800, 5_000])
def test_one_press_reported_two_ways_is_one_whatever_its_length_and_the_gap(held: int) -> None:
    released = ("3", 10_000, held)
    assert pressed([("3", 10_000 - held, BY_INFO_MS), released]) == "3", "INFO when the key goes down"
    assert pressed([("3", 10_000 - held // 2, BY_INFO_MS), released]) == "3"
    assert pressed([released, ("3", 10_000 + 5, held)]) == "3", "INFO when it is let go"
    assert pressed([released, ("3", 10_000 + 120, BY_INFO_MS)]) == "3", "INFO on a slow way"


def test_a_third_report_that_asterisk_makes_up_where_two_ways_cross_is_no_press() -> None:
    told = [[(0, 160), (119, 120), (207, 120)], [(100, 160), (106, 120), (145, 120)], [(0, 160), (0, 120), (211, 120)]]
    for reports in told:  # by a real Asterisk
        assert pressed([*(("3", *each) for each in reports), *(("3", 500 + at, held) for at, held in reports)]) == "33"


def test_quick_presses_stay_as_many_as_they_are() -> None:
    assert pressed([("3", at, 60) for at in range(0, 600, 100)]) == "333333"
    # Each twice, the twins close to the next press or after it.
    assert pressed([("3", 0, 60), ("3", 70, 60), ("3", 100, 60), ("3", 170, 60)]) == "33"
    assert pressed([("3", 0, 60), ("3", 5, 60), ("3", 100, 60), ("3", 200, 60), ("3", 210, 60)]) == "333"
    downs, ups = [("3", 0, 160), ("3", 190, 160), ("8", 300, 160)], [("3", 90, 100), ("3", 290, 100), ("8", 400, 110)]
    assert pressed(sorted([*downs, *ups], key=lambda report: report[1])) == "338"


def test_a_telephone_that_makes_up_its_lengths_and_reports_once_is_believed() -> None:
    assert pressed([(digit, 50 * n, BY_INFO_MS) for n, digit in enumerate("0123111122")]) == "0123111122"
    # The first two could be one. That is no reason to doubt the rest.
    assert pressed([("1", 0, 160), ("1", 150, 160), ("2", 900, 160), ("2", 1_500, 160), ("2", 2_100, 160)]) == "1222"


def test_a_late_twin_of_a_party_that_reports_doubly_is_a_twin() -> None:
    twice = [("1", 100, 90), ("1", 110, 90), ("2", 500, 90), ("2", 510, 90)]
    assert pressed([*twice, ("3", 900, 90), ("3", 1_700, 90), ("8", 2_000, 90), ("8", 2_600, 90)]) == "1238"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("123"), st.integers(40, 2_000), st.integers(40, 800)), max_size=12),
    st.booleans(), st.integers(0, 39),
)  # fmt: skip
def test_any_script_is_collected_once_reported_in_one_way_or_two(
    script: list[tuple[str, int, int]], early: bool, way_ms: int
) -> None:
    clock, once, twins = 0, [], []
    for digit, held, pause in script:
        down, clock = clock, clock + held
        once.append((digit, clock, held))
        twins.append((digit, down if early else clock + way_ms, BY_INFO_MS if early else held))
        clock += pause
    text = "".join(digit for digit, _, _ in script)
    assert pressed(once) == text
    assert pressed(sorted([*once, *twins], key=lambda report: report[1])) == text


def test_a_script_of_keys_in_time() -> None:
    script = key_script("1w#", between_ms=60, duration_ms=90)
    assert script.presses == (KeyPress(0, "1", 90), KeyPress(650, "#", 90))
    assert script.total_ms == 800


@pytest.mark.parametrize("digits", ["", "x", "1" * 65, "a", "1 2", "12\n"])
def test_digits_that_cannot_be_sent(digits: str) -> None:
    with pytest.raises(Invalid) as caught:
        key_script(digits)
    assert list(caught.value.detail) == ["digits"]


@pytest.mark.parametrize("field", ["between_ms", "duration_ms"])
@pytest.mark.parametrize("value", [0, 39, 5_001, -1])
def test_timing_has_limits(field: str, value: int) -> None:
    with pytest.raises(Invalid) as caught:
        key_script("1", **{field: value})
    assert list(caught.value.detail) == [field]
