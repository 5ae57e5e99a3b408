"""An organisation that has something on every page of the console."""

from __future__ import annotations

from typing import Any

from jinaconnect.store.tenant import Change
from tests.client import until
from tests.conftest import Running
from tests.tenants import Tenant

PEOPLE = [
    ("Ann", "Lee", "+12025550111", ["vip", "bikes"], {}),
    ("Ben", "Ng", "+12025550112", ["vip"], {}),
    ("Layla", "Hassan", "+12025550113", ["bikes"], {}),
    ("Mira", "Okafor", "+12025550114", [], {}),
    ("Tom", "Okafor", "+12025550115", ["vip"], {"dnc": True}),
]


async def add_people(tenant: Tenant) -> list[str]:
    """Add contacts of whom one is not to be contacted; returns their ids."""
    ids = []
    for first, last, phone, tags, rest in PEOPLE:
        body = {"first_name": first, "last_name": last, "phone": phone, "tags": tags, **rest}
        ids.append((await tenant().post("/contacts/", body)).ok(201)["id"])
    return ids


async def add_template(gateway: Running, tenant: Tenant, name: str = "spring_sale") -> str:
    """Add a template that its carrier has approved; returns its id."""
    body = {
        "wa_app": tenant.whatsapp["app_id"], "element_name": name, "category": "UTILITY",
        "content": "Hello {{first_name}}, everything is at half price with {{code}}.",
    }  # fmt: skip
    made = (await tenant().post("/wa/v1/templates/", body)).ok(201)
    store = gateway.services.store.of(tenant.id, "live")
    await store.change("templates", made["id"], lambda _: Change(set={"status": "APPROVED"}))
    return str(made["id"])


async def add_broadcast(tenant: Tenant, template: str, name: str, **fields: Any) -> dict[str, Any]:
    """Write a broadcast to everybody."""
    body = {
        "name": name, "template_number": template, "select_all": True, "placeholder_data": {"code": "SPRING"},
        "category": "UTILITY", **fields,
    }  # fmt: skip
    made: dict[str, Any] = (await tenant().post("/broadcast/", body)).ok(201)
    return made


async def ended(tenant: Tenant, id: str) -> dict[str, Any]:
    """Wait until a broadcast has ended; returns it."""

    async def there() -> dict[str, Any] | None:
        shown: dict[str, Any] = (await tenant().get(f"/broadcast/{id}/")).ok()
        return shown if shown["status"] in ("SENT", "PARTIALLY_SENT") else None

    found: dict[str, Any] = await until(there)
    return found
