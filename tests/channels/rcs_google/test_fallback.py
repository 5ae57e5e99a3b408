"""What does not reach anybody by RCS goes another way, once; which way is the channel's to say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jinaconnect.actions.messaging.fallback import fall_back
from jinaconnect.channels.rcs_google.channel import RcsGoogle, message_uuid
from tests.channels.rcs_google.conftest import Agent
from tests.client import until

ANN = "+12025550165"


@pytest.fixture
async def elsewhere(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> str:
    """Another platform that reaches a customer, who wrote there; returns the contact."""
    monkeypatch.setattr(RcsGoogle, "falls_back_to", "WHATSAPP")
    await agent.tenant.receives(ANN, "hello")
    [received] = await agent.heard("message.received")
    return str(received["contact_id"])


def sent_there(agent: Agent) -> Callable[[], Any]:
    async def found() -> list[dict[str, Any]]:
        listed = await agent.tenant().get("/wa/v1/messages/", params={"direction": "OUTBOUND"})
        return list(listed.ok()["results"])

    return found


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"text": "We have it."}, "We have it."),
        ({"rich_card": {"title": "Blue", "description": "Ready"}}, "Blue\nReady"),
        ({"text": "We have it.", "fallback_text": "In short: yes."}, "In short: yes."),
    ],
)
async def test_who_is_not_on_rcs_is_written_to_another_way(
    agent: Agent, elsewhere: str, fields: dict[str, Any], text: str
) -> None:
    agent.server.not_on_rcs.add(ANN)
    message = await agent.sends(ANN, **fields)
    await agent.became(message, "FAILED")
    there = sent_there(agent)

    async def told() -> bool:
        return (await agent.tenant().get(f"/rcs/v1/messages/{message}/")).ok()["fallback_sms"] is not None

    await until(told)
    [sent] = await there()
    assert (sent["text"], sent["contact"]) == (text, elsewhere)
    shown = (await agent.tenant().get(f"/rcs/v1/messages/{message}/")).ok()
    assert (shown["status"], shown["fallback_sms"]) == ("FAILED", sent["id"])
    gateway = agent.gateway
    # As after a crash between the send and the note of it.
    await gateway.services.store.raw("messages").update_one({"_id": message}, {"$unset": {"fallback_to": ""}})
    await fall_back(gateway.services, gateway.ports, f"{agent.tenant.id}:live", {"message": message})
    assert [row["id"] for row in await there()] == [sent["id"]], "nothing is sent twice"


async def test_a_message_whose_time_is_up_goes_another_way(agent: Agent, elsewhere: str) -> None:
    message = await agent.sends(ANN, text="x", ttl=10)
    await agent.became(message, "SENT")
    event = {
        "phoneNumber": ANN, "messageId": message_uuid(message), "agentId": agent.server.agent, "eventId": "e",
        "eventType": "TTL_EXPIRATION_REVOKED", "sendTime": "2026-11-26T10:00:00.000000Z",
    }  # fmt: skip
    (await agent.posts(event)).ok()
    there = sent_there(agent)

    async def sent() -> bool:
        return len(await there()) == 1

    await until(sent)


@pytest.mark.parametrize("how", ["message", "agent"])
async def test_it_is_turned_off_by_message_and_by_agent(agent: Agent, elsewhere: str, how: str) -> None:
    agent.server.not_on_rcs.add(ANN)
    if how == "agent":
        (await agent.tenant().patch(f"/rcs/v1/apps/{agent.id}/", {"sms_fallback_enabled": False})).ok()
    wanted = {"sms_fallback": False} if how == "message" else {}
    await agent.became(await agent.sends(ANN, text="x", **wanted), "FAILED")

    async def done() -> bool:
        jobs = agent.gateway.services.store.raw("jobs")
        return await jobs.find_one({"scope": f"{agent.tenant.id}:live", "kind": "message.fallback"}) is None

    await until(done)
    assert await sent_there(agent)() == []
