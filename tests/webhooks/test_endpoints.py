"""Endpoints over REST: what is taken, what is refused by which field, and that no secret is shown twice."""

from __future__ import annotations

import json
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.client import until
from tests.conftest import Running
from tests.tenants import Tenant
from tests.webhooks.conftest import Receivers, endpoint
from tests.webhooks.receiver import Heard, Receiver

GOOD = {"url": "https://1.1.1.1/hooks", "events": ["message.*"]}


async def test_an_endpoint_is_made_shown_changed_and_removed_each_told(tenant: Tenant) -> None:
    owner = tenant()
    made = (await owner.post("/webhooks/endpoints/", {**GOOD, "description": "Shop"})).ok(201)
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    path = f"/webhooks/endpoints/{made['id']}/"
    shown = (await owner.get(path)).ok()
    waiting = shown.pop("waiting")
    assert shown == made
    assert (waiting["keys_behind"], waiting["next_attempt_at"]) == (0, None)
    assert await owner.events(waiting["cursor"]) != [], "it is told what happened since"
    assert (await owner.get("/webhooks/endpoints/")).ok()["results"] == [made]
    changed = (await owner.patch(path, {"events": ["call.*"], "description": None})).ok()
    assert (changed["events"], changed["description"]) == (["call.*"], None)
    paused = (await owner.post(f"{path}pause/")).ok()
    assert (paused["status"], paused["is_active"]) == ("paused", False)
    (await owner.post(f"{path}resume/")).ok()
    assert (await owner.delete(path)).status == 204
    assert (await owner.get(path)).status == 404
    events = await owner.events(topics="account")
    types = [event["type"] for event in events if event["type"].startswith("endpoint.")]
    assert types == ["endpoint.created", *["endpoint.updated"] * 3, "endpoint.deleted"]
    assert secret not in json.dumps(events)
    assert secret not in json.dumps((await owner.get("/webhooks/endpoints/")).body)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://1.1.1.1/hooks", "https"), ("ftp://1.1.1.1/", "http"), ("https://10.0.0.1/", "private"),
        ("https://[::1]:8443/", ""), ("https://169.254.169.254/latest/", "private"), ("https://0x7f.1/", "usual form"),
        ("https://user:pass@1.1.1.1/", "credentials"), ("https://nowhere.invalid/", "resolve"), ("nonsense", "http"),
        ("https://[64:ff9b::a00:1]/", "private"), ("https://", "http"), ("", ""), ("https://2130706433/", "usual form"),
    ],
)  # fmt: skip
async def test_an_address_that_is_not_gone_to_is_refused_by_its_field(
    tenant: Tenant, gateway: Running, url: str, said: str
) -> None:
    owner = tenant()
    if url == "https://[::1]:8443/":
        assert not gateway.services.webhooks_outbound.guard.allows("::1")
    detail = (await owner.post("/webhooks/endpoints/", {**GOOD, "url": url})).refused(400, "validation_error")
    assert list(detail) == ["url"]
    assert said in detail["url"][0]
    assert (await owner.get("/webhooks/endpoints/")).ok()["count"] == 0
    made = (await owner.post("/webhooks/endpoints/", GOOD)).ok(201)
    changed = await owner.patch(f"/webhooks/endpoints/{made['id']}/", {"url": url})
    assert list(changed.refused(400, "validation_error")) == ["url"]
    assert (await owner.get(f"/webhooks/endpoints/{made['id']}/")).ok()["url"] == GOOD["url"]


async def test_a_name_that_leads_inside_is_refused(
    tenant: Tenant, gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway.services.webhooks_outbound.guard, "_allowed", ())  # as a deployment has it
    refused = await tenant().post("/webhooks/endpoints/", {**GOOD, "url": "https://localhost/"})
    assert "private" in refused.refused(400, "validation_error")["url"][0]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"events": []}, "events"), ({"events": ["message.*", "nothing.here"]}, "events.1"),
        ({"events": None}, "events"),
        ({"topics": ["inbox", "kitchen"]}, "topics.1"), ({"description": "x" * 501}, "description"),
        ({"url": None}, "url"), ({"events": "message.*"}, "events"),
    ],
)  # fmt: skip
async def test_what_is_not_valid_is_named(tenant: Tenant, fields: dict[str, Any], field: str) -> None:
    owner = tenant()
    assert field in (await owner.post("/webhooks/endpoints/", {**GOOD, **fields})).refused(400, "validation_error")
    assert (await owner.get("/webhooks/endpoints/")).ok()["count"] == 0


