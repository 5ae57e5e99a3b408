"""By what a broadcast is judged: its template's category, whatever the broadcast itself is called."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from jinaconnect.core.inbox.contact import marketing_opt_out
from jinaconnect.store.tenant import Change
from tests.conftest import Running
from tests.handlers.billing.test_ledger import wallet_with
from tests.handlers.broadcasts.shop import BROADCASTS, Shop, open_shop
from tests.tenants import Tenant

STOPPED = {marketing_opt_out("WHATSAPP"): "2026-01-01T00:00:00.000Z"}
BREAKDOWN = "/wa/v1/broadcast/get_charge_breakdown/"


@pytest.fixture
async def shop(gateway: Running, tenant: Tenant) -> AsyncIterator[Shop]:
    async with open_shop(gateway, tenant) as opened:
        yield opened


async def category(shop: Shop, name: str) -> None:
    await shop.store.change("templates", shop.template, lambda _: Change(set={"category": name}))


async def test_marketing_called_something_else_does_not_reach_who_stopped_it(shop: Shop) -> None:
    await category(shop, "MARKETING")
    await shop.people(1)
    await shop.people(1, 2000, opt_outs=STOPPED)
    body = {"name": "Sale", "template_number": shop.template, "select_all": True, "category": "UTILITY"}
    told = (await shop.tenant().post(BROADCASTS, body, params={"dry_run": "1"})).ok()["verdicts"]
    assert (told["now"], told["never"]) == (1, {"contact.opt_out_marketing": 1})
    id = await shop.begin(category="UTILITY")
    ended = await shop.reaches(id, "PARTIALLY_SENT")
    assert (ended["sent_count"], ended["blocked_count"]) == (1, 1)
    rows = {row["status"]: row for row in await shop.rows(id)}
    assert rows["BLOCKED"]["error_code"] == "contact.opt_out_marketing"
    assert (await shop.store.get("messages", rows["SENT"]["message"]))["category"] == "MARKETING"


async def test_what_is_no_marketing_reaches_who_stopped_that(shop: Shop) -> None:
    await shop.people(1, opt_outs=STOPPED)
    body = {"name": "Order", "template_number": shop.template, "select_all": True}
    assert (await shop.tenant().post(BROADCASTS, body, params={"dry_run": "1"})).ok()["verdicts"]["now"] == 1
    id = await shop.begin(category="MARKETING")
    await shop.reaches(id, "SENT")
    [row] = await shop.rows(id)
    assert (await shop.store.get("messages", row["message"]))["category"] == "UTILITY"


async def test_a_breakdown_is_of_what_it_will_be_paid_as(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 10, currency="INR")
    await category(shop, "MARKETING")
    for number in ("+919876543210", "+919876543211"):  # where marketing costs more than other messages
        await shop.people(1, phone=number)
    made = (await shop.write(category="UTILITY", scheduled_time=shop.ahead(600))).ok(201)
    told = (await shop.tenant().post(BREAKDOWN, {"broadcast_id": made["id"]})).ok()
    assert float(told["summary"]["estimated_total_cost"]) == made["initial_cost"]
