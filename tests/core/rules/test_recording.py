"""Where everybody in a call is asked before it is recorded: each row, in force and not, at either end."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from jinaconnect.core.rules.place import Place, place_of, place_of_number
from jinaconnect.core.rules.recording import all_party_rule
from jinaconnect.core.rules.rows import RecordingRule, recording_rules

TODAY = date(2026, 6, 1)
ELSEWHERE = Place("US", "NY")


def places() -> list[tuple[RecordingRule, Place]]:
    return [(rule, Place(rule.country, state)) for rule in recording_rules() for state in rule.states or (None,)]


@pytest.mark.parametrize(("rule", "place"), places(), ids=lambda part: getattr(part, "id", str(part)[:40]))
def test_a_row_holds_at_either_end_from_its_first_day(rule: RecordingRule, place: Place) -> None:
    for ends in ((place, ELSEWHERE), (ELSEWHERE, place), (place,)):
        assert all_party_rule(ends, TODAY) == rule
        assert all_party_rule(ends, rule.valid_from) == rule
        assert all_party_rule(ends, rule.valid_from - timedelta(days=1)) is None


def test_a_row_holds_to_its_last_day() -> None:
    rule = RecordingRule(id="x", country="US", valid_to=date(2028, 2, 29), source="s")
    assert rule.binds(date(2028, 2, 29))
    assert not rule.binds(date(2028, 3, 1))


def test_elsewhere_nobody_is_asked() -> None:
    assert all_party_rule((ELSEWHERE, Place("IN"), Place()), TODAY) is None
    assert {rule.id for rule in recording_rules()} == {
        "us.recording.all_party", "de.recording.all_party", "ch.recording.all_party"
    }  # fmt: skip
    assert all(rule.source for rule in recording_rules())


@pytest.mark.parametrize(
    ("number", "rule"),
    [
        ("+14155550123", "us.recording.all_party"), ("+13055550123", "us.recording.all_party"),
        ("+12125550123", None), ("+12025550123", None), ("+4930123456", "de.recording.all_party"),
        ("+41443643535", "ch.recording.all_party"), ("withheld", None), ("", None),
    ],
)  # fmt: skip
def test_a_number_is_where_its_plan_says_and_a_contact_where_they_say(number: str, rule: str | None) -> None:
    found = all_party_rule([place_of_number(number)], TODAY)
    assert (found and found.id) == rule
    assert all_party_rule([place_of({"phone": number, "attributes": {"country": "US", "state": "ny"}})], TODAY) is None
