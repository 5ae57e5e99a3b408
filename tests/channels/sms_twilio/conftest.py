"""A tenant with an SMS app, whose Twilio is on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.carriers.sms import TwilioServer
from tests.client import Answered
from tests.conftest import Running
from tests.tenants import Tenant


@dataclass
class Sms:
    """An SMS app of a tenant: its carrier, and what the gateway shows of it."""

    server: TwilioServer
    tenant: Tenant
    gateway: Running
    app: dict[str, Any]

    async def sends(self, to: str = "+12025550111", text: str = "We have it.", **fields: Any) -> Answered:
        """Send to a number."""
        return await self.tenant().post("/sms/v1/messages/", {"to": to, "text": text, **fields})

    async def writes(self, sender: str, text: str, **fields: str) -> dict[str, str]:
        """Have a customer write; returns the form posted."""
        form = self.server.written(sender, text, **fields)
        answer = await self.posts(form)
        assert (answer.status, answer.body) == (200, b"<Response/>")
        return form

    async def posts(self, form: dict[str, str], **headers: str) -> Answered:
        """Post a message's form as Twilio does."""
        return await self.server.posts(self.tenant.anonymous, self.app["webhook_url"], form, **headers)

    async def reports(self, message: str, status: str, **fields: str) -> Answered:
        """Post a status callback to the address that went along with the send."""
        url = f"{self.app['dlr_webhook_url']}?reference={message}"
        return await self.server.posts(self.tenant.anonymous, url, self.server.report(message, status, **fields))

    async def heard(self, type: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for events of a type; returns all there are."""

        def enough(seen: list[dict[str, Any]]) -> bool:
            return sum(event["type"] == type for event in seen) >= count

        return [event for event in await self.tenant().wait_for_events(enough) if event["type"] == type]

    async def shown(self, message: str) -> dict[str, Any]:
        """Return a message as REST shows it."""
        found: dict[str, Any] = (await self.tenant().get(f"/sms/v1/messages/{message}/")).ok()
        return found


@pytest.fixture
async def sms(gateway: Running, tenant: Tenant) -> AsyncIterator[Sms]:
    """An SMS app; every request its carrier was sent fits Twilio's description."""
    server = TwilioServer()
    await server.start()
    made = (await tenant().post("/sms/v1/apps/", server.account(price_per_sms=0.0075))).ok(201)
    yield Sms(server, tenant, gateway, made)
    await server.stop()
