"""Requests to one Asterisk: a small pool of kept connections, a deadline on each, errors of one tree.

The password goes into the Authorization header (RFC 7617) only: never into a URL, a log line or an error.
"""

from __future__ import annotations

import asyncio
import base64
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
import orjson
from aiohttp.client_reqrep import ClientRequest
from pydantic import TypeAdapter, ValidationError
from yarl import URL

from jinaconnect.outbound_posts import Answer, Leaving, exchange, way_to
from jinaconnect.telephony.ari.errors import AriProtocol, AriTimeout, AriUnreachable, refusal

T = TypeVar("T")

Value = str | int | bool | None
Query = Mapping[str, Value]
KEPT_TIMES = 512
SAID = 2000  # bytes of a refusal that are read
PIECE = 64 << 10  # bytes of a file in memory
# Asterisk closes an idle connection after session_keep_alive (15 s in the configuration we carry); a connection
# is given up before that, so that no request is written into one that is just being closed.
KEEP_S = 10.0
_WITH_BODY = ("POST", "PUT")  # whose length is told also where it is none (RFC 9110 §8.6)
_NO_TIMEOUT = aiohttp.ClientTimeout(total=None)  # the deadline is ours


class RequestTimes(NamedTuple):
    """Time to the answer over the last requests that had one, in milliseconds; None before the first."""

    answered: int
    p50_ms: float | None
    p99_ms: float | None


