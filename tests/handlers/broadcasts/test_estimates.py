"""What a broadcast would cost and whether its account's tier takes it, before it is written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from jinaconnect.store.tenant import Change
from tests.client import until
from tests.conftest import Running
from tests.handlers.billing.test_ledger import books, wallet_with
from tests.handlers.broadcasts.shop import BROADCASTS, Shop, open_shop
from tests.tenants import Tenant

QUOTA, PREFLIGHT, BREAKDOWN, STATUS = (
    f"/wa/v1/broadcast/{name}/"
    for name in ("get_sending_quota", "preflight-check", "get_charge_breakdown", "charge-breakdown-status")
)


@pytest.fixture
async def shop(gateway: Running, tenant: Tenant) -> AsyncIterator[Shop]:
    async with open_shop(gateway, tenant) as opened:
        yield opened


async def tier(shop: Shop, name: str) -> None:
    app = (await shop.tenant().get("/wa/v1/apps/")).ok()["results"][0]["id"]
    await shop.store.change("apps", app, lambda _: Change(set={"tier": name}))


async def test_a_tier_is_used_up_by_who_is_written_to(shop: Shop) -> None:
    assert (await shop.tenant().post(QUOTA)).ok()["is_unlimited"], "nobody has told of one"
    await tier(shop, "TIER_50")
    assert (await shop.tenant().post(QUOTA)).ok()["remaining_quota"] == 50
    await shop.people(45)
    id = await shop.begin()
    await shop.reaches(id, "SENT")
    again = await shop.begin(name="Another")
    await shop.reaches(again, "SENT")
    left = (await shop.tenant().post(QUOTA)).ok()
    assert (left["tier"], left["used_quota"], left["remaining_quota"]) == (50, 45, 5), "the same people are one each"
    body = {"recipient_count": 6}
    told = (await shop.tenant().post(PREFLIGHT, body)).ok()
    assert (told["can_proceed"], [each["type"] for each in told["errors"]]) == (False, ["QUOTA_EXCEEDED"])
    far = {"recipient_count": 45, "datetime": "2030-01-01T00:00:00Z"}
    told = (await shop.tenant().post(PREFLIGHT, far)).ok()
    assert told["can_proceed"]
    assert [each["type"] for each in told["warnings"]] == ["QUOTA_APPROACHING_LIMIT"]


async def test_a_breakdown_is_by_country_and_by_who_has_written_lately(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 5)
    us = await shop.people(3)
    india = await shop.people(2, 3000, phone=None)
    for place, id in enumerate(india):
        await shop.store.change("contacts", id, lambda _, n=place: Change(set={"phone": f"+9198765432{n:02}"}))
    told = (await shop.tenant().post(BREAKDOWN, {"contact_ids": [*us, *india, us[0]]})).ok()
    assert told["contact_summary"] == {"total_contacts": 5, "new_initiations": 5, "open_sessions": 0}
    assert [(row["country"], row["new_initiations"]["count"]) for row in told["country_breakdown"]] == [
        ("IN", 2), ("US", 3)
    ]  # fmt: skip
    assert told["country_breakdown"][1]["country_name"] == "United States"
    cost = told["summary"]["estimated_total_cost"]
    assert len(cost.partition(".")[2]) == 6
    assert float(cost) > 0
    assert told["balance"]["available_balance"] == 5
    assert (await shop.tenant("manager").post(BREAKDOWN, {"contact_ids": us})).ok()["balance"] == {}
    (await shop.tenant("agent").post(BREAKDOWN, {"contact_ids": us})).refused(403, "permission_denied")
    for wrong in ({}, {"contact_ids": us, "broadcast_id": "brc_x"}, {"contact_ids": ["cnt_nobody"]}):
        (await shop.tenant().post(BREAKDOWN, wrong)).refused(400, "validation_error")
    (await shop.tenant().post(BREAKDOWN, {"broadcast_id": "brc_nothing"})).refused(404, "not_found")


async def test_a_breakdown_of_many_is_made_in_the_background_and_asked_for_by_its_name(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 5)
    await shop.people(1001)
    draft = (await shop.write(status="DRAFT")).ok(201)["id"]
    begun = await shop.tenant().post(BREAKDOWN, {"broadcast_id": draft})
    assert begun.ok(202)["status"] == "processing"
    task = {"task_id": begun.body["task_id"]}

    async def made() -> dict[str, Any] | None:
        answer = await shop.tenant().post(STATUS, task)
        if answer.status == 202:
            assert answer.body == begun.body
            return None
        told: dict[str, Any] = answer.ok()
        return told

    told = await until(made, 30)
    assert told["contact_summary"] == {"total_contacts": 1001, "new_initiations": 1001, "open_sessions": 0}
    assert (told["balance"]["available_balance"], told["country_breakdown"][0]["country"]) == (5, "US")
    assert (await shop.tenant("manager").post(STATUS, task)).ok()["balance"] == {}
    (await shop.tenant("agent").post(STATUS, task)).refused(403, "permission_denied")
    (await shop.tenant().post(STATUS, {"task_id": "brk_nothing"})).refused(404, "not_found")
    old = shop.gateway.services.clock() - timedelta(minutes=6)
    await shop.store.change("breakdowns", task["task_id"], lambda _: Change(set={"created_at": old}))
    (await shop.tenant().post(STATUS, task)).refused(404, "not_found")


async def test_a_broadcast_beyond_its_tier_is_refused_before_anything_is_charged(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 10)
    await tier(shop, "TIER_50")
    first, more = await shop.people(45), await shop.people(10, 3000)
    scheduled = {"select_all": False, "scheduled_time": shop.ahead(3600)}
    await shop.reaches(await shop.begin(select_all=False, recipients=first), "SENT")
    wallet, rows = await books(shop.gateway.services, shop.store.scope)
    asked = await shop.write(recipients=[*first[:5], *more], **scheduled)
    assert "recipients" in asked.refused(400, "quota_exceeded")
    assert asked.body["quota_details"] == {
        "tier_limit": 50, "max_allowed_new_contacts": 5, "unique_new_contacts": 10, "effective_remaining": 5,
        "overflow_by": 5, "count_exact": True,
    }  # fmt: skip
    body = {"name": "Sale", "status": "QUEUED", "template_number": shop.template, "recipients": more}
    for answer in (
        await shop.tenant().post("/wa/v1/broadcast/", body),
        await shop.tenant().post(BROADCASTS, body, params={"dry_run": "true"}),
    ):
        answer.refused(400, "quota_exceeded")
    assert await books(shop.gateway.services, shop.store.scope) == (wallet, rows), "nothing was charged"
    assert (await shop.tenant().get(BROADCASTS)).ok()["count"] == 1, "nothing was written"
    # Who was written to already is free, and so is who has written lately; what is scheduled counts as what was sent.
    now = shop.gateway.services.clock()
    for id in more[5:]:
        await shop.store.change("contacts", id, lambda _: Change(set={"chat.inbound.WHATSAPP": now}))
    made = (await shop.write(recipients=[*first, *more], scheduled_time=shop.ahead(60), select_all=False)).ok(201)
    path = f"{BROADCASTS}{made['id']}/"
    (await shop.tenant().patch(path, {"recipients": more})).ok()
    others = await shop.people(6, 4000)
    (await shop.write(recipients=[*more[:5], *others], **scheduled)).refused(400, "quota_exceeded")
    (await shop.tenant().patch(path, {"recipients": [*more, *others]})).refused(400, "quota_exceeded")
    draft = (await shop.write(recipients=[*more, *others], status="DRAFT", select_all=False)).ok(201)
    (await shop.tenant().patch(f"{BROADCASTS}{draft['id']}/", {"status": "QUEUED"})).refused(400, "quota_exceeded")
    (await shop.tenant().post(f"{path}cancel/", {})).ok()
    (await shop.tenant().patch(f"{BROADCASTS}{draft['id']}/", {"recipients": others[:5], "status": "QUEUED"})).ok()
