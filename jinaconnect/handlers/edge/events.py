"""`GET /events/` (long poll) and `POST /ws/ticket/`."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.core.cursor import resume
from jinaconnect.core.errors import CursorExpired, Invalid, Throttled
from jinaconnect.core.events.catalogue import CATALOGUE, TOPICS
from jinaconnect.core.events.view import FILTER_KEYS, View, view_of
from jinaconnect.core.paging import SHORT, Query, between, parse_int, parse_or_fault, some_of
from jinaconnect.core.principal import Principal
from jinaconnect.core.schema import Answer
from jinaconnect.handlers.edge.operation import AUTHENTICATED, Reply, operation
from jinaconnect.handlers.edge.schemas import Parameter

LIMIT, MAX_LIMIT, MAX_WAIT_S = 100, 500, 30
PAGE_BYTES = 1024 * 1024  # an answer ends with the event that passes this
SCANNED_PER_REQUEST = 5_000  # a narrow filter on a long log answers with has_more instead of holding the loop

QUERY = {
    "topics": Parameter("Topics, with commas; all the role may read when absent.", some_of(*TOPICS)),
    "types": Parameter("Event types, with commas.", some_of(*(name.replace(".", r"\.") for name in CATALOGUE))),
    "contact": Parameter("Contact id.", SHORT),
    "conversation": Parameter("Conversation id.", SHORT),
    "call": Parameter("Call id.", SHORT),
    "channel": Parameter("Platform, such as WHATSAPP.", SHORT),
    "assignee": Parameter("User id of the assignee.", SHORT),
}
AFTER = Parameter(
    "Cursor, or `start`; now when absent.", {"type": "string", "pattern": "^(start|[A-Za-z0-9_-]{32})$"}
)


class Ticket(Answer):
    """A ticket for one socket or stream."""

    ticket: str
    expires_in: int


def requested_view(ctx: Context, query: Query) -> View:
    """Return the view that query parameters ask for."""
    filters = {key: query[key] for key in FILTER_KEYS if query.get(key)}
    return view_of(ctx.principal, _names(query, "topics"), _names(query, "types"), filters)


def _names(query: Query, key: str) -> list[str]:
    return [part.strip() for part in query.get(key, "").split(",") if part.strip()]


class _Poll:
    """A poll that waits, as a door: counted like a socket, and woken when something of its access changes."""

    def __init__(self) -> None:
        self.counted: Principal | None = None
        self.over = False
        self._woken = asyncio.Event()

    async def wait(self, feed: Any, seconds: float) -> None:
        """Return when something was appended, access was changed, the process ends, or the time is over."""
        self._woken.clear()
        ways = {asyncio.ensure_future(feed.wait(seconds)), asyncio.ensure_future(self._woken.wait())}
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()

    def recheck(self) -> None:
        self._woken.set()

    def beat(self, silent_since: float) -> None:
        pass  # it ends by itself

    def close(self, code: int) -> None:
        self.end()

    def end(self) -> None:
        self.over = True
        self._woken.set()


@operation(
    "GET",
    "/events/",
    id="events.list",
    permission=AUTHENTICATED,
    errors=(400, 410),
    tag="feed",
    returns="EventPage",
    query={
        "after": AFTER,
        "limit": Parameter("Most events in the answer.", between(1, MAX_LIMIT, LIMIT)),
        "wait": Parameter("Seconds to hold the answer until something comes.", between(0, MAX_WAIT_S, 0)),
        **QUERY,
    },
)
async def list_events(ctx: OperationContext) -> Reply:
    """Read the log after a cursor, holding the answer until something comes.

    Answers `{events, cursor, has_more}`; 410 `cursor_expired` with `oldest` and `cursor` for a place no longer kept.
    """
    query = ctx.caller.query
    limit = parse_or_fault("limit", parse_int, query.get("limit", str(LIMIT)))
    wait = parse_or_fault("wait", parse_int, query.get("wait", "0"))
    if not 1 <= limit <= MAX_LIMIT:
        raise Invalid.field("limit", f"must be 1 to {MAX_LIMIT}")
    if not 0 <= wait <= MAX_WAIT_S:
        raise Invalid.field("wait", f"must be 0 to {MAX_WAIT_S} seconds")
    view = requested_view(ctx, query)
    services = ctx.services
    position = resume(
        services.cursors, view.scope, query.get("after") or None, await services.store.log.extent(view.scope)
    )
    poll = _Poll()
    if wait and not ctx.ports.live.admit(poll, ctx.principal):
        raise Throttled("Too many connections.", retry_after=5)
    ctx.left = poll.end
    try:
        feed = await ctx.ports.hub.enter(view.scope)
        try:
            begun = asyncio.get_running_loop().time()
            while True:
                shown, position, more = await _collect(feed, view, position, limit)
                if ctx.waited_s:  # it is checked when it is given, not only when it was asked for
                    await ctx.still()
                    view = requested_view(ctx, query)
                    shown = [event for event in shown if view.shows(event)]
                left = begun + wait - asyncio.get_running_loop().time()
                if shown or more or left <= 0 or poll.over:
                    break
                await poll.wait(feed, min(left, _lasts(ctx)))
                ctx.waited_s = asyncio.get_running_loop().time() - begun
            cursor = feed.cursor(position)
        finally:
            ctx.ports.hub.exit(feed)
    finally:
        ctx.ports.live.forget(poll)
    body = b'{"events":[' + b",".join(event.json for event in shown) + b'],"cursor":' + orjson.dumps(cursor)
    return Reply(body + b',"has_more":' + (b"true" if more else b"false") + b"}")


def _lasts(ctx: Context) -> float:
    """Return for how many seconds the caller's credential holds yet."""
    expires = ctx.principal.expires_at
    return MAX_WAIT_S if expires is None else max(0.0, (expires - ctx.now()).total_seconds())


async def _collect(feed: Any, view: View, position: int, limit: int) -> tuple[list[Any], int, bool]:
    shown: list[Any] = []
    scanned = size = 0
    while scanned < SCANNED_PER_REQUEST:
        try:
            events = await feed.page(position, MAX_LIMIT)
        except CursorExpired:
            if not shown:
                raise
            return shown, position, True  # what was read stands; the next request is told of the gap
        if not events:
            return shown, position, False
        for event in events:
            if view.shows(event):
                if len(shown) == limit or size > PAGE_BYTES:
                    return shown, position, True
                shown.append(event)
                size += len(event.json)
            position = event.seq
        scanned += len(events)
    return shown, position, position < feed.tip


@operation(
    "POST", "/ws/ticket/", id="socket.ticket", permission=AUTHENTICATED, returns=Ticket, tag="feed", socket=False
)
async def issue_ticket(ctx: Context) -> dict[str, Any]:
    """Issue a single-use ticket for `/ws/` and `/events/stream/`, so that no token stands in a URL."""
    token = ctx.caller.headers["Authorization"].partition(" ")[2].strip()
    sealed = ctx.services.secrets.seal(token, "tickets").hex()
    ticket, seconds = await ctx.services.tickets.issue(sealed, ctx.principal.expires_at)
    return {"ticket": ticket, "expires_in": seconds}