class AriHttp:
    """The HTTP side of ARI.

    `base_url` is the root of Asterisk's HTTP server, for example `http://127.0.0.1:8088`. `deadline_s` covers a whole
    request from the wait for a connection to the last byte.
    """

    def __init__(
        self, base_url: str, user: str, password: str, *, deadline_s: float = 5.0, connections: int = 16
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.authorization = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self.deadline_s = deadline_s
        self._connections = connections
        self._root = URL(self.base_url)
        self._session: aiohttp.ClientSession | None = None
        self._way: tuple[ClientRequest, str] | None = None
        self._times: deque[float] = deque(maxlen=KEPT_TIMES)

    async def close(self) -> None:
        """Close the pool; requests under way fail as unreachable."""
        if self._session is not None:
            await self._session.close()
            self._session = self._way = None

    def times(self) -> RequestTimes:
        """Return percentiles over the last 512 answered requests."""
        ordered = sorted(self._times)
        if not ordered:
            return RequestTimes(0, None, None)
        last = len(ordered) - 1
        return RequestTimes(len(ordered), ordered[round(last * 0.5)], ordered[round(last * 0.99)])

    async def call(
        self, method: str, template: str, /, *, path: Mapping[str, str] | None = None,
        query: Query | None = None, body: Any = None, deadline_s: float | None = None,
    ) -> None:  # fmt: skip
        """Send a request whose answer has no content of interest."""
        await self.raw(method, "/ari" + template, path=path, query=query, body=body, deadline_s=deadline_s)

    async def ask(
        self, adapter: TypeAdapter[T], method: str, template: str, /, *, path: Mapping[str, str] | None = None,
        query: Query | None = None, body: Any = None, deadline_s: float | None = None,
    ) -> T:  # fmt: skip
        """Send a request and return its answer as a value; raises AriProtocol where the answer does not fit."""
        data = await self.raw(method, "/ari" + template, path=path, query=query, body=body, deadline_s=deadline_s)
        try:
            return adapter.validate_json(data)
        except ValidationError as error:
            raise AriProtocol(f"{method} {template}: {error.error_count()} fields of the answer do not fit") from None

    async def raw(
        self, method: str, template: str, *, path: Mapping[str, str] | None = None,
        query: Query | None = None, body: Any = None, deadline_s: float | None = None,
        limit: int = 16 << 20,
    ) -> bytes:  # fmt: skip
        """Send one request and return the bytes of a 2xx answer, at most `limit` of them.

        `template` names path parameters in braces. Raises AriUnreachable, AriTimeout, AriRefused (AriDenied,
        AriNotFound, AriConflict, AriTrunkDown) and AriProtocol for an answer above the limit.
        """
        deadline = self.deadline_s if deadline_s is None else deadline_s
        request = f"{method} {template}"
        started = time.perf_counter()
        with _told(request, deadline):
            async with asyncio.timeout(deadline):
                answer = await self._exchange(method, self._target(template, path, query), body, limit)
        self._times.append((time.perf_counter() - started) * 1000)
        if not 200 <= answer.status < 300:
            raise refusal(request, answer.status, _message(answer.body))
        if answer.cut:
            raise AriProtocol(f"{request}: the answer is larger than {limit} bytes")
        return answer.body

    async def pieces(
        self, method: str, template: str, take: Callable[[bytes], Awaitable[None]], *, path: Mapping[str, str],
        limit: int, deadline_s: float,
    ) -> None:  # fmt: skip
        """Send one request and give the bytes of a 2xx answer to `take` as they come; raises as `raw`.

        The deadline covers the last of them, and what `take` does with it.
        """
        request = f"{method} {template}"
        url = self._root.join(URL(self._target(template, path, None), encoded=True))
        with _told(request, deadline_s):
            async with (
                asyncio.timeout(deadline_s), self._pool().request(method, url, allow_redirects=False) as answer
            ):  # fmt: skip
                if not 200 <= answer.status < 300:
                    raise refusal(request, answer.status, _message(await answer.content.read(SAID)))
                size = 0
                async for piece in answer.content.iter_chunked(PIECE):
                    size += len(piece)
                    if size > limit:
                        answer.close()
                        raise AriProtocol(f"{request}: the answer is larger than {limit} bytes")
                    await take(piece)

    async def _exchange(self, method: str, target: str, body: Any, limit: int) -> Answer:
        connector = self._pool().connector
        assert connector is not None
        assert self._way is not None
        way, lines = self._way
        data = b"" if body is None else orjson.dumps(body)
        kind = "" if body is None else "Content-Type: application/json\r\n"
        length = f"Content-Length: {len(data)}\r\n" if data or method in _WITH_BODY else ""
        sent = f"{method} {target} HTTP/1.1\r\n{lines}{kind}{length}\r\n".encode() + data
        return await exchange(connector, way, _NO_TIMEOUT, sent, limit, Leaving())

    def _target(self, template: str, path: Mapping[str, str] | None, query: Query | None) -> str:
        filled = template
        for name, value in (path or {}).items():
            filled = filled.replace("{" + name + "}", quote(value, safe=""))
        given = {name: _text(value) for name, value in (query or {}).items() if value is not None}
        question = "?" + urlencode(given, quote_via=quote) if given else ""
        return f"{self._root.raw_path.rstrip('/')}{filled}{question}"

    def _pool(self) -> aiohttp.ClientSession:
        """Return the session whose connections are used; it is made within the loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=KEEP_S),
                headers={"Authorization": self.authorization},
                timeout=_NO_TIMEOUT,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
            self._way = way_to(self._session, self._root)
        return self._session


@contextmanager
def _told(request: str, deadline_s: float) -> Iterator[None]:
    """Turn what goes wrong on the way into errors of ours."""
    try:
        yield
    except TimeoutError:
        raise AriTimeout(f"{request}: no answer in {deadline_s:g} s", deadline_s=deadline_s) from None
    except aiohttp.ClientConnectorError as error:
        raise AriUnreachable(f"{request}: no connection ({error.os_error.strerror})") from None
    except (aiohttp.ClientError, OSError) as error:
        raise AriUnreachable(f"{request}: connection broke ({type(error).__name__})", uncertain=True) from None


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _message(data: bytes) -> str:
    """Return the text of Asterisk's error object (`message`, or `error`), or the body as it is."""
    text = data[:SAID].decode("utf-8", "replace")
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        return text
    return str(found.get("message") or found.get("error") or text) if isinstance(found, dict) else text
