"""`?dry_run=true` on sends: what would happen is told, and nothing does."""

from __future__ import annotations

from typing import Any

import pytest

from jinaconnect.core.inbox.message import new_message
from jinaconnect.store.due import due_at
from jinaconnect.store.tenant import Change
from tests.client import until
from tests.conftest import Running
from tests.tenants import Tenant

ANN, BOB = "+12025550101", "+12025550102"


async def counts(tenant: Tenant) -> tuple[int, int, str]:
    messages = (await tenant().get("/team-inbox/api/messages/")).ok()
    contacts = (await tenant().get("/contacts/")).ok()
    return messages["count"], contacts["count"], messages["cursor"]


@pytest.mark.parametrize("path", ["/wa/v1/messages/", "/team-inbox/api/messages/"])
async def test_a_dry_run_tells_what_would_happen_and_changes_nothing(tenant: Tenant, path: str) -> None:
    await tenant.receives(ANN, "hello")

    async def written() -> str | None:
        rows = (await tenant().get("/contacts/")).ok()["results"]
        return rows[0]["id"] if rows else None

    contact = await until(written)
    body = (
        {"contact": contact, "text": "We do"} if path.startswith("/wa") else
        {"contact": contact, "platform": "WHATSAPP", "content": {"type": "text", "body": {"text": "We do"}}}
    )  # fmt: skip
    before = await counts(tenant)
    for _ in range(2):
        told = (await tenant().post(path, body, params={"dry_run": "true"}, headers={"Idempotency-Key": "one"})).ok()
        assert told["verdict"] == {"outcome": "allowed", "until": None, "rule": None, "source": None, "reason": None}
        assert (told["dry_run"], told["platform"], told["category"]) == (True, "WHATSAPP", "SERVICE")
        assert (told["contact"], told["content"]["body"]["text"]) == (contact, "We do")
    assert await counts(tenant) == before
    (await tenant().post(path, body, params={"dry_run": "perhaps"})).refused(400, "validation_error")
    sent = await tenant().post(path, body, headers={"Idempotency-Key": "one"})
    assert sent.status == 201, "the key is the send's, not the question's"


@pytest.mark.parametrize(
    ("path", "body", "platform"),
    [
        ("/telegram/v1/messages/", {"chat_id": 12025550118, "text": "We do"}, "TELEGRAM"),
        ("/rcs/v1/messages/", {"phone": "+12025550118", "text": "We do"}, "RCS"),
        ("/sms/v1/messages/", {"to": "+12025550118", "text": "We do"}, "SMS"),
    ],
)
async def test_every_channel_tells_what_it_would_send(
    tenant: Tenant, path: str, body: dict[str, Any], platform: str
) -> None:
    client = tenant("owner", "test")
    if platform == "TELEGRAM":
        wrote = {"channel": "telegram", "from": 12025550118, "text": "hi"}
        (await client.post("/sandbox/inbound/", wrote)).ok(201)
        await client.wait_for_events(lambda seen: any(event["type"] == "message.received" for event in seen))
    before = (await client.get("/team-inbox/api/messages/")).ok()["count"]
    told = (await client.post(path, body, params={"dry_run": "true"})).ok()
    assert (told["dry_run"], told["platform"], told["content"]["body"]["text"]) == (True, platform, "We do")
    assert (await client.get("/team-inbox/api/messages/")).ok()["count"] == before


async def test_a_dry_run_names_the_rule_that_refuses(tenant: Tenant) -> None:
    before = await counts(tenant)
    body = {"phone": BOB, "text": "hello"}
    told = (await tenant().post("/wa/v1/messages/", body, params={"dry_run": "1"})).ok()
    assert told["contact"] is None
    assert (told["verdict"]["outcome"], told["verdict"]["rule"]) == ("refused", "window.closed")
    assert await counts(tenant) == before, "no contact was made either"
    (await tenant().post("/wa/v1/messages/", {"phone": BOB}, params={"dry_run": "1"})).refused(400, "validation_error")


async def test_who_opts_out_while_a_message_waits_is_not_sent_it(gateway: Running, tenant: Tenant) -> None:
    contact = (await tenant().post("/contacts/", {"phone": ANN})).ok(201)["id"]
    services = gateway.services
    store = services.store.of(tenant.id, "live")
    account = (await tenant().get("/wa/v1/apps/")).ok()["results"][0]["id"]
    now = services.clock()
    doc = new_message(
        services.ids.new("msg"), contact=contact, platform="WHATSAPP", direction="OUTGOING", type="text",
        content={"type": "text", "body": {"text": "Sale"}}, author="USER", app=account, timestamp=now,
        status="PENDING", category="MARKETING", request={}, created_at=now, updated_at=now,
    )  # fmt: skip
    await store.insert("messages", doc, [])
    opted = {"WHATSAPP_MARKETING": "2026-01-01T00:00:00.000Z"}
    await store.change("contacts", contact, lambda _: Change(set={"opt_outs": opted}))
    await store.change("messages", doc["_id"], lambda _: Change(set={"due": due_at(now)}))
    gateway.ports.worker.run_now("messages", store.scope, doc["_id"])

    async def failed() -> str | None:
        row = await store.get("messages", doc["_id"])
        return row["error_code"]

    assert await until(failed) == "opted_out"
