"""The simulated MSG91 and Fast2SMS: every number does what the table says, through the real door, by their secret."""

from __future__ import annotations

from typing import Any

import pytest

from tests.channels.indian import REGISTERED, TEXT
from tests.client import Client
from tests.tenants import Tenant

PROVIDERS = ("MSG91", "FAST2SMS")


def told(seen: list[dict[str, Any]], id: str) -> list[str]:
    return [event["type"].partition(".")[2] for event in seen if event["subject"]["id"] == id]


async def app_of(client: Client, provider: str) -> dict[str, Any]:
    """Return the sandbox's app of a provider, for which a text is registered."""
    (await client.post("/sms/v1/templates/", REGISTERED)).ok(201)
    [app] = (await client.get("/sms/v1/apps/", params={"provider": provider})).ok()["results"]
    found: dict[str, Any] = app
    return found


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("ending", "steps"),
    [
        ("0111", ["queued", "sent", "delivered"]),
        ("0113", ["queued", "sent", "failed"]),
        ("0115", ["queued", "sent", "delivered"]),
        ("0116", ["queued", "sent", "delivered"]),
        ("0119", ["queued", "sent", "delivered"]),
        ("0120", ["queued", "unknown", "sent", "delivered"]),
    ],
)
async def test_a_number_decides_what_happens(tenant: Tenant, provider: str, ending: str, steps: list[str]) -> None:
    client = tenant("owner", "test")
    app = await app_of(client, provider)
    assert (app["simulated"], app["is_default"]) == (True, False)
    if (provider, ending) == ("MSG91", "0120"):
        steps = steps[:2]  # it takes no reference of ours, so nothing finds it again
    body = {"to": f"+1202555{ending}", "text": TEXT, "app_id": app["id"]}
    id = (await client.post("/sms/v1/messages/", body)).ok(201)["id"]
    seen = await client.wait_for_events(lambda events: told(events, id)[-1:] == steps[-1:], within_s=30)
    assert told(seen, id) == steps
    shown = (await client.get(f"/sms/v1/messages/{id}/")).ok()
    assert (shown["sms_app"], shown["provider_used"]) == (app["id"], provider)
    final = {"failed": "UNDELIVERED", "delivered": "DELIVERED", "unknown": "UNKNOWN"}
    assert shown["status"] == final[steps[-1]]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_customer_writes_to_the_app_that_is_named_and_answers(tenant: Tenant, provider: str) -> None:
    client, number = tenant("owner", "test"), "+12025550118"
    app = await app_of(client, provider)
    body = {"channel": "sms", "app": app["id"], "from": number, "text": "hi"}
    (await client.post("/sandbox/inbound/", body)).ok(201)

    def came(seen: list[dict[str, Any]]) -> list[str]:
        return [event["data"]["content"]["body"]["text"] for event in seen if event["type"] == "message.received"]

    seen = await client.wait_for_events(lambda events: came(events) == ["hi"])
    [received] = [event["data"] for event in seen if event["type"] == "message.received"]
    assert (received["platform"], received["channel_app_id"]) == ("SMS", app["id"])
    (await client.post("/sms/v1/messages/", {"to": number, "text": TEXT, "app_id": app["id"]})).ok(201)
    await client.wait_for_events(lambda events: came(events) == ["hi", "hello"])


async def test_an_app_that_is_no_simulated_one_of_the_channel_is_refused(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    [whatsapp] = (await client.get("/wa/v1/apps/", params={"bsp": "META"})).ok()["results"]
    for app in (whatsapp["id"], tenant.whatsapp["app_id"], "wap_01jzzzzzzzzzzzzzzzzzzzzzzz"):
        body = {"channel": "sms", "app": app, "from": "+12025550118", "text": "hi"}
        detail = (await client.post("/sandbox/inbound/", body)).refused(400, "validation_error")
        assert detail == {"app": ["there is no such app"]}
