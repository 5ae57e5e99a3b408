"""Sends are charged: reserved with the message, settled by what became of it, given back where it was not sent."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from jinaconnect.actions.billing import messages
from jinaconnect.actions.billing.keeping import set_up
from jinaconnect.actions.context import system_context
from jinaconnect.actions.messaging.reports import apply_statuses
from jinaconnect.channels.base import WebhookRequest
from jinaconnect.channels.facts import Status
from jinaconnect.core.billing.money import MICRO
from jinaconnect.core.inbox.message import new_message
from jinaconnect.store.tenant import Addition, Change
from tests.client import Client, until
from tests.conftest import Running
from tests.handlers.billing.test_ledger import books, wallet_with
from tests.tenants import Tenant

PRICE = 115_000  # of a marketing template: ten cents and the margin
MANY = 1_001  # more than are read at once, and once more


async def template(client: Client, category: str = "MARKETING") -> str:
    body = {"element_name": f"offer_{category.lower()}", "content": "Ten per cent off", "category": category}
    made = (await client.post("/wa/v1/templates/", body)).ok(201)
    return str(made["id"])


async def send(client: Client, name: str, to: str, **more: Any) -> Any:
    return await client.post("/wa/v1/messages/", {"to": to, "message_type": "TEMPLATE", "template": name}, **more)


async def settled(gateway: Running, scope: str) -> None:
    async def nothing_owed() -> bool:
        rows = await gateway.services.store.within(scope).select("messages", {"charge": {"$type": "object"}})
        return bool(rows) and all("owed" not in row["charge"] for row in rows)

    await until(nothing_owed)


async def test_a_delivered_template_is_paid_for_and_a_failed_one_given_back(gateway: Running, tenant: Tenant) -> None:
    scope, client = f"{tenant.id}:test", tenant("owner", "test")
    await wallet_with(gateway.services, scope, 1)
    name = await template(client)
    paid = (await send(client, name, "+12025550111")).ok(201)
    failed = (await send(client, name, "+12025550113")).ok(201)
    await settled(gateway, scope)
    wallet, rows = await books(gateway.services, scope)
    assert (wallet["balance"], wallet["reserved"]) == (MICRO - PRICE, 0)
    by_key = {row["key"]: row["change"] for row in rows[1:]}
    assert by_key == {
        f"message:{paid['id']}:reserve": -PRICE, f"message:{paid['id']}:settle": 0,
        f"message:{failed['id']}:reserve": -PRICE, f"message:{failed['id']}:refund": PRICE,
    }  # fmt: skip
    shown = (await client.get("/transaction/tenant-transactions/", params={"message": paid["id"]})).ok()["results"]
    told = [(row["transaction_type"], row["change"]) for row in shown]
    assert told == [("CONSUMPTION", 0.0), ("CONSUMPTION", -0.115)]
    assert shown[-1]["price"]["unit_price"] == 0.115


async def test_a_hundred_sends_on_a_wallet_for_ten_are_ten(gateway: Running, tenant: Tenant) -> None:
    scope, client = f"{tenant.id}:test", tenant("owner", "test")
    await set_up(gateway.services, scope, is_on=True)
    (await client.post("/sandbox/wallet/", {"amount": 1.15})).ok()
    name = await template(client)
    (await client.post("/contacts/", {"phone": "+12025550114"})).ok(201)
    told = (await send(client, name, "+12025550114", params={"dry_run": "true"})).ok()["price"]
    assert told == {
        "amount": 0.115, "amount_currency": "USD", "units": 1, "unit_price": 0.115, "destination": "US",
        "source": "fall-back", "is_covered": True,
    }  # fmt: skip
    answers = await asyncio.gather(*(send(client, name, "+12025550114") for _ in range(100)))
    assert sorted(answer.status for answer in answers) == [201] * 10 + [400] * 90
    refused = next(answer for answer in answers if answer.status == 400).refused(400, "insufficient_balance")
    assert "balance" in refused
    stored = await gateway.services.store.within(scope).select("messages", {"template": {"$ne": None}})
    assert len(stored) == 10
    wallet, _ = await books(gateway.services, scope)
    assert wallet["balance"] == 0


async def test_a_repeated_request_is_charged_once(gateway: Running, tenant: Tenant) -> None:
    scope, client = f"{tenant.id}:test", tenant("owner", "test")
    await wallet_with(gateway.services, scope, 1)
    name = await template(client)
    key = {"headers": {"Idempotency-Key": "once"}}
    first, again = [(await send(client, name, "+12025550112", **key)).ok(201) for _ in range(2)]
    assert first["id"] == again["id"]
    await settled(gateway, scope)
    wallet, _ = await books(gateway.services, scope)
    assert wallet["balance"] == MICRO - PRICE


async def test_what_a_crash_left_owed_is_settled(gateway: Running, tenant: Tenant) -> None:
    scope, client = f"{tenant.id}:test", tenant("owner", "test")
    services, data = gateway.services, gateway.services.store.within(scope)
    await wallet_with(services, scope, 1)
    id = (await send(client, await template(client), "+12025550114")).ok(201)["id"]

    async def sent() -> bool:
        return bool((await data.get("messages", id))["status"] == "SENT")

    await until(sent)
    assert (await books(services, scope))[0]["reserved"] == PRICE

    def delivered(doc: dict[str, Any]) -> Change:  # as a process leaves it that ends right after the report
        early = services.clock() - 2 * messages.BEHIND
        return Change(set={"status": "DELIVERED", "charge.owed": early})

    await data.change("messages", id, delivered)
    await messages.settle_owed(services)
    wallet, _ = await books(services, scope)
    assert (wallet["balance"], wallet["reserved"]) == (MICRO - PRICE, 0)


@pytest.mark.parametrize(
    ("status", "days"), [("SENT", 0), ("FAILED", 0), ("SENT", 32)], ids=["on their way", "without a wallet", "too old"]
)
async def test_what_cannot_be_settled_keeps_nobody_from_it(
    gateway: Running, new_tenant: Callable[[], Awaitable[Tenant]], status: str, days: int
) -> None:
    services, ours, theirs = gateway.services, await new_tenant(), await new_tenant()
    data, others = (services.store.of(each.id, "live") for each in (ours, theirs))
    await wallet_with(services, data.scope, 1)
    owed = services.clock() - timedelta(days=days) - 3 * messages.BEHIND

    def owing(status: str, owed: datetime) -> dict[str, Any]:
        charge = {"amount": PRICE, "currency": "USD", "units": 1, "destination": "US", "category": "MARKETING"}
        return new_message(
            services.ids.new("msg"), contact="cnt_x", platform="WHATSAPP", direction="OUTGOING", type="template",
            content={"type": "template"}, author="USER", app=None, timestamp=owed, status=status,
            charge={**charge, "at": owed, "owed": owed}, created_at=owed, updated_at=owed,
        )  # fmt: skip

    try:
        await others.insert_many("messages", [(owing(status, owed), ()) for _ in range(MANY)])
        doc = owing("FAILED" if days == 0 else "SENT", owed + timedelta(seconds=1))
        await services.wallets.reserve(data.scope, messages.about(doc), PRICE, adding=[Addition("messages", doc)])
        await messages.settle_owed(services)
        wallet, _ = await books(services, data.scope)
        assert (wallet["balance"], wallet["reserved"]) == (MICRO, 0)
    finally:
        await services.store.raw("messages").delete_many({"scope": others.scope})


async def test_an_organisation_without_a_wallet_is_not_charged(gateway: Running, tenant: Tenant) -> None:
    client = tenant("owner", "test")
    (await send(client, await template(client), "+12025550112")).ok(201)
    assert await gateway.services.store.within(f"{tenant.id}:test").select("ledger", {}) == []
    assert (await client.get("/tenants/host-wallet/")).ok()["is_on"] is False
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        (await client.ask(method, "/transaction/tenant-transactions/", {})).refused(405, "method_not_allowed")


@pytest.mark.parametrize(
    ("pricing", "cost"),
    [
        ({"billable": True, "pricing_model": "PMP", "type": "regular", "category": "marketing"}, PRICE),
        ({"billable": False, "pricing_model": "PMP", "type": "free_customer_service", "category": "utility"}, 0),
        ({"pricing_model": "PMP", "type": "free_entry_point", "category": "marketing"}, 0),
        ({"billable": True, "pricing_model": "CBP", "category": "service"}, 0),
        ({"billable": True, "pricing_model": "PMP", "type": "regular", "category": "authentication"}, PRICE),
        ("nonsense", PRICE),
    ],
)
async def test_the_carriers_word_on_the_price_settles(
    gateway: Running, tenant: Tenant, pricing: Any, cost: int
) -> None:
    scope, client = f"{tenant.id}:test", tenant("owner", "test")
    await wallet_with(gateway.services, scope, 1)
    id = (await send(client, await template(client), "+12025550114")).ok(201)["id"]

    async def sent() -> str | None:
        shown = (await client.get(f"/team-inbox/api/messages/{id}/")).ok()
        return shown["external_message_id"] if shown["outgoing_status"] == "sent" else None

    wamid = await until(sent)
    item = {"id": wamid, "status": "delivered", "timestamp": str(int(time.time())), "recipient_id": "12025550114"}
    value = {"metadata": {"phone_number_id": "1"}, "statuses": [{**item, "pricing": pricing}]}
    body = {"object": "whatsapp_business_account", "entry": [{"id": "2", "changes": [
        {"field": "messages", "value": {"messaging_product": "whatsapp", **value}}]}]}  # fmt: skip
    facts = gateway.ports.channels["whatsapp_meta"].parse(WebhookRequest(json.dumps(body).encode()))
    ctx = system_context(gateway.services, scope, "carrier")
    assert await apply_statuses(ctx, "WHATSAPP", [fact for fact in facts if isinstance(fact, Status)]) == []
    await settled(gateway, scope)
    wallet, _ = await books(gateway.services, scope)
    assert (wallet["balance"], wallet["reserved"]) == (MICRO - cost, 0)
