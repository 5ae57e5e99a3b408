"""The deployment's own people keep the wallets of all organisations; nobody else sees anything of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from jinaconnect.core.billing.money import MICRO
from tests.client import Client
from tests.conftest import Running
from tests.handlers.billing.test_ledger import books
from tests.tenants import Tenant, operating

HOST = "/tenants/host-wallet/"


@pytest.fixture
async def operator(gateway: Running, new_tenant: Any) -> AsyncIterator[Client]:
    """A key that the configuration names."""
    keeper = await new_tenant()
    async with operating(gateway, keeper()) as client:
        yield client


async def test_a_wallet_is_set_up_and_credited_once(operator: Client, tenant: Tenant, gateway: Running) -> None:
    path = f"{HOST}{tenant.id}/"
    shown = (await operator.get(path)).ok()
    assert (shown["tenant"], shown["is_on"], shown["balance"]) == (tenant.id, False, 0)
    (await operator.patch(path, {"is_on": True, "currency": "EUR", "credit_line": 50})).ok()
    for _ in range(2):
        body = {"amount": 12.5, "reference": "invoice 1", "note": "Bank transfer"}
        assert (await operator.post(f"{path}credits/", body)).ok(201)["balance"] == 12.5
    wallet, rows = await books(gateway.services, f"{tenant.id}:live")
    assert (wallet["balance"], len(rows)) == (12.5 * MICRO, 1)
    own = (await tenant().get(HOST)).ok()
    assert (own["balance"], own["balance_currency"], own["credit_line"]) == (12.5, "EUR", 50)
    [row] = (await tenant().get("/wallet/transactions/")).ok()["results"]
    assert (row["amount"], row["transaction_type"]) == (12.5, "SUCCESS RECHARGE")
    assert row["description"].startswith("Bank transfer (by ")
    (await operator.patch(path, {"currency": "USD"})).refused(400, "invalid_state")
    for wrong in ({"amount": -1, "reference": "x"}, {"amount": 0, "reference": "x"}, {"amount": 5}, {"amount": "NaN"}):
        (await operator.post(f"{path}credits/", wrong)).refused(400, "validation_error")
    all_of_it = (await operator.get(f"{HOST}balance/")).ok()
    euros = next(each for each in all_of_it["balances"] if each["currency"] == "EUR")
    assert euros["balance"] >= 12.5
    assert all_of_it["tenant_count"] >= 2
    assert (await operator.get(f"{HOST}latest-recharges/")).ok()["total_count"] <= 10
    nobody = f"{HOST}ten_nobody/"
    (await operator.get(nobody)).refused(404, "not_found")
    (await operator.patch(nobody, {"is_on": True})).refused(404, "not_found")
    (await operator.post(f"{nobody}credits/", {"amount": 5, "reference": "x"})).refused(404, "not_found")


async def test_nobody_else_keeps_wallets_not_even_their_own(tenant: Tenant, new_tenant: Any) -> None:
    other = await new_tenant()
    for owner, of in ((tenant, tenant), (other, tenant)):
        path = f"{HOST}{of.id}/"
        (await owner().get(path)).refused(403, "permission_denied")
        (await owner().patch(path, {"credit_line": 1000})).refused(403, "permission_denied")
        (await owner().post(f"{path}credits/", {"amount": 5, "reference": "x"})).refused(403, "permission_denied")
    for path in ("balance/", "latest-recharges/"):
        (await tenant().get(HOST + path)).refused(403, "permission_denied")


async def test_a_rate_card_is_what_is_charged(tenant: Tenant, gateway: Running) -> None:
    rows = (await tenant().get("/wa/v1/rate-card/", params={"country": "IN"})).ok()["results"]
    assert {row["message_type"] for row in rows} == {"SERVICE", "MARKETING", "UTILITY", "AUTHENTICATION"}
    marketing = next(row for row in rows if row["message_type"] == "MARKETING")
    assert (marketing["carrier_rate"], marketing["carrier_currency"]) == (0.7846, "INR")
    assert marketing["reference_rate"] is None, "nobody has said what a rupee is worth in dollars"
    assert (await tenant().get("/wa/v1/rate-card/", params={"effective_from": "2020-01-01"})).ok()["results"] == []
    free = (await tenant().get("/telegram/v1/rate-card/")).ok()["results"]
    assert {(row["channel"], row["reference_rate"] == 0) for row in free} == {("TELEGRAM", True), ("*", False)}
    fallback = next(row for row in free if row["channel"] == "*")
    wallets, now = gateway.services.wallets, gateway.services.clock()
    price = wallets.price(f"{tenant.id}:live", "NOWHERE", "US", "MARKETING", now, "USD")
    assert round(fallback["reference_rate"] * MICRO) == price.amount
    wrong = await tenant().get("/sms/v1/rate-card/", params={"effective_from": "soon"})
    assert "effective_from" in wrong.refused(400, "validation_error")
    (await tenant("agent").get("/rcs/v1/rate-card/")).refused(403, "permission_denied")
