"""The live end of the log in this process: a ring of late events per scope, and the readers that follow it.

What this process appends comes straight from the appender; what others append is fetched from the log when the bell
rings, and by looking every so often in case it did not. Whoever follows gets the log's order without holes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog

from jinaconnect.core.cursor import Cursors, Position
from jinaconnect.core.errors import Unavailable
from jinaconnect.core.events.event import Recorded
from jinaconnect.core.events.view import View
from jinaconnect.realtime.protocol import EVENTS_PER_FRAME, events_frame, sse_block
from jinaconnect.store.log import Log

RING_EVENTS = 1_000
RING_BYTES = 1024 * 1024  # what is older is read from the log; memory counts per busy scope
PAGE = 500
SLICE = 500  # readers served before the loop may do something else
IDLE_S = 60.0  # a feed without readers is kept this long for those who come back

logger = structlog.get_logger(__name__)
Encode = Callable[["Feed", list[Recorded]], bytes]


class Reader(Protocol):
    """Whoever follows a view: `position` is the last number it was sent."""

    position: int

    def send(self, frame: bytes) -> None:
        """Take a frame; never blocks."""

    async def drained(self) -> None:
        """Return when the reader can take more history."""


def encode_socket(feed: Feed, events: list[Recorded]) -> bytes:
    """Return events as WebSocket frames."""
    frames = [events[start : start + EVENTS_PER_FRAME] for start in range(0, len(events), EVENTS_PER_FRAME)]
    return b"".join(events_frame(part, feed.cursor(part[-1].seq)) for part in frames)


def encode_sse(feed: Feed, events: list[Recorded]) -> bytes:
    """Return events as server-sent events."""
    return b"".join(sse_block(event, feed.cursor(event.seq)) for event in events)


class Feed:
    """One scope's ring, its tip, and the readers grouped by view and encoding."""

    def __init__(self, scope: str, tip: int, log: Log, cursors: Cursors) -> None:
        self.scope = scope
        self.tip = tip
        self._log = log
        self._cursors = cursors
        self._ring: deque[Recorded] = deque()
        self._bytes = 0
        self._sent = tip
        self._groups: dict[tuple[View, Encode], set[Reader]] = {}
        self._flush: asyncio.Task[None] | None = None
        self._tail: asyncio.Task[None] | None = None
        self._known = tip
        self._changed = asyncio.Event()
        self.readers = 0
        self.idle_since: float | None = None

    def cursor(self, seq: int) -> str:
        """Return the cursor of a number in this scope."""
        return self._cursors.write(self.scope, Position(self._log.epoch, seq))

    def offer(self, events: list[Recorded]) -> None:
        """Take events this process has just appended."""
        if events[-1].seq <= self.tip:
            return
        if events[0].seq > self.tip + 1:
            self.poke(events[-1].seq)
            return
        self._extend([event for event in events if event.seq > self.tip])

    def poke(self, seq: int | None = None) -> None:
        """Look into the log for what others appended, up to `seq` where it is known."""
        if seq is not None:
            if seq <= self.tip:
                return
            self._known = max(self._known, seq)
        if self._tail is None:
            self._tail = asyncio.create_task(self._read_tail())

    async def _read_tail(self) -> None:
        try:
            while True:
                events = await self._log.read(self.scope, self.tip, PAGE)
                fresh = [event for event in events if event.seq > self.tip]
                if fresh:
                    self._extend(fresh)
                if len(events) < PAGE:
                    return
        except Unavailable:
            logger.info("feed.tail_postponed", scope=self.scope)
        finally:
            self._tail = None

    def _extend(self, events: list[Recorded]) -> None:
        self._ring.extend(events)
        self._bytes += sum(len(event.json) for event in events)
        self.tip = events[-1].seq
        while len(self._ring) > RING_EVENTS or self._bytes > RING_BYTES:
            self._bytes -= len(self._ring.popleft().json)
        self._changed.set()
        self._changed = asyncio.Event()
        if self._flush is None and self._groups:
            self._flush = asyncio.create_task(self._deliver())
        elif self._flush is None:
            self._sent = self.tip

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
        """Return up to `limit` events after a position, from the ring or the log."""
        held = self.after(position, limit)
        return held if held is not None else await self._log.read(self.scope, position, limit)

    async def follow(self, reader: Reader, view: View, encode: Encode) -> None:
        """Send a reader everything of a view after its position, then keep it in the live group.

        Between the last look at the ring and joining the group nothing is awaited, so there is no gap and no overlap.
        """
        while True:
            if reader.position > self.tip:
                self.poke(reader.position)
                await self.wait(1.0)
                continue
            events = self.after(reader.position)
            if events == []:
                self._groups.setdefault((view, encode), set()).add(reader)
                return
            if events is None:
                events = await self._log.read(self.scope, reader.position, PAGE)
                if not events:  # the log was thinned out under us; what is left begins in the ring
                    reader.position = self._ring[0].seq - 1 if self._ring else self.tip
                    continue
            shown = [event for event in events if view.shows(event)]
            reader.position = events[-1].seq
            if shown:
                reader.send(encode(self, shown))
                await reader.drained()

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
                events = self.after(self._sent, RING_EVENTS)
                if events is None:
                    events = await self._log.read(self.scope, self._sent, PAGE)
                if not events:
                    return
                last = events[-1].seq
                served = 0
                for (view, encode), readers in list(self._groups.items()):
                    shown = [event for event in events if view.shows(event)]
                    data = encode(self, shown) if shown else b""
                    for reader in tuple(readers):
                        if reader.position >= last:
                            continue
                        reader.position = last
                        if not data:
                            continue
                        reader.send(data)
                        served += 1
                        if served % SLICE == 0:
                            await asyncio.sleep(0)
                self._sent = last
        except Unavailable:
            logger.info("feed.delivery_postponed", scope=self.scope)
        finally:
            self._flush = None


