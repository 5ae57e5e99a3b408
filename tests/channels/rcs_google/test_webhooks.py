"""Agents and their webhooks: who may post, the handshake, and reports in every order."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import pytest

from jinaconnect.channels.rcs_google.channel import message_uuid, signature
from jinaconnect.channels.rcs_google.facts import facts_of, kind_of
from tests.channels.rcs_google.conftest import Agent, dumped
from tests.tenants import Tenant

ANN = "+12025550163"
HEADER = "X-Goog-Signature"


def test_the_signature_is_googles() -> None:
    """A vector made from Google's description of the algorithm: HMAC-SHA512 of the decoded data, in base64."""
    data = (
        b'{"senderPhoneNumber":"+15551230000","eventType":"DELIVERED","eventId":"e1","messageId":"m1","agentId":"demo"}'
    )
    assert signature("SJENCPGJESMGUFPY", data) == (
        "B6OC1azDDcqPjTPG620jXcEGKJQdCbcPzBc7ZIX/JU0J1MVWY0QLUtsgE2pz/uQvs5HIeTSOVw0rpXBFZN1gaA=="
    )


async def test_an_agent_is_added_and_its_secrets_are_told_once(agent: Agent) -> None:
    owner = agent.tenant()
    shown = (await owner.get(f"/rcs/v1/apps/{agent.id}/")).ok()
    assert (shown["provider"], shown["agent_id"]) == ("GOOGLE_RBM", agent.server.agent)
    assert (shown["daily_limit"], shown["sms_fallback_enabled"]) == (10_000, True)
    assert shown["webhook_url"] == f"{agent.gateway.url}/rcs/v1/webhooks/{agent.id}/"
    assert (await owner.get("/rcs/v1/apps/")).ok()["results"] == [shown]
    seen = dumped([shown, await owner.events()])
    row = dumped(await agent.gateway.services.store.raw("apps").find_one({"_id": agent.id}))
    for secret in (agent.server.client_token, "BEGIN PRIVATE KEY", agent.server.email):
        assert secret not in seen
        assert secret not in row, "what is secret is sealed"
    (await owner.post("/rcs/v1/apps/", agent.server.app())).refused(409, "already_exists")
    changed = (await owner.patch(f"/rcs/v1/apps/{agent.id}/", {"sms_fallback_enabled": False})).ok()
    assert changed["sms_fallback_enabled"] is False
    told = (await owner.patch(f"/rcs/v1/apps/{agent.id}/", {"base_url": "http://127.0.0.1:9"})).refused(
        400, "validation_error"
    )  # fmt: skip
    assert list(told) == ["provider_credentials.service_account_json"]
    (await owner.delete(f"/rcs/v1/apps/{agent.id}/")).ok(204)
    (await owner.get(f"/rcs/v1/apps/{agent.id}/")).refused(404, "not_found")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"agent_id": ""}, "agent_id"),
        ({"provider_credentials": None}, "provider_credentials.service_account_json"),
        ({"provider_credentials": {"service_account_json": "x"}}, "provider_credentials.service_account_json"),
        ({"provider_credentials": {"service_account_json": {"type": "user"}}},
         "provider_credentials.service_account_json.type"),
        ({"provider_credentials": {"service_account_json": {
            "type": "service_account", "client_email": "a", "private_key": "-----BEGIN"}}},
         "provider_credentials.service_account_json.private_key"),
        ({"provider_credentials": {"api_key": "x"}}, "provider_credentials.api_key"),
        ({"base_url": "http://10.0.0.1/"}, "base_url"),
        ({"sms_fallback_app": "wap_x"}, "sms_fallback_app"),
        ({"provider": "TWILIO"}, "provider"),
        ({"provider": "META_RCS", "provider_credentials": {}}, "provider"),  # which is off
    ],
)  # fmt: skip
async def test_an_agent_that_cannot_be_one_names_its_field(agent: Agent, change: dict[str, Any], field: str) -> None:
    body = {**agent.server.app(), "agent_id": "another", **change}
    assert field in (await agent.tenant().post("/rcs/v1/apps/", body)).refused(400, "validation_error")
    assert (await agent.tenant().get("/rcs/v1/apps/")).ok()["count"] == 1


async def test_google_asks_whether_we_are_there(agent: Agent) -> None:
    asked = {"clientToken": agent.server.client_token, "secret": "0f1e2d"}
    async with agent.tenant.anonymous.session.post(agent.gateway.url + agent.server.path, json=asked) as answer:
        assert (answer.status, await answer.text()) == (200, "0f1e2d")
        assert answer.headers["Content-Type"].startswith("text/plain")
    for wrong in ({"clientToken": "x", "secret": "y"}, {"clientToken": agent.server.client_token}):
        assert (await agent.tenant.anonymous.post(agent.server.path, wrong)).status == 403
    assert (await agent.tenant.anonymous.get(agent.server.path)).ok() == {"ok": True}


