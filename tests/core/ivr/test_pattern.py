"""Patterns of tenants: only those that are certain to be quick."""

from __future__ import annotations

import pytest

from jinaconnect.core.ivr.pattern import MAX_SUBJECT, fault, matches


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d{4,6}",
        "[1-3]",
        "yes|no",
        r"(\d{3}-)*\d+",
        "^a.*b$",
        "(?i)abc",
        r"\+91[6-9]\d{9}",
        "a*b*",
        "(ab){2}",
        "(?:a|bc)?d",
    ],
)
def test_usual_patterns_are_accepted(pattern: str) -> None:
    assert fault(pattern) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+b", "(a*)*", "(.*)*x", "([a-z]+,)*[a-z]+", "(a|aa)+$", ".*.*.*.*x", "(a?){64}a{64}",
        "((){64}){64}(()){64}((){9999}){999}",
        r"(a)\1", "(?=a)b", "(?<!a)b", "(", "a{2,1}", "[", "x" * 201, "{{digits}}",
    ],
)  # fmt: skip
def test_dangerous_or_broken_patterns_are_refused(pattern: str) -> None:
    assert fault(pattern) is not None


def test_the_whole_subject_must_fit() -> None:
    assert matches(r"\d{4}", "1234")
    assert not matches(r"\d{4}", "12345")
    assert not matches(".*", "x" * (MAX_SUBJECT + 1))