class Hub:
    """The feeds of this process."""

    def __init__(self, log: Log, cursors: Cursors) -> None:
        self._log = log
        self._cursors = cursors
        self._feeds: dict[str, Feed] = {}
        self._opening: dict[str, asyncio.Task[Feed]] = {}
        log.listeners.append(self._offer)

    def _offer(self, scope: str, events: list[Recorded]) -> None:
        feed = self._feeds.get(scope)
        if feed is not None:
            feed.offer(events)

    def ring(self, scope: str, seq: int) -> None:
        """Note that another process appended to a scope."""
        feed = self._feeds.get(scope)
        if feed is not None:
            feed.poke(seq)

    def look(self) -> None:
        """Look into the log of every feed with readers, and let go of feeds nobody reads."""
        now = asyncio.get_running_loop().time()
        for scope, feed in list(self._feeds.items()):
            if feed.readers:
                feed.poke()
            elif feed.idle_since is not None and now - feed.idle_since > IDLE_S:
                del self._feeds[scope]

    async def enter(self, scope: str) -> Feed:
        """Return the feed of a scope with one more reader."""
        feed = await self.open(scope)
        feed.readers += 1
        feed.idle_since = None
        return feed

    def exit(self, feed: Feed) -> None:
        """Count a reader out."""
        feed.readers -= 1
        if not feed.readers:
            feed.idle_since = asyncio.get_running_loop().time()

    async def open(self, scope: str) -> Feed:
        """Return the feed of a scope, beginning at the log's present head."""
        feed = self._feeds.get(scope)
        if feed is not None:
            return feed
        opening = self._opening.get(scope)
        if opening is None:
            opening = self._opening[scope] = asyncio.create_task(self._open(scope))
            opening.add_done_callback(lambda _: self._opening.pop(scope, None))
        return await asyncio.shield(opening)

    async def _open(self, scope: str) -> Feed:
        feed = Feed(scope, await self._log.head(scope), self._log, self._cursors)
        self._feeds[scope] = feed
        feed.poke()  # what was appended between the look and now was offered to nobody
        return feed

    def delivery_counts(self) -> dict[str, int]:
        """Return how many readers each scope has."""
        return {scope: feed.readers for scope, feed in self._feeds.items()}
