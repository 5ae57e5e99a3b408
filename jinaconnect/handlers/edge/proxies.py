"""Where a request comes from, behind reverse proxies that are named in the configuration and nobody else."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from tornado.httputil import HTTPServerRequest


class Proxies:
    """Reads X-Forwarded-For and X-Forwarded-Proto of the proxies that are trusted (addresses or networks)."""

    def __init__(self, trusted: Iterable[str]) -> None:
        self._trusted = [ipaddress.ip_network(each, strict=False) for each in trusted]

    def resolve(self, request: HTTPServerRequest) -> None:
        """Put the client's own address and scheme into a request.

        Every proxy appends whom it was asked by, so the list is read from the right, as far as each speaker is
        trusted; what stands further left was written by the client. X-Real-Ip has no such order and is not read.
        """
        address = _address(request.remote_ip or "")
        if address is None:
            return
        if self._trusts(address):
            for hop in reversed(",".join(request.headers.get_list("X-Forwarded-For")).split(",")):
                asked_by = _address(hop)
                if asked_by is None:
                    break
                address = asked_by
                if not self._trusts(address):
                    break
            scheme = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
            if scheme in ("http", "https"):
                request.protocol = scheme
        request.remote_ip = str(address)

    def _trusts(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._trusted)


@functools.lru_cache(maxsize=10_000)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in a hop, which may have brackets and a port; IPv4 inside IPv6 is IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
