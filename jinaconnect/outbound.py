"""Everything the gateway asks of the outside goes through here: deadlines, size limits, an SSRF guard on every hop.

Errors say what matters to a sender: `NotSent` (the other side cannot have acted), `Ambiguous` (it may have), `Blocked`
(we do not go there).
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import json as plain
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from jinaconnect import __version__
from jinaconnect.core.errors import GatewayError
from jinaconnect.outbound_posts import CONNECT_S, WAYS, Leaving, Posts

MAX_HOPS = 3
ANSWER_BYTES = 1024 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)
_SCHEMES = ("http", "https")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_LINES = re.compile(r"[\r\n\x00]")

logger = structlog.get_logger(__name__)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# The relays of 6to4 (RFC 7526 took them out of use); the standard library calls them public.
_RELAYS = ipaddress.ip_network("192.88.99.0/24")
# All that is routed on the public IPv6 internet (RFC 4291 section 2.4); what lies outside of it is somebody's own.
_PUBLIC_V6 = ipaddress.ip_network("2000::/3")
# Within it, and not to be gone to: Teredo, which leads to any IPv4 address, and documentation (RFC 9637).
_UNROUTED = (ipaddress.ip_network("2001::/32"), ipaddress.ip_network("3fff::/20"))
# IPv6 networks whose addresses lead to an IPv4 address, and how many bits stand behind it: compatible, mapped,
# translated (RFC 4291, RFC 2765), NAT64 (RFC 6052) and 6to4 (RFC 3056).
_EMBEDDING: tuple[tuple[ipaddress.IPv6Network, int], ...] = (
    (ipaddress.IPv6Network("::/96"), 0),
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),
    (ipaddress.IPv6Network("::ffff:0:0:0/96"), 0),
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),
    (ipaddress.IPv6Network("2002::/16"), 80),
)
_ISATAP = (0x00005EFE, 0x02005EFE)  # upper half of an interface identifier that ends in an IPv4 address (RFC 5214)


class OutboundError(Exception):
    """A request to the outside did not get an answer."""


class Blocked(OutboundError):
    """The address is not one the gateway goes to."""


class NotSent(OutboundError):
    """The request did not reach the other side."""


class Ambiguous(OutboundError):
    """The request went out and no answer came: it may have been acted on."""


class TooLarge(Ambiguous):
    """The answer is larger than asked for, so that nobody has read what it says."""


class Sink(Protocol):
    """A file that an answer is written to as it comes."""

    async def write(self, piece: bytes) -> None:
        """Add a piece."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: status, headers (names lower-case), body and the address it came from."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address leads to, if it does."""
    if not isinstance(address, ipaddress.IPv6Address):
        return None
    number = int(address)
    for network, behind in _EMBEDDING:
        if address in network:
            return ipaddress.IPv4Address(number >> behind & 0xFFFFFFFF)
    if number >> 32 & 0xFFFFFFFF in _ISATAP:
        return ipaddress.IPv4Address(number & 0xFFFFFFFF)
    return None


class Guard:
    """Decides which addresses may be reached: public ones, and the networks the deployment lists."""

    def __init__(self, allow_networks: tuple[str, ...]) -> None:
        self._allowed: tuple[Network, ...] = tuple(ipaddress.ip_network(text, strict=False) for text in allow_networks)

    def allows(self, text: str) -> bool:
        """Tell whether an IP address may be reached; raises ValueError for what is no address.

        An IPv6 address that leads to an IPv4 address is judged by that one.
        """
        address: Address = ipaddress.ip_address(text.partition("%")[0])
        if self.listed(address):
            return True
        inner = _inner(address)
        if inner is not None:
            return self.listed(inner) or self._public(inner)
        return self._public(address)

    def listed(self, address: Address | str) -> bool:
        """Tell whether an address is of a network that the deployment lists."""
        if isinstance(address, str):
            address = ipaddress.ip_address(address.partition("%")[0])
        return any(address.version == network.version and address in network for network in self._allowed)

    @staticmethod
    def _public(address: Address) -> bool:
        if isinstance(address, ipaddress.IPv6Address):
            within = address in _PUBLIC_V6 and not any(address in network for network in _UNROUTED)
        else:
            within = address not in _RELAYS
        return within and address.is_global and not address.is_multicast

    def check_host(self, host: str) -> bool:
        """Tell whether a host is an address; raises Blocked for one not allowed, and for what is no plain name.

        Names that end in a number are read as IPv4 addresses by some (`127.1`, `0x7f.1`, `2130706433`): only the
        usual spelling of an address is taken.
        """
        try:
            allowed = "%" not in host and self.allows(host)
        except ValueError:
            if not (host.isascii() and _NAME.fullmatch(host)):
                raise Blocked("the host is not a host name") from None
            if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
                raise Blocked("the host is no address in its usual form") from None
            return False
        if not allowed:
            raise Blocked("the address is private or reserved")
        return True

    def check_url(self, url: str | URL) -> URL:
        """Return a URL as it will be connected to, looked at in that very form.

        Raises Blocked for one that is not http(s), carries credentials, or names a host that is not gone to.
        """
        try:
            built = URL(url)
            scheme, host = built.scheme, built.raw_host
            secret = built.raw_user is not None or built.raw_password is not None
        except (ValueError, TypeError) as error:
            raise Blocked("the URL is not valid") from error
        if scheme not in _SCHEMES or not host or not built.port:
            raise Blocked("only http and https URLs are fetched")
        if secret:
            raise Blocked("credentials do not belong into a URL")
        self.check_host(host)
        return built


class _GuardedResolver(AbstractResolver):
    def __init__(self, guard: Guard, at_once: int) -> None:
        self._guard = guard
        self._inner = ThreadedResolver()
        self._turns = asyncio.Semaphore(at_once)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            async with self._turns:
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


async def _left(session: Any, context: Any, params: Any) -> None:
    context.trace_request_ctx.left = True


def _joined(current: URL, target: str) -> URL:
    try:
        return current.join(URL(target))
    except (ValueError, TypeError) as error:
        raise Blocked("the URL of a redirect is not valid") from error


class Outbound:
    """The one HTTP client.

    `lookups` are names looked up at once: each holds a thread of the few there are, so those who go to names of
    anybody's choice take only some of them.
    """

    def __init__(self, allow_networks: tuple[str, ...], *, timeout_s: float, lookups: int = 64) -> None:
        self.guard = Guard(allow_networks)
        self._checked = functools.lru_cache(WAYS)(self.guard.check_url)
        self._timeout_s = timeout_s
        self._lookups = lookups
        self._session: aiohttp.ClientSession | None = None
        self._posts: Posts | None = None

    async def start(self) -> None:
        """Open the connection pool."""
        connector = aiohttp.TCPConnector(
            resolver=_GuardedResolver(self.guard, self._lookups), limit=512, limit_per_host=256,
            socket_factory=self._socket,
        )  # fmt: skip
        watch = aiohttp.TraceConfig()
        watch.on_request_headers_sent.append(_left)
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": f"jinaconnect/{__version__}"},
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
            trace_configs=[watch],
        )
        self._posts = Posts(self._session)

    def _socket(self, place: AddrInfoType) -> socket.socket:
        """Make the socket for an address that is about to be connected to, whatever way it was found."""
        family, kind, proto, _, address = place
        if not self.guard.allows(str(address[0])):
            raise _BlockedHost("the address is private or reserved")
        return socket.socket(family, kind, proto)

    async def stop(self) -> None:
        """Close the connection pool."""
        if self._session is not None:
            await self._session.close()

    async def permits(self, host: str) -> bool:
        """Tell whether every address of a host may be reached; False for a name that does not resolve."""
        try:
            self.guard.check_host(host)
        except Blocked:
            return False
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
        into: Sink | None = None,
        cut: bool = False,
    ) -> Fetched:
        """Send one request and return the answer, whatever its status.

        `follow` allows redirects (GET only), each hop guarded. The body of a 200 goes `into` a file where one is given,
        piece by piece. With `cut` no more than `limit` bytes of an answer are read, and it counts as it is. Raises
        Blocked, NotSent, Ambiguous, TooLarge, and what the file raises.
        """
        current, sent = self._checked(url), dict(headers or {})
        if _LINES.search("".join(sent.values())):
            raise Blocked("a header has line breaks")
        for _ in range(MAX_HOPS + 1):
            answer = await self._once(method, current, sent, json, data, timeout_s or self._timeout_s, limit, into, cut)
            target = answer.headers.get("location")
            if not (follow and method == "GET" and answer.status in _REDIRECTS and target):
                return answer
            following = self.guard.check_url(_joined(current, target))
            if following.origin() != current.origin():
                sent.pop("Authorization", None)  # a token is for the host it was given for
            current = following
        raise Blocked("too many redirects")

    async def _once(
        self, method: str, url: URL, headers: dict[str, str], json: Any, data: Any, timeout_s: float, limit: int,
        into: Sink | None, cut: bool,
    ) -> Fetched:  # fmt: skip
        leaving = Leaving()
        try:
            if method == "POST" and into is None and (data is None or isinstance(data, bytes)):
                return await self._posted(url, headers, json, data, timeout_s, limit, cut, leaving)
            return await self._asked(method, url, headers, json, data, timeout_s, limit, into, cut, leaving)
        except (OutboundError, GatewayError):
            raise
        except Exception as error:
            cause: BaseException | None = error
            while cause is not None:
                if isinstance(cause, _BlockedHost):
                    raise Blocked(str(cause)) from error
                cause = cause.__cause__ or getattr(cause, "os_error", None)
            if not leaving.left:
                raise NotSent(f"{url.authority} cannot be reached: {type(error).__name__}") from error
            raise Ambiguous(f"{url.authority} did not answer: {type(error).__name__}") from error

    async def _posted(
        self, url: URL, headers: dict[str, str], json: Any, data: bytes | None, timeout_s: float, limit: int, cut: bool,
        leaving: Leaving,
    ) -> Fetched:  # fmt: skip
        assert self._posts is not None, "start() comes first"
        if json is not None:
            data, headers = plain.dumps(json).encode(), {"Content-Type": "application/json", **headers}
        answer = await self._posts.post(url, headers, data or b"", timeout_s, limit, leaving)
        if answer.cut and not cut:
            raise TooLarge(f"the answer has more than {limit} bytes")
        return self._fetched("POST", url, answer.status, answer.headers, answer.body)

    async def _asked(
        self, method: str, url: URL, headers: dict[str, str], json: Any, data: Any, timeout_s: float, limit: int,
        into: Sink | None, cut: bool, leaving: Leaving,
    ) -> Fetched:  # fmt: skip
        assert self._session is not None, "start() comes first"
        timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(timeout_s, CONNECT_S))
        async with self._session.request(
            method, url, headers=headers, json=json, data=data, timeout=timeout, allow_redirects=False,
            trace_request_ctx=leaving,
        ) as response:  # fmt: skip
            body = await self._body(response, limit, into if response.status == 200 else None, cut)
            return self._fetched(method, url, response.status, response.headers, body)

    @staticmethod
    def _fetched(method: str, url: URL, status: int, headers: Mapping[str, str], body: bytes) -> Fetched:
        logger.debug("outbound", method=method, host=url.authority, status=status)
        return Fetched(status, {name.lower(): value for name, value in headers.items()}, body, str(url))

    @staticmethod
    async def _body(response: aiohttp.ClientResponse, limit: int, into: Sink | None, cut: bool) -> bytes:
        told = response.content_length
        if into is None and told is not None and told <= limit and "Content-Encoding" not in response.headers:
            return await response.read()  # which is all there can be
        chunks: list[bytes] = []
        size = 0
        async for chunk in response.content.iter_chunked(65_536):
            size += len(chunk)
            if size > limit and cut:
                response.close()  # the rest stays with whoever sends it
                return b"".join([*chunks, chunk])[:limit]
            if size > limit:
                raise TooLarge(f"the answer has more than {limit} bytes")
            if into is None:
                chunks.append(chunk)
            else:
                await into.write(chunk)
        return b"".join(chunks)
