"""The streaming edges: `GET /ws/` and `GET /events/stream/`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import orjson
from tornado import web, websocket
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders
from tornado.iostream import IOStream, StreamClosedError

from jinaconnect.actions.context import Caller, OperationContext, Services
from jinaconnect.actions.ports import Ports
from jinaconnect.core.cursor import resume
from jinaconnect.core.errors import CursorExpired, GatewayError, NotAuthenticated, Throttled
from jinaconnect.core.events.view import View
from jinaconnect.core.principal import Principal
from jinaconnect.handlers.edge import headers, metrics
from jinaconnect.handlers.edge.events import requested_view
from jinaconnect.handlers.edge.operation import Reply, perform, requestable
from jinaconnect.handlers.edge.refusing import refusal
from jinaconnect.handlers.edge.websocket import TOO_BIG, StrictProtocol
from jinaconnect.realtime import protocol
from jinaconnect.realtime.hub import encode_sse
from jinaconnect.realtime.outlet import Outlet
from jinaconnect.realtime.session import Again, Asked, Session

COMMENT_EVERY_S = 15
RETRY_MS = 2000
READ_LIMIT = 1024 * 1024  # frames up to here are read to be refused properly; larger ones end the connection


_NO_HEADERS = HTTPHeaders()
_NOTHING: Any = {}


async def ticket_token(services: Services, ticket: str) -> str:
    """Return the token a ticket stands for; raises NotAuthenticated when it does not hold."""
    sealed = await services.tickets.redeem(ticket)
    if sealed is None:
        raise NotAuthenticated("The ticket is unknown, used or late.")
    return str(services.secrets.open(bytes.fromhex(sealed), "tickets"))


class Upgrade(websocket.WebSocketHandler):
    """What the WebSockets here have in common."""

    def initialize(self, services: Services, ports: Ports, origins: frozenset[str]) -> None:
        """Take the parts of the program the socket needs."""
        self._services = services
        self._ports = ports
        self._live = ports.live
        self._origins = origins

    def set_default_headers(self) -> None:
        """Begin with the headers every answer has."""
        headers.begin(self)

    async def prepare(self) -> None:
        """Refuse a flood before the handshake; everything else is accepted and closed with a code."""
        verdict = await self._ports.rates.handshake(self.request.remote_ip or "")
        if not verdict.allowed:
            await self.finish(refusal(self, Throttled("Too many connections.", retry_after=verdict.reset_s)))

    def _detach_stream(self) -> IOStream:
        return self.detach()  # without hanging a refusal of each method of HTTP on every socket, as Tornado does

    def check_origin(self, origin: str) -> bool:
        """Take the same host and the configured origins."""
        return urlsplit(origin).netloc.lower() == self.request.host.lower() or origin in self._origins

    def get_compression_options(self) -> None:
        """No compression: it costs more per message than it saves on short JSON, and nothing on sound."""


class SocketHandler(Upgrade):
    """The WebSocket of one client; the protocol itself is in `realtime/session.py`."""

    def initialize(self, services: Services, ports: Ports, origins: frozenset[str]) -> None:
        """Have no session yet."""
        super().initialize(services, ports, origins)
        self._session: Session | None = None
        self._outlet: Outlet | None = None

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Take ours where it is offered."""
        return protocol.SUBPROTOCOL if protocol.SUBPROTOCOL in subprotocols else None

    def get_websocket_protocol(self) -> websocket.WebSocketProtocol | None:
        """Speak RFC 6455 (version 13) with our close codes."""
        if self.request.headers.get("Sec-WebSocket-Version") != "13":
            return None
        return StrictProtocol(self, READ_LIMIT, self._broken)

    def _broken(self, code: int, reason: str) -> None:
        """End a connection whose client broke RFC 6455; a frame far beyond the limit is named by our code."""
        if self._outlet is not None:
            self._outlet.finish()  # nothing may follow the close frame
        self.close(protocol.TOO_LARGE if code == TOO_BIG else code, reason)
        if self._session is not None:
            self._session.gone()

    async def open(self, *args: str, **kwargs: str) -> None:
        """Start the session with the credentials the handshake brought."""
        self.set_nodelay(True)
        assert self.ws_connection is not None
        stream = self.ws_connection.stream
        assert stream is not None
        outlet = self._outlet = Outlet(stream, self._too_slow, self._fell_behind)
        ip = self.request.remote_ip or ""
        header = self.request.headers.get("Authorization", "")
        ticket = self.get_query_argument("ticket", "")
        self._remote = ip
        id = self._services.ids.new("ses")
        session = self._session = Session(self._live, _Wire(self, outlet), self._perform, id, ip)
        metrics.SOCKETS.inc()
        self._live.outlets.add(outlet)
        if "token" in self.request.query_arguments:
            session.send(protocol.hello(id))
            session.close(protocol.NOT_AUTHENTICATED)  # long-lived tokens have no place in a URL
            return
        token: str | None = header.partition(" ")[2].strip() or None if header.lower().startswith("bearer ") else None
        if ticket:
            try:
                token = await self._ports.rates.guarded(ticket_token(self._services, ticket), ip)
            except (NotAuthenticated, Throttled) as error:
                session.send(protocol.hello(id))
                return session.close(protocol.RATE if isinstance(error, Throttled) else protocol.NOT_AUTHENTICATED)
        self._forget_request()
        await session.open(token)

    def _forget_request(self) -> None:
        """Let go of what the handshake left: a quiet connection should cost little."""
        request = self.request
        request.headers = self._headers = _NO_HEADERS
        request.arguments = request.query_arguments = request.body_arguments = request.files = _NOTHING
        request.connection = None
        self.ui = _NOTHING

    def _too_slow(self) -> None:
        if self._session is not None:
            self._session.close(protocol.SLOW)

    def _fell_behind(self) -> None:
        if self._session is not None:
            self._session.fell_behind()

    async def _perform(
        self, principal: Principal, again: Again, name: str, params: dict[str, Any], body: Any, key: str | None
    ) -> Asked:
        item = requestable(name)
        await self._ports.rates.spend(
            principal, self._remote, write=item.method != "GET", order=item.orders(principal)
        )
        names = {part[1:-1] for part in item.path.split("/") if part.startswith("{")}
        path = {name: str(params.get(name, "")) for name in names}
        query = {
            key: value if isinstance(value, str) else orjson.dumps(value).decode()
            for key, value in params.items()
            if key not in names
        }
        url = item.path
        for part, value in path.items():
            url = url.replace("{" + part + "}", value)
        caller = Caller(self._services.ids.new("req"), self._remote, "", url, query)
        ctx = OperationContext(self._services, self._ports, principal, caller, again=again)
        work = perform(item, ctx, path, {} if body is None else body, key)
        # What has an effect is carried through when the client goes, as over HTTP; a reading ends with its reader.
        reply: Reply = await (work if item.method == "GET" else self._live.carried_through(work))
        content = orjson.loads(reply.body) if isinstance(reply.body, bytes) else reply.body
        return Asked(reply.status, content, reply.headers.get("X-Cursor"))

    def on_message(self, message: str | bytes) -> None:
        """Hand a frame to the session; binary frames have no meaning here."""
        session = self._session
        if session is None or session.closed:
            return
        if isinstance(message, bytes):
            return session.close(protocol.VIOLATION)
        return session.received(message)

    def on_pong(self, data: bytes) -> None:
        """Note that the client lives."""
        if self._session is not None:
            self._session.heard_at = asyncio.get_running_loop().time()

    def on_close(self) -> None:
        """Let go of the session."""
        if self._outlet is not None:
            self._live.outlets.discard(self._outlet)
            metrics.SOCKETS.dec()
        if self._session is not None:
            self._session.gone()


