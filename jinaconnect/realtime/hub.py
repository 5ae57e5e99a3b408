"""The live end of the log in this process: a ring of late events per scope, and the readers that follow it.

What this process appends comes straight from the appender; what others append is fetched from the log when the bell
rings, and by one look for all scopes every so often in case it did not. Whoever follows gets the log's order without
holes: what is read either begins with the next number, or the reader is told that there is a gap.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog

from jinaconnect.core.cursor import Cursors, Position, expired
from jinaconnect.core.errors import CursorExpired, Unavailable
from jinaconnect.core.events.event import Recorded, recorded
from jinaconnect.core.events.view import View
from jinaconnect.realtime.protocol import events_frames, portions, sse_block
from jinaconnect.store.log import Log, Mark

RING_EVENTS = 1_000
RING_BYTES = 1024 * 1024  # what is older is read from the log; memory counts per busy scope
RINGS_BYTES = 64 * 1024 * 1024  # of all scopes together: the rings that have been quiet longest give way
EVENT_BYTES = 600  # what an event in a ring weighs besides its text
PAGE = 500
SLICE = 500  # readers served before the loop may do something else
IDLE_S = 60.0  # a feed without readers is kept this long for those who come back
TRUSTED_LOOK_S = 10.0  # between looks while the bell is heard

logger = structlog.get_logger(__name__)
Encode = Callable[["Feed", list[Recorded]], bytes]


class Reader(Protocol):
    """Whoever follows a view: `position` is the last number it was sent."""

    position: int

    def send(self, frame: bytes) -> None:
        """Take a frame; never blocks."""

    def gap(self, error: CursorExpired) -> None:
        """Be told that events are no longer kept; what follows goes on after `position`."""

    async def drained(self) -> None:
        """Return when the reader can take more history."""

    def joined(self) -> None:
        """Be told that all of the log has been sent: what follows is news."""


def encode_socket(feed: Feed, events: list[Recorded]) -> bytes:
    """Return events as WebSocket frames."""
    return events_frames(events, feed.cursor)


def encode_sse(feed: Feed, events: list[Recorded]) -> bytes:
    """Return events as server-sent events."""
    return b"".join(sse_block(event, feed.cursor(event.seq)) for event in events)


class Feed:
    """One scope's ring, its tip, and the readers grouped by view and encoding."""

    def __init__(self, hub: Hub, scope: str, tip: int, log: Log, cursors: Cursors) -> None:
        self.scope = scope
        self.tip = tip
        self._hub = hub
        self._log = log
        self._cursors = cursors
        self._ring: deque[Recorded] = deque()
        self._sent = tip
        self._wanted = tip
        self._groups: dict[tuple[View, Encode], set[Reader]] = {}
        self._flush: asyncio.Task[None] | None = None
        self._tail: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self.bytes = 0
        self.readers = 0
        self.idle_since = 0.0

    def cursor(self, seq: int) -> str:
        """Return the cursor of a number in this scope."""
        return self._cursors.write(self.scope, Position(self._log.epoch, seq))

    # --- what is appended ----------------------------------------------------------------------------------------

    def offer(self, events: list[Recorded]) -> None:
        """Take events this process has just appended."""
        if events[-1].seq <= self.tip:
            return
        if events[0].seq > self.tip + 1:
            self.poke(events[-1].seq)
            return
        self._extend([event for event in events if event.seq > self.tip])

    def poke(self, seq: int | None = None) -> None:
        """Look into the log for what others appended, where `seq` (if known) is news."""
        self._wanted = max(self._wanted, seq or 0)
        if self._tail is None and (seq is None or seq > self.tip):
            self._tail = asyncio.create_task(self._read_tail())

    def again(self) -> None:
        """Go on with what the database did not answer."""
        self.poke()
        if self._flush is None and self._groups:
            self._flush = asyncio.create_task(self._deliver())

    async def _read_tail(self) -> None:
        try:
            while True:
                wanted = self._wanted
                self._skip_unread(wanted)
                events = await self._log.read(self.scope, self.tip, PAGE)
                fresh = [event for event in events if event.seq > self.tip]
                if fresh:
                    self._extend(fresh)
                if len(events) < PAGE and wanted == self._wanted:
                    break
            if self.tip < wanted:
                self._hub.postponed(self)
                self._wanted = self.tip  # it is looked for once more, not for ever
        except Unavailable:
            logger.info("feed.tail_postponed", scope=self.scope)
            self._hub.postponed(self)
        finally:
            self._tail = None

    def _skip_unread(self, wanted: int) -> None:
        """Leave to the log what nobody waits for here and the ring would not keep."""
        if self.tip < wanted - RING_EVENTS and not self._groups and self._flush is None:
            self._hub.grown(self, -self.shed())
            self.tip = self._sent = wanted - RING_EVENTS

    def _extend(self, events: list[Recorded]) -> None:
        before = self.bytes
        if events[-1].seq != self.tip + len(events):  # retention was faster: the readers will find the gap in the log
            self.shed()
            first = events[-1].seq - len(events) + 1
            events = [event for place, event in enumerate(events, first) if event.seq == place]
        self._ring.extend(events)
        self.bytes += sum(len(event.json) + EVENT_BYTES for event in events)
        self.tip = events[-1].seq
        while len(self._ring) > RING_EVENTS or self.bytes > RING_BYTES:
            self.bytes -= len(self._ring.popleft().json) + EVENT_BYTES
        self._hub.grown(self, self.bytes - before)
        self._changed.set()
        self._changed = asyncio.Event()
        if self._flush is None and self._groups:
            self._flush = asyncio.create_task(self._deliver())
        elif self._flush is None:
            self._sent = self.tip

    def shed(self) -> int:
        """Let go of the ring (the log has it all); returns the bytes this gave back."""
        given, self.bytes = self.bytes, 0
        self._ring.clear()
        return given

    # --- reading -------------------------------------------------------------------------------------------------

    def after(self, position: int, limit: int = PAGE) -> list[Recorded] | None:
        """Return what the ring holds after a position, or None when it begins later than that."""
        if position >= self.tip:
            return []
        if not self._ring or self._ring[0].seq > position + 1:
            return None
        start = position + 1 - self._ring[0].seq
        return [self._ring[place] for place in range(start, min(start + limit, len(self._ring)))]

    async def wait(self, timeout_s: float) -> None:
        """Return when something is appended, or after the timeout."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()

    async def page(self, position: int, limit: int) -> list[Recorded]:
        """Return up to `limit` events that follow a position, from the ring or the log.

        Raises CursorExpired when the next event is no longer kept: contiguity decides, whatever was known before.
        """
        if position > self.tip:
            self.poke(position)
        held = self.after(position, limit)
        if held is not None:
            return held
        events = await self._log.read(self.scope, position, limit)
        if not events or events[0].seq != position + 1:
            raise expired(self._cursors, self.scope, await self._log.extent(self.scope))
        dense: list[Recorded] = []
        size = 0
        for place, event in enumerate(events, position + 1):
            size += len(event.json)
            if event.seq != place or (dense and size > RING_BYTES):
                break  # a hole that opened while we read, or more than should go out at once
            dense.append(event)
        return dense

    async def oldest(self) -> int:
        """Return the oldest number that is kept."""
        return (await self._log.extent(self.scope)).oldest

    async def follow(self, reader: Reader, view: View, encode: Encode) -> None:
        """Send a reader everything of a view after its position, then keep it in the live group.

        Between the last look at the ring and joining the group nothing is awaited, so there is no gap and no overlap.
        """
        while True:
            try:
                events = await self.page(reader.position, PAGE)
            except CursorExpired as error:
                reader.position = self.tip
                reader.gap(error)
                continue
            if reader.position > self.tip:
                await self.wait(1.0)
                continue
            if not events:
                self._groups.setdefault((view, encode), set()).add(reader)
                reader.joined()
                return
            for part in portions([event for event in events if view.shows(event)]):
                reader.position = part[-1].seq
                reader.send(encode(self, list(part)))
                await reader.drained()  # what is sent at once is what a slow client can take in the time it has
            reader.position = events[-1].seq

    def follow_later(self, reader: Reader, view: View, encode: Encode) -> asyncio.Task[None]:
        """Let the log keep what a reader is too slow for, and go on with it when it has taken what waits for it."""
        self.leave(reader, view, encode)

        async def catch_up() -> None:
            await reader.drained()
            await self.follow(reader, view, encode)

        return asyncio.create_task(catch_up())

    def leave(self, reader: Reader, view: View, encode: Encode) -> None:
        """Take a reader out of its live group."""
        group = self._groups.get((view, encode))
        if group is not None:
            group.discard(reader)
            if not group:
                del self._groups[view, encode]

    async def _deliver(self) -> None:
        # Events that arrive while a batch is going out leave together with the next one: the busier, the cheaper.
        try:
            while self._sent < self.tip:
                try:
                    events = await self.page(self._sent, RING_EVENTS)
                except CursorExpired as error:
                    self._skip(error)
                    continue
                for (view, encode), readers in list(self._groups.items()):
                    await self._serve(events, view, encode, readers)
                self._sent = events[-1].seq
        except Unavailable:
            logger.info("feed.delivery_postponed", scope=self.scope)
            self._hub.postponed(self)
        finally:
            self._flush = None

    async def _serve(self, events: list[Recorded], view: View, encode: Encode, readers: set[Reader]) -> None:
        # Whoever joined since the last round has had some of the events; whoever left since this one began gets none.
        first, last = events[0].seq - 1, events[-1].seq
        frames: dict[int, bytes] = {}
        for served, reader in enumerate(tuple(readers), 1):
            if reader.position < last and reader in readers:
                begin = max(first, reader.position)
                data = frames.get(begin)
                if data is None:
                    shown = [event for event in events[begin - first :] if view.shows(event)]
                    data = frames[begin] = encode(self, shown) if shown else b""
                reader.position = last
                if data:
                    reader.send(data)
            if served % SLICE == 0:
                await asyncio.sleep(0)

    def _skip(self, error: CursorExpired) -> None:
        self._sent = self.tip
        for readers in list(self._groups.values()):
            for reader in tuple(readers):
                if reader.position < self.tip:
                    reader.position = self.tip
                    reader.gap(error)


class Hub:
    """The feeds of this process."""

    def __init__(self, log: Log, cursors: Cursors) -> None:
        self._log = log
        self._cursors = cursors
        self._feeds: dict[str, Feed] = {}
        self._opening: dict[str, asyncio.Task[Feed]] = {}
        self._idle: OrderedDict[str, Feed] = OrderedDict()  # without readers, those first who were left first
        self._behind: set[Feed] = set()
        self._full: OrderedDict[Feed, None] = OrderedDict()  # with something in the ring, the longest quiet first
        self._bytes = 0
        self._mark: Mark | None = None
        self._looking: asyncio.Task[None] | None = None
        self._look_again = False
        self._looked_at = 0.0
        self.heard: list[Callable[[str, int], None]] = []  # told where others appended
        log.listeners.append(self._offer)
        log.overtaken.append(self.ring)
        log.blanked.append(self._shed)

    def _offer(self, scope: str, rows: Sequence[Mapping[str, Any]]) -> None:
        feed = self._feeds.get(scope)
        if feed is not None:
            feed.offer([recorded(scope, row) for row in rows])

    def _shed(self, scope: str) -> None:
        """Let go of late events that the log no longer holds as they were."""
        feed = self._feeds.get(scope)
        if feed is not None:
            self.grown(feed, -feed.shed())

    def ring(self, scope: str, seq: int) -> None:
        """Note that a scope was appended to by somebody else."""
        for heard in self.heard:
            heard(scope, seq)
        feed = self._feeds.get(scope)
        if feed is not None:
            feed.poke(seq)

    def postponed(self, feed: Feed) -> None:
        """Have a feed go on at the next look: the database did not answer it."""
        self._behind.add(feed)

    def grown(self, feed: Feed, bytes: int) -> None:
        """Count what a ring holds, and keep all of them within bounds."""
        self._bytes += bytes
        self._full[feed] = None
        self._full.move_to_end(feed)
        while self._bytes > RINGS_BYTES and len(self._full) > 1:
            quiet, _ = self._full.popitem(last=False)
            self._bytes -= quiet.shed()

    def look(self, *, trusted: bool = False) -> None:
        """See what other processes have appended, and let go of feeds nobody reads.

        One query for all scopes, whose cost goes with what was appended; with a bell to be trusted, only rarely.
        """
        now = asyncio.get_running_loop().time()
        behind, self._behind = self._behind, set()
        for feed in behind:
            feed.again()
        while self._idle:
            scope, feed = next(iter(self._idle.items()))
            if now - feed.idle_since <= IDLE_S:
                break
            self._drop(scope, feed)
        if trusted and now - self._looked_at < TRUSTED_LOOK_S:
            return
        self._looked_at = now
        self._look_again = self._looking is not None
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        try:
            while True:
                self._look_again = False
                if self._mark is None:
                    for feed in tuple(self._feeds.values()):
                        self.postponed(feed)
                self._mark, heads = await self._log.appended_since(self._mark)
                for scope, seq in heads.items():
                    self.ring(scope, seq)
                if not self._look_again:
                    return
        except Unavailable:
            logger.info("hub.look_postponed")
        finally:
            self._looking = None

    def _drop(self, scope: str, feed: Feed) -> None:
        del self._idle[scope], self._feeds[scope]
        self._full.pop(feed, None)
        self._bytes -= feed.shed()

    async def enter(self, scope: str) -> Feed:
        """Return the feed of a scope with one more reader, beginning at the log's present head."""
        feed = self._feeds.get(scope)
        if feed is None:
            opening = self._opening.get(scope)
            if opening is None:
                opening = self._opening[scope] = asyncio.create_task(self._open(scope))
                opening.add_done_callback(lambda _: self._opening.pop(scope, None))
            await asyncio.shield(opening)
            return await self.enter(scope)
        feed.readers += 1
        self._idle.pop(scope, None)
        return feed

    def exit(self, feed: Feed) -> None:
        """Count a reader out."""
        feed.readers -= 1
        if not feed.readers:
            feed.idle_since = asyncio.get_running_loop().time()
            self._idle[feed.scope] = feed

    async def _open(self, scope: str) -> Feed:
        feed = Feed(self, scope, await self._log.head(scope), self._log, self._cursors)
        feed.idle_since = asyncio.get_running_loop().time()
        self._feeds[scope] = self._idle[scope] = feed
        feed.poke()  # what was appended between the look and now was offered to nobody
        return feed
