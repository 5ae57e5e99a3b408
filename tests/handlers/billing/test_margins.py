"""Margins by organisation, country and category: set by the deployment's own people, dated, shown where prices are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.client import Client
from tests.conftest import Running
from tests.handlers.billing.test_ledger import wallet_with
from tests.handlers.billing.test_staff import HOST
from tests.tenants import Tenant

MARGINS, BREAKDOWN = f"{HOST}margins/", "/wa/v1/broadcast/get_charge_breakdown/"
US, FIJI = "+12025550142", "+6797012345"


async def priced(gateway: Running, tenant: Tenant) -> dict[str, tuple[float, str]]:
    """Return by country what a marketing message costs, as (margin, rate)."""
    await wallet_with(gateway.services, f"{tenant.id}:live", 0)
    people = (await tenant().get("/contacts/")).ok()["results"]
    ids = [each["id"] for each in people] or [
        (await tenant().post("/contacts/", {"phone": phone, "first_name": "Ann"})).ok(201)["id"] for phone in (US, FIJI)
    ]
    told = (await tenant().post(BREAKDOWN, {"contact_ids": ids})).ok()
    return {
        row["country"]: (row["margin_percent"], row["new_initiations"]["rate"]) for row in told["country_breakdown"]
    }


async def test_the_most_specific_margin_counts_from_its_day_on(
    operator: Client, tenant: Tenant, new_tenant: Any, gateway: Running
) -> None:
    assert await priced(gateway, tenant) == {"US": (15, "0.115000"), "FJ": (15, "0.115000")}
    today = gateway.services.clock().date()
    ours, tomorrow = {"tenant": tenant.id}, str(today + timedelta(days=1))
    for body in (
        {"country": "FJ", "category": "MARKETING", "percent": 50}, {**ours, "percent": 20},
        {**ours, "country": "US", "percent": 30}, {**ours, "country": "US", "category": "UTILITY", "percent": 40},
        {**ours, "country": "US", "percent": 90, "valid_from": tomorrow},
    ):  # fmt: skip
        made = (await operator.post(MARGINS, body)).ok(201)
    assert (made["valid_from"], made["valid_to"], made["tenant"]) == (tomorrow, None, tenant.id)
    assert await priced(gateway, tenant) == {"US": (30, "0.130000"), "FJ": (20, "0.120000")}
    assert await priced(gateway, await new_tenant()) == {"US": (15, "0.115000"), "FJ": (50, "0.150000")}
    wallets, scope = gateway.services.wallets, f"{tenant.id}:live"
    assert wallets.margin(scope, "US", "UTILITY", today) == 40
    assert wallets.margin(scope, "US", "MARKETING", today + timedelta(days=1)) == 90
    rows = (await tenant().get("/telegram/v1/rate-card/")).ok()["results"]
    assert {(row["channel"], row["margin_percent"]) for row in rows} == {("TELEGRAM", 20), ("*", 20)}
    ended = (await operator.patch(f"{MARGINS}{made['id']}/", {"valid_to": tomorrow})).ok()
    assert ended["valid_to"] == tomorrow
    assert wallets.margin(scope, "US", "MARKETING", today + timedelta(days=2)) == 30
    listed = (await operator.get(MARGINS)).ok()["results"]
    assert listed[0] == ended


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"percent": -1}, "percent"), ({"percent": 1001}, "percent"), ({}, "percent"),
        ({"percent": 5, "country": "XX"}, "country"), ({"percent": 5, "country": "us"}, "country"),
        ({"percent": 5, "category": "ALL"}, "category"), ({"percent": 5, "tenant": "ten_nobody"}, "tenant"),
        ({"percent": 5, "valid_from": "2020-01-01"}, "valid_from"),
        ({"percent": 5, "valid_from": "2099-01-02", "valid_to": "2099-01-01"}, "valid_to"),
    ],
)  # fmt: skip
async def test_a_margin_that_cannot_be_is_refused(operator: Client, body: dict[str, Any], field: str) -> None:
    before = (await operator.get(MARGINS)).ok()
    assert field in (await operator.post(MARGINS, body)).refused(400, "validation_error")
    assert (await operator.get(MARGINS)).ok() == before


async def test_margins_are_nobody_elses_and_do_not_end_in_the_past(operator: Client, tenant: Tenant) -> None:
    made = (await operator.post(MARGINS, {"tenant": tenant.id, "percent": 5})).ok(201)
    path = f"{MARGINS}{made['id']}/"
    assert "valid_to" in (await operator.patch(path, {"valid_to": "2020-01-01"})).refused(400, "validation_error")
    (await operator.patch(f"{MARGINS}mrg_nobody/", {"valid_to": "2099-01-01"})).refused(404, "not_found")
    (await tenant().get(MARGINS)).refused(403, "permission_denied")
    (await tenant().post(MARGINS, {"percent": 0})).refused(403, "permission_denied")
    (await tenant().patch(path, {"valid_to": "2099-01-01"})).refused(403, "permission_denied")
