"""Where the gateway goes: what is looked at is what is connected to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from jinaconnect.outbound import Ambiguous, Blocked, Guard, NotSent, Outbound
from tests.client import until
from tests.conftest import Running
from tests.tenants import Tenant

Clients = Callable[..., Awaitable[Outbound]]
SECRET = b"what only the inside may read"


@dataclass
class Inside:
    """A service of the inside on every address of loopback."""

    port: int = 0
    asked: list[str] = field(default_factory=list)
    redirect: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.host)
        if request.path == "/away":
            return web.Response(status=302, headers={"Location": self.redirect})
        if request.path == "/cut":
            assert request.transport is not None
            request.transport.abort()
        return web.Response(body=SECRET, content_type="image/jpeg")


@pytest.fixture
async def inside() -> AsyncIterator[Inside]:
    service = Inside()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", service.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "0.0.0.0", 0).start()
    service.port = runner.addresses[0][1]
    yield service
    await runner.cleanup()


@pytest.fixture
async def outbound() -> AsyncIterator[Clients]:
    """Make clients that may reach the networks given."""
    made: list[Outbound] = []

    async def make(*networks: str) -> Outbound:
        client = Outbound(networks, timeout_s=3)
        await client.start()
        made.append(client)
        return client

    yield make
    for client in made:
        await client.stop()


SPELLINGS = [
    "127.0.0.1", "①②⑦.⓪.⓪.①", "①②⑦.0.0.1", "１２７.0.0.1", "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "127.0.0.1.",
    "127.1", "0x7f.1", "⓪x7f.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.0x1", "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:0:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::1]",
    "[::1%25lo]", "%31%32%37.0.0.1", "localhost", "localhost.", "LOCALHOST", "a b", "",
]  # fmt: skip


@pytest.mark.parametrize("host", SPELLINGS)
async def test_no_spelling_of_an_inner_address_is_gone_to(inside: Inside, outbound: Clients, host: str) -> None:
    client = await outbound()
    with pytest.raises((Blocked, NotSent)):  # the latter where a name does not resolve
        await client.request("GET", f"http://{host}:{inside.port}/")
    assert inside.asked == []


@pytest.mark.parametrize("host", ["127。0。0。2", "①②⑦.0.0.2", "127.0.0.2", "[::ffff:127.0.0.2]", "2130706434"])
async def test_a_redirect_is_looked_at_like_any_address(inside: Inside, outbound: Clients, host: str) -> None:
    client = await outbound("127.0.0.1/32")
    inside.redirect = f"http://{host}:{inside.port}/secret"
    with pytest.raises(Blocked):
        await client.request("GET", f"http://127.0.0.1:{inside.port}/away", follow=True)
    assert len(inside.asked) == 1


async def test_what_the_deployment_lists_is_reached(inside: Inside, outbound: Clients) -> None:
    client = await outbound("127.0.0.1/32")
    for host in ("127.0.0.1", "①②⑦.0.0.1", "[::ffff:127.0.0.1]"):
        answer = await client.request("GET", f"http://{host}:{inside.port}/")
        assert answer.body == SECRET


async def test_an_address_is_looked_at_again_when_it_is_connected_to(
    inside: Inside, outbound: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await outbound()
    monkeypatch.setattr(client.guard, "check_host", lambda host: True)
    with pytest.raises(Blocked):
        await client.request("GET", f"http://127.0.0.1:{inside.port}/")
    assert inside.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "64:ff9b::a00:1", "64:ff9b:1::a00:1", "::10.0.0.1", "2002:a00:1::", "::ffff:0:10.0.0.1", "::ffff:10.0.0.1",
        "fec0::1", "fe80::1", "fc00::1", "ff02::1", "::", "::1", "2001::1", "2001:db8::1", "3fff::1", "4000::1",
        "2600:1f18::5efe:a00:1", "192.88.99.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "198.18.0.1",
    ],
)  # fmt: skip
def test_addresses_that_lead_inside_are_not_allowed(address: str) -> None:
    assert not Guard(()).allows(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2600:1f18::1", "64:ff9b::808:808", "2002:808:808::1", "::ffff:8.8.8.8"]
)
def test_public_addresses_are_allowed(address: str) -> None:
    assert Guard(()).allows(address)


def test_a_listed_network_is_allowed_however_its_addresses_are_written() -> None:
    guard = Guard(("10.0.0.0/8", "fec0::/16", "::1/128"))
    assert all(map(guard.allows, ("10.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "fec0::1", "::1")))
    assert not any(map(guard.allows, ("172.16.0.1", "fec1::1", "::2")))


async def test_what_never_left_is_not_sent_and_what_left_is_ambiguous(inside: Inside, outbound: Clients) -> None:
    client = await outbound("127.0.0.0/8")
    with pytest.raises(NotSent):
        await client.request("POST", "http://127.0.0.1:9/", json={})
    with pytest.raises(NotSent):
        await client.request("POST", "http://nowhere.invalid/", json={})
    for url in (
        "http://127.1/",
        "http://[::1",
        "http://a:99999/",
        "ftp://a/",
        "http://u:p@a/",
        "http:///",
        "http://é\u00ad/",
    ):
        with pytest.raises(Blocked):
            await client.request("POST", url, json={})
    with pytest.raises(Blocked):
        await client.request("POST", f"http://127.0.0.1:{inside.port}/", headers={"Authorization": "a\r\nb: c"})
    assert inside.asked == []
    with pytest.raises(Ambiguous):
        await client.request("POST", f"http://127.0.0.1:{inside.port}/cut", json={})


async def test_the_sandbox_reads_nothing_from_inside(tenant: Tenant, gateway: Running) -> None:
    url = "http://①⑥⑨.②⑤④.①⑥⑨.②⑤④/latest/meta-data/"
    agent = tenant("agent", "test")
    (await agent.post("/sandbox/inbound/", {"from": "+12025550111", "media_url": url})).ok(201)
    seen = await tenant("owner", "test").wait_for_events(
        lambda events: any(e["type"] == "message.received" for e in events)
    )
    data = next(e["data"] for e in seen if e["type"] == "message.received")
    files = gateway.services.store.raw("media")

    async def refused() -> bool:
        row = await files.find_one({"message": data["id"]})
        return row is not None and row["due"]["tries"] >= 1 and row["due"]["by"] is None

    await until(refused)
    (await tenant.anonymous.get(data["content"]["image"]["url"])).refused(404, "not_found")
