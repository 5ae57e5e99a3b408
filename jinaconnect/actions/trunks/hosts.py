"""Which hosts of carriers and telephones may be called: never one of ours or of the network around us."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network

from jinaconnect.actions.context import Services
from jinaconnect.core.errors import Invalid
from jinaconnect.outbound import Blocked
from jinaconnect.telephony.trunks.credentials import SipCredentials, split_port
from jinaconnect.telephony.trunks.srv import SrvUnknown, sip_servers

# Prefix of the widest network a carrier may call from: carriers publish narrower ones, and a wider one would claim
# the callers of others. It also bounds how many parts are looked at.
WIDEST = {4: 16, 6: 32}
ONLY_IPV4 = "has only an IPv6 address: carriers and telephones are reached over IPv4"


def hosts_of(credentials: SipCredentials) -> list[str]:
    """Return the hosts and networks a trunk names, its proxy first."""
    proxy = split_port(credentials.sip_proxy)[0].strip("[]")
    return [each.lower() for each in (proxy, *credentials.inbound_hosts)]


@dataclass(frozen=True, slots=True)
class Places:
    """Where calls of a trunk come from: names, and the ranges of addresses (IP version, first, last) they stand for."""

    names: frozenset[str] = frozenset()
    ranges: tuple[tuple[int, int, int], ...] = ()

    def meet(self, other: Places) -> bool:
        """Tell whether a call could be of both."""
        if self.names & other.names:
            return True
        mine, theirs = list(self.ranges), list(other.ranges)  # each in order
        while mine and theirs:
            one, two = mine[-1], theirs[-1]
            if one[0] == two[0] and one[1] <= two[2] and two[1] <= one[2]:
                return True
            # The one that ends last can meet nothing further down.
            (mine if (one[0], one[2]) >= (two[0], two[2]) else theirs).pop()
        return False


class Neighbourhood:
    """Trunks by their places; answers which of them a call could be of without going through all."""

    def __init__(self, places: Mapping[str, Places]) -> None:
        self._places = places
        self._named: defaultdict[str, set[str]] = defaultdict(set)
        self._ranges: list[tuple[int, int, int, str]] = []
        self._widest = {4: 0, 6: 0}
        for id, each in places.items():
            for name in each.names:
                self._named[name].add(id)
            for version, first, last in each.ranges:
                self._ranges.append((version, first, last, id))
                self._widest[version] = max(self._widest[version], last - first)
        self._ranges.sort()

    def of(self, id: str) -> frozenset[str]:
        """Return the trunks whose places meet those of a trunk, itself among them."""
        own, found = self._places.get(id, Places()), {id}
        for name in own.names:
            found |= self._named[name]
        for version, first, last in own.ranges:
            # Ranges are in the order of their first address: none that begins further down reaches this one.
            at = bisect_left(self._ranges, (version, first - self._widest[version]))
            while at < len(self._ranges) and self._ranges[at][:2] <= (version, last):
                if self._ranges[at][2] >= first:
                    found.add(self._ranges[at][3])
                at += 1
        return frozenset(found)


async def places_of(services: Services, hosts: Iterable[str]) -> Places:
    """Return the places hosts stand for now; a name that does not resolve stands for itself."""
    names: set[str] = set()
    found: set[str] = set()
    for host in hosts:
        if _is_network(host):
            found.add(host)
            continue
        names.add(host.rstrip("."))
        try:
            servers = await sip_servers(host)
        except SrvUnknown:
            servers = []
        for name in (*servers, host):
            found.update(await services.outbound.addresses(name))
    return Places(frozenset(names), ranges_of(found))


def ranges_of(networks: Iterable[str]) -> tuple[tuple[int, int, int], ...]:
    """Return networks and addresses as ranges in order, none of which touch."""
    parsed = [ip_network(each, strict=False) for each in networks]
    old = collapse_addresses(each for each in parsed if isinstance(each, IPv4Network))
    new = collapse_addresses(each for each in parsed if isinstance(each, IPv6Network))
    return (*((4, int(each[0]), int(each[-1])) for each in old), *((6, int(each[0]), int(each[-1])) for each in new))


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


async def check_sip_hosts(services: Services, credentials: SipCredentials) -> None:
    """Raise Invalid on `credentials` where a host of the trunk is internal or does not resolve."""
    for host in dict.fromkeys(hosts_of(credentials)):
        if "/" in host:
            _check_network(services, host)
        elif not await sip_host_permitted(services, host):
            raise Invalid.field("credentials", f"{host}: is not an address that may be called")
    if not await has_ipv4(services, hosts_of(credentials)[0]):
        raise Invalid.field("credentials.sip_proxy", ONLY_IPV4)


async def has_ipv4(services: Services, host: str) -> bool:
    """Tell whether a host has an IPv4 address, or is one: Asterisk's transports are bound to such.

    A name that does not resolve now may have one later.
    """
    try:
        return ip_address(host.partition("%")[0]).version == 4
    except ValueError:
        pass
    try:
        servers = await sip_servers(host)
    except SrvUnknown:
        servers = []
    found = [each for name in (*servers, host) for each in await services.outbound.addresses(name)]
    return not found or any(":" not in each for each in found)


async def sip_host_permitted(services: Services, host: str) -> bool:
    """Tell whether SIP may go to a host: to all of its addresses, and to all its SRV records lead to."""
    outbound = services.outbound
    try:
        if outbound.guard.check_host(host):
            return True  # an address, which has no records
        servers = await sip_servers(host)
    except (Blocked, SrvUnknown):
        return False
    # A domain with records needs no address of its own, but where it has one that may be called too.
    names = [*servers, host] if not servers or await outbound.addresses(host) else servers
    return all(await asyncio.gather(*map(outbound.permits, names)))


def _check_network(services: Services, text: str) -> None:
    network = ip_network(text, strict=False)
    if network.prefixlen < WIDEST[network.version]:
        raise Invalid.field("credentials", f"{text}: must not be wider than /{WIDEST[network.version]}")
    # Reserved IPv4 networks (RFC 6890) are /24 or wider, so that each part lies within one or outside all.
    parts = network.subnets(new_prefix=max(24, network.prefixlen)) if isinstance(network, IPv4Network) else (network,)
    if not all(services.outbound.guard.allows(str(end)) for part in parts for end in (part[0], part[-1])):
        raise Invalid.field("credentials", f"{text}: is not a network that may be called")
