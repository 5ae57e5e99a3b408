"""Lines 3 to 7: what clients cannot set, what a wallet covers, and whom a broadcast reaches."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.carriers.meta import Behaviour
from tests.client import Client, until
from tests.faults.carrier_side import site
from tests.faults.test_broadcasts import begun, ended, everybody_once, killed_while_sending
from tests.handlers.billing.test_ledger import wallet_with
from tests.handlers.broadcasts.shop import BROADCASTS, Shop
from tests.processes import GatewayProcess
from tests.tenants import Tenant

WALLET, LEDGER = "/tenants/host-wallet/", "/wallet/transactions/"


async def sandbox(client: Client, amount: float, people: int = 1) -> str:
    """Fill the sandbox: a wallet, contacts, an approved template; returns the template."""
    for place in range(people):
        contact = {"phone": f"+1202555{4000 + place}", "first_name": "Ann", "telegram_chat_id": 12025554000 + place}
        (await client.post("/contacts/", contact)).ok(201)
    (await client.post("/sandbox/wallet/", {"amount": amount})).ok()
    made = {"element_name": "sale", "category": "MARKETING", "content": "Hello {{first_name}}."}
    return str((await client.post("/wa/v1/templates/", made)).ok(201)["id"])


async def ledger(client: Client) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await client.get(LEDGER, params={"page_size": "1000"})).ok()["results"]
    return rows


def dollars(values: list[float]) -> float:
    return round(sum(values), 6)


async def test_line_03_server_states_and_money_cannot_be_set_by_any_client(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    template = await sandbox(client, 5)
    before = (await client.get(WALLET)).ok()
    for method, body in (("PATCH", {"balance": 1e6, "reserved": -5}), ("POST", {"amount": 1}), ("PUT", {"balance": 1})):
        assert (await client.ask(method, WALLET, body)).status in (400, 405)
    rows = await ledger(client)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in (LEDGER, f"{LEDGER}{rows[0]['id']}/"):
            (await client.ask(method, path, {"amount": 100, "change": 100})).refused(405, "method_not_allowed")
    assert await ledger(client) == rows
    assert (await client.get(WALLET)).ok() == before

    body = {"name": "Sale", "template_number": template, "select_all": True}
    for status in ("SENDING", "SENT", "PARTIALLY_SENT", "FAILED", "CANCELLED", "PAUSED", "MISSED"):
        assert "status" in (await client.post(BROADCASTS, {**body, "status": status})).refused(400, "validation_error")
    set_by_us = {"initial_cost": 0, "refund_amount": 9, "credit_deducted": True, "sent_count": 7, "reserved": True}
    made = await client.post(BROADCASTS, {**body, **set_by_us})
    if made.status == 201:
        assert (made.body["status"], made.body["sent_count"], made.body["initial_cost"]) == ("DRAFT", 0, None)
        id = made.body["id"]
    else:
        made.refused(400, "validation_error")
        id = (await client.post(BROADCASTS, body)).ok(201)["id"]
    for status in ("SENT", "FAILED", "SENDING"):
        (await client.patch(f"{BROADCASTS}{id}/", {"status": status})).refused(400, "validation_error")
    await client.patch(f"{BROADCASTS}{id}/", set_by_us)
    shown = (await client.get(f"{BROADCASTS}{id}/")).ok()
    assert (shown["status"], shown["sent_count"], shown["initial_cost"]) == ("DRAFT", 0, None)

    (await client.post("/sandbox/inbound/", {"channel": "whatsapp", "from": "+12025554000", "text": "hi"})).ok(201)

    async def wrote() -> bool:
        return (await client.get("/wa/v1/messages/")).ok()["count"] > 0

    await until(wrote)
    sent = {"phone": "+12025554000", "text": "hello", "status": "READ", "cost": 0, "is_billable": False}
    answer = await client.post("/wa/v1/messages/", sent)
    if answer.status == 201:
        assert answer.body["status"] != "READ"
        for method in ("PATCH", "PUT"):
            changed = await client.ask(method, f"/wa/v1/messages/{answer.body['id']}/", {"status": "READ"})
            changed.refused(405, "method_not_allowed")
    else:
        answer.refused(400, "validation_error")
    live = tenant()
    (await live.delete(f"/wa/v1/apps/{tenant.whatsapp['app_id']}/")).ok(204)
    unknown = {"app_name": "No", "phone_number": "+12025550133", "waba_id": "1", "phone_number_id": "2",
               "base_url": "http://127.0.0.1:9", "bsp_credentials": {"access_token": "t" * 20}}  # fmt: skip
    (await live.post("/wa/v1/apps/", unknown)).ok(201)
    offer = {"element_name": "mine", "category": "UTILITY", "content": "Hi."}
    offer.update(status="APPROVED", meta_template_id="1")
    written = await live.post("/wa/v1/templates/", offer)
    if written.status == 201:
        assert (written.body["status"], written.body["meta_template_id"]) == ("DRAFT", None)
        await live.patch(f"/wa/v1/templates/{written.body['id']}/", {"status": "APPROVED"})
        assert (await live.get(f"/wa/v1/templates/{written.body['id']}/")).ok()["status"] == "DRAFT"
    else:
        written.refused(400, "validation_error")


async def test_line_04_of_a_hundred_queueings_at_once_the_wallet_pays_for_ten(tenant: Tenant) -> None:
    client = tenant("owner", "test")
    template = await sandbox(client, 0, people=2)
    body = {
        "name": "Sale", "template_number": template, "select_all": True, "status": "QUEUED",
        "scheduled_time": "2030-01-01T12:00:00Z",
    }  # fmt: skip
    (await client.post("/sandbox/wallet/", {"amount": 0.5})).ok()
    cost = (await client.post(BROADCASTS, body, params={"dry_run": "true"})).ok()["initial_cost"]
    assert cost > 0
    (await client.post("/sandbox/wallet/", {"amount": round(10 * cost - 0.5 + cost / 2, 6)})).ok()
    answers = await asyncio.gather(*(client.post(BROADCASTS, {**body, "name": f"Sale {n}"}) for n in range(100)))
    refused = [answer for answer in answers if answer.status != 201]
    assert len(answers) - len(refused) == 10
    for answer in refused:
        assert list(answer.refused(400, "insufficient_balance")) == ["balance"]
    wallet, rows = (await client.get(WALLET)).ok(), await ledger(client)
    assert wallet["balance"] == dollars([row["change"] for row in rows]) == round(cost / 2, 6)
    assert wallet["reserved"] == dollars([row["reserved_change"] for row in rows]) == round(10 * cost, 6)
    listed = (await client.get(BROADCASTS, params={"status": "SCHEDULED"})).ok()
    assert listed["count"] == 10
    for broadcast in listed["results"]:
        (await client.post(f"{BROADCASTS}{broadcast['id']}/cancel/", {})).ok()

    async def given_back() -> bool:
        return float((await client.get(WALLET)).ok()["reserved"]) == 0

    await until(given_back)
    assert (await client.get(WALLET)).ok()["balance"] == round(10 * cost + cost / 2, 6)


async def test_line_05_restarts_during_a_broadcast_send_to_everybody_once(
    mongod: EmbeddedMongo, tmp_path: Path
) -> None:
    name = f"line5_{secrets.token_hex(4)}"
    settings = {"JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": name}
    database = AsyncMongoClient(mongod.uri, tz_aware=True)[name]
    async with site(GatewayProcess(tmp_path, settings)) as here:
        id = await begun(here, database, 400)
        await killed_while_sending(here, 2)
        shown = await ended(here, id, within_s=120)
        assert shown["unknown_count"] == await everybody_once(here, database, id, 400)
        assert shown["pending_count"] == shown["sending_count"] == 0


async def test_line_06_cancelled_while_it_is_sent_nobody_more_is_asked_for_and_the_rest_comes_back(
    shop: Shop
) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 100)
    await shop.people(500)
    shop.server.next.extend(Behaviour(delay_s=0.3) for _ in range(500))
    id = await shop.begin()

    async def some() -> bool:
        return len(shop.server.asked) > 5

    await until(some)
    cancelled = (await shop.tenant().post(f"{BROADCASTS}{id}/cancel/", {"reason": "Over."})).ok()
    assert cancelled["messages_cancelled"] > 0

    async def given_back() -> bool:
        return float((await shop.tenant().get(WALLET)).ok()["reserved"]) == 0

    await until(given_back)
    asked = len(shop.server.asked)
    shown = await shop.read(id)
    assert (shown["status"], shown["sending_count"]) == ("CANCELLED", 0)
    reached = sum(shop.reached().values())
    assert asked == reached < 500
    price = shown["initial_cost"] / 500
    wallet = (await shop.tenant().get(WALLET)).ok()
    assert wallet["balance"] == round(100 - price * reached, 6)
    assert wallet["balance"] == dollars([row["change"] for row in await ledger(shop.tenant())])
    assert len(shop.server.asked) == asked, "what was given back is asked for by nobody"


@pytest.mark.parametrize("platform", ["sms", "telegram", "rcs"])
async def test_line_07_more_than_a_minutes_pace_without_a_template_all_reach_the_carrier(
    tenant: Tenant, platform: str
) -> None:
    client = tenant("owner", "test")
    await sandbox(client, 100, people=40)
    data = {"message": "Hello {{first_name}}, we are open."}
    body = {"name": "Open", "status": "QUEUED", "select_all": True, "placeholder_data": data, "category": "UTILITY"}
    id = (await client.post(f"/{platform}/v1/broadcast/", body)).ok(201)["id"]

    async def over() -> bool:
        return (await client.get(f"{BROADCASTS}{id}/")).ok()["status"] in ("SENT", "PARTIALLY_SENT", "FAILED")

    await until(over, within_s=90)
    rows = (await client.get(f"{BROADCASTS}messages/", params={"broadcast": id, "page_size": "100"})).ok()["results"]
    assert len(rows) == 40
    assert {row["status"] for row in rows} <= {"SENT", "DELIVERED", "READ"}
    assert len({row["message_id"] for row in rows}) == 40
