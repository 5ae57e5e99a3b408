"""The life of a call under every order of facts."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinaconnect.core.calls import causes, machine
from jinaconnect.core.calls.machine import (
    Answered,
    Bridged,
    Call,
    CancelRequested,
    Dialing,
    Digit,
    Fact,
    Faulted,
    Gone,
    Hangup,
    HangupRequested,
    Progress,
    Ringing,
    TimedOut,
    apply,
    changed,
    fold,
)

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def names(events: tuple[machine.Emitted, ...]) -> list[str]:
    return [event.type for event in events]


def test_an_answered_call() -> None:
    facts = [
        Dialing(at(0)),
        Ringing(at(1.5)),
        Answered(at(4)),
        Bridged(at(4.2), peer="agent"),
        Hangup(at(65.9), q850=16),
    ]
    call, events = fold(Call(), facts)
    assert names(events) == ["call.dialing", "call.ringing", "call.answered", "call.bridged", "call.completed"]
    assert (call.status, call.duration_seconds, call.hangup_cause) == ("COMPLETED", 62, "NORMAL_CLEARING")
    assert (call.started_at, call.ended_at, call.pdd_ms) == (at(4), at(65.9), 1500)
    assert events[-1].payload == {"hangup_cause": "NORMAL_CLEARING", "duration_seconds": 62, "inferred": False}


@pytest.mark.parametrize(("talked_s", "shown"), [(0.2, 0), (0.5, 1), (0.7, 1), (1.49, 1), (1.5, 2), (2.5, 3)])
def test_a_duration_is_the_nearest_second(talked_s: float, shown: int) -> None:
    call, _ = fold(Call(), [Dialing(at(0)), Answered(at(1)), Hangup(at(1 + talked_s))])
    assert call.duration_seconds == shown


@pytest.mark.parametrize(
    ("facts", "status", "cause", "sip_code"),
    [
        ([Hangup(at(3), q850=17, sip_code=486)], "FAILED", "USER_BUSY", 486),
        ([HangupRequested(at(3), q850=17, sip_code=486), Hangup(at(3), q850=0)], "FAILED", "USER_BUSY", 486),
        ([HangupRequested(at(3), q850=32), Hangup(at(3), q850=19, sip_code=480)], "FAILED", "NO_ANSWER", 480),
        ([Hangup(at(3), cause="CALL_REJECTED")], "FAILED", "CALL_REJECTED", None),
        ([CancelRequested(at(2)), Hangup(at(3), q850=127, sip_code=487)], "CANCELED", "NORMAL_CLEARING", 487),
        ([TimedOut(at(30)), Hangup(at(30.1), q850=16)], "FAILED", "NO_ANSWER", None),
        ([TimedOut(at(3)), CancelRequested(at(4)), Hangup(at(5))], "FAILED", "NO_ANSWER", None),
        ([Answered(at(2)), TimedOut(at(2)), Hangup(at(9), q850=0)], "COMPLETED", "NORMAL_CLEARING", None),
        ([Answered(at(2)), Hangup(at(9), q850=16, sip_code=1001)], "COMPLETED", "NORMAL_CLEARING", None),
        (
            [Answered(at(2)), TimedOut(at(8), limit="duration"), Hangup(at(9), q850=127)],
            "COMPLETED",
            "NORMAL_CLEARING",
            None,
        ),
        ([Answered(at(2)), CancelRequested(at(8)), Hangup(at(9))], "COMPLETED", "NORMAL_CLEARING", None),
        ([Answered(at(2)), Faulted(at(8)), Hangup(at(9), q850=16)], "FAILED", "INTERWORKING", None),
        ([Faulted(at(1), cause="NUMBER_UNALLOCATED"), Hangup(at(1), q850=1)], "FAILED", "NUMBER_UNALLOCATED", None),
        ([Hangup(at(3), q850=16, sip_code=487, by_caller=True)], "CANCELED", "NORMAL_CLEARING", 487),
        ([Hangup(at(3), q850=38, sip_code=500, by_caller=True)], "FAILED", "NETWORK_OUT_OF_ORDER", 500),
        ([Hangup(at(3), q850=16, sip_code=487)], "FAILED", "NORMAL_CLEARING", 487),
        ([Faulted(at(2), cause="NO_ANSWER"), Hangup(at(3), q850=16, by_caller=True)], "FAILED", "NO_ANSWER", None),
        ([Answered(at(2)), Hangup(at(9), q850=16, by_caller=True)], "COMPLETED", "NORMAL_CLEARING", None),
        ([Answered(at(2)), Hangup(at(9), q850=1)], "COMPLETED", "NORMAL_CLEARING", None),
        ([Answered(at(2)), Hangup(at(9), cause="USER_BUSY")], "COMPLETED", "NORMAL_CLEARING", None),
        ([Gone(at(9))], "FAILED", "UNKNOWN", None),
        ([Answered(at(2)), Gone(at(9))], "COMPLETED", "NORMAL_CLEARING", None),
        ([CancelRequested(at(2)), Gone(at(9))], "CANCELED", "NORMAL_CLEARING", None),
    ],
)
def test_how_calls_end(facts: list[Fact], status: str, cause: str, sip_code: int | None) -> None:
    call, events = fold(Call(), [Dialing(at(0)), *facts])
    assert (call.status, call.hangup_cause, call.sip_code) == (status, cause, sip_code)
    assert events[-1].type == machine.TERMINAL_EVENT[status]
    assert call.inferred == isinstance(facts[-1], Gone)
    assert (call.duration_seconds is None) == (call.started_at is None)


@pytest.mark.parametrize("q850", [2, 19, 20, 27, 31, 38, 41])
def test_an_answered_call_is_cleared_and_keeps_the_carriers_reason_as_a_detail(q850: int) -> None:
    said = HangupRequested(at(9), q850=q850, sip_code=480)
    call, events = fold(Call(), [Dialing(at(0)), Answered(at(2)), said, Hangup(at(9), q850=16, sip_code=480)])
    assert (call.status, call.hangup_cause, call.sip_code) == ("COMPLETED", "NORMAL_CLEARING", None)
    assert events[-1].payload["carrier_reason"] == {"q850": q850, "sip_code": 480}
    assert "sip_code" not in events[-1].payload
    _, plain = fold(Call(), [Dialing(at(0)), Answered(at(2)), Hangup(at(9), q850=16)])
    assert "carrier_reason" not in plain[-1].payload


@pytest.mark.parametrize("fact", [CancelRequested(at(1)), TimedOut(at(1)), Faulted(at(1))])
def test_what_reached_no_carrier_is_over_at_once(fact: Fact) -> None:
    call, events = apply(Call(), fact)
    assert call.ended
    assert len(events) == 1


def test_a_final_report_supplies_the_answer_nobody_told() -> None:
    call, events = fold(
        Call(), [Dialing(at(0)), Hangup(at(50), answered=True, talk_seconds=42, cause="NORMAL_CLEARING")]
    )
    assert names(events) == ["call.dialing", "call.answered", "call.completed"]
    assert events[1].payload["inferred"] is True
    assert (call.started_at, call.duration_seconds) == (at(8), 42)


def test_early_media_counts_as_ringing_once() -> None:
    call, events = fold(Call(), [Progress(at(1)), Ringing(at(2)), Progress(at(3))])
    assert names(events) == ["call.ringing"]
    assert events[0].payload["early_media"] is True
    assert call.ringing_at == at(1)


def test_keys_are_recorded_even_after_the_end() -> None:
    ended, _ = fold(Call(), [Dialing(at(0)), Answered(at(1)), Hangup(at(2))])
    call, events = apply(ended, Digit(at(3), digit="5", duration_ms=120))
    assert call == ended
    assert events[0].payload == {"digit": "5", "duration_ms": 120, "from": "customer", "inferred": False}


def test_a_call_is_stored_and_read_back() -> None:
    before, _ = fold(Call(), [Dialing(at(0))])
    after, _ = apply(before, Answered(at(1)))
    assert changed(before, after) == {"status": "IN_PROGRESS", "started_at": at(1)}
    row = {"id": "call_1", "metadata": {}, **changed(Call(), after)}
    assert Call.of(row) == after


def test_a_bridge_is_told_when_it_changes() -> None:
    peers = ["a", "a", "b", "a"]
    _, events = fold(Call(status="IN_PROGRESS"), [Bridged(at(n), peer=peer) for n, peer in enumerate(peers)])
    assert [event.payload["with"] for event in events] == ["a", "b", "a"]


LADDER: tuple[Fact, ...] = (
    Dialing(at(0)),
    Ringing(at(1)),
    Answered(at(2)),
    CancelRequested(at(3)),
    Hangup(at(4), q850=16),
)


def terminal(events: tuple[machine.Emitted, ...]) -> list[str]:
    return [event.type for event in events if event.type in machine.TERMINAL_EVENT.values()]


@pytest.mark.parametrize(
    "facts",
    list(itertools.permutations(LADDER)),
    ids=lambda facts: "-".join(type(fact).__name__[0] for fact in facts),
)
def test_any_order_gives_one_terminal_event_and_never_goes_back(facts: tuple[Fact, ...]) -> None:
    call, told = Call(), []
    for fact in (*facts, *facts):
        before = call
        call, events = apply(call, fact)
        told += events
        assert machine.RANK[call.status] >= machine.RANK[before.status]
        if before.ended:
            assert call == before
    assert call.ended
    assert len(terminal(tuple(told))) == 1
    assert len({event.type for event in told}) == len(told), "each event once"
    answered = call.started_at is not None
    assert answered == (call.status == "COMPLETED"), "answered calls complete, others do not"
    assert call.hangup_cause in causes.CAUSES


moments = st.integers(0, 100).map(at)
facts_of_any_kind = st.one_of(
    *(
        st.builds(kind, at=moments, inferred=st.booleans())
        for kind in (Dialing, Ringing, Progress, Answered, CancelRequested)
    ),
    st.builds(TimedOut, at=moments, limit=st.sampled_from([machine.RING, machine.DURATION])),
    st.builds(Faulted, at=moments, cause=st.sampled_from(causes.CAUSES)),
    st.builds(HangupRequested, at=moments, q850=st.integers(0, 127), sip_code=st.none() | st.integers(100, 1001)),
    st.builds(Bridged, at=moments, peer=st.sampled_from(["a", "b"])),
)
ends = st.one_of(
    st.builds(Gone, at=moments),
    st.builds(
        Hangup, at=moments, q850=st.none() | st.integers(0, 127), sip_code=st.none() | st.integers(100, 1001),
        answered=st.booleans(), talk_seconds=st.none() | st.integers(0, 50),
    ),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(facts_of_any_kind | ends, max_size=12), ends)
def test_every_history_that_ends_has_one_end(facts: list[Fact], end: Fact) -> None:
    call, events = fold(Call(), [*facts, end])
    assert call.ended
    assert len(terminal(events)) == 1
    assert call.ended_at is not None
    assert call.hangup_cause in causes.CAUSES
    assert (call.duration_seconds is None) == (call.started_at is None)
    assert call.duration_seconds is None or call.duration_seconds >= 0
    assert fold(call, facts)[0] == call
