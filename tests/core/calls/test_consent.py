"""The consent gate."""

from __future__ import annotations

import pytest

from jinaconnect.core.calls.consent import recording_allowed


@pytest.mark.parametrize(
    ("required", "contact", "given", "allowed", "reason"),
    [
        (False, None, None, True, "not_required"),
        (False, "cnt_1", False, True, "not_required"),
        (True, None, True, False, "no_contact"),
        (True, "cnt_1", None, False, "no_consent"),
        (True, "cnt_1", False, False, "withheld"),
        (True, "cnt_1", True, True, "given"),
    ],
)
def test_the_gate(required: bool, contact: str | None, given: bool | None, allowed: bool, reason: str) -> None:
    decision = recording_allowed(required=required, contact=contact, consent_given=given)
    assert (decision.allowed, decision.reason) == (allowed, reason)
