"""Whom a supervisor whispers to, and what a tenant's rule says of listening."""

from __future__ import annotations

import pytest

from jinaconnect.core.calls.consent import SUPERVISION, supervision_allowed
from jinaconnect.core.calls.supervision import HEARD_BY, HEARERS, MODES, agent_of


def test_whoever_talks_with_the_customer_is_whispered_to_before_others_and_a_telephone_before_a_party() -> None:
    legs = {"x1": {"role": "party"}, "a0n1": {"role": "agent"}, "a0n2": {"role": "agent"}}
    assert agent_of({}, []) is None
    assert agent_of(legs, []) == "a0n1"
    assert agent_of(legs, ["x1"]) == "x1"
    assert agent_of(legs, ["x1", "a0n2"]) == "a0n2"


def test_every_mode_says_who_hears() -> None:
    assert [HEARD_BY[mode] for mode in MODES] == list(HEARERS)


@pytest.mark.parametrize(
    ("rule", "contact", "given", "allowed", "reason"),
    [
        ("allowed", None, None, True, "not_required"), ("allowed", "cnt_1", False, True, "not_required"),
        ("with_consent", None, None, False, "no_contact"), ("with_consent", "cnt_1", None, False, "no_consent"),
        ("with_consent", "cnt_1", False, False, "withheld"), ("with_consent", "cnt_1", True, True, "given"),
        ("forbidden", "cnt_1", True, False, "forbidden"),
    ],
)  # fmt: skip
def test_the_rule_decides(rule: str, contact: str | None, given: bool | None, allowed: bool, reason: str) -> None:
    assert rule in SUPERVISION
    decision = supervision_allowed(rule=rule, contact=contact, consent_given=given)
    assert (decision.allowed, decision.reason) == (allowed, reason)
