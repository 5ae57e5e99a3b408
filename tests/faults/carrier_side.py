"""A gateway process with a live WhatsApp account at a carrier played on loopback."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.carriers.meta import MetaServer
from tests.client import Answered, Client, until
from tests.processes import GatewayProcess, running


@dataclass
class Site:
    """A running gateway, its carrier, and the owner's client in live mode."""

    gateway: GatewayProcess
    carrier: MetaServer
    session: aiohttp.ClientSession
    tenant: dict[str, Any]
    owner: Client
    app: str
    door: str
    customers: itertools.count[int] = field(default_factory=lambda: itertools.count(15_550_001_000))

    def at(self, gateway: GatewayProcess, role: str = "owner") -> Client:
        """Return a client of another gateway on the same database."""
        return Client(gateway.url, self.tenant["keys"]["live"][role], self.session)

    async def hears(self, body: bytes) -> int:
        """Have the carrier post a webhook; returns the answer's status."""
        return await self.carrier.post(self.session, self.gateway.url + self.door, body)

    async def customer(self) -> tuple[str, str]:
        """Return (number, contact id) of a new customer who has just written."""
        sender = str(next(self.customers))
        assert (status := await self.hears(self.carrier.text(sender, "hello"))) == 200, status

        async def known() -> Any:
            rows = (await self.owner.get("/wa/v1/messages/", params={"search": "hello", "page_size": 100})).ok()
            return next((row["contact"] for row in rows["results"] if row["contact_phone"] == f"+{sender}"), None)

        return sender, await until(known)

    async def reply(self, contact: str, text: str, key: str | None = None) -> Answered:
        """Write to a customer."""
        headers = {"Idempotency-Key": key} if key else {}
        body = {"wa_app": self.app, "contact": contact, "message_type": "TEXT", "text": text}
        return await self.owner.post("/wa/v1/messages/", body, headers=headers)

    async def message(self, id: str) -> dict[str, Any]:
        """Read a message."""
        shown: dict[str, Any] = (await self.owner.get(f"/wa/v1/messages/{id}/")).ok()
        return shown

    async def until_status(self, id: str, *statuses: str, within_s: float = 30) -> dict[str, Any]:
        """Wait until a message has one of the statuses."""

        async def reached() -> dict[str, Any] | None:
            shown = await self.message(id)
            return shown if shown["status"] in statuses else None

        found: dict[str, Any] = await until(reached, within_s)
        return found


async def open_account(gateway: GatewayProcess, session: aiohttp.ClientSession, carrier: MetaServer) -> Site:
    """Make the demo tenants on a running gateway and give the first one an account at the carrier."""
    tenant = (await gateway.seed())[0]
    owner = Client(gateway.url, tenant["keys"]["live"]["owner"], session)
    made = (await owner.post("/wa/v1/apps/", carrier.account("+15550783881"))).ok(201)
    return Site(gateway, carrier, session, tenant, owner, made["id"], made["webhook_path"])


@asynccontextmanager
async def site(gateway: GatewayProcess, *, ready: int = 1) -> AsyncIterator[Site]:
    """Run a gateway beside its carrier."""
    carrier = MetaServer()
    await carrier.start()
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
            running(gateway, ready=ready),
        ):
            yield await open_account(gateway, session, carrier)
    finally:
        await carrier.stop()
