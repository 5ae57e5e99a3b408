"""Writing an answer to somebody who may not read it: a piece at a time, each within a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import structlog
from tornado import web
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPServerRequest
from tornado.iostream import StreamClosedError

from jinaconnect.core.errors import Unavailable
from jinaconnect.handlers.edge.operation import Pieces

PIECE = 64 * 1024
PIECE_S = 30.0  # a reader that does not take a piece within this is gone

logger = structlog.get_logger("http")


def pieces_of(body: bytes) -> Pieces:
    """Return an answer that is at hand as pieces."""

    async def cut() -> AsyncIterator[bytes]:
        for start in range(0, len(body), PIECE):
            yield body[start : start + PIECE]

    return Pieces(len(body), cut())


async def write_pieces(handler: web.RequestHandler, body: Pieces) -> None:
    """Write an answer and end it; a reader that does not read, or a source that breaks, ends the connection."""
    if body.size is not None:
        handler.set_header("Content-Length", str(body.size))
    if handler.request.method != "HEAD":
        try:
            async for piece in body.source:
                handler.write(piece)
                if not await _taken(handler.flush()):
                    return _cut(handler.request)
        except StreamClosedError:
            return None
        except Unavailable:
            return _cut(handler.request)
    return end(handler)


def end(handler: web.RequestHandler, body: bytes | None = None) -> None:
    """End an answer; what the kernel does not take at once is waited for no longer than any piece."""
    watched(handler.request, handler.finish(body))


def watched(request: HTTPServerRequest, future: asyncio.Future[None]) -> None:
    """See to it that an answer on its way is taken in time, or its connection ends."""
    if not future.done():
        task = asyncio.ensure_future(_watch(request, future))
        _watching.add(task)
        task.add_done_callback(_watching.discard)


_watching: set[asyncio.Future[None]] = set()


async def _watch(request: HTTPServerRequest, future: asyncio.Future[None]) -> None:
    try:
        if not await _taken(future):
            _cut(request)
    except StreamClosedError:
        pass


async def _taken(future: asyncio.Future[None]) -> bool:
    """Tell whether a piece went out in time; raises StreamClosedError when the reader has left."""
    if not future.done():
        await asyncio.wait([future], timeout=PIECE_S)
    if future.done():
        future.result()
        return True
    future.add_done_callback(_forget)
    return False


def _forget(future: asyncio.Future[None]) -> None:
    if not future.cancelled():
        future.exception()


def _cut(request: HTTPServerRequest) -> None:
    logger.info("answer.cut", path=request.path)
    connection = request.connection
    assert isinstance(connection, HTTP1Connection)
    connection.close()
