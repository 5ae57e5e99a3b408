"""The HTTP edge: reads an operation's body within its limit, authenticates, limits, answers.

The only place where an exception becomes an answer.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
import structlog
from tornado import httputil, web
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPServerRequest

from jinaconnect.actions.context import Caller, OperationContext, Services
from jinaconnect.actions.ports import Ports
from jinaconnect.core.errors import (
    Broken,
    GatewayError,
    Malformed,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    PayloadTooLarge,
    Throttled,
)
from jinaconnect.core.principal import Principal
from jinaconnect.handlers.edge import headers
from jinaconnect.handlers.edge.doors.bodies import read_body
from jinaconnect.handlers.edge.doors.noted import note_answered, request_id
from jinaconnect.handlers.edge.doors.posted import Posted, usual
from jinaconnect.handlers.edge.doors.routes import Match, Routes
from jinaconnect.handlers.edge.operation import PUBLIC, Operation, Pieces, Reply, Upload, perform
from jinaconnect.handlers.edge.proxies import Proxies
from jinaconnect.handlers.edge.refusing import refusal
from jinaconnect.handlers.edge.writing import PIECE, end, pieces_of, write_pieces

logger = structlog.get_logger("http")

_LENGTH = re.compile(r"[0-9]{1,18}")
SPARE_BYTES = 4 * 1024 * 1024
_WRITES = ("POST", "PUT", "PATCH", "DELETE")
# What scripts of another origin may read of an answer.
_SHOWN = (
    "X-Cursor, X-Request-Id, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, "
    "Content-Disposition, X-Missing-Glyphs"
)


@web.stream_request_body
class OperationHandler(web.RequestHandler):
    """Runs one operation."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

    def initialize(
        self, services: Services, ports: Ports, match: Match | None, origins: frozenset[str], door: bool = False
    ) -> None:  # fmt: skip
        """Take what the router found; a `door` has a handler of its own for GET."""
        self._services = services
        self._ports = ports
        self._match = match
        self._door = door
        self._begun = time.perf_counter()
        self._request_id = ""
        self._limit = 0
        self._origins = origins
        self._chunks: list[bytes] = []
        self._size = 0
        self._operation: Operation | None = None
        self._ctx: OperationContext | None = None

    def set_default_headers(self) -> None:
        """Begin with the headers every answer has."""
        headers.begin(self)

    def compute_etag(self) -> str | None:
        """Answers are not hashed: they change with every event."""
        return None

    def prepare(self) -> None:
        """Find the operation and refuse a body that says it is too large before reading it."""
        self._begun = time.perf_counter()
        self._request_id = request_id(self._services, self.request.headers)
        self.set_header("X-Request-Id", self._request_id)
        self._cors()
        methods = self._match.methods if self._match else {}
        method = "GET" if self.request.method == "HEAD" else self.request.method
        self._operation = methods.get(method or "")
        limit = self._operation.limit if self._operation else 1024 * 1024
        self._limit = limit
        length = self.request.headers.get("Content-Length", "0")
        connection = self.request.connection
        assert isinstance(connection, HTTP1Connection)
        # A body that is a little too large is read to its end and forgotten, so that its sender hears the answer.
        connection.set_max_body_size(limit + SPARE_BYTES)
        if not _LENGTH.fullmatch(length):
            connection.no_keep_alive = True
            self._refuse(Malformed("Content-Length is not a number."))
        elif int(length) > limit + SPARE_BYTES:
            connection.no_keep_alive = True
            self._refuse(PayloadTooLarge(f"The body may have at most {limit} bytes."))

    def data_received(self, chunk: bytes) -> None:
        """Gather the body up to the limit."""
        self._size += len(chunk)
        if self._size <= self._limit:
            self._chunks.append(chunk)

    def _cors(self) -> None:
        origin = self.request.headers.get("Origin")
        if origin is not None and origin in self._origins:
            self.set_header("Access-Control-Allow-Origin", origin)
            self.set_header("Vary", "Origin")
            self.set_header("Access-Control-Expose-Headers", _SHOWN)

    async def _run(self) -> None:
        try:
            reply = await self._answer()
        except GatewayError as error:
            return self._refuse(error)
        await self._write(reply)
        return None

    get = head = post = put = patch = delete = _run

    async def options(self) -> None:
        """Answer a CORS preflight."""
        allowed = self._allowed()
        if not allowed:
            return self._refuse(NotFound("There is nothing at this path."))
        self.set_status(204)
        self.set_header("Allow", allowed)
        if "Access-Control-Allow-Origin" in self._headers:
            self.set_header("Access-Control-Allow-Methods", allowed)
            self.set_header(
                "Access-Control-Allow-Headers",
                "Accept, Accept-Encoding, Authorization, Content-Type, X-ACCESS-KEY, Idempotency-Key, Last-Event-ID",
            )
            self.set_header("Access-Control-Max-Age", "600")
        await self.finish()
        return None

    def _allowed(self) -> str:
        """Return the methods of the path as the header `Allow` names them, empty where there is nothing."""
        methods = {"GET"} if self._door else set(self._match.methods) if self._match else set()
        if "GET" in methods and not self._door:
            methods.add("HEAD")
        return ", ".join(sorted({*methods, "OPTIONS"})) if methods else ""

    def _not_offered(self) -> GatewayError:
        """Return the refusal of a method that the path does not have (RFC 9110 §15.5.6), or of the path."""
        allowed = self._allowed()
        if not allowed:
            return NotFound("There is nothing at this path.")
        self.set_header("Allow", allowed)
        return MethodNotAllowed(f"{str(self.request.method)[:20]} is not offered here.")

    async def _answer(self) -> Reply:
        item = self._operation
        if item is None or self._match is None:
            raise self._not_offered()
        if self._size > item.limit:
            raise PayloadTooLarge(f"The body may have at most {item.limit} bytes.")
        ip = self.request.remote_ip or ""
        principal: Principal | None = None
        if item.permission != PUBLIC or (
            "Authorization" in self.request.headers and not item.raw and not item.own_credentials
        ):
            header = self.request.headers.get("Authorization")
            try:
                principal = await self._ports.auth.from_header(header, ip)
            except NotAuthenticated:
                await self._count(item, None, ip)  # guessing is counted against the address
                raise
        await self._count(item, principal, ip)
        if principal is not None and item.permission != PUBLIC:
            principal.require(item.permission)  # before the body is looked at: it may be large, or of no known type
        query = self._query()
        caller = Caller(
            self._request_id,
            ip,
            self.request.headers.get("User-Agent", "")[:512],
            self._url(),
            query,
            self.request.query,
            self.request.headers,
            str(self.request.method),
        )
        ctx = self._ctx = OperationContext(self._services, self._ports, principal, caller, again=self._again)
        body, files = self._body(item)
        key = self.request.headers.get("Idempotency-Key")
        return await perform(item, ctx, self._match.path, body, key, files)

    async def _again(self) -> Principal:
        header = self.request.headers.get("Authorization")
        return await self._ports.auth.from_header(header, self.request.remote_ip or "")

    async def _count(self, item: Operation, principal: Principal | None, ip: str) -> None:
        if not item.limited:
            return
        plan = dict(principal.limits) if principal else {}
        verdict = await self._ports.rates.check(
            principal, ip, self.request.method in _WRITES, plan, order=item.orders(principal)
        )
        self.set_header("X-RateLimit-Limit", str(verdict.limit))
        self.set_header("X-RateLimit-Remaining", str(verdict.remaining))
        self.set_header("X-RateLimit-Reset", str(max(1, round(verdict.reset_s))))
        if not verdict.allowed:
            raise Throttled("Too many requests.", retry_after=max(1.0, verdict.reset_s))

    def _query(self) -> dict[str, str]:
        try:
            pairs = parse_qsl(self.request.query, keep_blank_values=True, max_num_fields=200, errors="strict")
        except (ValueError, UnicodeError) as error:
            raise Malformed("The query string is not valid.") from error
        if any("\x00" in name or "\x00" in value for name, value in pairs):
            raise Malformed("The query string is not valid.")
        return dict(pairs)

    def _url(self) -> str:
        base = self._services.settings.public_url or f"{self.request.protocol}://{self.request.host}"
        return base + self.request.path

    def _body(self, item: Operation) -> tuple[Any, dict[str, Upload]]:
        raw = b"".join(self._chunks)
        self._chunks.clear()  # a body is in memory once
        return read_body(item, self.request.headers, raw)

    async def _write(self, reply: Reply) -> None:
        self.set_status(reply.status)
        for name, value in reply.headers.items():
            headers.put(self, name, value)
        body = reply.body
        if reply.status == 204 or (body is None and reply.status != 200):
            return end(self)
        json = not isinstance(body, bytes | Pieces) and not (
            isinstance(body, str) and reply.content_type != "application/json"
        )
        self.set_header("Content-Type", "application/json" if json else reply.content_type)
        if isinstance(body, Pieces):
            return await write_pieces(self, body)
        raw: bytes = orjson.dumps(body) if json else body.encode() if isinstance(body, str) else body
        if len(raw) > PIECE:
            return await write_pieces(self, pieces_of(raw))
        return end(self, raw)

    def _refuse(self, error: GatewayError) -> None:
        end(self, refusal(self, error))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer what nobody foresaw without telling what it was, and methods that no path has."""
        if status_code == 405:
            return self._refuse(self._not_offered())
        error = kwargs.get("exc_info", (None, None, None))[1]
        if isinstance(error, web.HTTPError) and error.status_code < 500:
            self.finish(orjson.dumps(Malformed(error.reason or "The request is not valid.").body()))
            return
        self.set_header("Content-Type", "application/json")
        self.finish(orjson.dumps(Broken(f" (request {self._request_id})").body()))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log what broke, with the request id."""
        if isinstance(value, web.HTTPError) and value.status_code < 500:
            return
        logger.error("request.broken", request_id=self._request_id, path=self.request.path, exc_info=(typ, value, tb))

    def on_connection_close(self) -> None:
        """Tell who waits for the caller's sake that there is nobody any more."""
        super().on_connection_close()
        if self._ctx is not None:
            self._ctx.left()

    def on_finish(self) -> None:
        """Count the request; what a poll waited is not time it took."""
        seconds = time.perf_counter() - self._begun - (self._ctx.waited_s if self._ctx else 0.0)
        note_answered(self._operation, self._request_id, self.get_status(), seconds)


