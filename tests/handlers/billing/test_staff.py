"""The deployment's own people keep the wallets of all organisations; nobody else sees anything of it."""

from __future__ import annotations

import itertools
import secrets
from datetime import UTC, datetime, timedelta
from operator import lt
from typing import Any

from jinaconnect.core.billing.money import MICRO
from jinaconnect.core.ids import encode
from jinaconnect.core.inbox.message import new_message
from tests.client import Client, until
from tests.conftest import Running
from tests.handlers.billing.test_ledger import books, wallet_with
from tests.tenants import Tenant

HOST = "/tenants/host-wallet/"


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
    for path in ("balance/", "latest-recharges/", "dashboard/", "message-stats/"):
        (await tenant().get(HOST + path)).refused(403, "permission_denied")


async def test_all_organisations_stand_in_figures(operator: Client, tenant: Tenant, gateway: Running) -> None:
    now = gateway.services.clock()
    long_ago = datetime(2001, 1, 1, 12, tzinfo=UTC) + timedelta(days=secrets.randbelow(300))  # nobody else writes then
    day = {name: f"{long_ago:%Y-%m-%d}" for name in ("start_date", "end_date")}
    before = (await operator.get(f"{HOST}dashboard/")).ok()
    scope = f"{tenant.id}:live"
    await wallet_with(gateway.services, scope, 10)
    await gateway.services.wallets.reserve(scope, "message:x", 4 * MICRO)
    await gateway.services.wallets.settle(scope, "message:x", 3 * MICRO)
    store = gateway.services.store.within(scope)
    fields: dict[str, Any] = {
        "contact": "cnt_x", "type": "TEXT", "content": {}, "timestamp": now, "created_at": now, "author": "USER",
        "app": None, "status": "SENT",
    }  # fmt: skip
    for at, direction in itertools.product((now, long_ago), ("OUTGOING", "INCOMING")):
        id = encode("msg", int(at.timestamp() * 1000), secrets.token_bytes(10))
        await store.insert("messages", new_message(id, platform="SMS", direction=direction, **fields))

    async def counted_anew() -> dict[str, Any] | None:  # figures of many rows are kept for a while
        after = (await operator.get(f"{HOST}dashboard/")).ok()
        paid = (told["total_revenue"]["by_currency"].get("USD", 0) for told in (before, after))
        written = (told["platform_breakdown"]["SMS"] for told in (before, after))
        return after if lt(*paid) and lt(*written) else None

    after = await until(counted_anew, within_s=120)
    assert after["total_messages"]["current_month_count"] > before["total_messages"]["current_month_count"]
    sent = (await operator.get(f"{HOST}message-stats/", params=day)).ok()
    assert (sent["sms_sent"], sent["total_sent"], sent["whatsapp_sent"]) == (1, 1, 0)
    spent = {name: told["total_revenue"]["by_currency"].get("USD", 0) for name, told in (("b", before), ("a", after))}
    assert round(spent["a"] - spent["b"], 6) >= 3
    assert after["total_tenants"]["count"] >= 2
    assert after["period"]["current_month_start"] == f"{now:%Y-%m}-01T00:00:00.000Z"
    for wrong in (
        {"start_date": "soon"}, {"end_date": "2026-02-30"}, {"start_date": "2000-01-01"},
        {"start_date": "2026-02-02", "end_date": "2026-02-01"},
    ):  # fmt: skip
        (await operator.get(f"{HOST}message-stats/", params=wrong)).refused(400, "validation_error")


async def test_staff_make_an_organisation_whose_owner_gets_in_by_letter(
    operator: Client, tenant: Tenant, gateway: Running
) -> None:
    name = f"Founded {secrets.token_hex(4)}"
    email = f"{secrets.token_hex(4)}@lee.example"
    owner = {"first_name": "Ann", "last_name": "Lee", "email": email, "phone": "+12025550123"}
    body = {"name": name, "country": "US", "owner": owner}
    (await tenant().post("/tenants/", body)).refused(403, "permission_denied")
    made = (await operator.post("/tenants/", body)).ok(201)
    assert (made["name"], made["country"], made["is_active"]) == (name, "US", True)
    person = await gateway.services.people.user(made["owner"])
    assert person is not None
    assert (person["email"], person["email_verified"], person["home"]) == (email, False, made["id"])
    assert "name" in (await operator.post("/tenants/", body)).refused(400, "validation_error")
    wrong = {**body, "name": "Another", "owner": {**owner, "email": "nobody"}}
    assert "owner.email" in str((await operator.post("/tenants/", wrong)).refused(400, "validation_error"))


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
