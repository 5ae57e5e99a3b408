"""Causes: what carriers and Asterisk say, in our names."""

from __future__ import annotations

import pytest

from jinaconnect.core.calls import causes
from jinaconnect.core.calls.causes import after_answer, hangup_cause, of_sip, rejection_code, rejection_sip


@pytest.mark.parametrize(
    ("q850", "cause"),
    [
        (16, "NORMAL_CLEARING"), (17, "USER_BUSY"), (18, "NO_USER_RESPONSE"), (19, "NO_ANSWER"), (21, "CALL_REJECTED"),
        (1, "NUMBER_UNALLOCATED"), (27, "DESTINATION_OUT_OF_ORDER"), (28, "INVALID_NUMBER_FORMAT"),
        (31, "NORMAL_TEMPORARY_FAILURE"), (34, "NORMAL_TEMPORARY_FAILURE"), (38, "NETWORK_OUT_OF_ORDER"),
        (99, "UNKNOWN"), (0, "UNKNOWN"), (None, "UNKNOWN"),
    ],
)  # fmt: skip
def test_q850_before_the_answer(q850: int | None, cause: str) -> None:
    assert hangup_cause(q850, answered=False) == cause


@pytest.mark.parametrize(
    ("sip", "q850", "cause"),
    [
        (486, 17, "USER_BUSY"), (404, 1, "NUMBER_UNALLOCATED"), (408, 18, "NO_USER_RESPONSE"), (480, 19, "NO_ANSWER"),
        (403, 21, "CALL_REJECTED"), (503, 34, "NORMAL_TEMPORARY_FAILURE"), (603, 21, "CALL_REJECTED"),
        (600, 17, "USER_BUSY"), (487, 127, "NORMAL_CLEARING"), (302, 23, "CALL_REJECTED"),
        (484, 28, "INVALID_NUMBER_FORMAT"),
        (502, 27, "DESTINATION_OUT_OF_ORDER"), (499, 127, "INTERWORKING"), (1001, 0, "UNKNOWN"),
    ],
)  # fmt: skip
def test_sip_answers_as_asterisk_reports_them(sip: int, q850: int, cause: str) -> None:
    assert hangup_cause(q850, sip, answered=False) == cause


def test_a_definite_value_wins_over_the_answer_and_a_vague_one_loses() -> None:
    assert hangup_cause(17, 480, answered=False) == "USER_BUSY"
    assert hangup_cause(127, 486, answered=False) == "USER_BUSY"
    assert hangup_cause(127, None, answered=False) == "INTERWORKING"


def test_nothing_after_an_answer_is_an_orderly_end() -> None:
    assert hangup_cause(0, answered=True) == "NORMAL_CLEARING"
    assert hangup_cause(None, 200, answered=True) == "NORMAL_CLEARING"


def test_an_answered_call_is_cleared_whatever_reason_its_carrier_gives() -> None:
    codes = (None, *range(200, 700))
    found = {hangup_cause(q850, sip, answered=True) for q850 in (None, *range(128)) for sip in codes}
    assert found == {"NORMAL_CLEARING", "MEDIA_TIMEOUT"}
    assert {after_answer(cause) for cause in causes.CAUSES} == {"NORMAL_CLEARING", "MEDIA_TIMEOUT"}


@pytest.mark.parametrize("q850", [None, 21, 31, 127])
@pytest.mark.parametrize(
    ("sip", "cause"),
    [(607, "UNWANTED"), (608, "REJECTED_BY_ANALYSIS"), (433, "ANONYMITY_DISALLOWED"), (380, "ALTERNATIVE_SERVICE")],
)
def test_what_only_sip_can_say_has_a_name_of_its_own(sip: int, cause: str, q850: int | None) -> None:
    assert hangup_cause(q850, sip, answered=False) == cause


def test_audio_that_stopped_has_a_cause_of_its_own() -> None:
    assert hangup_cause(44, answered=True) == "MEDIA_TIMEOUT"
    assert hangup_cause(44, answered=False) == "UNKNOWN"


def test_every_sip_answer_has_a_cause() -> None:
    assert {of_sip(code) for code in range(300, 700)} <= set(causes.CAUSES) - {"UNKNOWN"}
    assert of_sip(None) == "UNKNOWN"


@pytest.mark.parametrize(
    ("cause", "code", "sip"),
    [
        ("NUMBER_UNALLOCATED", 1, 404), ("USER_BUSY", 17, 486), ("NO_USER_RESPONSE", 18, 408), ("NO_ANSWER", 19, 480),
        ("CALL_REJECTED", 21, 403), ("NORMAL_TEMPORARY_FAILURE", 34, 503), ("NETWORK_OUT_OF_ORDER", 38, 500),
        ("INTERWORKING", 127, 500), ("UNKNOWN", 21, 403), ("NORMAL_CLEARING", 21, 403),
    ],
)  # fmt: skip
def test_rejecting(cause: str, code: int, sip: int) -> None:
    assert (rejection_code(cause), rejection_sip(cause)) == (code, sip)


def test_every_cause_can_be_a_rejection() -> None:
    assert all(400 <= rejection_sip(cause) < 600 for cause in causes.CAUSES)
