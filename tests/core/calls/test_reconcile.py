"""After a break of the link: what goes on, what has ended, what is nobody's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from jinaconnect.core.calls.machine import Answered, Call, Gone, Ringing, fold
from jinaconnect.core.calls.reconcile import Channel, HeldCall, Plan, Snapshot, bridge_id, channel_id, reconcile

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BEFORE, AFTER = NOW - timedelta(seconds=5), NOW + timedelta(seconds=1)


def held(
    name: str, status: str = "IN_PROGRESS", placed_at: datetime | None = BEFORE, **more: frozenset[str]
) -> HeldCall:
    return HeldCall(name, status, channel_id(name, "a"), placed_at=placed_at, **more)


def test_a_call_whose_channel_lives_goes_on() -> None:
    plan = reconcile([held("c1")], Snapshot(NOW, (Channel("jc-c1-a", "Up"), Channel("jc-c1-b", "Up")), ("jc-c1",)))
    assert plan == Plan(adopt=(("c1", ()),))


def test_an_adopted_call_catches_up() -> None:
    channels = (Channel("jc-c1-a", "Up"), Channel("jc-c2-a", "Ringing"), Channel("jc-c3-a", "Ringing"))
    plan = reconcile([held("c1", "RINGING"), held("c2", "INITIATING"), held("c3")], Snapshot(NOW, channels))
    assert plan.adopt == (
        ("c1", (Answered(NOW, inferred=True),)), ("c2", (Ringing(NOW, inferred=True),)), ("c3", ()),
    )  # fmt: skip


def test_a_call_whose_channel_is_gone_ends_with_all_that_was_its_own() -> None:
    snapshot = Snapshot(NOW, (Channel("jc-c1-agent", "Up"),), ("jc-c1", "jc-c1-consult", "someone-elses"))
    plan = reconcile([held("c1")], snapshot)
    assert plan.end == (("c1", Gone(NOW)),)
    assert plan.hang_up == ("jc-c1-agent",)
    assert plan.delete_bridges == ("jc-c1", "jc-c1-consult")


def test_calls_the_snapshot_cannot_know_wait() -> None:
    calls = [held("c1", placed_at=AFTER), HeldCall("c2", "QUEUED", None)]
    plan = reconcile(calls, Snapshot(NOW, bridges=("jc-c1",)))
    assert plan == Plan(wait=("c1", "c2"))


def test_strangers_are_left_alone_and_orphans_hung_up() -> None:
    channels = (
        Channel("1700000000.1", "Ring"), Channel("1700000000.2", "Ring"), Channel("1700000000.3", "Up", in_app=False),
        Channel("jc-old-a", "Up", in_app=False), Channel("1700000000.4", "Up"),
    )  # fmt: skip
    inbound = HeldCall("c1", "IN_PROGRESS", "1700000000.4", placed_at=BEFORE)
    plan = reconcile([inbound], Snapshot(NOW, channels, arriving=frozenset({"1700000000.2"})))
    assert plan.adopt == (("c1", ()),)
    assert plan.hang_up == ("1700000000.1", "jc-old-a")


def test_a_further_leg_with_an_id_of_its_own_is_kept() -> None:
    call = held("c1", others=frozenset({"1700000000.9"}))
    plan = reconcile([call], Snapshot(NOW, (Channel("jc-c1-a", "Up"), Channel("1700000000.9", "Up"))))
    assert plan.hang_up == ()


def test_call_ids_may_hold_hyphens_and_begin_alike() -> None:
    calls = [held("c-1")]
    channels = (Channel("jc-c-1-a", "Up"), Channel("jc-c-1-snoop", "Up"), Channel("jc-c-2-a", "Up"))
    plan = reconcile(calls, Snapshot(NOW, channels, (bridge_id("c-1"), bridge_id("c-1", "x"), bridge_id("c-2"))))
    assert plan.hang_up == ("jc-c-2-a",)
    assert plan.delete_bridges == ("jc-c-2",)


def test_an_asterisk_that_restarted_ends_everything() -> None:
    plan = reconcile([held("c1"), held("c2", "RINGING")], Snapshot(NOW))
    assert [name for name, _ in plan.end] == ["c1", "c2"]


statuses = st.sampled_from(["INITIATING", "RINGING", "IN_PROGRESS"])
call_names = st.sampled_from(["c1", "c2", "c3", "c4"])
channels = st.builds(
    Channel,
    id=st.builds(channel_id, call_names, st.sampled_from(["a", "b"])) | st.sampled_from(["17.1", "17.2"]),
    state=st.sampled_from(["Ring", "Ringing", "Up"]),
    in_app=st.booleans(),
)
snapshots = st.builds(
    Snapshot,
    taken_at=st.just(NOW),
    channels=st.lists(channels, max_size=6, unique_by=lambda channel: channel.id).map(tuple),
    bridges=st.lists(st.builds(bridge_id, call_names), max_size=4, unique=True).map(tuple),
)
held_calls = st.lists(st.builds(held, call_names, statuses), max_size=4, unique_by=lambda call: call.id)


@settings(max_examples=200, deadline=None)
@given(held_calls, snapshots)
def test_a_plan_carried_out_leaves_nothing_to_do(calls: list[HeldCall], snapshot: Snapshot) -> None:
    plan = reconcile(calls, snapshot)
    assert len(plan.adopt) + len(plan.end) + len(plan.wait) == len(calls), "every call is judged once"
    facts = dict(plan.adopt)
    after = [
        HeldCall(call.id, fold(Call(status=call.status), facts[call.id])[0].status, call.channel, placed_at=BEFORE)
        for call in calls
        if call.id in facts
    ]
    rest = Snapshot(
        AFTER,
        tuple(channel for channel in snapshot.channels if channel.id not in plan.hang_up),
        tuple(bridge for bridge in snapshot.bridges if bridge not in plan.delete_bridges),
    )
    assert reconcile(after, rest) == Plan(adopt=tuple((call.id, ()) for call in after))
