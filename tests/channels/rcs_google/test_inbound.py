"""What customers send by RCS, as it stands in the inbox."""

from __future__ import annotations

from typing import Any

import pytest

from tests.channels.rcs_google.conftest import Agent
from tests.client import until

ANN = "+12025550164"
FILE = {"mimeType": "image/jpeg", "fileSizeBytes": 9, "fileName": "a.jpg", "fileUri": "https://files.example/a"}
KINDS: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"text": "Do you have it?"}, "TEXT", {"type": "text", "body": {"text": "Do you have it?"}}),
    (
        {"suggestionResponse": {"postbackData": "order:blue", "text": "Order", "type": "REPLY"}},
        "SUGGESTION",
        {
            "type": "button_reply", "body": {"text": "Order"},
            "button_reply": {"title": "Order", "payload": "order:blue"},
        },
    ),
    (
        {"location": {"latitude": 1.5, "longitude": 2.5}},
        "LOCATION",
        {"type": "location", "location": {"latitude": 1.5, "longitude": 2.5}},
    ),
    (
        {"tomorrowsType": {"x": 1}},
        "UNSUPPORTED",
        {
            "type": "text", "body": {"text": "unsupported: tomorrowsType"},
            "unsupported": {"type": "tomorrowsType", "code": None, "title": None, "details": None},
        },
    ),
]  # fmt: skip


@pytest.mark.parametrize(("what", "kind", "content"), KINDS, ids=[row[1] for row in KINDS])
async def test_every_type_stands_in_the_inbox(
    agent: Agent, what: dict[str, Any], kind: str, content: dict[str, Any]
) -> None:
    event = await agent.hears(ANN, **what)
    [received] = await agent.heard("message.received")
    data = received["data"]
    assert (data["message_type"], data["content"]) == (kind, content)
    assert (data["platform"], data["external_message_id"], data["expires_at"]) == ("RCS", event["messageId"], None)
    contact = (await agent.tenant().get(f"/contacts/{received['contact_id']}/")).ok()
    assert (contact["phone"], contact["source"]) == (ANN, "RCS")
    row = await agent.gateway.services.store.of(agent.tenant.id, "live").get("messages", received["subject"]["id"])
    assert row["raw"] == event


@pytest.mark.parametrize(
    ("mime", "kind"),
    [("image/jpeg", "image"), ("video/mp4", "video"), ("audio/ogg", "audio"), ("application/pdf", "document")],
)
async def test_a_file_is_fetched_from_where_google_keeps_it(agent: Agent, mime: str, kind: str) -> None:
    agent.server.files["f1"] = b"x" * 1000
    payload = {**FILE, "mimeType": mime, "fileUri": f"{agent.server.url}/files/f1"}
    await agent.hears(ANN, userFile={"category": "x", "payload": payload})
    [received] = await agent.heard("message.received")
    content = received["data"]["content"]
    assert (content["type"], content[kind]["filename"], content[kind]["size"]) == (kind, "a.jpg", 9)

    async def served() -> bool:
        url = agent.gateway.url + content[kind]["url"]
        async with agent.tenant.anonymous.session.get(url) as answer:
            return answer.status == 200 and await answer.read() == agent.server.files["f1"]

    await until(served)


async def test_a_customer_who_unsubscribes_gets_no_marketing(agent: Agent) -> None:
    await agent.hears(ANN, text="hello")
    [received] = await agent.heard("message.received")
    for kind, held in (("UNSUBSCRIBE", ["RCS"]), ("SUBSCRIBE", [])):
        (await agent.posts(agent.server.event(ANN, eventType=kind, eventId=kind))).ok()

        async def noted(held: list[str] = held) -> bool:
            contact = (await agent.tenant().get(f"/contacts/{received['contact_id']}/")).ok()
            return list(contact["opt_outs"]) == held

        await until(noted)


async def test_an_event_of_a_kind_that_is_not_known_is_kept_and_is_no_message(agent: Agent) -> None:
    event = {"senderPhoneNumber": ANN, "messageId": "m-1", "eventId": "e", "eventType": "NEWS"}
    (await agent.posts(event)).ok()
    [failed] = await agent.heard("webhook.failed")
    assert "NEWS" in failed["data"]["reason"]
    assert [each for each in await agent.tenant().events() if each["type"] == "message.received"] == []


async def test_what_cannot_be_read_harms_nothing_else(agent: Agent) -> None:
    (await agent.posts({**agent.server.said(ANN, text="x"), "sendTime": "soon"})).ok()
    [failed] = await agent.heard("webhook.failed")
    assert "soon" in failed["data"]["reason"]
    [received] = await agent.heard("message.received")
    assert received["data"]["content"]["body"]["text"] == "[a message that could not be read]"
