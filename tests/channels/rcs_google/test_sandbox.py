"""The simulated RBM: every number does what the table says, through the real door, signed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tenants import Tenant


def told(seen: list[dict[str, Any]], id: str) -> list[str]:
    return [event["type"].partition(".")[2] for event in seen if event["subject"]["id"] == id]


@pytest.mark.parametrize(
    ("ending", "steps", "status"),
    [
        ("0111", ["queued", "sent", "delivered", "read"], "READ"),
        ("0112", ["queued", "sent", "delivered"], "DELIVERED"),
        ("0113", ["queued", "failed"], "FAILED"),
        ("0115", ["queued", "sent", "delivered", "read"], "READ"),
        ("0116", ["queued", "sent", "read"], "READ"),
        ("0119", ["queued", "sent", "delivered"], "DELIVERED"),
        ("0120", ["queued", "sent", "delivered"], "DELIVERED"),
    ],
)
async def test_a_number_decides_what_happens(tenant: Tenant, ending: str, steps: list[str], status: str) -> None:
    client = tenant("owner", "test")
    body = {"phone": f"+1202555{ending}", "text": "hello", "sms_fallback": False}
    id = (await client.post("/rcs/v1/messages/", body)).ok(201)["id"]
    seen = await client.wait_for_events(lambda events: told(events, id)[-1:] == steps[-1:], within_s=30)
    assert told(seen, id) == steps
    assert (await client.get(f"/rcs/v1/messages/{id}/")).ok()["status"] == status


async def test_a_customer_writes_and_answers(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    body = {"channel": "rcs", "from": "+12025550118", "text": "Do you have it?"}
    written = (await client.post("/sandbox/inbound/", body)).ok(201)["message_id"]
    (await client.post("/rcs/v1/messages/", {"phone": "+12025550118", "text": "We do!"})).ok(201)
    seen = await client.wait_for_events(lambda events: sum(e["type"] == "message.received" for e in events) == 2)
    received = [event["data"] for event in seen if event["type"] == "message.received"]
    assert received[0]["external_message_id"] == written
    assert [data["content"]["body"]["text"] for data in received] == ["Do you have it?", "hello"]


async def test_who_is_on_rcs(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    numbers = ["+12025550111", "+12025550113"]
    found = (await client.post("/rcs/v1/capability-check/", {"phones": numbers})).ok()
    assert [row["is_rcs_enabled"] for row in found] == [True, False]
