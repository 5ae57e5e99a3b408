"""Tenants with a WhatsApp app at Gupshup, by an account's key and by an app's token, whose carrier is on loopback."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from jinaconnect.store.tenant import Change
from tests.carriers.gupshup import GupshupServer
from tests.client import Answered, until
from tests.conftest import Running
from tests.tenants import Tenant

ENDS = ("message.sent", "message.failed", "message.unknown")


@dataclass
class Shop:
    """An app of a tenant: its carrier, and how the gateway shows it."""

    server: GupshupServer
    tenant: Tenant
    gateway: Running
    app: dict[str, Any]

    async def posts(self, told: Any, path: str | None = None, **headers: str) -> Answered:
        """Post a webhook as Gupshup does."""
        given = {"Content-Type": "application/json", **headers}
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        return await self.tenant.anonymous.ask("POST", path or self.server.webhook, body, headers=given)

    async def heard(self, type: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for events of a type; returns all there are."""

        def enough(seen: list[dict[str, Any]]) -> bool:
            return sum(event["type"] == type for event in seen) >= count

        return [event for event in await self.tenant().wait_for_events(enough) if event["type"] == type]

    async def greeted(self, number: str) -> None:
        """Have a customer write, so that free text may be sent to them."""
        before = len([event for event in await self.tenant().events() if event["type"] == "message.received"])
        (await self.posts(self.server.said(number, "text", {"text": "hi"}))).ok()
        await self.heard("message.received", before + 1)

    async def sends(self, number: str, **fields: Any) -> Answered:
        """Ask for a send."""
        return await self.tenant().post("/wa/v1/messages/", {"to": number, "wa_app": self.app["id"], **fields})

    async def became(self, message: str, *statuses: str) -> dict[str, Any]:
        """Wait until a send has ended in one of these statuses; returns it as REST shows it."""

        def ended(seen: list[dict[str, Any]]) -> bool:
            return any(event["subject"]["id"] == message and event["type"] in ENDS for event in seen)

        await self.tenant().wait_for_events(ended)
        found: dict[str, Any] = (await self.tenant().get(f"/wa/v1/messages/{message}/")).ok()
        assert found["status"] in statuses, found
        return found

    async def approved(self, **fields: Any) -> dict[str, Any]:
        """Have a template handed in and approved; returns it as it was made."""
        written = {"wa_app": self.app["id"], **fields}
        made: dict[str, Any] = (await self.tenant().post("/wa/v1/templates/", written)).ok(201)
        told = {"id": made["bsp_template_id"], "status": "approved", "elementName": made["element_name"],
                "languageCode": "en"}  # fmt: skip
        (await self.posts(self.server.event("template-event", told))).ok()
        await self.heard("template.updated")
        return made

    async def broadcasts(self, template: dict[str, Any], numbers: Sequence[str], **fields: Any) -> None:
        """Have a template sent to new contacts named P0, P1, …, at once and to the end."""
        owner = self.tenant()
        for place, number in enumerate(numbers):
            (await owner.post("/contacts/", {"phone": number, "first_name": f"P{place}"})).ok(201)
        body = {
            "name": "All", "status": "QUEUED", "template_number": template["number"], "select_all": True,
            "category": "UTILITY", "app": self.app["id"], **fields,
        }  # fmt: skip
        id = (await owner.post("/broadcast/", body)).ok(201)["id"]
        now, store = self.gateway.services.clock(), self.gateway.services.store.of(self.tenant.id, "live")
        await store.change("broadcasts", id, lambda _: Change(set={"scheduled_time": now, "due.at": now}))
        self.gateway.ports.worker.run_now("broadcasts", store.scope, id)

        async def over() -> bool:
            return bool((await owner.get(f"/broadcast/{id}/")).ok()["status"] == "SENT")

        await until(over)


async def opened(tenant: Tenant, gateway: Running, *, by_token: bool) -> Shop:
    """Start a carrier and add an app there."""
    server = GupshupServer(by_token=by_token)
    await server.start()
    app = (await tenant().post("/wa/v1/apps/", server.account())).ok(201)
    server.connected(app)
    return Shop(server, tenant, gateway, app)


@pytest.fixture
async def shop(gateway: Running, tenant: Tenant) -> AsyncIterator[Shop]:
    """An app whose account has a key: Gupshup's own API, and version 2 of its webhooks."""
    made = await opened(tenant, gateway, by_token=False)
    yield made
    await made.server.stop()


@pytest.fixture
async def partner(gateway: Running, tenant: Tenant) -> AsyncIterator[Shop]:
    """An app with a token: the Cloud API's form, and version 3."""
    made = await opened(tenant, gateway, by_token=True)
    yield made
    await made.server.stop()


@pytest.fixture(params=["key", "token"])
async def either(gateway: Running, tenant: Tenant, request: pytest.FixtureRequest) -> AsyncIterator[Shop]:
    """Each of them in turn."""
    made = await opened(tenant, gateway, by_token=request.param == "token")
    yield made
    await made.server.stop()
