"""Recharges: the payment provider's word counts once, whichever way it comes, and only with its signature."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from jinaconnect.app import Gateway
from jinaconnect.config import Billing, Config, Http, Mongodb, OutboundSection, Razorpay
from jinaconnect.core.billing.money import MICRO
from jinaconnect.core.office.notices import notice_of
from jinaconnect.serve import listening
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.databases.mongo import connect
from tests.client import Answered
from tests.conftest import PLENTY
from tests.handlers.billing.test_ledger import books
from tests.tenants import Tenant, make_tenant

NAME = "recharges"
KEY, SECRET, HOOK = "rzp_key", "rzp_secret", "rzp_hook"
RATES = """
exchange:
  - {currency: USD, to: INR, rate: 80, valid_from: 2020-01-01, source: the test}
"""


class Provider:
    """The payment provider's orders, as its API answers."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    async def order(self, request: web.Request) -> web.Response:
        wanted = "Basic " + base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        if request.headers.get("Authorization") != wanted:
            return web.json_response({"error": {"code": "BAD_REQUEST_ERROR", "description": "Authentication failed"}},
                                     status=401)  # fmt: skip
        body = await request.json()
        if body["amount"] < 100:
            told = "The amount must be atleast INR 1.00"
            error = {"code": "BAD_REQUEST_ERROR", "description": told, "field": "amount"}
            return web.json_response({"error": error}, status=400)
        self.asked.append(body)
        return web.json_response({
            "id": f"order_{body['receipt'][-14:]}", "entity": "order", "amount": body["amount"], "amount_paid": 0,
            "amount_due": body["amount"], "currency": body["currency"], "receipt": body["receipt"],
            "status": "created", "attempts": 0, "notes": body["notes"], "created_at": 1572502745,
        })  # fmt: skip


class Site:
    """A gateway that takes recharges, a tenant of it, and the provider."""

    def __init__(self, gateway: Gateway, tenant: Tenant, provider: Provider, session: aiohttp.ClientSession) -> None:
        self.gateway, self.tenant, self.provider, self.session = gateway, tenant, provider, session

    @property
    def scope(self) -> str:
        return f"{self.tenant.id}:live"

    async def recharge(self, amount: float = 800) -> dict[str, Any]:
        made: dict[str, Any] = (await self.tenant().post("/razorpay/razor-pay/", {"amount": amount})).ok(201)
        return made

    async def webhook(self, event: str, order: dict[str, Any], *, secret: str = HOOK, **changes: Any) -> Answered:
        payment = {
            "id": "pay_29QQoUBi66xm2f", "entity": "payment", "amount": round(order["amount"] * 100), "currency": "INR",
            "status": event.partition(".")[2], "order_id": order["order_id"], "error_description": None, **changes,
        }  # fmt: skip
        body = json.dumps({
            "entity": "event", "account_id": "acc_BFQ7uQEaa7j2z7", "event": event, "contains": ["payment"],
            "payload": {"payment": {"entity": payment}}, "created_at": 1567674606,
        }).encode()  # fmt: skip
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        url = f"{self.gateway.services.settings.own_url}/razorpay/razor-webhook/webhook/"
        headers = {"X-Razorpay-Signature": signature, "Content-Type": "application/json"}
        async with self.session.post(url, data=body, headers=headers) as answer:
            return Answered(answer.status, await answer.json(), dict(answer.headers))

    async def paid(self, order: dict[str, Any], payment: str = "pay_29QQoUBi66xm2f", secret: str = SECRET) -> Answered:
        signed = f"{order['order_id']}|{payment}".encode()
        body = {
            "razorpay_order_id": order["order_id"], "razorpay_payment_id": payment,
            "razorpay_signature": hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest(),
        }  # fmt: skip
        return await self.tenant().post("/razorpay/razor-pay/verify-payment/", body)

    async def status(self, order: dict[str, Any]) -> str:
        path = f"/razorpay/razor-pay/payment-status/{order['order_id']}/"
        return str((await self.tenant().get(path)).ok()["status"])


@pytest.fixture(scope="module")
async def running(
    mongod: EmbeddedMongo, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Gateway, Provider, aiohttp.ClientSession]]:
    provider, app = Provider(), web.Application()
    app.router.add_post("/v1/orders", provider.order)
    runner = web.AppRunner(app)
    await runner.setup()
    place = web.TCPSite(runner, "127.0.0.1", 0)
    await place.start()
    port = runner.addresses[0][1]
    folder = tmp_path_factory.mktemp("recharges")
    (folder / "rates.yaml").write_text(RATES)
    account = Razorpay(base_url=f"http://127.0.0.1:{port}", key_id=KEY, key_secret=SECRET, webhook_secret=HOOK)
    config = Config(
        var_dir=folder, http=Http(port=0, drain_s=1), limits=PLENTY, mongodb=Mongodb(database=NAME),
        outbound=OutboundSection(allow_networks=("127.0.0.0/8",), timeout_s=3),
        billing=Billing(rates_file=folder / "rates.yaml", razorpay=account),
    )  # fmt: skip
    client, _ = connect(mongod.uri, NAME, timeout_s=60)
    gateway = Gateway(config)
    async with aiohttp.ClientSession() as session:
        await gateway.start(mongod.uri, listening(config))
        try:
            yield gateway, provider, session
        finally:
            await gateway.stop()
            await runner.cleanup()
            await client.drop_database(NAME)
            await client.close()


