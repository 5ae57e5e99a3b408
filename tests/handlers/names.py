"""A real DNS server for tests, with the records it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import dns.message
import dns.rcode
import dns.rrset

from tests.conftest import Running


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """Answers TXT questions over UDP; `broken` answers that it cannot."""

    records: dict[str, str] = field(default_factory=dict)
    broken: bool = False
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        question = dns.message.from_wire(data)
        answer = dns.message.make_response(question)
        name = question.question[0].name.to_text(omit_final_dot=True).lower()
        self.asked.append(name)
        if self.broken:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name in self.records:
            text = dns.rrset.from_text(question.question[0].name, 1, "IN", "TXT", f'"{self.records[name]}"')
            answer.answer.append(text)
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), addr)


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    """Run a DNS server."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    try:
        yield server
    finally:
        transport.close()


@contextmanager
def asking(gateway: Running, server: NameServer) -> Iterator[None]:
    """Have a gateway ask a server for the records of domains."""
    records = gateway.ports.records
    before, records._servers = records._servers, (f"127.0.0.1:{server.port}",)
    try:
        yield
    finally:
        records._servers = before