class _Wire:
    """A session's transport over a Tornado socket."""

    __slots__ = ("_handler", "_outlet")

    def __init__(self, handler: SocketHandler, outlet: Outlet) -> None:
        self._handler = handler
        self._outlet = outlet

    def send(self, data: bytes) -> None:
        self._outlet.send(data)

    def close(self, code: int, reason: str) -> None:
        self._outlet.finish()
        self._handler.close(code, reason)

    async def drained(self) -> None:
        await self._outlet.drained()


class SseHandler(web.RequestHandler):
    """Server-sent events (WHATWG HTML §9.2): the same log, view and cursor as everywhere."""

    def initialize(self, services: Services, ports: Ports, origins: frozenset[str]) -> None:
        """Take the parts of the program the stream needs."""
        self._services = services
        self._ports = ports
        self._live = ports.live
        self._origins = origins
        self.position = 0
        self.counted: Principal | None = None
        self._outlet: Outlet | None = None
        self._following: asyncio.Task[None] | None = None
        self._later: Callable[[], asyncio.Task[None]] | None = None
        self._over = False
        self._woken = asyncio.Event()

    def set_default_headers(self) -> None:
        """Begin with the headers every answer has."""
        headers.begin(self)

    async def get(self) -> None:
        """Stream events until the client goes."""
        try:
            principal, token = await self._ports.rates.guarded(self._authenticate(), self.request.remote_ip or "")
            await self._ports.rates.spend(principal, self.request.remote_ip or "", write=False)
            ctx = self._context(principal)
            view = requested_view(ctx, ctx.caller.query)
            after = self.request.headers.get("Last-Event-ID") or ctx.caller.query.get("after") or None
            extent = await self._services.store.log.extent(view.scope)
            self.position = resume(self._services.cursors, view.scope, after, extent)
            if not self._live.admit(self, principal):
                raise Throttled("Too many connections.", retry_after=5)
        except GatewayError as error:
            return await self._refuse(error)
        try:
            await self._stream(view, principal, token)
        finally:
            self._live.forget(self)
        return None

    async def _authenticate(self) -> tuple[Principal, str]:
        ticket = self.get_query_argument("ticket", "")
        ip = self.request.remote_ip or ""
        if ticket:
            token = await ticket_token(self._services, ticket)
            return await self._ports.auth.from_token(token, ip), token
        header = self.request.headers.get("Authorization")
        principal = await self._ports.auth.from_header(header, ip)
        return principal, str(header).partition(" ")[2].strip()

    def _context(self, principal: Principal) -> OperationContext:
        query = {name: values[-1].decode(errors="replace") for name, values in self.request.query_arguments.items()}
        caller = Caller(self._services.ids.new("req"), query=query)
        return OperationContext(self._services, self._ports, principal, caller)

    async def _refuse(self, error: GatewayError) -> None:
        await self.finish(refusal(self, error))

    async def _stream(self, view: View, principal: Principal, token: str) -> None:
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("X-Accel-Buffering", "no")
        origin = self.request.headers.get("Origin")
        if origin in self._origins:
            self.set_header("Access-Control-Allow-Origin", str(origin))
        self.set_header("Connection", "close")
        stream = self._take_over()
        outlet = self._outlet = Outlet(stream, self.end, self._fell_behind)
        self._live.outlets.add(outlet)
        feed = await self._ports.hub.enter(view.scope)
        stream.set_close_callback(self.end)
        try:
            outlet.send(b"retry: %d\n\n" % RETRY_MS)
            self._following = asyncio.create_task(feed.follow(self, view, encode_sse))
            self._later = partial(feed.follow_later, self, view, encode_sse)
            try:
                await self._watch(principal, token)
            finally:
                self._later = None
                self._following.cancel()
                feed.leave(self, view, encode_sse)
        except (StreamClosedError, GatewayError):
            pass  # the client comes back with its last id
        finally:
            self._ports.hub.exit(feed)
            self._live.outlets.discard(outlet)
            stream.close()

    def _take_over(self) -> Any:
        # Without a length and without chunks the body is the bytes until the connection ends (RFC 9112 §6.3), so one
        # encoded block serves every stream of a view.
        lines = ["HTTP/1.1 200 OK\r\n", *(f"{name}: {value}\r\n" for name, value in self._headers.get_all()), "\r\n"]
        self._auto_finish = False
        connection = self.request.connection
        assert isinstance(connection, HTTP1Connection)
        stream = connection.detach()
        stream.set_nodelay(True)
        stream.write("".join(lines).encode())
        return stream

    def _fell_behind(self) -> None:
        if self._later is not None and self._following is not None and self._following.done():
            self._following = self._later()

    async def _watch(self, principal: Principal, token: str) -> None:
        ip = self.request.remote_ip or ""
        while True:
            left = float(COMMENT_EVERY_S)
            if principal.expires_at is not None:
                left = min(left, max(0.0, (principal.expires_at - self._services.clock()).total_seconds()))
            try:
                async with asyncio.timeout(left):
                    await self._woken.wait()
            except TimeoutError:
                self.send(b": still here\n\n")
            self._woken.clear()
            follow = self._following
            if self._over or (follow is not None and follow.done() and follow.exception() is not None):
                return
            if await self._live.again(token, ip) != principal:
                return  # something of the role changed: the client comes back and gets the view it may have now

    def send(self, data: bytes) -> None:
        """Send one block."""
        if self._outlet is not None:
            self._outlet.send(data)

    def gap(self, error: CursorExpired) -> None:
        """End the stream: the client comes back with its last id and is answered 410."""
        self.end()

    async def drained(self) -> None:
        """Return when the client can take more history."""
        if self._outlet is not None:
            await self._outlet.drained()

    def joined(self) -> None:
        """Say in a comment that all of the log has been sent."""
        self.send(b": live\n\n")

    def end(self) -> None:
        """End the stream; the client resumes by itself."""
        self._over = True
        self._woken.set()

    def close(self, code: int) -> None:
        """End the stream, whatever the reason: there is no way to tell it."""
        self.end()

    def beat(self, silent_since: float) -> None:
        """A client of a stream says nothing; the comments find out whether it is there."""

    def recheck(self) -> None:
        """Look again at what the stream stands on."""
        self._woken.set()
