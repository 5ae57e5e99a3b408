"""One client of the socket: authentication, its view, its requests, presence, and the ways it ends.

The transport is handed in, so this file knows the protocol and nothing of HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import orjson
import structlog

from jinaconnect.core.clock import iso_or_none
from jinaconnect.core.errors import (
    Broken,
    GatewayError,
    Invalid,
    NotAuthenticated,
    PermissionDenied,
    Throttled,
    TokenExpired,
    Unavailable,
)
from jinaconnect.core.principal import Principal
from jinaconnect.realtime import protocol
from jinaconnect.realtime.live import Live
from jinaconnect.realtime.subscription import Subscription

MAX_REQUESTS = 64  # running at once on one socket
REFUSALS_BEFORE_CLOSE = 100

logger = structlog.get_logger(__name__)


class Transport(Protocol):
    """The connection under a session."""

    def send(self, data: bytes) -> None:
        """Send or queue one frame."""

    def close(self, code: int, reason: str) -> None:
        """Send a close frame and end."""

    async def drained(self) -> None:
        """Return when the client has taken what was sent."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What `perform` answers to a request over the socket."""

    status: int
    body: Any
    cursor: str | None


Again = Callable[[], Awaitable[Principal]]
Perform = Callable[[Principal, Again, str, dict[str, Any], Any, str | None], Awaitable[Asked]]


