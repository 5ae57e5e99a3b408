"""The chat list is walked to its end by what it answers, whatever comes meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from jinaconnect.core.inbox.contact import new_contact
from tests.conftest import Running
from tests.tenants import Tenant

LIST = "/team-inbox/api/conversations/"


async def _talks(gateway: Running, tenant: Tenant, count: int) -> list[str]:
    """Store conversations, some of them of one moment; returns their ids in the list's order."""
    services, now = gateway.services, gateway.services.clock()
    stored = {"scope": f"{tenant.id}:live", "rev": 1, "pending": [], "created_at": now, "updated_at": now}
    rows = []
    for place in range(count):
        doc = new_contact(services.ids.new("cnt"), source="MANUAL", by=None, first_name=f"Ann{place}")
        at = now - timedelta(seconds=place // 3)
        rows.append({**doc, **stored, "chat": {**doc["chat"], "at": at}})
    await services.store.raw("contacts").insert_many(rows)
    return [row["_id"] for row in sorted(rows, key=lambda row: (row["chat"]["at"], row["_id"]), reverse=True)]


async def test_the_chat_list_goes_on_behind_a_row(gateway: Running, tenant: Tenant) -> None:
    wanted = await _talks(gateway, tenant, 11)
    seen: list[str] = []
    params: dict[str, Any] = {"limit": "4"}
    while True:
        page = (await tenant().get(LIST, params=params)).ok()
        seen += [row["contact"]["id"] for row in page["results"]]
        if page["next_before"] is None:
            break
        assert page["has_next"]
        params["before"] = page["next_before"]
    assert seen == wanted
    for wrong in ("x", "2026-01-01T00:00:00.000Z", "_cnt", wanted[0]):
        (await tenant().get(LIST, params={"before": wrong})).refused(400, "invalid_cursor")
