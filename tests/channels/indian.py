"""What the tests of both Indian SMS carriers share: a tenant with an app, and a registered text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tests.carriers.sms import Fast2smsServer, Msg91Server
from tests.client import Answered
from tests.tenants import Tenant

TEXT = "Dear Ann, your order 47 is on its way. - ACME"
REGISTERED = {
    "element_name": "order_sent", "content": "Dear {#var#}, your order {#var#} is on its way. - ACME",
    "bsp_template_id": "6501", "dlt_template_id": "1107160000000000001", "dlt_entity_id": "1101400000000000001",
    "sender_id": "ACMEIN", "dlt_category": "service_implicit",
}  # fmt: skip
TO = "+919876543210"


@dataclass
class Indian:
    """An SMS app of a tenant whose carrier sends registered texts."""

    server: Msg91Server | Fast2smsServer
    tenant: Tenant
    app: dict[str, Any]
    template: dict[str, Any]

    async def sends(self, text: str = TEXT, **fields: Any) -> Answered:
        """Send a text."""
        return await self.tenant().post("/sms/v1/messages/", {"to": TO, "text": text, **fields})

    async def posts(self, url: str, form: dict[str, str] | None = None, told: Any = None, **headers: str) -> Answered:
        """Post a form, or JSON, to an address of ours."""
        kind = "application/json" if form is None else "application/x-www-form-urlencoded"
        body = json.dumps(told).encode() if form is None else urlencode(form).encode()
        client, path = self.tenant.anonymous, "/" + url.split("/", 3)[3]
        return await client.ask("POST", path, body, headers={"Content-Type": kind, **headers})

    async def heard(self, type: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait for events of a type; returns all there are."""

        def enough(seen: list[dict[str, Any]]) -> bool:
            return sum(event["type"] == type for event in seen) >= count

        return [event for event in await self.tenant().wait_for_events(enough) if event["type"] == type]

    async def shown(self, message: str) -> dict[str, Any]:
        """Return a message as REST shows it."""
        found: dict[str, Any] = (await self.tenant().get(f"/sms/v1/messages/{message}/")).ok()
        return found


async def begin(server: Msg91Server | Fast2smsServer, tenant: Tenant, **fields: Any) -> Indian:
    """Start a carrier, and give the tenant an app there and a registered text."""
    await server.start()
    app = (await tenant().post("/sms/v1/apps/", server.account(**fields))).ok(201)
    template = (await tenant().post("/sms/v1/templates/", REGISTERED)).ok(201)
    return Indian(server, tenant, app, template)
