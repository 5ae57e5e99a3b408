"""The simulated Twilio: every number does what the table says, through the real door, signed as Twilio signs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import Client
from tests.tenants import Tenant


def told(seen: list[dict[str, Any]], id: str) -> list[str]:
    return [event["type"].partition(".")[2] for event in seen if event["subject"]["id"] == id]


async def send(client: Client, number: str, text: str = "We have it.") -> str:
    return str((await client.post("/sms/v1/messages/", {"to": number, "text": text})).ok(201)["id"])


@pytest.mark.parametrize(
    ("ending", "steps"),
    [
        ("0111", ["queued", "sent", "delivered"]),
        ("0112", ["queued", "sent", "delivered"]),
        ("0113", ["queued", "sent", "failed"]),
        ("0115", ["queued", "sent", "delivered"]),
        ("0116", ["queued", "sent", "delivered"]),
        ("0119", ["queued", "sent", "delivered"]),
        ("0120", ["queued", "unknown", "sent", "delivered"]),
        ("0199", ["queued", "sent", "delivered"]),
    ],
)
async def test_a_number_decides_what_happens(tenant: Tenant, ending: str, steps: list[str]) -> None:
    client = tenant("owner", "test")
    id = await send(client, f"+1202555{ending}")
    seen = await client.wait_for_events(lambda events: told(events, id)[-1:] == steps[-1:], within_s=30)
    assert told(seen, id) == steps
    final = (await client.get(f"/sms/v1/messages/{id}/")).ok()
    assert final["status"] == {"failed": "UNDELIVERED", "delivered": "DELIVERED"}[steps[-1]]
    if steps[-1] == "failed":
        assert final["error_code"] == "30003"
        assert "cannot be reached" in final["error_message"]
    assert (await tenant("owner", "live").events()) == [], "nothing of the sandbox is in live data"


async def test_a_customer_writes_and_answers(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    body = {"channel": "sms", "from": "+12025550118", "name": "Ann", "text": "hi"}
    (await client.post("/sandbox/inbound/", body)).ok(201)
    await send(client, "+12025550118")

    def answered(seen: list[dict[str, Any]]) -> bool:
        texts = [event["data"]["content"]["body"]["text"] for event in seen if event["type"] == "message.received"]
        return texts == ["hi", "hello"]

    await client.wait_for_events(answered)
    apps = (await client.get("/sms/v1/apps/")).ok()["results"]
    assert {app["provider"] for app in apps} == {"TWILIO", "MSG91", "FAST2SMS"}
    [app] = [app for app in apps if app["provider"] == "TWILIO"]
    assert (app["simulated"], app["is_default"], app["sender_id"]) == (True, True, "+12025550100")