async def test_only_what_is_signed_with_the_agents_token_is_taken(agent: Agent, new_tenant: Any) -> None:
    event = agent.server.said(ANN, text="hello")
    body, headers = agent.server.posted(event)
    good = headers[HEADER]
    for wrong in ("", "x", good[:-4] + "AA==", signature("another token", json.dumps(event).encode())):
        (await agent.posts(event, **{HEADER: wrong})).refused(401, "bad_signature")
    forged = json.dumps({"message": {"data": "eyJ4IjoxfQ=="}}).encode()
    anonymous = agent.tenant.anonymous
    (await anonymous.ask("POST", agent.server.path, forged, headers=headers)).refused(401, "bad_signature")
    (await anonymous.ask("POST", agent.server.path, b"{broken", headers=headers)).refused(400, "parse_error")
    nobody = "/rcs/v1/webhooks/wap_01jzzzzzzzzzzzzzzzzzzzzzzz/"
    assert (await anonymous.ask("POST", nobody, body, headers=headers)).ok() == {"ok": True}
    assert not [seen for seen in await agent.tenant().events() if not seen["type"].startswith("app.")]
    plain = json.dumps(event).encode()
    direct = {"Content-Type": "application/json", HEADER: signature(agent.server.client_token, plain)}
    (await anonymous.ask("POST", agent.server.path, plain, headers=direct)).ok()
    assert len(await agent.heard("message.received")) == 1, "an event without an envelope is taken as well"


ORDERS = list(itertools.permutations(range(3)))


@pytest.mark.parametrize("order", ORDERS, ids=str)
async def test_reports_end_alike_in_every_order(agent: Agent, order: tuple[int, ...]) -> None:
    message = await agent.sends(ANN, text="x")
    await agent.became(message, "SENT")
    id = message_uuid(message)
    events = [agent.server.reported(ANN, id, kind) for kind in ("DELIVERED", "READ", "IS_TYPING")]
    for place in (*order, *order):
        (await agent.posts(events[place])).ok()
    await agent.heard("message.read")
    shown = (await agent.tenant().get(f"/rcs/v1/messages/{message}/")).ok()
    assert shown["status"] == "READ"
    assert shown["delivered_at"] is not None


@pytest.mark.parametrize("kinds", [("TTL_EXPIRATION_REVOKED",), ("TTL_EXPIRATION_REVOKE_FAILED", "DELIVERED")])
async def test_a_message_whose_time_is_up(agent: Agent, kinds: tuple[str, ...]) -> None:
    message = await agent.sends(ANN, text="x", ttl=10)
    await agent.became(message, "SENT")
    for kind in kinds:
        event = {"phoneNumber": ANN, "messageId": message_uuid(message), "agentId": agent.server.agent,
                 "eventType": kind, "eventId": kind, "sendTime": "2026-11-26T10:00:00.000000Z"}  # fmt: skip
        (await agent.posts(event)).ok()
    wanted = "EXPIRED" if kinds[-1] == "TTL_EXPIRATION_REVOKED" else "DELIVERED"
    await agent.heard("message.failed" if wanted == "EXPIRED" else "message.delivered")
    assert (await agent.tenant().get(f"/rcs/v1/messages/{message}/")).ok()["status"] == wanted


async def test_messages_that_are_repeated_and_out_of_order_count_once(agent: Agent) -> None:
    events = [agent.server.said(ANN, text=str(n)) for n in range(5)]
    mixed = [events[n] for n in (3, 0, 3, 1, 1, 4, 2, 0)]
    assert {answer.status for answer in await asyncio.gather(*(agent.posts(each) for each in mixed))} == {200}
    received = await agent.heard("message.received", 5)
    assert sorted(event["data"]["content"]["body"]["text"] for event in received) == list("01234")
    chats = (await agent.tenant().get("/team-inbox/api/conversations/")).ok()["results"]
    assert [chat["unread_count"] for chat in chats] == [5]


async def test_another_tenants_agent_is_unknown(agent: Agent, new_tenant: Any) -> None:
    other: Tenant = await new_tenant()
    for answer in (
        await other().get(f"/rcs/v1/apps/{agent.id}/"), await other().patch(f"/rcs/v1/apps/{agent.id}/", {}),
        await other().delete(f"/rcs/v1/apps/{agent.id}/"),
    ):  # fmt: skip
        answer.refused(404, "not_found")
    answer = await other().post("/rcs/v1/messages/", {"phone": ANN, "text": "x", "app_id": agent.id})
    assert "app_id" in answer.refused(400, "validation_error")
    (await agent.tenant("viewer").post("/rcs/v1/messages/", {"phone": ANN, "text": "x"})).refused(
        403, "permission_denied"
    )


def test_kinds_are_told_and_odd_events_raise_nothing() -> None:
    told = {"text": "MESSAGE", "suggestionResponse": "SUGGESTION_RESPONSE", "location": "LOCATION", "userFile": "FILE"}
    assert {name: kind_of({name: {}}) for name in told} == told
    assert kind_of({"eventType": "READ"}) == "READ"
    assert kind_of({"eventType": "SUBSCRIBE"}) == "UNKNOWN"
    odd: list[Any] = [None, 1, "x", [], {}, {"eventType": 7}, {"eventType": "NEW"}, {"eventType": "DELIVERED"},
                      {"messageId": 7}, {"messageId": "m", "senderPhoneNumber": "+1", "sendTime": "soon"},
                      {"messageId": "m", "senderPhoneNumber": "+1", "text": 7}]  # fmt: skip
    for event in odd:
        for fact in facts_of(event, "wap_x"):
            assert fact.account_address == "wap_x"
