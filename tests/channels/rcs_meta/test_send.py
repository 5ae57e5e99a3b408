"""What the assumed contract is sent, and what its answers come to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.channels.rcs_meta.conftest import Agent

ANN = "+12025550181"
FILE = "https://files.example/a"
REPLY = {"type": "reply", "text": "Yes", "postback_data": "y"}
KINDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"text": "We do!"}, {"type": "text", "text": {"body": "We do!"}}),
    (
        {"text": "Ship it?", "suggestions": [REPLY]},
        {"type": "interactive", "interactive": {
            "type": "button", "body": {"text": "Ship it?"},
            "action": {"buttons": [{"type": "reply", "reply": {"id": "y", "title": "Yes"}}]}}},
    ),
    ({"media_url": FILE, "text": "Blue"}, {"type": "image", "image": {"link": FILE, "caption": "Blue"}}),
    ({"media_url": FILE, "media_type": "document"}, {"type": "document", "document": {"link": FILE}}),
]  # fmt: skip


async def test_every_type_is_sent_as_assumed(agent: Agent) -> None:
    for fields, wanted in KINDS:
        message = (await agent.sends(ANN, **fields)).ok(201)["id"]
        await agent.became(message, "SENT")
        sent = agent.server.requests[-1]
        assert {name: sent[name] for name in wanted} == wanted
        assert (sent["messaging_product"], sent["to"], sent["biz_opaque_callback_data"]) == ("rcs", ANN[1:], message)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"rich_card": {"title": "Blue"}}, "content.type"),
        ({"carousel": {"cards": [{"title": "a"}, {"title": "b"}]}}, "content.type"),
        ({"text": "x", "suggestions": [{"type": "url", "text": "Open", "url": FILE}]}, "content.buttons.0.type"),
        ({"media_url": FILE, "media_type": "audio", "text": "x"}, "content.audio.caption"),
        ({"media_url": FILE, "suggestions": [REPLY]}, "content.buttons"),
    ],
)
async def test_what_nothing_is_assumed_of_names_its_field(agent: Agent, fields: dict[str, Any], field: str) -> None:
    assert field in (await agent.sends(ANN, **fields)).refused(400, "validation_error")
    assert agent.server.requests == []


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((400, {"error": {"code": 100, "message": "no"}}), "100"),
        ((401, {"error": {"code": 190, "message": "token"}}), "190"),
        ((404, "gone"), "404"),
    ],
)
async def test_a_refusal_fails_the_message(agent: Agent, answer: Any, code: str) -> None:
    agent.server.next.append(answer)
    failed = await agent.became((await agent.sends(ANN, text="x")).ok(201)["id"], "FAILED")
    assert failed["error_code"] == code
    assert sum(agent.server.asked.values()) == 1
    if code == "190":
        assert (await agent.heard("account.reported"))[0]["data"]["kind"] == "authentication"


async def test_who_is_not_on_rcs_is_noted(agent: Agent) -> None:
    agent.server.next.append((400, {"error": {"code": 131026, "message": "undeliverable"}}))
    failed = await agent.became((await agent.sends(ANN, text="x")).ok(201)["id"], "FAILED")
    await agent.heard("contact.updated")
    contact = (await agent.tenant().get(f"/contacts/{failed['contact']}/")).ok()
    assert list(contact["unreachable"]) == ["RCS"]


@pytest.mark.parametrize(
    "answer",
    [
        (429, {"error": {"code": 130429, "message": "slow"}}, {"Retry-After": "1"}),
        (500, {"error": {"code": 131000, "message": "again"}}),
    ],
    ids=["rate", "passing"],
)
async def test_what_passes_is_tried_again(agent: Agent, answer: Any) -> None:
    agent.server.next.append(answer)
    await agent.became((await agent.sends(ANN, text="x")).ok(201)["id"], "SENT")
    assert (sum(agent.server.asked.values()), sum(agent.server.accepted.values())) == (2, 1)


@pytest.mark.parametrize("answer", ["reset", (502, "<html>"), (200, "nonsense")], ids=["reset", "502", "nonsense"])
async def test_no_answer_is_unknown_until_a_report_tells(agent: Agent, answer: Any) -> None:
    agent.server.next.append(answer)
    message = (await agent.sends(ANN, text="x")).ok(201)["id"]
    await agent.became(message, "UNKNOWN")
    (await agent.posts(agent.server.status(message, "delivered"))).ok()
    await agent.heard("message.delivered")
    assert sum(agent.server.asked.values()) == 1


async def test_nobody_can_be_asked_about_and_nothing_taken_back(agent: Agent) -> None:
    asked = await agent.tenant().post("/rcs/v1/capability-check/", {"phones": [ANN]})
    asked.refused(501, "not_supported_by_provider")
    message = (await agent.sends(ANN, text="x")).ok(201)["id"]
    await agent.became(message, "SENT")
    (await agent.tenant().post(f"/rcs/v1/messages/{message}/revoke/")).refused(501, "not_supported_by_provider")
