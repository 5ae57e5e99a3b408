"""What does not reach anybody by RCS goes another way, once; which way is the channel's to say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from jinaconnect.actions.messaging import delivering
from jinaconnect.actions.messaging.fallback import fall_back, fall_back_recipient
from jinaconnect.channels.rcs_google.channel import RcsGoogle, message_uuid
from jinaconnect.core.errors import Unavailable
from jinaconnect.core.inbox.contact import marketing_opt_out
from jinaconnect.store.tenant import Change
from tests.channels.rcs_google.conftest import Agent
from tests.client import until

ANN = "+12025550165"
BEA = "+447700900165"  # where no hours are kept
HERE = {"element_name": "here", "content": "We have it.", "category": "UTILITY"}


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


def time_is_up(agent: Agent, message: str) -> dict[str, Any]:
    return {
        "phoneNumber": ANN, "messageId": message_uuid(message), "agentId": agent.server.agent, "eventId": "e",
        "eventType": "TTL_EXPIRATION_REVOKED", "sendTime": "2026-11-26T10:00:00.000000Z",
    }  # fmt: skip


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
    (await agent.posts(time_is_up(agent, message))).ok()
    there = sent_there(agent)

    async def sent() -> bool:
        return len(await there()) == 1

    await until(sent)


async def test_a_word_that_its_time_is_up_which_is_faster_than_its_answer_counts_as_well(
    agent: Agent, elsewhere: str
) -> None:
    message = await agent.sends(ANN, text="x", ttl=10)
    await agent.became(message, "SENT")
    store, known = agent.gateway.services.store, message_uuid(message)
    data = store.of(agent.tenant.id, "live")
    await data.change("messages", message, lambda _: Change(set={"carrier_id": None}))  # as while it is not answered
    (await agent.posts(time_is_up(agent, message))).ok()

    async def kept() -> bool:
        return await store.raw("jobs").find_one({"scope": data.scope, "kind": "status.late"}) is not None

    await until(kept)
    await data.change("messages", message, lambda _: Change(set={"carrier_id": known}))
    there = sent_there(agent)

    async def sent() -> bool:
        return len(await there()) == 1

    await until(sent)


async def test_who_is_not_on_rcs_is_written_to_though_the_refusal_is_cut_off(
    agent: Agent, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by a kill of the process that has just failed the message."""

    async def cut(*_: Any) -> None:
        raise asyncio.CancelledError

    agent.server.not_on_rcs.add(ANN)
    monkeypatch.setattr(delivering, "give_back", cut)
    message = await agent.sends(ANN, text="We have it.")
    await agent.became(message, "FAILED")
    there = sent_there(agent)

    async def sent() -> bool:
        return len(await there()) == 1

    await until(sent)
    assert (await agent.tenant().get(f"/contacts/{elsewhere}/")).ok()["unreachable"].keys() == {"RCS"}


async def test_what_became_of_a_message_is_waited_for(agent: Agent, elsewhere: str) -> None:
    agent.server.not_on_rcs.add(ANN)
    message = await agent.sends(ANN, text="x")
    await agent.became(message, "FAILED")
    gateway = agent.gateway
    rows, scope = gateway.services.store.raw("messages"), f"{agent.tenant.id}:live"
    await rows.update_one({"_id": message}, {"$set": {"status": "PENDING"}})  # as just before it was written down
    with pytest.raises(Unavailable):
        await fall_back(gateway.services, gateway.ports, scope, {"message": message})


