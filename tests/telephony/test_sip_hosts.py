"""Hosts SIP may go to: what the SRV records of a real name server lead to counts like the host itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import cast

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from jinaconnect.actions.trunks.hosts import sip_host_permitted
from jinaconnect.outbound import Outbound
from jinaconnect.telephony.trunks.srv import SrvUnknown, sip_servers
from tests.conftest import Running

INSIDE = ("127.0.0.0/8", "::1/128")


class NameServer(asyncio.DatagramProtocol):
    """Answers SRV questions (RFC 2782) from a table; a domain in `broken` is refused."""

    def __init__(self) -> None:
        self.records: dict[str, list[str]] = {}
        self.broken: set[str] = set()
        self.asked: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is open."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        """Answer a question."""
        query = dns.message.from_wire(data)
        name = query.question[0].name.to_text().rstrip(".")
        self.asked.append(name)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if name.partition(".")[2].partition(".")[2] in self.broken:
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif name in self.records:
            answer.answer.append(dns.rrset.from_text_list(query.question[0].name, 60, "IN", "SRV", self.records[name]))
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(answer.to_wire(), address)


@pytest.fixture
async def names(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NameServer]:
    """A name server that the resolver asks."""
    server = NameServer()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: server, local_addr=("127.0.0.1", 0)
    )
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], transport.get_extra_info("sockname")[1]
    monkeypatch.setattr(dns.asyncresolver, "default_resolver", resolver)
    yield server
    transport.close()


async def permitted(gateway: Running, host: str, networks: tuple[str, ...] = INSIDE) -> bool:
    """Ask with an outbound guard of one's own."""
    services = replace(gateway.services, outbound=Outbound(networks, timeout_s=1))
    return await sip_host_permitted(services, host)


async def test_the_records_of_every_transport_are_followed(names: NameServer) -> None:
    names.records = {
        "_sip._udp.carrier.invalid": ["10 5 5060 a.carrier.invalid.", "20 5 5060 b.carrier.invalid."],
        "_sips._tcp.carrier.invalid": ["10 5 5061 c.carrier.invalid."],
        "_sip._tcp.carrier.invalid": ["0 0 0 ."],  # RFC 2782: the service is decidedly not there
    }
    assert await sip_servers("carrier.invalid") == [f"{x}.carrier.invalid" for x in "abc"]
    assert await sip_servers("other.invalid") == []
    assert sorted(names.asked[:3]) == [f"{s}.carrier.invalid" for s in ("_sip._tcp", "_sip._udp", "_sips._tcp")]


async def test_a_domain_with_records_alone_may_be_called_where_they_may(gateway: Running, names: NameServer) -> None:
    assert not await permitted(gateway, "carrier.invalid"), "neither records nor an address"
    names.records = {"_sip._udp.carrier.invalid": ["10 5 5060 localhost."]}
    assert await permitted(gateway, "carrier.invalid")
    assert not await permitted(gateway, "carrier.invalid", ()), "the record leads inside"
    names.records["_sip._tcp.carrier.invalid"] = ["10 5 5060 nowhere.invalid."]
    assert not await permitted(gateway, "carrier.invalid"), "one of the records leads nowhere"


async def test_a_host_whose_address_is_good_is_refused_for_its_records(gateway: Running, names: NameServer) -> None:
    assert await permitted(gateway, "localhost")
    names.records = {"_sip._udp.localhost": ["10 5 5060 nowhere.invalid."]}
    assert not await permitted(gateway, "localhost")


async def test_addresses_are_not_asked_about(gateway: Running, names: NameServer) -> None:
    assert await permitted(gateway, "127.0.0.9")
    assert not await permitted(gateway, "10.0.0.1")
    assert names.asked == []


async def test_what_the_name_servers_do_not_tell_is_refused(gateway: Running, names: NameServer) -> None:
    names.broken = {"localhost"}
    with pytest.raises(SrvUnknown):
        await sip_servers("localhost")
    assert not await permitted(gateway, "localhost")