@pytest.fixture
async def site(running: tuple[Gateway, Provider, aiohttp.ClientSession]) -> Site:
    gateway, provider, session = running
    services = gateway.services
    return Site(gateway, await make_tenant(gateway, services.settings.own_url, session), provider, session)


async def test_a_paid_order_is_credited_once_in_the_wallets_currency(site: Site) -> None:
    order = await site.recharge()
    assert (order["status"], order["amount"], order["amount_currency"]) == ("PENDING", 800.0, "INR")
    assert site.provider.asked[-1]["amount"] == 80_000
    answers = await asyncio.gather(
        *(site.webhook("payment.captured", order) for _ in range(5)), *(site.paid(order) for _ in range(5))
    )
    assert [answer.status for answer in answers] == [200] * 10
    wallet, rows = await books(site.gateway.services, site.scope)
    assert (wallet["balance"], wallet["currency"]) == (10 * MICRO, "USD")
    assert [row["type"] for row in rows] == ["PENDING RECHARGE", "SUCCESS RECHARGE"]
    shown = (await site.tenant().get("/wallet/transactions/")).ok()["results"][0]
    assert (shown["amount"], shown["amount_currency"], shown["change"]) == (800.0, "INR", 10.0)
    assert shown["transaction_id"] == "pay_29QQoUBi66xm2f"
    assert await site.status(order) == "SUCCESS"
    told = [event for event in await site.tenant().events() if event["type"].startswith("wallet.")]
    assert [event["type"] for event in told] == ["wallet.recharged"]
    notice = notice_of("wallet.recharged", told[0]["data"])
    assert notice is not None
    assert notice.metadata == {"transaction_id": shown["id"]}


async def test_a_failure_never_follows_a_success(site: Site) -> None:
    order = await site.recharge()
    (await site.webhook("payment.failed", order, error_description="Payment was cancelled")).ok()
    assert await site.status(order) == "FAILED"
    (await site.webhook("payment.captured", order)).ok()
    (await site.webhook("payment.failed", order)).ok()
    assert await site.status(order) == "SUCCESS"
    wallet, _ = await books(site.gateway.services, site.scope)
    assert wallet["balance"] == 10 * MICRO


async def test_what_is_not_signed_or_not_ours_changes_nothing(site: Site) -> None:
    order = await site.recharge()
    (await site.webhook("payment.captured", order, secret="guess")).refused(401, "bad_signature")
    (await site.paid(order, secret="guess")).refused(400, "validation_error")
    (await site.paid({"order_id": "order_of_nobody"})).refused(404, "not_found")
    for event, changes in (
        ("payment.captured", {"order_id": "order_of_nobody"}), ("payment.captured", {"amount": 100}),
        ("payment.captured", {"currency": "USD"}), ("payment.authorized", {}), ("payment.captured", {"amount": "x"}),
    ):  # fmt: skip
        assert (await site.webhook(event, order, **changes)).ok() == {"status": "ignored"}, (event, changes)
    assert await site.status(order) == "PENDING"
    wallet, _ = await books(site.gateway.services, site.scope)
    assert wallet["balance"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"amount": -1}, "amount"), ({"amount": 0}, "amount"), ({"amount": 1.005}, "amount"), ({}, "amount"),
        ({"amount": "NaN"}, "amount"), ({"amount": 1e30}, "amount"),
        ({"amount": 5, "amount_currency": "EUR"}, "amount_currency"),
    ],
)  # fmt: skip
async def test_an_amount_that_cannot_be_paid_is_named(site: Site, body: dict[str, Any], field: str) -> None:
    asked = len(site.provider.asked)
    answer = await site.tenant().post("/razorpay/razor-pay/", body)
    assert field in answer.refused(400, "validation_error")
    assert len(site.provider.asked) == asked
    assert (await site.tenant().get("/razorpay/razor-pay/")).ok()["count"] == 0


async def test_what_the_provider_refuses_is_told_and_not_kept(site: Site) -> None:
    refused = await site.tenant().post("/razorpay/razor-pay/", {"amount": 0.5})
    assert "atleast INR 1.00" in str(refused.refused(400, "provider_error"))
    assert (await site.tenant().get("/razorpay/razor-pay/")).ok()["count"] == 0
