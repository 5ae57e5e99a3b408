"""What customers send by the assumed contract, as it stands in the inbox, and the sandbox's carrier of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.channels.rcs_meta.conftest import Agent
from tests.client import until
from tests.tenants import Tenant

ANN = "+12025550183"
KINDS: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"text": {"body": "Do you have it?"}}, "TEXT", {"type": "text", "body": {"text": "Do you have it?"}}),
    (
        {"interactive": {"type": "button_reply", "button_reply": {"id": "y", "title": "Yes"}}}, "INTERACTIVE",
        {"type": "button_reply", "body": {"text": "Yes"}, "button_reply": {"title": "Yes", "payload": "y"}},
    ),
    ({"location": {"latitude": 1.5, "longitude": 2.5}}, "LOCATION",
     {"type": "location", "location": {"latitude": 1.5, "longitude": 2.5}}),
]  # fmt: skip


@pytest.mark.parametrize(("what", "kind", "content"), KINDS, ids=[row[1] for row in KINDS])
async def test_every_type_stands_in_the_inbox(
    agent: Agent, what: dict[str, Any], kind: str, content: dict[str, Any]
) -> None:
    (await agent.posts(agent.server.said(ANN, "rcs.1", **what))).ok()
    [received] = await agent.heard("message.received")
    data = received["data"]
    assert (data["message_type"], data["content"]) == (kind, content)
    assert (data["platform"], data["external_message_id"]) == ("RCS", "rcs.1")
    contact = (await agent.tenant().get(f"/contacts/{received['contact_id']}/")).ok()
    assert (contact["phone"], contact["source"]) == (ANN, "RCS")


async def test_an_unknown_type_and_an_odd_one_harm_no_other(agent: Agent) -> None:
    (await agent.posts(agent.server.told(messages=[7, {"id": "x"}]))).ok()
    (await agent.posts(agent.server.said(ANN, "rcs.2", tomorrow={"text": "see you"}))).ok()
    [received] = await agent.heard("message.received")
    assert received["data"]["content"]["body"]["text"] == "[tomorrow message] see you"
    await agent.heard("webhook.failed")


async def test_a_file_is_fetched_from_its_address(agent: Agent) -> None:
    agent.server.files["a"] = ("image/jpeg", b"x" * 1000)
    image = {"url": f"{agent.server.url}/files/a", "mime_type": "image/jpeg"}
    (await agent.posts(agent.server.said(ANN, "rcs.3", image=image))).ok()
    [received] = await agent.heard("message.received")
    url = received["data"]["content"]["image"]["url"]
    path = "/" + url.split("/", 3)[3] if url.startswith("http") else url

    async def there() -> bool:
        return (await agent.tenant.anonymous.ask("GET", path)).status == 200

    await until(there)


@pytest.mark.parametrize(
    ("ending", "steps"),
    [
        ("0111", ["queued", "sent", "delivered", "read"]),
        ("0113", ["queued", "sent", "failed"]),
        ("0119", ["queued", "sent", "delivered"]),
        ("0120", ["queued", "unknown", "sent", "delivered"]),
    ],
)
async def test_the_sandbox_does_what_the_number_says(tenant: Tenant, ending: str, steps: list[str]) -> None:
    client, number = tenant("owner", "test"), f"+1202555{ending}"
    [app] = (await client.get("/rcs/v1/apps/", params={"provider": "META_RCS"})).ok()["results"]
    body = {"channel": "rcs", "app": app["id"], "from": number, "text": "hi"}
    (await client.post("/sandbox/inbound/", body)).ok(201)
    send = {"phone": number, "text": "We do!", "app_id": app["id"]}
    id = (await client.post("/rcs/v1/messages/", send)).ok(201)["id"]

    def told(seen: list[dict[str, Any]]) -> list[str]:
        return [event["type"].partition(".")[2] for event in seen if event["subject"]["id"] == id]

    seen = await client.wait_for_events(lambda events: told(events)[-1:] == steps[-1:], within_s=30)
    assert told(seen) == steps
    assert [event for event in seen if event["type"] == "message.received"]