async def test_the_place_of_a_refused_message_is_given_back_once(
    agent: Agent, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However the database answers: else the account could send more in a day than its limit."""
    allowances, given = agent.gateway.services.allowances, list[int]()
    give_back = type(allowances).give_back

    async def unheard(self: Any, thing: str, day: str, count: int) -> None:
        await give_back(self, thing, day, count)
        given.append(count)
        raise Unavailable("The database is away.")

    monkeypatch.setattr(type(allowances), "give_back", unheard)
    agent.server.not_on_rcs.add(ANN)
    message = await agent.sends(ANN, text="We have it.")
    await agent.became(message, "FAILED")
    there = sent_there(agent)

    async def sent() -> bool:
        return len(await there()) == 1

    await until(sent)
    assert given == [1]


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


@pytest.mark.parametrize(
    ("wanted", "agents", "goes"), [(None, True, True), (True, False, True), (False, True, False), (None, False, False)]
)
async def test_a_recipient_who_is_not_on_rcs_is_written_to_another_way(
    agent: Agent, elsewhere: str, wanted: bool | None, agents: bool, goes: bool
) -> None:
    agent.server.not_on_rcs.add(ANN)
    client, scope, store = agent.tenant(), f"{agent.tenant.id}:live", agent.gateway.services.store
    (await client.patch(f"/rcs/v1/apps/{agent.id}/", {"sms_fallback_enabled": agents})).ok()
    template = (await client.post("/rcs/v1/templates/", HERE)).ok(201)
    body = {
        "name": "Here", "status": "QUEUED", "recipients": [elsewhere], "template_number": template["number"],
        "fallback_sms_enabled": wanted,
    }  # fmt: skip
    id = (await client.post("/rcs/v1/broadcast/", body)).ok(201)["id"]

    async def rows() -> list[dict[str, Any]]:
        return list((await client.get("/broadcast/messages/", params={"broadcast": id})).ok()["results"])

    async def done() -> bool:
        waits = [row["status"] for row in await rows()] != ["BLOCKED"]
        return not waits and await store.raw("jobs").find_one({"scope": scope, "kind": "broadcast.fallback"}) is None

    await until(done, 30)
    [ended] = await rows()
    there = await sent_there(agent)()
    assert [each["text"] for each in there] == ["We have it."] * goes
    assert ended["fallback_sms"] == (there[0]["id"] if goes else None)
    assert (await client.get(f"/contacts/{elsewhere}/")).ok()["unreachable"].keys() == {"RCS"}
    if goes:  # as after a crash between the send and the note of it
        await store.raw("broadcast_rows").update_one({"_id": ended["id"]}, {"$unset": {"fallback_sms": ""}})
        await fall_back_recipient(agent.gateway.services, agent.gateway.ports, scope, {"row": ended["id"]})
        assert [each["id"] for each in await sent_there(agent)()] == [there[0]["id"]], "nothing is sent twice"


async def test_a_recipient_whose_time_is_up_goes_the_way_of_their_broadcast(agent: Agent, elsewhere: str) -> None:
    client = agent.tenant()
    template = (await client.post("/rcs/v1/templates/", HERE)).ok(201)
    body = {
        "name": "Here", "status": "QUEUED", "recipients": [elsewhere], "template_number": template["number"],
        "fallback_sms_enabled": False,
    }  # fmt: skip
    (await client.post("/rcs/v1/broadcast/", body)).ok(201)
    [told] = await agent.heard("message.sent")
    message = told["subject"]["id"]
    (await agent.posts(time_is_up(agent, message))).ok()

    async def done() -> bool:
        shown = (await client.get(f"/rcs/v1/messages/{message}/")).ok()
        jobs = agent.gateway.services.store.raw("jobs")
        left = await jobs.find_one({"scope": f"{agent.tenant.id}:live", "kind": "message.fallback"})
        return shown["status"] == "EXPIRED" and left is None

    await until(done)
    assert await sent_there(agent)() == []


async def test_marketing_is_marketing_another_way_too(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RcsGoogle, "falls_back_to", "WHATSAPP")
    await agent.tenant.receives(BEA, "hello")
    [received] = await agent.heard("message.received")
    agent.server.not_on_rcs.add(BEA)
    client, contact, store = agent.tenant(), received["contact_id"], agent.gateway.services.store
    stopped = {"opt_outs": {marketing_opt_out("WHATSAPP"): "2026-01-01T00:00:00.000Z"}}
    await store.of(agent.tenant.id, "live").change("contacts", contact, lambda _: Change(set=stopped))
    template = (await client.post("/rcs/v1/templates/", {**HERE, "category": "MARKETING"})).ok(201)
    body = {"name": "Sale", "status": "QUEUED", "recipients": [contact], "template_number": template["number"]}
    id = (await client.post("/rcs/v1/broadcast/", body)).ok(201)["id"]

    async def over() -> bool:
        rows = (await client.get("/broadcast/messages/", params={"broadcast": id})).ok()["results"]
        jobs = {"scope": f"{agent.tenant.id}:live", "kind": "broadcast.fallback"}
        return bool(rows) and rows[0]["status"] == "BLOCKED" and await store.raw("jobs").find_one(jobs) is None

    await until(over, 30)
    assert await sent_there(agent)() == []
