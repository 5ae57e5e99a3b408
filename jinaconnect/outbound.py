"""Everything the gateway asks of the outside goes through here: deadlines, size limits, an SSRF guard on every hop.

Errors say what matters to a sender: `NotSent` (the other side cannot have acted), `Ambiguous` (it may have), `Blocked`
(we do not go there).
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from jinaconnect import __version__

MAX_HOPS = 3
ANSWER_BYTES = 1024 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)
_NEVER = ("http", "https")

logger = structlog.get_logger(__name__)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class OutboundError(Exception):
    """A request to the outside did not get an answer."""


class Blocked(OutboundError):
    """The address is not one the gateway goes to."""


class NotSent(OutboundError):
    """The request did not reach the other side."""


class Ambiguous(OutboundError):
    """The request went out and no answer came: it may have been acted on."""


class TooLarge(OutboundError):
    """The answer is larger than asked for."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: status, headers (names lower-case), body and the address it came from."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Guard:
    """Decides which addresses may be reached: public ones, and the networks the deployment lists."""

    def __init__(self, allow_networks: tuple[str, ...]) -> None:
        self._allowed: tuple[Network, ...] = tuple(ipaddress.ip_network(text, strict=False) for text in allow_networks)

    def allows(self, text: str) -> bool:
        """Tell whether an IP address may be reached."""
        address = ipaddress.ip_address(text.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if any(address.version == network.version and address in network for network in self._allowed):
            return True
        return address.is_global and not address.is_multicast

    def check_url(self, url: str) -> None:
        """Raise Blocked for a URL that is not http(s), carries credentials, or names an address not allowed."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise Blocked("the URL is not valid") from error
        if parts.scheme not in _NEVER or not host:
            raise Blocked("only http and https URLs are fetched")
        if parts.username is not None or parts.password is not None:
            raise Blocked("credentials do not belong into a URL")
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return
        if not self.allows(host):
            raise Blocked("the address is private or reserved")


class _GuardedResolver(AbstractResolver):
    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            found = await self._inner.resolve(host, port, family)
        except UnicodeError as error:  # a label that is empty or too long for IDNA
            raise OSError(f"{host[:80]} is no host name") from error
        good = [entry for entry in found if self._guard.allows(entry["host"])]
        if not good:
            raise _BlockedHost(f"{host} resolves to a private or reserved address")
        return good

    async def close(self) -> None:
        await self._inner.close()


class _BlockedHost(OSError):
    """Raised inside the resolver; becomes Blocked."""


class Outbound:
    """The one HTTP client."""

    def __init__(self, allow_networks: tuple[str, ...], *, timeout_s: float) -> None:
        self.guard = Guard(allow_networks)
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connection pool."""
        connector = aiohttp.TCPConnector(resolver=_GuardedResolver(self.guard), limit=200, limit_per_host=50)
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": f"jinaconnect/{__version__}"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
        )

    async def stop(self) -> None:
        """Close the connection pool."""
        if self._session is not None:
            await self._session.close()

    async def permits(self, host: str) -> bool:
        """Tell whether every address of a host may be reached; False for a name that does not resolve."""
        try:
            return self.guard.allows(host)
        except ValueError:
            pass  # a name
        found = await self.addresses(host)
        return bool(found) and all(map(self.guard.allows, found))

    async def addresses(self, host: str) -> list[str]:
        """Return the addresses of a name, none where it does not resolve."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # the latter for a label that is empty or too long (RFC 1035 section 2.3.4)
            return []
        return [str(entry[4][0]) for entry in found]

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: Any = None,
        timeout_s: float | None = None,
        limit: int = ANSWER_BYTES,
        follow: bool = False,
    ) -> Fetched:
        """Send one request and return the answer, whatever its status.

        `follow` allows redirects (GET only), each hop guarded. Raises Blocked, NotSent, Ambiguous, TooLarge.
        """
        current, sent = url, dict(headers or {})
        for _ in range(MAX_HOPS + 1):
            answer = await self._once(method, current, sent, json, data, timeout_s or self._timeout_s, limit)
            target = answer.headers.get("location")
            if not (follow and method == "GET" and answer.status in _REDIRECTS and target):
                return answer
            following = urljoin(current, target)
            if urlsplit(following).netloc != urlsplit(current).netloc:
                sent.pop("Authorization", None)  # a token is for the host it was given for
            current = following
        raise Blocked("too many redirects")

    async def _once(
        self, method: str, url: str, headers: dict[str, str], json: Any, data: Any, timeout_s: float, limit: int
    ) -> Fetched:
        assert self._session is not None, "start() comes first"
        self.guard.check_url(url)
        timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(timeout_s, 5.0))
        host = urlsplit(url).netloc
        try:
            async with self._session.request(
                method, url, headers=headers, json=json, data=data, timeout=timeout, allow_redirects=False
            ) as response:
                body = await self._body(response, limit)
                names = {name.lower(): value for name, value in response.headers.items()}
                logger.debug("outbound", method=method, host=host, status=response.status)
                return Fetched(response.status, names, body, url)
        except aiohttp.ClientConnectorError as error:
            cause: BaseException | None = error.os_error
            while cause is not None:
                if isinstance(cause, _BlockedHost):
                    raise Blocked(str(cause)) from error
                cause = cause.__cause__
            raise NotSent(f"{host} cannot be reached") from error
        except aiohttp.ConnectionTimeoutError as error:
            raise NotSent(f"{host} cannot be reached") from error
        except (TimeoutError, aiohttp.ClientError, asyncio.IncompleteReadError) as error:
            raise Ambiguous(f"{host} did not answer: {type(error).__name__}") from error

    @staticmethod
    async def _body(response: aiohttp.ClientResponse, limit: int) -> bytes:
        chunks, size = [], 0
        async for chunk in response.content.iter_chunked(65_536):
            size += len(chunk)
            if size > limit:
                raise TooLarge(f"the answer has more than {limit} bytes")
            chunks.append(chunk)
        return b"".join(chunks)