class Session:
    """The state of one connected client."""

    __slots__ = (
        "_asked",
        "_budget",
        "_budget_at",
        "_held",
        "_ip",
        "_live",
        "_malformed",
        "_opening",
        "_perform",
        "_refused",
        "_running",
        "_subscription",
        "_timers",
        "_token",
        "_transport",
        "closed",
        "counted",
        "heard_at",
        "id",
        "principal",
    )

    def __init__(self, live: Live, transport: Transport, perform: Perform, id: str, ip: str) -> None:
        self._live = live
        self._transport = transport
        self._perform = perform
        self.id = id
        self._ip = ip
        self.principal: Principal | None = None
        self.counted: Principal | None = None
        self._token: str | None = None
        self._subscription = Subscription(live, transport, lambda: self.close(protocol.AWAY))
        self._asked: dict[str, asyncio.Task[None]] = {}
        self._running: dict[asyncio.Task[Any], None] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._opening = 0
        self._held: list[tuple[str, dict[str, Any], str | None]] = []
        self._malformed = 0
        self._refused = 0
        self._budget = float(protocol.REQUESTS_PER_S)
        self._budget_at = 0.0
        self.heard_at = asyncio.get_running_loop().time()
        self.closed = False

    # --- life ---------------------------------------------------------------------------------------------------

    async def open(self, token: str | None) -> None:
        """Greet, and authenticate with what the handshake brought."""
        self.send(protocol.hello(self.id))
        self._after("auth", protocol.AUTH_DEADLINE_S, self._close_late)
        if token is not None:
            self._opening += 1
            await self._authenticate(token)

    def _close_late(self) -> None:
        if self.principal is None:
            self.close(protocol.NOT_AUTHENTICATED)

    def _after(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(max(0.0, seconds), call)

    def send(self, data: bytes) -> None:
        """Send one frame."""
        self._transport.send(data)

    def fell_behind(self) -> None:
        """Send no more events until the client has taken what waits for it."""
        self._subscription.fell_behind()

    def close(self, code: int) -> None:
        """End the connection with one of our codes."""
        if not self.closed:
            self._transport.close(code, protocol.CLOSE_CODES[code][1][:120])
            self.gone()

    def gone(self) -> None:
        """Let go of everything; the connection has ended."""
        if self.closed:
            return
        self.closed = True
        for timer in self._timers.values():
            timer.cancel()
        for task in (*self._running, *self._asked.values()):
            task.cancel()
        self._subscription.end()
        if self.principal is not None:
            self._live.presence.leave(self.principal.scope, self.id)
        self._live.forget(self)

    def spawn(self, work: Any) -> None:
        """Run a coroutine for as long as the connection lasts."""
        task = asyncio.create_task(work)
        self._running[task] = None
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and task.exception() is not None:
            logger.error("socket.broken", session=self.id, exc_info=task.exception())
            self.close(protocol.AWAY)

    # --- authentication ------------------------------------------------------------------------------------------

    async def _authenticate(self, token: str) -> None:
        try:
            await self._take_token(token)
        finally:
            self._opening -= 1
        held, self._held = self._held, []
        for kind, data, id in held:
            if not self.closed:
                self._dispatch(kind, data, id)

    async def _take_token(self, token: str) -> None:
        try:
            principal = await self._live.authenticate(token, self._ip)
        except TokenExpired:
            return self.close(protocol.EXPIRED)
        except NotAuthenticated:
            return self.close(protocol.NOT_AUTHENTICATED)
        except Throttled:
            return self.close(protocol.RATE)
        except PermissionDenied:
            return self.close(protocol.WITHDRAWN)
        except Unavailable:
            return self.close(protocol.AWAY)
        if self.principal is not None and principal.scope != self.principal.scope:
            return self.close(protocol.VIOLATION)  # a socket belongs to one log for life
        if self.closed:
            return None
        first = self.principal is None
        if first:
            self._timers.pop("auth").cancel()
        self.principal, self._token = principal, token
        if not self._live.admit(self, principal):
            return self.close(protocol.TOO_MANY)
        if first:
            self._live.presence.join(principal.scope, self)
        try:
            cursor = await self._live.head_cursor(principal.scope)
        except Unavailable:
            return self.close(protocol.AWAY)
        self.send(
            protocol.message(
                "ready", tenant=principal.tenant, mode=principal.mode, principal=principal.public(),
                expires_at=iso_or_none(principal.expires_at), cursor=cursor,
            )
        )  # fmt: skip
        self._watch_expiry(principal.expires_at)
        if not first:
            self._review(principal)
        return None

    def _watch_expiry(self, expires_at: datetime | None) -> None:
        for name in ("notice", "expiry"):
            timer = self._timers.pop(name, None)
            if timer is not None:
                timer.cancel()
        if expires_at is None:
            return
        left = (expires_at - self._live.clock()).total_seconds()
        notice = max(0.0, left - protocol.EXPIRY_NOTICE_S)
        self._after("notice", notice, lambda: self._notice(left - notice))
        self._after("expiry", left, lambda: self.close(protocol.EXPIRED))

    def _notice(self, seconds: float) -> None:
        self.send(protocol.message("expiring", in_s=int(seconds)))

    def recheck(self) -> None:
        """Look again at what the session stands on: something of its tenant's access has changed."""
        self.spawn(self._recheck())

    async def _recheck(self) -> None:
        if self._token is None or self.closed:
            return
        token = self._token
        try:
            principal = await self.again()
        except GatewayError as error:
            if token != self._token:
                return  # the client has given another meanwhile
            if isinstance(error, Unavailable):
                return self._live.unsure.add(self)  # nothing opens while the database is away: the look is repeated
            return self.close(protocol.EXPIRED if isinstance(error, TokenExpired) else protocol.WITHDRAWN)
        if token != self._token or self.closed:
            return
        self.principal = principal
        self._watch_expiry(principal.expires_at)  # a rotated key ends with its grace
        self._review(principal)

    async def again(self) -> Principal:
        """Return who the session's token stands for now; raises what authentication raises."""
        assert self._token is not None
        return await self._live.again(self._token, self._ip)

    def beat(self, silent_since: float) -> None:
        """Ping the client; close if it has been silent since then."""
        if self.heard_at < silent_since:
            self.close(protocol.SILENT)
        else:
            self.send(protocol.PING)

    def _review(self, principal: Principal) -> None:
        if not self._subscription.review(principal):
            self.close(protocol.WITHDRAWN)

    # --- frames in -----------------------------------------------------------------------------------------------

    def received(self, text: str) -> None:
        """Take one text frame."""
        self.heard_at = asyncio.get_running_loop().time()
        if len(text) > protocol.FRAME_BYTES or len(text.encode()) > protocol.FRAME_BYTES:
            return self.close(protocol.TOO_LARGE)
        try:
            data = orjson.loads(text)
            if not isinstance(data, dict) or not isinstance(data.get("type"), str):
                raise ValueError("not an object with a type")
        except ValueError:
            return self._malformed_frame("The frame is not a JSON object with a 'type'.")
        id = data.get("id")
        id = id if isinstance(id, str) and len(id) <= 128 else None
        if not self._spend():
            self._refused += 1
            if self._refused > REFUSALS_BEFORE_CLOSE:
                return self.close(protocol.RATE)
            return self._refuse(id, Throttled("Too many frames a second.", retry_after=1))
        if self.principal is not None:
            self._live.presence.keep(self.principal.scope, self.id)
        return self._dispatch(data["type"], data, id)

    def _dispatch(self, kind: str, data: dict[str, Any], id: str | None) -> None:
        if kind == "auth":
            token = data.get("token")
            if not isinstance(token, str) or not token:
                return self._malformed_frame("auth needs a token.", id)
            self._malformed = 0
            self._opening += 1
            return self.spawn(self._authenticate(token))
        if kind == "ping":
            self._malformed = 0
            return self.send(protocol.message("pong", at=iso_or_none(self._live.clock())))
        handlers = {
            "subscribe": self._subscribe,
            "request": self._request,
            "presence": self._presence,
            "unsubscribe": self._unsubscribe,
        }
        handler = handlers.get(kind)
        if handler is None:
            return self._malformed_frame(f"Unknown type '{kind[:40]}'.", id)
        self._malformed = 0
        if self._opening and len(self._held) < MAX_REQUESTS:
            return self._held.append((kind, data, id))  # a client need not wait for `ready` to go on
        if self.principal is None:
            return self._refuse(id, NotAuthenticated("Authenticate first."))
        try:
            return handler(data, id)
        except GatewayError as error:
            return self._refuse(id, error)

    def _spend(self) -> bool:
        now = self.heard_at
        rate = protocol.REQUESTS_PER_S
        self._budget = min(float(rate), self._budget + (now - self._budget_at) * rate)
        self._budget_at = now
        if self._budget < 1.0:
            return False
        self._budget -= 1.0
        return True

    def _malformed_frame(self, detail: str, id: str | None = None) -> None:
        self._malformed += 1
        if self._malformed >= protocol.MALFORMED_IN_A_ROW:
            return self.close(protocol.VIOLATION)
        return self._refuse(id, Invalid(detail))

    def _refuse(self, id: str | None, error: GatewayError) -> None:
        body = error.body()
        if error.retry_after is not None:
            body["retry_after"] = error.retry_after
        self.send(protocol.error(id, error.status, body))

    # --- what is asked for -----------------------------------------------------------------------------------

    def _subscribe(self, data: dict[str, Any], id: str | None) -> None:
        assert self.principal is not None
        self.spawn(self._begin(self.principal, data, id))

    async def _begin(self, principal: Principal, data: dict[str, Any], id: str | None) -> None:
        try:
            await self._subscription.begin(principal, data)
        except GatewayError as error:
            return self._refuse(id, error)
        if self.principal is not None and self.principal is not principal:
            self._review(self.principal)  # what it may see has changed on the way
        return None

    def _unsubscribe(self, data: dict[str, Any], id: str | None) -> None:
        self._subscription.stop()

    def _request(self, data: dict[str, Any], id: str | None) -> None:
        if id is None:
            raise Invalid.field("id", "a request needs an id of at most 128 characters")
        if id in self._asked:
            raise Invalid.field("id", "a request with this id is still running")
        if len(self._asked) >= MAX_REQUESTS:
            raise Throttled("Too many requests at once.", retry_after=1)
        name, key = data.get("operation"), data.get("idempotency_key")
        params = {} if data.get("params") is None else data["params"]
        if not isinstance(name, str):
            raise Invalid.field("operation", "must be the id of an operation")
        if not isinstance(params, dict):
            raise Invalid.field("params", "must be an object")
        if key is not None and not isinstance(key, str):
            raise Invalid.field("idempotency_key", "must be text")
        task = asyncio.create_task(self._answer(id, name, params, data.get("body"), key))
        self._asked[id] = task
        task.add_done_callback(lambda done: self._answered(id, done))

    def _answered(self, id: str, task: asyncio.Task[None]) -> None:
        self._asked.pop(id, None)
        if not task.cancelled() and task.exception() is not None:
            logger.error("socket.request_failed", session=self.id, exc_info=task.exception())

    async def _answer(self, id: str, name: str, params: dict[str, Any], body: Any, key: str | None) -> None:
        assert self.principal is not None
        try:
            asked = await self._perform(self.principal, self.again, name, params, body, key)
        except GatewayError as error:
            return self._refuse(id, error)
        except Exception:
            self.send(protocol.error(id, 500, Broken().body()))
            raise
        self.send(protocol.message("result", id=id, status=asked.status, body=asked.body, cursor=asked.cursor))
        return None

    def _presence(self, data: dict[str, Any], id: str | None) -> None:
        assert self.principal is not None
        self.principal.require("inbox.view")
        viewing, typing = data.get("viewing"), data.get("typing", False)
        if viewing is not None and not (
            isinstance(viewing, str) and viewing.startswith("conv_") and len(viewing) <= 64
        ):
            raise Invalid.field("viewing", "must be a conversation id or null")
        if not isinstance(typing, bool):
            raise Invalid.field("typing", "must be true or false")
        self._live.presence.say(self.principal, self.id, viewing, typing)
