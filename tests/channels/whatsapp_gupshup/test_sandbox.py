"""The simulated Gupshup: every number does what the table says, in both versions, through the real door."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import Client
from tests.tenants import Tenant


def told(seen: list[dict[str, Any]], id: str) -> list[str]:
    return [event["type"].partition(".")[2] for event in seen if event["subject"]["id"] == id]


async def app_of(client: Client, how: str) -> str:
    """Return the sandbox's own app, which has a token, or one with a key."""
    if how == "key":
        body = {
            "bsp": "GUPSHUP", "app_name": "Keyed", "phone_number": "+12025550109",
            "bsp_credentials": {"api_key": "k" * 16, "app_name": "Keyed"},
        }  # fmt: skip
        return str((await client.post("/wa/v1/apps/", body)).ok(201)["id"])
    listed = (await client.get("/wa/v1/apps/", params={"bsp": "GUPSHUP"})).ok()["results"]
    return str(listed[0]["id"])


async def writes(client: Client, app: str, number: str, **what: str) -> None:
    body = {"channel": "whatsapp", "app": app, "from": number, "name": "Ann", **(what or {"text": "hi"})}
    (await client.post("/sandbox/inbound/", body)).ok(201)

    def came(seen: list[dict[str, Any]]) -> bool:
        return any(event["type"] == "message.received" for event in seen)

    await client.wait_for_events(came)


@pytest.mark.parametrize("how", ["token", "key"])
@pytest.mark.parametrize(
    ("ending", "steps"),
    [
        ("0111", ["queued", "sent", "delivered", "read"]),
        ("0112", ["queued", "sent", "delivered"]),
        ("0113", ["queued", "sent", "failed"]),
        ("0115", ["queued", "sent", "delivered", "read"]),
        ("0119", ["queued", "sent", "delivered"]),
        ("0120", ["queued", "unknown", "sent", "delivered"]),
    ],
)
async def test_a_number_decides_what_happens(tenant: Tenant, how: str, ending: str, steps: list[str]) -> None:
    client, number = tenant("owner", "test"), f"+1202555{ending}"
    app = await app_of(client, how)
    await writes(client, app, number)
    id = (await client.post("/wa/v1/messages/", {"to": number, "text": "We do!"})).ok(201)["id"]
    if (how, ending) == ("key", "0120"):
        steps = steps[:2]  # no reference of ours goes along, so nothing finds it again
    seen = await client.wait_for_events(lambda events: told(events, id)[-1:] == steps[-1:], within_s=30)
    assert told(seen, id) == steps
    shown = (await client.get(f"/wa/v1/messages/{id}/")).ok()
    assert shown["wa_app"] == app, "the app they wrote to answers"
    if ending == "0113":
        assert shown["error_code"] == "131026"


async def test_a_customer_sends_a_file_and_answers(tenant: Tenant) -> None:
    client, number = tenant("owner", "test"), "+12025550118"
    app = await app_of(client, "token")
    await writes(client, app, number)
    (await client.post("/wa/v1/messages/", {"to": number, "text": "We do!"})).ok(201)

    def answered(seen: list[dict[str, Any]]) -> bool:
        texts = [event["data"]["content"]["body"]["text"] for event in seen if event["type"] == "message.received"]
        return texts == ["hi", "hello"]

    await client.wait_for_events(answered)


async def test_a_new_number_is_written_to_from_the_sandboxs_first_app(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    await app_of(client, "token")
    written = {"element_name": "hello", "content": "hi", "category": "UTILITY"}
    template = (await client.post("/wa/v1/templates/", written)).ok(201)
    send = {"to": "+12025550112", "message_type": "TEMPLATE", "template": template["id"]}
    sent = (await client.post("/wa/v1/messages/", send)).ok(201)
    metas = (await client.get("/wa/v1/apps/", params={"bsp": "META"})).ok()["results"]
    assert sent["wa_app"] == metas[0]["id"]
    other = {"channel": "whatsapp", "app": "wap_01jzzzzzzzzzzzzzzzzzzzzzzz", "from": "+12025550112", "text": "hi"}
    assert "app" in (await client.post("/sandbox/inbound/", other)).refused(400, "validation_error")
