"""The simulated carrier: every number does what the table says, through the real door."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jinaconnect.channels import script
from tests.client import Client
from tests.tenants import Tenant


async def reply(client: Client, number: str, text: str = "hello") -> str:
    """Have the customer write, so that the window is open, and answer; returns the message's id."""
    (await client.post("/sandbox/inbound/", {"channel": "whatsapp", "from": number, "name": "Ann", "text": "hi"})).ok(
        201
    )

    def arrived(seen: list[dict[str, Any]]) -> bool:
        phones = {event["contact_id"]: event["data"]["phone"] for event in seen if event["type"] == "contact.created"}
        return any(event["type"] == "message.received" and phones[event["contact_id"]] == number for event in seen)

    await client.wait_for_events(arrived)
    return str((await client.post("/wa/v1/messages/", {"to": number, "text": text})).ok(201)["id"])


def told(seen: list[dict[str, Any]], id: str) -> list[str]:
    return [event["type"].partition(".")[2] for event in seen if event["subject"]["id"] == id]


@pytest.mark.parametrize(
    ("ending", "steps"),
    [
        ("0111", ["queued", "sent", "delivered", "read"]),
        ("0112", ["queued", "sent", "delivered"]),
        ("0113", ["queued", "sent", "failed"]),
        ("0115", ["queued", "sent", "delivered", "read"]),
        ("0116", ["queued", "sent", "read"]),
        ("0119", ["queued", "sent", "delivered"]),
        ("0120", ["queued", "unknown", "sent", "delivered"]),
        ("0199", ["queued", "sent", "delivered"]),
    ],
)
async def test_a_number_decides_what_happens(tenant: Tenant, ending: str, steps: list[str]) -> None:
    client = tenant("owner", "test")
    id = await reply(client, f"+1202555{ending}")
    seen = await client.wait_for_events(lambda events: told(events, id)[-1:] == steps[-1:], within_s=30)
    assert told(seen, id) == steps
    final = (await client.get(f"/wa/v1/messages/{id}/")).ok()
    assert final["status"] == {"failed": "FAILED", "read": "READ", "delivered": "DELIVERED"}[steps[-1]]
    assert (await tenant("owner", "live").events()) == [], "nothing of the sandbox is in live data"


async def test_a_customer_answers(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    await reply(client, "+12025550118")

    def answered(seen: list[dict[str, Any]]) -> bool:
        texts = [event["data"]["content"]["body"]["text"] for event in seen if event["type"] == "message.received"]
        return texts == ["hi", "hello"]

    await client.wait_for_events(answered)


async def test_delays_and_silence(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    statuses, delay = script.PLANS["0117"]
    assert delay.total_seconds() == 10
    monkeypatch.setitem(script.PLANS, "0117", (statuses, script.STEP * 2))
    client = tenant("owner", "test")
    late = await reply(client, "+12025550117")
    silent = await reply(client, "+12025550114")
    seen = await client.wait_for_events(
        lambda events: "delivered" in told(events, late) and "sent" in told(events, silent)
    )
    assert told(seen, late) == ["queued", "sent", "delivered"]
    assert told(seen, silent) == ["queued", "sent"]


async def test_the_sandbox_needs_a_test_key_and_a_sensible_body(tenant: Tenant) -> None:
    body = {"channel": "whatsapp", "from": "+12025550111", "text": "hi"}
    (await tenant("owner", "live").post("/sandbox/inbound/", body)).refused(403, "permission_denied")
    (await tenant("viewer", "test").post("/sandbox/inbound/", body)).refused(403, "permission_denied")
    for bad, named in (({"from": "+1"}, "from"), ({"channel": "fax"}, "channel"), ({"text": None}, "text")):
        detail = (await tenant("owner", "test").post("/sandbox/inbound/", {**body, **bad})).refused(
            400, "validation_error"
        )
        assert any(name.startswith(named) for name in detail), detail
    assert await tenant("owner", "test").events() == []


async def test_a_template_passes_outside_the_window_and_text_does_not(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    number = "+12025550112"
    (await client.post("/wa/v1/messages/", {"to": number, "text": "hi"})).refused(400, "session_window_closed")
    assert (await client.get("/contacts/", params={"phone": number})).ok()["count"] == 0, "a refusal stores nothing"
    body = {
        "element_name": "Order Ready",
        "content": "Hello {{name}}, order {{number}} is ready.",
        "category": "UTILITY",
    }
    made = (await client.post("/wa/v1/templates/", body)).ok(201)
    assert (made["element_name"], made["status"]) == ("order_ready", "APPROVED")
    send = {"to": number, "message_type": "TEMPLATE", "template_name": "order_ready"}
    detail = (await client.post("/wa/v1/messages/", send)).refused(400, "validation_error")
    assert detail == {"template_params.body": ["values are missing for name, number"]}
    values = [
        {"type": "text", "text": text, "parameter_name": name} for name, text in (("name", "Ann"), ("number", "7"))
    ]
    sent = (await client.post("/wa/v1/messages/", {**send, "template_params": {"body": values}})).ok(201)
    assert sent["text"] == "Hello Ann, order 7 is ready."
    await client.wait_for_events(lambda events: told(events, sent["id"])[-1:] == ["delivered"])


async def test_credentials_are_sealed_and_never_shown(tenant: Tenant, gateway: Any) -> None:
    secret = "EAAsecretsecretsecret"
    body = {
        "app_name": "Main",
        "phone_number": "+12025550170",
        "waba_id": "11",
        "phone_number_id": "12",
        "app_secret": "shhhhhhhshhhhhhh",
        "bsp_credentials": {"access_token": secret},
    }
    made = (await tenant("admin").post("/wa/v1/apps/", body)).ok(201)
    path = f"/wa/v1/apps/{made['id']}/"
    shown = [
        made,
        (await tenant("owner").get(path)).ok(),
        (await tenant("owner").patch(path, {"description": "x"})).ok(),
    ]
    assert not any(secret in str(answer) or "shhhhhhh" in str(answer) for answer in shown)
    assert "phone_number_id" not in (await tenant("agent").get(path)).ok()
    row = await gateway.services.store.raw("apps").find_one({"_id": made["id"]})
    assert secret.encode() not in row["credentials"]
    (await tenant("admin").delete(path)).refused(403, "permission_denied")
    (await tenant("owner").delete(path)).ok(204)
    (await tenant("owner").get(path)).refused(404, "not_found")


async def test_reports_that_are_late_keep_their_order(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are due at once, as after a stop of the program."""
    monkeypatch.setattr(script, "STEP", timedelta(0))
    client = tenant("owner", "test")
    ids = [await reply(client, "+12025550116", f"hello {n}") for n in range(8)]
    seen = await client.wait_for_events(lambda events: all(told(events, id)[-1:] == ["read"] for id in ids))
    assert [told(seen, id) for id in ids] == [["queued", "sent", "read"]] * len(ids)
