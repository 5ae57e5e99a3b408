"""How far an endpoint has got: whatever fails, wherever it is cut, nothing is left out and keys keep their order."""

from __future__ import annotations

from collections import defaultdict, deque

from hypothesis import given
from hypothesis import strategies as st

from jinaconnect.core.webhooks.progress import Behind, Progress

KEYS = "abc"
# Which key each event of a log has (None: the endpoint is not told of it), and what happens step by step.
LOGS = st.lists(st.sampled_from([*KEYS, None]), min_size=1, max_size=30)
STEPS = st.lists(
    st.tuples(st.sampled_from(["read", "deliver", "fail", "catch up", "crash"]), st.sampled_from(KEYS)), max_size=80
)


class Walk:
    """A reader of one log that does what it is told, and what it has delivered."""

    def __init__(self, log: list[str | None]) -> None:
        self.log = log
        self.progress = Progress(0)
        self.lanes: dict[str, deque[int]] = defaultdict(deque)
        self.delivered: dict[str, list[int]] = defaultdict(list)

    def read(self) -> None:
        seq = self.progress.read + 1
        if seq <= len(self.log):
            key = self.log[seq - 1]
            if self.progress.take(seq, key):
                self.lanes[str(key)].append(seq)

    def deliver(self, key: str) -> None:
        if self.lanes[key]:
            seq = self.lanes[key].popleft()
            self.delivered[key].append(seq)
            self.progress.finish([seq])

    def fail(self, key: str) -> None:
        if self.lanes[key]:
            self.progress.leave_behind(key, Behind(self.lanes[key][0], tries=1))
            self.progress.finish(self.lanes.pop(key))

    def catch_up(self, key: str) -> None:
        behind = self.progress.behind.get(key)
        if behind is None or (behind.at > self.progress.read and behind.tries):
            return
        left = [seq for seq in range(behind.at, self.progress.read + 1) if self.log[seq - 1] == key]
        if left:
            self.delivered[key].append(left[0])
            behind.passed(left[0])
        else:
            del self.progress.behind[key]

    def crash(self, key: str) -> None:
        self.progress = Progress.restored(self.progress.snapshot())
        self.lanes.clear()

    def step(self, what: str, key: str) -> None:
        getattr(self, what.replace(" ", "_"))(*(() if what == "read" else (key,)))
        for key, behind in self.progress.behind.items():
            assert not self.lanes[key], "a key is either under way or behind"
            assert behind.at >= 1
        assert self.progress.done <= self.progress.read


@given(LOGS, STEPS)
def test_nothing_is_left_out_and_each_key_keeps_its_order(log: list[str | None], steps: list[tuple[str, str]]) -> None:
    walk = Walk(log)
    for what, key in steps:
        walk.step(what, key)
    for _ in range(3 * len(log) + 3):  # and then all goes well
        for key in KEYS:
            for what in ("read", "deliver", "catch up"):
                walk.step(what, key)
    for key in KEYS:
        wanted = [seq for seq, each in enumerate(log, 1) if each == key]
        firsts = list(dict.fromkeys(walk.delivered[key]))
        assert firsts == wanted
    assert walk.progress.done == walk.progress.read == len(log)
    assert walk.progress.behind == {}


@given(LOGS, STEPS)
def test_without_a_crash_nothing_is_delivered_twice(log: list[str | None], steps: list[tuple[str, str]]) -> None:
    walk = Walk(log)
    for what, key in steps:
        if what != "crash":
            walk.step(what, key)
    assert all(len(set(seqs)) == len(seqs) for seqs in walk.delivered.values())


@given(LOGS, STEPS)
def test_what_is_kept_grows_with_the_keys_behind_and_not_with_what_waits(
    log: list[str | None], steps: list[tuple[str, str]]
) -> None:
    walk = Walk(log)
    for what, key in steps:
        walk.step(what, key)
        assert len(walk.progress.snapshot()["behind"]) <= len(KEYS)
