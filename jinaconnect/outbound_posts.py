"""Requests whose body is there as a whole, over a connection of aiohttp's pool, and their answers.

What a general client does beside that for each request (cookies, redirects, retries, traces, bodies of any kind) costs
more than the request, and nothing that is sent so needs it. The connections, TLS and the reading of HTTP are aiohttp's.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from multidict import CIMultiDictProxy
from yarl import URL

WAYS = 1_000  # addresses whose head is kept, those used last
CONNECT_S = 5.0
PIECE = 64 * 1024  # of an answer, read at once


@dataclass(slots=True)
class Leaving:
    """Whether a request has begun to leave: before that, the other side cannot have acted on it."""

    left: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; with `cut` the body is not whole."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes
    cut: bool


class Posts:
    """Posts over the connections of a session."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        assert session.connector is not None
        self._session = session
        self._connector = session.connector
        self._way = functools.lru_cache(WAYS)(self._made)
        self._timeouts = functools.lru_cache(100)(_timeout)

    async def post(
        self, url: URL, headers: Mapping[str, str], body: bytes, timeout_s: float, limit: int, leaving: Leaving
    ) -> Answer:
        """Post a body and read up to `limit` bytes of the answer; raises what aiohttp raises, and TimeoutError.

        Where an answer has more, its connection is closed and the rest left to the other side.
        """
        way, head = self._way(url, tuple(headers))
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        sent = b"%b%bContent-Length: %d\r\n\r\n%b" % (head, lines.encode(), len(body), body)
        async with asyncio.timeout(timeout_s):
            return await exchange(self._connector, way, self._timeouts(timeout_s), sent, limit, leaving)

    def _made(self, url: URL, given: tuple[str, ...]) -> tuple[ClientRequest, bytes]:
        """Return the request by which a connection is found, and the head of what is sent, without what is given."""
        request, lines = way_to(self._session, url, given)
        return request, f"POST {url.raw_path_qs} HTTP/1.1\r\n{lines}".encode()


def way_to(session: aiohttp.ClientSession, url: URL, given: Sequence[str] = ()) -> tuple[ClientRequest, str]:
    """Return the request by which a session finds a connection, and the header lines of all, without those given."""
    request = ClientRequest(
        "POST", url, headers=session.headers, loop=asyncio.get_running_loop(), session=session,
        skip_auto_headers=[*given, "Content-Type"],
    )  # fmt: skip
    names = {name.lower() for name in (*given, "Content-Length")}
    lines = [f"{name}: {value}\r\n" for name, value in request.headers.items() if name.lower() not in names]
    return request, "".join(lines)


async def exchange(
    connector: aiohttp.BaseConnector, way: ClientRequest, timeouts: aiohttp.ClientTimeout, sent: bytes, limit: int,
    leaving: Leaving,
) -> Answer:  # fmt: skip
    """Send a whole request on a connection and read up to `limit` bytes of the answer; raises what aiohttp raises."""
    connection = await connector.connect(way, [], timeouts)
    try:
        protocol = connection.protocol
        assert protocol is not None
        protocol.set_response_params(auto_decompress=True)
        if protocol.transport is None or protocol.transport.is_closing():
            raise aiohttp.ClientConnectionResetError("The connection was closed.")
        leaving.left = True
        protocol.transport.write(sent)
        answer = await _answer(protocol, limit)
    except BaseException:
        connection.close()
        raise
    if answer.cut:
        connection.close()
    else:
        connection.release()
    return answer


def _timeout(timeout_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=timeout_s, connect=min(timeout_s, CONNECT_S))


async def _answer(protocol: ResponseHandler, limit: int) -> Answer:
    message, content = await protocol.read()
    while 100 <= message.code < 200 and message.code != 101:  # before the answer itself
        message, content = await protocol.read()
    pieces: list[bytes] = []
    size = 0
    while not content.at_eof():
        piece = await content.read(PIECE)
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            return Answer(message.code, message.headers, b"".join(pieces)[:limit], True)
    return Answer(message.code, message.headers, b"".join(pieces), False)
