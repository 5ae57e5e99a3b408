"""The simulated Bot API: every number does what the table says, through the real door; nothing leaves the program."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client import Client
from tests.tenants import Tenant


async def writes(client: Client, chat: Any = 12025550111, **fields: Any) -> str:
    """Have a simulated customer write; returns the carrier's id of the message."""
    body = {"channel": "telegram", "from": chat, "name": "Ann Lee", **fields}
    return str((await client.post("/sandbox/inbound/", body)).ok(201)["message_id"])


def told(seen: list[dict[str, Any]], id: str) -> list[str]:
    return [event["type"].partition(".")[2] for event in seen if event["subject"]["id"] == id]


async def test_a_customer_writes_and_is_answered(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    written = await writes(client, text="Do you have it?")
    seen = await client.wait_for_events(lambda events: any(e["type"] == "message.received" for e in events))
    [received] = [event for event in seen if event["type"] == "message.received"]
    assert received["data"]["external_message_id"] == written
    contact = (await client.get(f"/contacts/{received['contact_id']}/")).ok()
    assert (contact["full_name"], contact["telegram_chat_id"], contact["phone"]) == ("Ann Lee", 12025550111, None)
    answer = (await client.post("/telegram/v1/messages/", {"contact_id": contact["id"], "text": "We do!"})).ok(201)
    assert (answer["success"], answer["outbound_id"], answer["status"]) == (True, answer["id"], "PENDING")
    seen = await client.wait_for_events(lambda events: "sent" in told(events, answer["id"]))
    assert told(seen, answer["id"]) == ["queued", "sent"]
    [bot] = (await client.get("/telegram/v1/bots/")).ok()["results"]
    assert bot["simulated"]
    assert (await tenant("owner", "live").events()) == [], "nothing of the sandbox is in live data"


@pytest.mark.parametrize(
    ("ending", "steps", "status"),
    [
        ("0111", ["queued", "sent"], "SENT"),
        ("0113", ["queued", "failed"], "BLOCKED"),
        ("0119", ["queued", "sent"], "SENT"),
        ("0120", ["queued", "unknown"], "UNKNOWN"),
        ("0199", ["queued", "sent"], "SENT"),
    ],
)
async def test_a_number_decides_what_happens(tenant: Tenant, ending: str, steps: list[str], status: str) -> None:
    client = tenant("owner", "test")
    body = {"chat_id": int(f"1202555{ending}"), "text": "hello"}
    id = (await client.post("/telegram/v1/messages/", body)).ok(201)["id"]
    seen = await client.wait_for_events(lambda events: told(events, id)[-1:] == steps[-1:], within_s=30)
    assert told(seen, id) == steps
    assert (await client.get(f"/telegram/v1/messages/{id}/")).ok()["status"] == status


@pytest.mark.parametrize(
    ("fields", "kind", "text"),
    [
        ({}, "TEXT", "hello"),
        ({"buttons": [{"type": "QUICK_REPLY", "text": "Blue"}, {"type": "QUICK_REPLY", "text": "Red"}]},
         "CALLBACK", "Blue"),
    ],
)  # fmt: skip
async def test_a_customer_answers_or_presses_the_first_button(
    tenant: Tenant, fields: dict[str, Any], kind: str, text: str
) -> None:
    client = tenant("owner", "test")
    body = {"chat_id": 12025550118, "text": "Which?", **fields}
    (await client.post("/telegram/v1/messages/", body)).ok(201)
    seen = await client.wait_for_events(lambda events: any(e["type"] == "message.received" for e in events))
    [received] = [event["data"] for event in seen if event["type"] == "message.received"]
    assert (received["message_type"], received["content"]["body"]["text"]) == (kind, text)


async def test_a_bot_added_with_a_test_key_is_simulated(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    token = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
    bot = (await client.post("/telegram/v1/bots/", {"bot_token": token})).ok(201)
    assert (bot["simulated"], bot["bot_user_id"]) == (True, "110201543")
    path = f"/telegram/v1/bots/{bot['id']}/"
    assert (await client.post(f"{path}test_auth/")).ok()["bot"]["id"] == 110201543
    assert (await client.post(f"{path}register_webhook/")).ok()["webhook_url"] == bot["webhook_url"]
    id = (await client.post("/telegram/v1/messages/", {"chat_id": 5, "bot_id": bot["id"], "text": "x"})).ok(201)["id"]
    await client.wait_for_events(lambda events: "sent" in told(events, id))
    (await client.delete(path)).ok(204)


@pytest.mark.parametrize("chat", ["anna", "-5", "0", 2**60, ""])
async def test_a_customer_is_a_chat_id(tenant: Tenant, chat: Any) -> None:
    body = {"channel": "telegram", "from": chat, "text": "x"}
    assert "from" in (await tenant("owner", "test").post("/sandbox/inbound/", body)).refused(400, "validation_error")
