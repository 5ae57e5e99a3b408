"""Keys: collected once, sent as written."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinaconnect.core.calls.dtmf import KEYS, KeyPress, collect, key_script
from jinaconnect.core.errors import Invalid


def pressed(reports: list[tuple[str, int]], window_ms: int = 80) -> str:
    seen: dict[str, int] = {}
    kept = ""
    for digit, at_ms in reports:
        seen, new = collect(seen, digit, at_ms, window_ms)
        kept += digit if new else ""
    return kept


def test_two_reports_of_one_press_count_once() -> None:
    assert pressed([("1", 0), ("1", 12)]) == "1"
    assert pressed([("1", 12), ("1", 0)]) == "1"
    assert pressed([("1", 0), ("1", 12), ("1", 120), ("1", 131)]) == "11"
    assert pressed([("1", 0), ("2", 5), ("1", 8), ("2", 11)]) == "12"


def test_the_same_key_again_counts_again() -> None:
    assert pressed([("1", 0), ("1", 80), ("1", 200)]) == "111"
    assert pressed([("1", 0), ("1", 40)], window_ms=0) == "11"


@settings(max_examples=100, deadline=None)
@given(st.text(KEYS, max_size=20), st.integers(81, 400), st.lists(st.integers(0, 79), min_size=20, max_size=20))
def test_any_script_reported_twice_is_collected_once(script: str, gap: int, delays: list[int]) -> None:
    reports = [(digit, place * gap) for place, digit in enumerate(script)]
    twins = [(digit, at + delay) for (digit, at), delay in zip(reports, delays, strict=False)]
    in_time = sorted([*reports, *twins], key=lambda report: report[1])
    # A twin that comes later than the next press of the same key cannot be told from it.
    if all(delay < gap - 79 for delay in delays) or all(a != b for a, b in itertools.pairwise(script)):
        assert sorted(pressed(in_time)) == sorted(script)


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
