"""A tenant with a WhatsApp account at a carrier that counts, an approved template and contacts."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jinaconnect.core.clock import iso
from jinaconnect.core.inbox.contact import new_contact
from jinaconnect.store.tenant import Change, TenantStore
from tests.carriers.meta import MetaServer
from tests.client import Answered, until
from tests.conftest import Running
from tests.tenants import Tenant

BROADCASTS = "/broadcast/"
ROWS = "/broadcast/messages/"
TEXT = "Hello {{first_name}}, your code is {{code}}."


@dataclass
class Shop:
    """What a broadcast needs, and what the carrier saw of it."""

    gateway: Running
    tenant: Tenant
    server: MetaServer
    template: str

    @property
    def store(self) -> TenantStore:
        return self.gateway.services.store.of(self.tenant.id, "live")

    async def people(self, count: int, first: int = 1000, **fields: Any) -> list[str]:
        """Add contacts with numbers one after the other; returns their ids."""
        ids = self.gateway.services.ids
        docs = [
            new_contact(
                ids.new("cnt"), source="IMPORT", by=None,
                **{"phone": f"+120255{first + place:05}", "first_name": f"P{first + place}", **fields},
            )
            for place in range(count)
        ]  # fmt: skip
        await self.store.insert_many("contacts", [(doc, ()) for doc in docs])
        return [doc["_id"] for doc in docs]

    def ahead(self, seconds: float = 3.5) -> str:
        """Return a time that far ahead."""
        return iso(self.gateway.services.clock() + timedelta(seconds=seconds))

    async def write(self, **fields: Any) -> Answered:
        """Write a broadcast of the template."""
        body = {
            "name": "Sale", "status": "QUEUED", "template_number": self.template, "select_all": True,
            "placeholder_data": {"code": "SPRING"}, "category": "UTILITY", **fields,
        }  # fmt: skip
        return await self.tenant().post(BROADCASTS, body)

    async def begin(self, **fields: Any) -> str:
        """Write a broadcast and have it begin now; returns its id."""
        id = str((await self.write(**fields)).ok(201)["id"])
        await self.due(id)
        return id

    async def due(self, id: str) -> None:
        """Let a scheduled broadcast's time have come."""
        now = self.gateway.services.clock()
        await self.store.change(
            "broadcasts", id, lambda _: Change(set={"scheduled_time": now, "due.at": now})
        )
        self.gateway.ports.worker.run_now("broadcasts", self.store.scope, id)

    async def read(self, id: str) -> dict[str, Any]:
        shown: dict[str, Any] = (await self.tenant().get(f"{BROADCASTS}{id}/")).ok()
        return shown

    async def reaches(self, id: str, *statuses: str) -> dict[str, Any]:
        """Wait until a broadcast has one of these statuses; returns it."""

        async def there() -> dict[str, Any] | None:
            shown = await self.read(id)
            return shown if shown["status"] in statuses else None

        found: dict[str, Any] = await until(there)
        return found

    async def rows(self, id: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (
            await self.tenant().get(ROWS, params={"broadcast": id, "page_size": "100"})
        ).ok()["results"]
        return rows

    def reached(self) -> Counter[str]:
        """Return how often each number was sent to."""
        return Counter(
            "+" + self.server.bodies[reference]["to"].lstrip("+")
            for reference, times in self.server.accepted.items() for _ in range(times)
        )  # fmt: skip

    async def report(self, messages: Sequence[str], status: str, **more: Any) -> None:
        """Have the carrier report on messages, with `more` fields of its own."""
        for message in messages:
            to = self.server.bodies[message]["to"].lstrip("+")
            body = self.server.report(message, status, to, **more)
            answer = await self.tenant.anonymous.ask(
                "POST", self.tenant.whatsapp["webhook_path"], body, headers=self.server.signed(body)
            )
            answer.ok()


@asynccontextmanager
async def open_shop(gateway: Running, tenant: Tenant, text: str = TEXT) -> AsyncIterator[Shop]:
    """Start the carrier, make it the tenant's only account, and have a template approved."""
    server = MetaServer()
    await server.start()
    try:
        (await tenant().delete(f"/wa/v1/apps/{tenant.whatsapp['app_id']}/")).ok(204)
        account = (await tenant().post("/wa/v1/apps/", server.account("+12025550220"))).ok(201)
        body = {"wa_app": account["id"], "element_name": "sale", "category": "UTILITY", "content": text}
        made = (await tenant().post("/wa/v1/templates/", body)).ok(201)
        store = gateway.services.store.of(tenant.id, "live")
        await store.change("templates", made["id"], lambda _: Change(set={"status": "APPROVED"}))
        yield Shop(gateway, tenant, server, made["id"])
    finally:
        await server.stop()
