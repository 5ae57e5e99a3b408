"""Apps of the assumed contract and their webhooks: who may post, the handshake, reports in every order."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from jinaconnect.channels.graph import signature
from tests.channels.rcs_meta.conftest import Agent

ANN = "+12025550182"


def test_the_signature_is_the_published_one() -> None:
    made = signature("It's a Secret to Everybody", b"Hello, World!")
    assert made == "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


async def test_an_app_says_that_its_contract_is_assumed(agent: Agent) -> None:
    owner = agent.tenant()
    shown = (await owner.get(f"/rcs/v1/apps/{agent.app['id']}/")).ok()
    assert (shown["provider"], shown["agent_id"]) == ("META_RCS", agent.server.agent)
    assert "assumed contract" in shown["note"]
    assert (await owner.get("/rcs/v1/apps/", params={"provider": "META_RCS"})).ok()["results"] == [shown]
    row = await agent.gateway.services.store.raw("apps").find_one({"_id": agent.app["id"]})
    seen = json.dumps([shown, await owner.events(), str(row)])
    for secret in (agent.server.token, agent.server.app_secret, agent.app["webhook_client_token"]):
        assert secret not in seen
    path = f"/rcs/v1/apps/{agent.app['id']}/"
    told = (await owner.patch(path, {"base_url": "http://127.0.0.1:9"})).refused(400, "validation_error")
    assert list(told) == ["provider_credentials.access_token"]


@pytest.mark.parametrize(
    ("credentials", "field"),
    [
        ({}, "provider_credentials.access_token"),
        ({"service_account_json": "x"}, "provider_credentials.service_account_json"),
        ({"phone_number_id": "1", "access_token": "short", "app_secret": "k" * 16},
         "provider_credentials.access_token"),
        ({"phone_number_id": 7, "access_token": "k" * 16, "app_secret": "k" * 16},
         "provider_credentials.phone_number_id"),
    ],
)  # fmt: skip
async def test_an_app_that_cannot_be_one_names_its_field(agent: Agent, credentials: Any, field: str) -> None:
    body = {**agent.server.app(), "agent_id": "another", "provider_credentials": credentials}
    assert field in (await agent.tenant().post("/rcs/v1/apps/", body)).refused(400, "validation_error")


async def test_the_handshake_is_answered_with_its_challenge(agent: Agent) -> None:
    asked = {"hub.mode": "subscribe", "hub.verify_token": agent.app["webhook_client_token"], "hub.challenge": "1158"}
    session, url = agent.tenant.anonymous.session, agent.gateway.url + agent.path
    async with session.get(url, params=asked) as answer:
        assert (answer.status, await answer.text()) == (200, "1158")
    async with session.get(url, params={**asked, "hub.verify_token": "guess"}) as answer:
        assert answer.status == 403
    assert (await agent.tenant.anonymous.get(agent.path)).ok() == {"ok": True}


async def test_only_what_is_signed_with_the_app_secret_is_taken(agent: Agent) -> None:
    body = agent.server.said(ANN, "rcs.1", text={"body": "hi"})
    for wrong in ("", "x", signature("another secret", body), agent.server.signed(body + b" ")):
        (await agent.posts(body, **{"X-Hub-Signature-256": wrong})).refused(401, "bad_signature")
    (await agent.posts(b"{broken")).refused(400, "parse_error")
    assert not [seen for seen in await agent.tenant().events() if seen["type"] == "message.received"]
    (await agent.posts(body)).ok()
    (await agent.posts(body)).ok()
    assert len(await agent.heard("message.received")) == 1


@pytest.mark.parametrize("order", list(itertools.permutations(["sent", "delivered", "read"])), ids="-".join)
async def test_reports_in_any_order_and_twice_end_at_read(agent: Agent, order: tuple[str, ...]) -> None:
    message = (await agent.sends(ANN, text="x")).ok(201)["id"]
    await agent.became(message, "SENT")
    for status in (*order, *order):
        assert (await agent.posts(agent.server.status(message, status))).ok() == {"ok": True}
    await agent.heard("message.read")
    shown = (await agent.tenant().get(f"/rcs/v1/messages/{message}/")).ok()
    assert (shown["status"], shown["provider_message_id"]) == ("READ", agent.server.ids[message])
    assert shown["delivered_at"] is not None


async def test_a_failure_is_told(agent: Agent) -> None:
    message = (await agent.sends(ANN, text="x")).ok(201)["id"]
    await agent.became(message, "SENT")
    errors = [{"code": 131026, "title": "Undeliverable"}]
    (await agent.posts(agent.server.status(message, "failed", errors=errors))).ok()
    [failed] = await agent.heard("message.failed")
    assert (failed["data"]["error_code"], failed["data"]["error_message"]) == ("131026", "Undeliverable")
