"""What looks at a trunk make of its state, and what is told of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jinaconnect.actions.trunks.state import SAMPLES, Seen, decide, new_state, options_view
from jinaconnect.core.calls import health

START = datetime(2026, 1, 1, tzinfo=UTC)
RULE, FLOOR = health.Rule(3, 4), health.Floor(0.3, 10)


class Kept:
    """A row that is looked at again and again."""

    def __init__(self) -> None:
        self.row: dict[str, Any] = new_state("trk_1", "main", START)
        self.now = START

    def look(self, answers: bool | None, **seen: Any) -> list[str]:
        """Look once more, two seconds later; returns the types told."""
        self.now += timedelta(seconds=2)
        fields, tells = decide(self.row, "main", Seen(self.now, answers, **seen), RULE, FLOOR)
        self.row = {**self.row, **fields}
        self.tells = tells
        return [tell.type for tell in tells]


@pytest.fixture
def kept() -> Kept:
    """A trunk nothing is known of."""
    return Kept()


def figures(attempts: int, answered: int) -> health.Figures:
    """Return figures with an answer ratio."""
    return health.Figures(attempts=attempts, answered=answered, asr=answered / attempts)


def test_the_first_answer_makes_it_up_and_the_same_again_changes_nothing(kept: Kept) -> None:
    assert kept.look(None) == []
    assert kept.row["status"] == "unknown"
    assert kept.look(True) == ["trunk.up"]
    assert kept.tells[0].data == {"status": "up", "reason": "reachable"}
    since = kept.row["since"]
    for _ in range(5):
        kept.look(True)
    before = dict(kept.row)
    assert kept.look(True) == []
    assert kept.row == before
    assert kept.row["since"] == since


def test_one_lost_question_is_not_an_outage_and_three_of_four_are_one(kept: Kept) -> None:
    for _ in range(4):
        kept.look(True)
    assert [kept.look(answers) for answers in (False, True, False)] == [[], [], []]
    assert (kept.row["status"], kept.row["contact"]["state"]) == ("up", "unreachable")
    assert [kept.look(False) for _ in range(3)] == [["trunk.down"], [], []]
    assert kept.row["status"] == "down"
    assert [kept.look(True) for _ in range(3)] == [[], [], ["trunk.up"]]


def test_a_registration_is_told_of_and_its_loss_degrades(kept: Kept) -> None:
    assert kept.look(True, registration="registered") == ["trunk.registered", "trunk.up"]
    at = kept.now
    assert kept.row["registration"] == {"state": "registered", "since": at}
    assert kept.look(True, registration="registered") == []
    assert kept.row["registration"]["since"] == at
    assert kept.look(True, registration="rejected") == ["trunk.unregistered", "trunk.degraded"]
    assert kept.tells[0].data == {"status": "degraded", "registration": "rejected", "reason": "rejected"}
    assert kept.tells[1].data == {"status": "degraded", "reason": "rejected"}
    assert kept.look(True, registration="registered") == ["trunk.registered", "trunk.up"]


def test_one_that_waits_for_its_first_registration_has_lost_none(kept: Kept) -> None:
    assert kept.look(True, registration="unregistered") == ["trunk.degraded"]
    assert kept.look(True, registration="rejected") == ["trunk.unregistered"]
    assert kept.look(True, registration=None) == ["trunk.up"]
    assert kept.row["registration"] is None


def test_a_trunk_never_asked_is_up_by_its_registration_alone(kept: Kept) -> None:
    assert kept.look(None, registration="registered") == ["trunk.registered", "trunk.up"]
    assert (kept.row["contact"]["state"], kept.row["status"]) == ("unknown", "up")


def test_few_answered_calls_degrade_once_there_were_enough(kept: Kept) -> None:
    assert kept.look(True, recent=figures(9, 0)) == ["trunk.up"]
    assert kept.look(True, recent=figures(10, 2)) == ["trunk.degraded"]
    assert kept.tells[0].data == {"status": "degraded", "reason": "answer_ratio"}
    assert kept.look(True, recent=figures(10, 3)) == ["trunk.up"]


def test_round_trips_are_kept_bounded_with_the_lost_ones(kept: Kept) -> None:
    for ms in range(SAMPLES + 20):
        kept.look(True, samples=((kept.now, float(ms)),))
    assert len(kept.row["options"]) == SAMPLES
    assert kept.row["contact"]["rtt_ms"] == SAMPLES + 19
    kept.look(True)
    assert kept.row["contact"]["rtt_ms"] == SAMPLES + 19
    kept.look(False, samples=((kept.now, None),))
    assert kept.row["contact"]["rtt_ms"] is None


def test_percentiles_leave_the_lost_out_and_count_those_of_five_minutes() -> None:
    now = START + timedelta(hours=1)
    old, new = START, now - timedelta(minutes=1)
    samples = [[old, None], [old, 10.0], [new, 20.0], [new, None], [new, 30.0], [new, None]]
    assert options_view(samples, now) == {"p50_ms": 20.0, "p99_ms": 30.0, "lost_5m": 2}
    assert options_view([], now) == {"p50_ms": None, "p99_ms": None, "lost_5m": 0}
