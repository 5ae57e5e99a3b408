"""What hangs for one tenant holds that tenant's share, and nobody else's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from jinaconnect.actions.messaging.media import new_media_id
from jinaconnect.actions.shares import Shares
from jinaconnect.actions.worker import AT_ONCE, BATCH
from jinaconnect.channels.whatsapp_meta.simulator import media_handle
from jinaconnect.store.due import due_at
from tests.client import until
from tests.conftest import Running
from tests.tenants import Tenant


@dataclass
class Hanging:
    """A host that accepts and does not answer until it is told to; what is not below `/hang` it answers at once."""

    url: str = ""
    held: int = 0
    refuses: dict[str, int] = field(default_factory=dict)  # by path, the status of its answer
    free: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        if request.path.startswith("/hang"):
            self.held += 1
            try:
                await self.free.wait()
            finally:
                self.held -= 1
        if (status := self.refuses.get(request.path)) is not None:
            return web.Response(status=status)
        return web.Response(body=b"picture", content_type="image/jpeg")


@pytest.fixture
async def host() -> AsyncIterator[Hanging]:
    service = Hanging()
    application = web.Application()
    application.router.add_get("/{path:.*}", service.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield service
    service.free.set()
    await runner.cleanup()


async def test_fetches_that_hang_hold_neither_sends_nor_the_fetches_of_others(
    tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]], gateway: Running, host: Hanging
) -> None:
    agent = tenant("agent", "test")
    for number in range(80):
        body = {"from": "+12025550111", "media_url": f"{host.url}/hang/{number}"}
        (await agent.post("/sandbox/inbound/", body)).ok(201)
    share = AT_ONCE["media"][1]

    async def hangs() -> bool:
        return host.held >= share

    await until(hangs)
    other = await new_tenant()
    client = other("owner", "test")
    written = {"from": "+12025550112", "media_url": f"{host.url}/picture"}
    (await client.post("/sandbox/inbound/", written)).ok(201)
    sent = (await client.post("/wa/v1/messages/", {"to": "+12025550112", "text": "hello"})).ok(201)["id"]
    seen = await client.wait_for_events(
        lambda events: any(e["type"] == "message.sent" and e["subject"]["id"] == sent for e in events)
    )
    address = next(e["data"]["content"]["image"]["url"] for e in seen if e["type"] == "message.received")

    async def served() -> bool:
        return (await other.anonymous.get(address)).status == 200

    await until(served)
    assert host.held == share, "the hanging ones still hang, and are no more than their share"


async def test_what_one_tenant_piles_up_does_not_hide_what_is_due_for_others(
    tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]], gateway: Running, host: Hanging
) -> None:
    """A sweep looks at so many documents at a time, the oldest first."""
    services = gateway.services

    async def due(of: Tenant, path: str, count: int) -> list[str]:
        client = of("owner", "test")
        (await client.post("/sandbox/inbound/", {"from": "+12025550111", "text": "hi"})).ok(201)
        seen = await client.wait_for_events(lambda events: any(e["type"] == "message.received" for e in events))
        message = next(e["data"] for e in seen if e["type"] == "message.received")
        rows = [
            {
                "_id": new_media_id(services.clock()), "message": message["id"], "account": message["channel_app_id"],
                "handle": {"id": media_handle(f"{host.url}{path}")}, "mime_type": None, "size": None,
                "due": due_at(services.clock()),
            }
            for _ in range(count)
        ]  # fmt: skip
        await services.store.of(of.id, "test").insert_many("media", [(row, []) for row in rows])
        return [row["_id"] for row in rows]

    await due(tenant, "/hang", 3 * BATCH)

    async def hangs() -> bool:
        return host.held >= AT_ONCE["media"][1]

    await until(hangs)
    other = await new_tenant()
    (last,) = await due(other, "/picture", 1)

    async def served() -> bool:
        return (await other.anonymous.get(f"/media/{last}/")).status == 200

    await until(served, 40)


async def test_a_share_is_held_in_the_order_of_asking_and_given_back() -> None:
    shares, order = Shares(3, 2, line=4), list[str]()
    ends = asyncio.Event()

    async def work(tenant: str, name: str) -> None:
        async with shares.join(tenant):
            order.append(name)
            await ends.wait()

    tasks = [asyncio.create_task(work("a", f"a{n}")) for n in range(4)]
    tasks += [asyncio.create_task(work("b", "b0")), asyncio.create_task(work("c", "c0"))]

    async def full() -> bool:
        return len(order) == 3

    await until(full)
    assert order == ["a0", "a1", "b0"]
    assert (shares.crowded("a"), shares.crowded("b"), shares.users) == (True, False, 6)
    tasks[2].cancel()
    ends.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (order[3:], shares.users, shares.crowded("a")) == (["c0", "a3"], 0, False)
