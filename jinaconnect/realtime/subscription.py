"""The one view a socket has: begun, changed, narrowed when access changes, left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import structlog

from jinaconnect.core.cursor import resume
from jinaconnect.core.errors import CursorExpired, Invalid, Unavailable
from jinaconnect.core.events.view import View, allowed_topics, view_of
from jinaconnect.core.principal import Principal
from jinaconnect.realtime import protocol
from jinaconnect.realtime.hub import Feed, encode_socket
from jinaconnect.realtime.live import Live

logger = structlog.get_logger(__name__)


class Outlet(Protocol):
    """Where a subscription's frames go."""

    def send(self, data: bytes) -> None:
        """Send or queue one frame."""

    async def drained(self) -> None:
        """Return when the client has taken what was sent."""


class Subscription:
    """A reader of one feed; `position` is the last number it was sent."""

    __slots__ = (
        "_beginning", "_begins", "_behind", "_feed", "_filter", "_following", "_live", "_lost", "_outlet", "_topics",
        "_view", "position",
    )  # fmt: skip

    def __init__(self, live: Live, outlet: Outlet, lost: Callable[[], None]) -> None:
        self._live = live
        self._outlet = outlet
        self._lost = lost
        self._filter: dict[str, str] = {}
        self._topics: list[str] = []
        self._view: View | None = None
        self._feed: Feed | None = None
        self._following: asyncio.Task[None] | None = None
        self._beginning: asyncio.Lock | None = None
        self._begins = 0
        self._behind = False
        self.position = 0

    def send(self, data: bytes) -> None:
        """Send one frame of events."""
        self._outlet.send(data)

    def gap(self, error: CursorExpired) -> None:
        """Tell the client that events after its place are no longer kept, and where it goes on."""
        self.send(protocol.message("gap", code=error.code, **error.extra))
        self._tell(False, 0)

    async def drained(self) -> None:
        """Return when the client can take more history."""
        await self._outlet.drained()

    def joined(self) -> None:
        """Tell the client that it has everything, so that it can say so truthfully."""
        assert self._feed is not None
        if not self._behind:
            self.send(protocol.message("live", cursor=self._feed.cursor(self.position)))
        self._behind = False

    async def begin(self, principal: Principal, frame: dict[str, Any]) -> None:
        """Take a `subscribe` frame: leave the present view, follow the one asked for.

        One after the other, as they came. Raises Invalid naming the field, PermissionDenied, InvalidCursor,
        Unavailable; the present view then goes on.
        """
        lock = self._beginning = self._beginning or asyncio.Lock()
        self._begins += 1
        try:
            async with lock:
                await self._begin(principal, frame)
        finally:
            self._begins -= 1
            if not self._begins:
                self._beginning = None

    async def _begin(self, principal: Principal, frame: dict[str, Any]) -> None:
        topics, filters, after = _asked(frame)
        view = view_of(principal, topics, filters=filters)
        live = self._live
        extent = await live.log.extent(view.scope)
        try:
            position, gap = resume(live.cursors, view.scope, after, extent), None
        except CursorExpired as error:
            position, gap = extent.head, error
        if self._feed is None:
            self._feed = await live.hub.enter(view.scope)
        self.stop()
        if gap is not None:
            self.send(protocol.message("gap", code=gap.code, **gap.extra))
        self._topics, self._filter = topics or sorted(view.topics), filters
        self.position = position
        self._view = view
        self._tell(gap is None, extent.head - position)
        self._follow()

    def _tell(self, recovered: bool, behind: int) -> None:
        assert self._feed is not None
        cursor = self._feed.cursor(self.position)
        said = {"topics": self._topics, "filter": self._filter, "cursor": cursor, "recovered": recovered}
        self.send(protocol.message("subscribed", **said, behind=behind))

    def fell_behind(self) -> None:
        """Have the log keep what comes until the client has taken what waits for it."""
        if self._following is None and self._feed is not None and self._view is not None:
            self._behind = True
            self._watch(self._feed.follow_later(self, self._view, encode_socket))

    def _follow(self) -> None:
        assert self._feed is not None
        assert self._view is not None
        self._behind = False
        self._watch(asyncio.create_task(self._feed.follow(self, self._view, encode_socket)))

    def _watch(self, following: asyncio.Task[None]) -> None:
        self._following = following
        following.add_done_callback(self._followed)

    def _followed(self, task: asyncio.Task[None]) -> None:
        if task is self._following:
            self._following = None
        if task.cancelled() or task.exception() is None:
            return
        if not isinstance(task.exception(), Unavailable):
            logger.error("socket.follow_failed", exc_info=task.exception())
        self._lost()

    def review(self, principal: Principal) -> bool:
        """Narrow or widen the view to what a principal may see now; False when nothing of it is left."""
        if self._view is None:
            return True
        topics = [topic for topic in self._topics if topic in allowed_topics(principal)]
        if not topics:
            return False
        view = view_of(principal, topics, filters=self._filter)
        if view != self._view:
            narrowed = topics != self._topics
            self.stop()
            self._topics, self._view = topics, view
            if narrowed:
                self._tell(True, 0)
            self._follow()
        return True

    def stop(self) -> None:
        """Leave the view; the feed stays open for the next one."""
        if self._following is not None:
            self._following.cancel()
            self._following = None
        if self._feed is not None and self._view is not None:
            self._feed.leave(self, self._view, encode_socket)
        self._view = None

    def end(self) -> None:
        """Leave view and feed."""
        self.stop()
        if self._feed is not None:
            self._live.hub.exit(self._feed)
            self._feed = None


def _asked(frame: dict[str, Any]) -> tuple[list[str] | None, dict[str, str], str | None]:
    topics, after = frame.get("topics"), frame.get("after")
    filters = {} if frame.get("filter") is None else frame["filter"]
    if topics is not None and not (isinstance(topics, list) and all(isinstance(topic, str) for topic in topics)):
        raise Invalid.field("topics", "must be a list of names")
    if not isinstance(filters, dict) or not all(isinstance(value, str) for value in filters.values()):
        raise Invalid.field("filter", "must be an object of texts")
    if after is not None and not isinstance(after, str):
        raise Invalid.field("after", "must be a cursor")
    return topics, filters, after
