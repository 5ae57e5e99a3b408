"""What a carrier posts, answered without a request handler: most of what a busy gateway is asked, and the barest of it.

`usual` says which requests go this way. One with anything else about it (a query, a body of unknown length, an origin)
goes through `OperationHandler`, as all others do, and is answered alike.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from http.client import responses

import orjson
import structlog
from tornado import httputil
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders, HTTPServerRequest

from jinaconnect.actions.context import Caller, OperationContext, Services
from jinaconnect.actions.ports import Ports
from jinaconnect.core.errors import Broken, GatewayError
from jinaconnect.core.permissions import PUBLIC
from jinaconnect.handlers.edge.doors.noted import note_answered, request_id
from jinaconnect.handlers.edge.headers import ALWAYS
from jinaconnect.handlers.edge.operation import Operation, Pieces, Reply, perform
from jinaconnect.handlers.edge.refusing import refusal
from jinaconnect.handlers.edge.writing import PIECE, watched

_LENGTH = re.compile(r"[0-9]{1,18}")
_answering: set[asyncio.Task[None]] = set()

logger = structlog.get_logger("http")


def usual(item: Operation, request: HTTPServerRequest) -> bool:
    """Tell whether a request is no more than a body that its operation takes as it is."""
    if not item.raw or item.limited or item.permission != PUBLIC or request.query:
        return False
    given = request.headers
    length = given.get("Content-Length", "")
    fits = _LENGTH.fullmatch(length) is not None and int(length) <= item.limit
    return fits and "Origin" not in given and "Transfer-Encoding" not in given


class Posted(httputil.HTTPMessageDelegate):
    """Reads one body, runs its operation and answers."""

    def __init__(
        self, services: Services, ports: Ports, item: Operation, path: Mapping[str, str], request: HTTPServerRequest
    ) -> None:  # fmt: skip
        self._begun = time.perf_counter()
        self._services = services
        self._ports = ports
        self._item = item
        self._path = path
        self._request = request
        self._id = request_id(services, request.headers)
        self._chunks: list[bytes] = []
        self._ctx: OperationContext | None = None
        self._status = 200
        self._headers = HTTPHeaders(_begun(int(time.time())))
        self._headers["X-Request-Id"] = self._id
        connection = request.connection
        assert isinstance(connection, HTTP1Connection)
        self._connection = connection
        connection.set_max_body_size(item.limit)

    def data_received(self, chunk: bytes) -> None:
        """Gather the body."""
        self._chunks.append(chunk)

    def finish(self) -> None:
        """Answer the body, which is whole."""
        task = asyncio.get_running_loop().create_task(self._run())
        _answering.add(task)
        task.add_done_callback(_answering.discard)

    def on_connection_close(self) -> None:
        """Tell who waits for the caller's sake that there is nobody any more."""
        if self._ctx is not None:
            self._ctx.left()

    def set_status(self, status: int) -> None:
        """Choose the status of the answer."""
        self._status = status

    def set_header(self, name: str, value: str) -> None:
        """Set a header of the answer."""
        self._headers[name] = value

    async def _run(self) -> None:
        try:
            body = self._body(await self._reply())
        except GatewayError as error:
            body = refusal(self, error)
        except Exception as error:
            logger.error("request.broken", request_id=self._id, path=self._request.path, exc_info=error)
            body = refusal(self, Broken(f" (request {self._id})"))
        self._write(body)
        note_answered(self._item, self._id, self._status, time.perf_counter() - self._begun)

    async def _reply(self) -> Reply:
        request, given = self._request, self._request.headers
        base = self._services.settings.public_url or f"{request.protocol}://{request.host}"
        caller = Caller(
            self._id, request.remote_ip or "", given.get("User-Agent", "")[:512], base + request.path,
            headers=given, method="POST",
        )  # fmt: skip
        self._ctx = OperationContext(self._services, self._ports, None, caller)
        body = b"".join(self._chunks)
        self._chunks.clear()  # a body is in memory once
        return await perform(self._item, self._ctx, self._path, body)

    def _body(self, reply: Reply) -> bytes:
        """Take status and headers of a reply; returns its body."""
        self._status = reply.status
        for name, value in reply.headers.items():
            self._headers[name] = value
        body = reply.body
        assert not isinstance(body, Pieces), "what is posted is answered in a few words"
        if body is None and reply.status != 200:
            return b""
        if isinstance(body, bytes) or (isinstance(body, str) and reply.content_type != "application/json"):
            self._headers["Content-Type"] = reply.content_type
            return body if isinstance(body, bytes) else body.encode()
        self._headers["Content-Type"] = "application/json"
        return orjson.dumps(body)

    def _write(self, body: bytes) -> None:
        assert len(body) <= PIECE
        if self._status != 204:
            self._headers["Content-Length"] = str(len(body))
        reason = responses.get(self._status, "Unknown")
        line = httputil.ResponseStartLine("", self._status, reason)
        future = self._connection.write_headers(line, self._headers, body)
        self._connection.finish()
        watched(self._request, future)


_kept: tuple[int, HTTPHeaders] = (0, HTTPHeaders())


def _begun(second: int) -> HTTPHeaders:
    """Return the headers every answer of a second begins with."""
    global _kept
    if _kept[0] != second:
        _kept = (second, HTTPHeaders({"Date": httputil.format_timestamp(second), **ALWAYS}))
    return _kept[1]