class Router(httputil.HTTPServerConnectionDelegate):
    """Sends special paths to their handlers and everything else through the operation table."""

    def __init__(
        self,
        application: web.Application,
        services: Services,
        ports: Ports,
        origins: frozenset[str],
        special: Mapping[str, tuple[type[web.RequestHandler], dict[str, Any]]],
        proxies: Proxies,
    ) -> None:
        self.proxies = proxies
        self._application = application
        self._services = services
        self._ports = ports
        self._origins = origins
        self._routes = Routes()
        self._special = special

    def start_request(self, server_conn: object, request_conn: httputil.HTTPConnection) -> httputil.HTTPMessageDelegate:
        """Return the delegate that reads one request."""
        return _Delegate(self, request_conn)

    def handler(self, request: HTTPServerRequest) -> httputil.HTTPMessageDelegate:
        """Return the handler of a request."""
        path = request.path if request.path.endswith("/") else request.path + "/"
        special = self._special.get(path)
        if special is not None and request.method == "GET":
            return self._application.get_handler_delegate(request, special[0], special[1])
        match = self._routes.find(request.path)
        if match is not None and request.method == "POST":
            item = match.methods.get("POST")
            if item is not None and usual(item, request):
                return Posted(self._services, self._ports, item, match.path, request)
        arguments = {
            "services": self._services, "ports": self._ports, "match": match,
            "origins": self._origins, "door": special is not None,
        }  # fmt: skip
        return self._application.get_handler_delegate(request, OperationHandler, arguments)


class _Delegate(httputil.HTTPMessageDelegate):
    def __init__(self, router: Router, connection: httputil.HTTPConnection) -> None:
        self._router = router
        self._connection = connection
        self._inner: httputil.HTTPMessageDelegate | None = None

    def headers_received(self, start_line: Any, given: httputil.HTTPHeaders) -> Any:
        request = HTTPServerRequest(connection=self._connection, start_line=start_line, headers=given)
        self._router.proxies.resolve(request)
        self._inner = self._router.handler(request)
        return self._inner.headers_received(start_line, given)

    def data_received(self, chunk: bytes) -> Any:
        assert self._inner is not None
        return self._inner.data_received(chunk)

    def finish(self) -> None:
        assert self._inner is not None
        self._inner.finish()

    def on_connection_close(self) -> None:
        if self._inner is not None:
            self._inner.on_connection_close()