async def test_who_may_not_manage_webhooks_does_not(tenant: Tenant) -> None:
    made = (await tenant().post("/webhooks/endpoints/", GOOD)).ok(201)
    for role in ("manager", "agent", "viewer"):
        (await tenant(role).post("/webhooks/endpoints/", GOOD)).refused(403, "permission_denied")
        (await tenant(role).get("/webhooks/endpoints/")).refused(403, "permission_denied")
        (await tenant(role).get("/webhooks/deliveries/")).refused(403, "permission_denied")
        for what in ("test", "pause", "resume", "rotate-secret"):
            answer = await tenant(role).post(f"/webhooks/endpoints/{made['id']}/{what}/")
            answer.refused(403, "permission_denied")


async def test_the_same_key_makes_one_endpoint_and_shows_its_secret_again(tenant: Tenant) -> None:
    owner = tenant()
    first = (await owner.post("/webhooks/endpoints/", GOOD, headers={"Idempotency-Key": "e1"})).ok(201)
    again = (await owner.post("/webhooks/endpoints/", GOOD, headers={"Idempotency-Key": "e1"})).ok(201)
    assert again == first
    assert (await owner.get("/webhooks/endpoints/")).ok()["count"] == 1


async def test_both_secrets_sign_while_one_follows_the_other(tenant: Tenant, receiver: Receiver) -> None:
    owner = tenant()
    made = await endpoint(owner, receiver, "message.received")
    signed: list[tuple[bool, bool]] = []
    secrets = [made["secret"], ""]

    def meet(heard: Heard) -> int:
        signed.append((takes(secrets[0], heard), takes(secrets[1], heard)))
        return 200

    def takes(secret: str, heard: Heard) -> bool:
        try:
            Webhook(secret).verify(receiver.raw[heard.id], heard.headers)
        except Exception:
            return False
        return True

    receiver.meet = meet
    path = f"/webhooks/endpoints/{made['id']}/"
    rotated = (await owner.post(f"{path}rotate-secret/", {"grace_seconds": 600})).ok()
    secrets[1] = rotated["secret"]
    assert rotated["former_secret_until"] is not None
    assert secrets[0] != secrets[1]
    tested = (await owner.post(f"{path}test/")).ok()
    assert (tested["success"], tested["response_code"], tested["answer"]) == (True, 200, "told")
    assert signed == [(True, True)]
    secrets[0] = secrets[1]
    secrets[1] = (await owner.post(f"{path}rotate-secret/", {"grace_seconds": 0})).ok()["secret"]
    await tenant.receives("+12025550171", "hello")

    async def told() -> bool:
        return len(signed) == 2

    await until(told)
    assert signed[1] == (False, True)


async def test_a_secret_that_was_followed_at_once_signs_nothing_more(tenant: Tenant, receiver: Receiver) -> None:
    owner = tenant()
    made = await endpoint(owner, receiver, "message.received")
    path, newest, fits = f"/webhooks/endpoints/{made['id']}/", [made["secret"]], []

    def meet(heard: Heard) -> int:
        try:
            Webhook(newest[0]).verify(receiver.raw[heard.id], heard.headers)
        except WebhookVerificationError:
            fits.append(False)
        else:
            fits.append(True)
        return 200

    receiver.meet = meet
    for round in range(1, 13):
        for _ in range(3):  # the second and third while it is looked at what the first has changed
            newest[0] = (await owner.post(f"{path}rotate-secret/", {"grace_seconds": 0})).ok()["secret"]
        await tenant.receives("+12025550172", f"hello {round}")

        async def told(wanted: int = round) -> bool:
            return len(fits) >= wanted

        await until(told)
    assert fits == [True] * 12


async def test_a_test_says_what_came_of_it(tenant: Tenant, receiver: Receiver) -> None:
    owner = tenant()
    made = await endpoint(owner, receiver, "call.*")
    path = f"/webhooks/endpoints/{made['id']}/test/"
    receiver.meet = lambda heard: 503
    tested = (await owner.post(path, {"type": "message.read"})).ok()
    assert (tested["success"], tested["response_code"]) == (False, 503)
    assert (receiver.heard[0].event["type"], receiver.heard[0].event["example"]) == ("message.read", True)
    assert receiver.heard[0].signed
    await receiver.stop()
    tested = (await owner.post(path)).ok()
    assert (tested["success"], tested["response_code"]) == (False, None)
    assert "cannot be reached" in tested["error"]
    (await owner.post(path, {"type": "nothing.here"})).refused(400, "validation_error")


async def test_secrets_are_sealed_at_rest(tenant: Tenant, gateway: Running, receivers: Receivers) -> None:
    made = await endpoint(tenant(), await receivers())
    doc = await gateway.services.store.of(tenant.id, "live").get("webhook_endpoints", made["id"])
    key = made["secret"].removeprefix("whsec_")
    assert key not in repr(doc)
    assert isinstance(doc["secrets"], bytes)
