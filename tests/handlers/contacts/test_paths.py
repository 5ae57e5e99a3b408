"""What is promised of contacts and the inbox is served: every path with its methods stands in the description."""

from __future__ import annotations

import pytest

from tests.tenants import Tenant

CONTACTS = {
    "": "GET POST", "{}/": "GET PATCH DELETE", "{}/assign/": "POST", "{}/unassign/": "POST", "{}/close/": "POST",
    "{}/reopen/": "POST", "bulk-import/": "POST", "import-status/{}/": "GET", "import-jobs/": "GET",
    "upload-csv/": "POST", "download-template/": "GET", "export-csv/": "GET", "reserve-keyword/": "GET",
    "contact-tags/": "GET", "dashboard/": "GET", "segments/": "GET POST", "segments/{}/": "GET PATCH DELETE",
}  # fmt: skip
INBOX = {
    "messages/": "GET POST", "messages/{}/": "GET", "messages/recent/": "GET", "messages/platforms/": "GET",
    "messages/conversation/": "GET", "messages/{}/mark_as_read/": "POST", "messages/mark_multiple_as_read/": "POST",
    "messages/bulk-delete/": "POST", "conversations/": "GET", "conversations/{}/timeline/": "GET",
    "conversations/{}/notes/": "POST", "stats/": "GET", "export-pdf/": "POST",
}  # fmt: skip
PROMISED = {
    **{f"/contacts/{path}": methods for path, methods in CONTACTS.items()},
    **{f"/team-inbox/api/{path}": methods for path, methods in INBOX.items()},
    **{f"/{channel}/v1/contacts/": "GET" for channel in ("wa", "sms", "telegram", "rcs")},
}


@pytest.fixture(scope="module")
def described() -> dict[str, set[str]]:
    """The description's paths without the names of their parameters, filled by the first test that asks."""
    return {}


@pytest.mark.parametrize("path", PROMISED)
async def test_what_is_promised_is_described(tenant: Tenant, described: dict[str, set[str]], path: str) -> None:
    if not described:
        for name, item in (await tenant.anonymous.get("/openapi.json")).ok()["paths"].items():
            plain = "/".join("{}" if part.startswith("{") else part for part in name.split("/"))
            described.setdefault(plain, set()).update(method.upper() for method in item)
    assert set(PROMISED[path].split()) <= described.get(path, set())
