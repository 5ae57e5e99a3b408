"""The demo organisation's telephone line: made once, kept, moved with its carrier, brought back when deleted."""

from __future__ import annotations

from jinaconnect.actions.demo.voice import ensure_demo_line
from tests.conftest import Running
from tests.tenants import Tenant

CARRIER, CALLERS = "127.0.0.9:5060", ["127.0.0.10"]


async def told(tenant: Tenant) -> list[str]:
    return [event["type"] for event in await tenant().events() if event["type"].startswith("trunk.")]


async def test_a_line_is_made_once_and_follows_its_carrier(gateway: Running, tenant: Tenant) -> None:
    made = await ensure_demo_line(gateway.services, gateway.ports, tenant.id, CARRIER, CALLERS)
    assert await ensure_demo_line(gateway.services, gateway.ports, tenant.id, CARRIER, CALLERS) == made
    shown = (await tenant().get(f"/voice/api/provider-configs/{made['trunk']}/")).ok()
    assert (shown["from_numbers"], shown["credentials_set"], shown["enabled"]) == ([made["number"]], True, True)
    assert await told(tenant) == ["trunk.created"]
    await ensure_demo_line(gateway.services, gateway.ports, tenant.id, "127.0.0.11:5060", CALLERS)
    assert await told(tenant) == ["trunk.created", "trunk.updated"]


async def test_a_line_that_was_deleted_comes_back(gateway: Running, tenant: Tenant) -> None:
    made = await ensure_demo_line(gateway.services, gateway.ports, tenant.id, CARRIER, CALLERS)
    trunk, template = f"/voice/api/provider-configs/{made['trunk']}/", f"/voice/api/templates/{made['template']}/"
    (await tenant().delete(trunk)).ok(204)
    (await tenant().delete(template)).ok(204)
    assert await ensure_demo_line(gateway.services, gateway.ports, tenant.id, CARRIER, CALLERS) == made
    assert (await tenant().get(trunk)).ok()["credentials_set"] is True
    assert (await tenant().get(template)).ok()["template_kind"] == "ivr_menu"
    numbers = (await tenant().get("/voice/api/numbers/")).ok()["results"]
    assert [(row["number"], row["route"]["template"]) for row in numbers] == [(made["number"], made["template"])]
