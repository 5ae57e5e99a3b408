"""The team inbox serves every path its contract names, by the methods it names."""

from __future__ import annotations

import pytest

from tests.conftest import Running
from tests.tenants import Tenant

BASE = "/team-inbox/api"
PATHS = (
    ("get", f"{BASE}/messages/"), ("get", f"{BASE}/messages/{{id}}/"), ("post", f"{BASE}/messages/"),
    ("get", f"{BASE}/messages/recent/"), ("get", f"{BASE}/messages/platforms/"),
    ("get", f"{BASE}/messages/conversation/"), ("post", f"{BASE}/messages/{{id}}/mark_as_read/"),
    ("post", f"{BASE}/messages/mark_multiple_as_read/"), ("post", f"{BASE}/messages/bulk-delete/"),
    ("get", f"{BASE}/conversations/"), ("get", f"{BASE}/conversations/{{contact_id}}/timeline/"),
    ("post", f"{BASE}/conversations/{{contact_id}}/notes/"), ("post", "/contacts/{id}/assign/"),
    ("post", "/contacts/{id}/unassign/"), ("post", "/contacts/{id}/close/"), ("post", "/contacts/{id}/reopen/"),
    ("get", f"{BASE}/stats/"), ("get", f"{BASE}/stats/dashboard/"), ("get", f"{BASE}/stats/overview/"),
    ("get", f"{BASE}/stats/platform_activity/"), ("post", f"{BASE}/export-pdf/"),
)  # fmt: skip


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_a_path_of_the_contract_is_served_and_described(
    tenant: Tenant, gateway: Running, method: str, path: str
) -> None:
    described = (await tenant.anonymous.get("/openapi.json")).ok()["paths"]
    assert method in described[path]
    refused = await tenant.anonymous.ask(method.upper(), path.replace("{id}", "x").replace("{contact_id}", "x"))
    refused.refused(401, "not_authenticated")
