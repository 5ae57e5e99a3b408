"""SIP servers by SRV records, which an Asterisk follows before it asks for a host's address."""

from __future__ import annotations

import asyncio

import dns.asyncresolver
from dns.exception import DNSException
from dns.resolver import NXDOMAIN, NoAnswer, NoResolverConfiguration

SERVICES = ("_sip._udp", "_sip._tcp", "_sips._tcp")
PATIENCE_S = 3.0


class SrvUnknown(Exception):
    """The name servers do not say whether there are records."""


async def sip_servers(domain: str) -> list[str]:
    """Return the hosts a domain's SRV records name (RFC 3263 section 4.2), none where it has none.

    Raises SrvUnknown.
    """
    found = await asyncio.gather(*(_service(f"{service}.{domain}") for service in SERVICES))
    return sorted({host for hosts in found for host in hosts})


async def _service(name: str) -> list[str]:
    try:
        answer = await dns.asyncresolver.resolve(name, "SRV", lifetime=PATIENCE_S, search=False)
    except (NXDOMAIN, NoAnswer, NoResolverConfiguration):
        return []
    except (DNSException, OSError) as error:
        raise SrvUnknown(str(error)) from error
    return [str(row.target).rstrip(".").lower() for row in answer if str(row.target) != "."]
