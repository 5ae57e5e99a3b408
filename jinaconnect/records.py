"""What domains say of themselves: TXT records, asked of the machine's name servers or of those the settings name."""

from __future__ import annotations

import dns.asyncresolver
from dns.exception import DNSException
from dns.nameserver import Do53Nameserver
from dns.resolver import NXDOMAIN, NoAnswer, NoNameservers

PATIENCE_S = 5.0


class RecordsUnknown(Exception):
    """The name servers do not say whether there are records."""


class Records:
    """Asks for records; `servers` are `address` or `address:port`, none: the machine's own."""

    def __init__(self, servers: tuple[str, ...] = ()) -> None:
        self._servers = servers

    async def texts(self, name: str) -> list[str]:
        """Return the TXT records of a name, none where there is no such name; raises RecordsUnknown."""
        try:
            answer = await self._resolver().resolve(name, "TXT", lifetime=PATIENCE_S, search=False)
        except (NXDOMAIN, NoAnswer):
            return []
        except (DNSException, NoNameservers, OSError) as error:
            raise RecordsUnknown(str(error)) from error
        return [b"".join(row.strings).decode(errors="replace") for row in answer]

    def _resolver(self) -> dns.asyncresolver.Resolver:
        if not self._servers:
            return dns.asyncresolver.Resolver()
        resolver = dns.asyncresolver.Resolver(configure=False)
        split = (each.rpartition(":") if each.count(":") == 1 else (each, "", "53") for each in self._servers)
        resolver.nameservers = [Do53Nameserver(address, int(port)) for address, _, port in split]
        return resolver
