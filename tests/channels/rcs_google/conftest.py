"""A tenant with an RCS agent, whose RBM is on loopback."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.carriers.rbm import RbmServer
from tests.client import Answered
from tests.conftest import Running
from tests.tenants import Tenant

ENDS = ("message.sent", "message.failed", "message.unknown")


@dataclass
class Agent:
    """An agent of a tenant: its server, and its id in the gateway."""

    server: RbmServer
    tenant: Tenant
    gateway: Running
    id: str

    async def posts(self, event: dict[str, Any], **headers: str) -> Answered:
        """Post an event as Google does."""
        body, given = self.server.posted(event)
        return await self.tenant.anonymous.ask("POST", self.server.path, body, headers={**given, **headers})

    async def hears(self, number: str, **what: Any) -> dict[str, Any]:
        """Have a customer write; returns the event."""
        event = self.server.said(number, **what)
        assert (await self.posts(event)).ok() == {"ok": True}
        return event

    async def heard(self, type: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for events of a type; returns all there are."""

        def enough(seen: list[dict[str, Any]]) -> bool:
            return sum(event["type"] == type for event in seen) >= count

        return [event for event in await self.tenant().wait_for_events(enough) if event["type"] == type]

    async def sends(self, number: str, **fields: Any) -> str:
        """Send to a number; returns the message's id."""
        answer = await self.tenant().post("/rcs/v1/messages/", {"phone": number, **fields})
        return str(answer.ok(201)["id"])

    async def became(self, message: str, *statuses: str) -> dict[str, Any]:
        """Wait until a send has ended in one of these statuses; returns it as REST shows it."""

        def ended(seen: list[dict[str, Any]]) -> bool:
            return any(event["subject"]["id"] == message and event["type"] in ENDS for event in seen)

        await self.tenant().wait_for_events(ended)
        found: dict[str, Any] = (await self.tenant().get(f"/rcs/v1/messages/{message}/")).ok()
        assert found["status"] in statuses, found
        return found


@pytest.fixture
async def agent(gateway: Running, tenant: Tenant) -> AsyncIterator[Agent]:
    """An agent of a tenant of the test's own."""
    server = RbmServer()
    await server.start()
    made = (await tenant().post("/rcs/v1/apps/", server.app())).ok(201)
    server.client_token = made["webhook_client_token"]
    server.path = "/" + made["webhook_url"].split("/", 3)[3]
    yield Agent(server, tenant, gateway, made["id"])
    await server.stop()


def dumped(value: Any) -> str:
    """Return something as text, to look for secrets in."""
    return json.dumps(value, default=str)
