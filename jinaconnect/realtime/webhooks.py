"""The fourth door of the log: its events posted to an endpoint, in order within each key, keys beside each other.

A run reads the log from where its endpoint has got to and hands events to `Target.post`. What waits stays in the log:
a run holds a small window of it, and for keys that are behind only their place. While an endpoint fails, it is asked
ever more seldom; the first delivery that succeeds again has everything behind tried at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from jinaconnect.core.errors import CursorExpired, Unavailable
from jinaconnect.core.events.event import Recorded
from jinaconnect.core.events.view import View
from jinaconnect.core.webhooks.progress import Behind, Progress
from jinaconnect.core.webhooks.schedule import Outcome, hold, wait
from jinaconnect.core.webhooks.selection import ordering_key
from jinaconnect.realtime.hub import Feed
from jinaconnect.store.webhook_queue import WebhookQueue

AT_ONCE = 16  # deliveries of one endpoint under way
WINDOW, WINDOW_BYTES = 128, 256 * 1024  # events of one endpoint read ahead
PAGE = 128
EVENT_BYTES = 600  # what an event weighs besides its text
FAILING = 3  # failures in a row after which an endpoint is asked one at a time, with growing pauses
MOST_BEHIND = 100  # keys of one endpoint; with as many the log is not read on
CATCH_UP = 32  # events of a key that is behind, read at once
AGAIN_S = 1.0  # between two tries at a database that is away, and between looks at a quiet log
LONGEST_PAUSE = timedelta(minutes=1)
LED = timedelta(seconds=10)  # after which what was on its way is looked for, should nobody lead it any more

logger = structlog.get_logger(__name__)


class Target(Protocol):
    """Where events go; `view` says which, None while nothing may be told."""

    view: View | None

    async def post(self, event: Recorded, attempt: int, delivery: str | None, early: bool) -> tuple[Outcome, str]:
        """Try one delivery and note what came of it; returns that and the delivery's row."""

    def give_up(self, event: Recorded, delivery: str, tries: int) -> None:
        """Take note that an event was tried as often as can be, while others got through."""

    def end(self, reason: str) -> None:
        """Switch the endpoint off."""

    def missed(self, after: int, oldest: int) -> None:
        """Take note that events after a number are no longer kept."""

    def slot(self) -> AbstractAsyncContextManager[None]:
        """Wait for a slot of the tenant, to be held for one attempt."""


class Run:
    """One endpoint's way along the log, in the one process that leads it."""

    def __init__(
        self, feed: Feed, queue: WebhookQueue, target: Target, kept: dict[str, Any], *, now: Callable[[], datetime],
        chance: Callable[[], float], changed: Callable[[], None],
    ) -> None:  # fmt: skip
        self._feed = feed
        self._queue = queue
        self._target = target
        self._now = now
        self._chance = chance
        self._told = changed
        self._progress = Progress.restored(kept)
        self._until: int | None = kept["until"]
        self._last_ok: datetime | None = kept["last_ok"]
        self._held_until: datetime | None = kept["held_until"]
        self._lanes: dict[str, deque[Recorded]] = {}
        self._catching: dict[str, deque[Recorded]] = {}
        self._ready: deque[str] = deque()
        self._busy: set[str] = set()  # keys that are ready or under way
        self._waiting = self._bytes = 0
        self._failures = self._throttled = 0
        self._pumps: set[asyncio.Task[None]] = set()
        self._reading: asyncio.Task[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._moved = asyncio.Event()
        self._stopping = False

    # --- what others may know and do ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin."""
        self._reading = asyncio.create_task(self._read())
        self._look()

    async def stop(self, within_s: float) -> None:
        """Begin nothing new, and end what has not come to its end by then."""
        self._stopping = True
        if self._alarm is not None:
            self._alarm.cancel()
        if self._reading is not None:
            self._reading.cancel()
        if within_s and self._pumps:
            await asyncio.wait(tuple(self._pumps), timeout=within_s)
        left = [task for task in (*self._pumps, self._reading) if task is not None]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def resume(self) -> None:
        """Try everything that is behind now, as if for the first time."""
        self._failures = self._throttled = 0
        self._held_until = None
        for behind in self._progress.behind.values():
            behind.tries, behind.next_at, behind.since, behind.early, behind.asked = 0, None, None, False, False
        self.review()

    def review(self) -> None:
        """Go on with what the target shows now."""
        self._moved.set()
        self._look()
        self._told()

    @property
    def over(self) -> bool:
        """Whether it was to go only so far, and is there."""
        there = self._until is not None and self._progress.read >= self._until
        return there and self._progress.settled and not self._progress.behind

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do but to wait: for an event, or for the next time something is tried."""
        read = self._progress.read >= (self._feed.tip if self._until is None else self._until)
        stuck = self._target.view is None or len(self._progress.behind) >= MOST_BEHIND or self._held() > AGAIN_S
        return (read or stuck) and self._progress.settled and not self._busy

    def kept(self) -> dict[str, Any]:
        """Return what is to be kept of it, with when it is to be looked at next if nobody leads it."""
        moments = [each.next_at or self._now() for each in self._progress.behind.values()]
        if self._progress.read < (self._feed.tip if self._until is None else self._until):
            moments.append(self._held_until or self._now())
        if not self._progress.settled:
            moments.append(self._now() + LED)
        state = {"last_ok": self._last_ok, "held_until": self._held_until}
        return {**self._progress.snapshot(), **state, "due_at": min(moments, default=None)}

    # --- reading -------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        while not self.over:
            try:
                await self._when_there_is_room()
                events = await self._feed.page(self._progress.read, PAGE)
            except CursorExpired:
                await self._skip()
                continue
            except Unavailable:
                await asyncio.sleep(AGAIN_S)
                continue
            for event in events:
                if self._until is not None and event.seq > self._until:
                    break
                if not self._room():
                    await self._when_there_is_room()
                self._admit(event)
            if self._until is not None and self._progress.read >= self._until:
                break
            if not events:
                self._look()  # of what was restored, some waits for what is read again
                await self._feed.wait(AGAIN_S)
        self._told()

    def _room(self, share: float = 1.0) -> bool:
        """Tell whether another event may be taken up into a share of the window."""
        return (
            self._target.view is not None and self._waiting < WINDOW * share and self._bytes < WINDOW_BYTES * share
            and len(self._progress.behind) < MOST_BEHIND and not self._held()
            and (self._failures < FAILING or not self._lanes)
        )  # fmt: skip

    async def _when_there_is_room(self) -> None:
        share = 1.0  # a window that was full is read on once half of it is done, not event by event
        while not self._room(share):
            share = 0.5
            self._moved.clear()
            await self._moved.wait()

    def _admit(self, event: Recorded) -> None:
        view = self._target.view
        key = ordering_key(event) if view is not None and view.shows(event) else None
        if self._progress.take(event.seq, key):
            assert key is not None
            lane = self._lanes.setdefault(key, deque())
            lane.append(event)
            self._waiting += 1
            self._bytes += len(event.json) + EVENT_BYTES
            if len(lane) == 1:
                self._queue_up(key)
        elif key is not None and self._progress.behind[key].at == event.seq:
            self._look()  # it waited for this number to be read again
        self._told()

    async def _skip(self) -> None:
        """Go on with the oldest event there is where some were forgotten before they could be told."""
        oldest = await self._feed.oldest()
        if oldest > self._progress.read + 1:
            self._target.missed(self._progress.read, oldest)
            self._progress.read = oldest - 1
            self._told()

    # --- delivering ----------------------------------------------------------------------------------------------

    def _held(self) -> float:
        """Return for how many seconds the endpoint is to be left alone."""
        left = 0.0 if self._held_until is None else (self._held_until - self._now()).total_seconds()
        return max(0.0, left)

    def _queue_up(self, key: str) -> None:
        self._busy.add(key)
        self._ready.append(key)
        self._pump_more()

    def _pump_more(self) -> None:
        width = 1 if self._failures >= FAILING else AT_ONCE
        for _ in range(min(width - len(self._pumps), len(self._ready))):
            if self._goes():
                task = asyncio.create_task(self._pump())
                self._pumps.add(task)
                task.add_done_callback(self._pumped)

    def _goes(self) -> bool:
        return bool(self._ready) and not self._stopping and self._target.view is not None and not self._held()

    def _pumped(self, task: asyncio.Task[None]) -> None:
        self._pumps.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("webhooks.broken", exc_info=task.exception())
            self._set_alarm(AGAIN_S)
        else:
            self._pump_more()

    async def _pump(self) -> None:
        while self._goes() and (self._failures < FAILING or len(self._pumps) == 1):
            async with self._target.slot():
                if not self._goes():
                    return
                key = self._ready.popleft()
                try:
                    again = await self._attempt(key)
                except Unavailable:  # its place is kept; it is looked for again
                    again = False
                    self._set_alarm(AGAIN_S)
            if again:
                self._ready.append(key)
            else:
                self._busy.discard(key)

    async def _attempt(self, key: str) -> bool:
        """Try the next event of a key; tells whether there may be another for now."""
        behind = self._progress.behind.get(key)
        event = self._lanes[key][0] if behind is None else await self._next(key, behind)
        if event is None:
            return False
        view = self._target.view
        if view is None:
            return True
        if not view.shows(event):
            self._pass(key, event, behind)
            return self._goes_on(key)
        tries = 1 if behind is None else behind.tries + 1
        row, early = (None, False) if behind is None else (behind.delivery, behind.early)
        outcome, row = await self._target.post(event, tries, row, early)
        if outcome.ok:
            self._succeeded()
            self._pass(key, event, behind)
        else:
            self._failed(key, event, behind, outcome, row)
        self._make_room()
        self._told()
        return self._goes_on(key)

    def _goes_on(self, key: str) -> bool:
        behind = self._progress.behind.get(key)
        return key in self._lanes if behind is None else behind.due(self._now())

    async def _next(self, key: str, behind: Behind) -> Recorded | None:
        """Return the next event of a key that is behind, None where that has caught up or waits for the reader."""
        held = self._catching.get(key)
        while not held:
            upto = self._progress.read
            if behind.at > upto:
                if not behind.tries:  # nothing of it is left, and what comes next is not read yet
                    self._forget(key)
                return None
            found = await self._queue.of_key(self._feed.scope, key, behind.at, upto, CATCH_UP)
            if not found or found[0].seq > behind.at:
                behind.passed(found[0].seq - 1 if found else upto)
            held = self._catching[key] = deque(found)
        return held[0]

    def _forget(self, key: str) -> None:
        del self._progress.behind[key]
        self._catching.pop(key, None)
        self._moved.set()
        self._told()

    def _pass(self, key: str, event: Recorded, behind: Behind | None) -> None:
        """Be done with an event."""
        if behind is not None:
            behind.passed(event.seq)
            self._catching[key].popleft()
            return
        lane = self._lanes[key]
        self._left([lane.popleft()])
        if not lane:
            del self._lanes[key]

    def _left(self, events: Sequence[Recorded]) -> None:
        self._progress.finish(event.seq for event in events)
        self._waiting -= len(events)
        self._bytes -= sum(len(event.json) + EVENT_BYTES for event in events)
        self._make_room()

    def _make_room(self) -> None:
        if self._waiting <= WINDOW // 2:
            self._moved.set()

    def _succeeded(self) -> None:
        self._last_ok = self._now()
        failing, self._failures, self._throttled = self._failures >= FAILING, 0, 0
        if failing:  # it is back: whatever waits is tried once before its time
            for behind in self._progress.behind.values():
                if behind.tries and not behind.asked:
                    behind.early = behind.asked = True
            self._look()

    def _failed(self, key: str, event: Recorded, behind: Behind | None, outcome: Outcome, row: str) -> None:
        now = self._now()
        self._failures += 1
        if behind is None:
            behind = Behind(event.seq)
            self._progress.leave_behind(key, behind)
            self._left(self._lanes.pop(key))
        self._catching.pop(key, None)
        behind.delivery = row
        behind.since = behind.since or now
        if outcome.throttled:
            self._throttled += 1
            self._hold(now + hold(outcome, self._throttled, now))
        elif self._failures >= FAILING:
            self._hold(now + min(timedelta(seconds=2.0 ** min(self._failures - FAILING, 10)), LONGEST_PAUSE))
        if behind.early:
            behind.early = False
        else:
            behind.tries, behind.asked = behind.tries + 1, False
            pause = wait(behind.tries, self._chance())
            behind.next_at = None if pause is None else max(now + pause, self._held_until or now)
            if pause is None:
                self._exhausted(event, behind, row)
        if outcome.gone:
            self._target.end("gone")
        self._set_alarm()

    def _exhausted(self, event: Recorded, behind: Behind, row: str) -> None:
        if self._last_ok is None or behind.since is None or self._last_ok < behind.since:
            self._target.end("failing")  # its place is kept, for when it is switched on again
        else:
            self._target.give_up(event, row, behind.tries)
            behind.passed(event.seq)

    # --- time ----------------------------------------------------------------------------------------------------

    def _hold(self, until: datetime) -> None:
        self._held_until = until if self._held_until is None else max(self._held_until, until)

    def _look(self) -> None:
        """Queue up what is due."""
        if self._stopping or self._target.view is None:
            return
        now = self._now()
        if not self._held():
            for key, behind in self._progress.behind.items():
                if key not in self._busy and behind.due(now) and (behind.at <= self._progress.read or not behind.tries):
                    self._busy.add(key)
                    self._ready.append(key)
            self._pump_more()
            self._moved.set()
        self._set_alarm()

    def _set_alarm(self, seconds: float | None = None) -> None:
        """Look again in so many seconds; else when the endpoint may be asked again, or the next key is due."""
        if self._stopping:
            return
        if seconds is None:
            now = self._now()
            waiting = (each.next_at for key, each in self._progress.behind.items() if key not in self._busy)
            due = [moment for moment in waiting if moment is not None and moment > now]
            if self._held():
                seconds = self._held()
            elif due:
                seconds = (min(due) - now).total_seconds()
            else:
                return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_later(seconds + 0.005, self._look)
