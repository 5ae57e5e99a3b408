"""A broadcast that somebody pauses asks for nobody more, keeps what it has, and goes on when it is resumed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from jinaconnect.core.billing.money import MICRO
from tests.carriers.meta import Behaviour
from tests.client import until
from tests.conftest import Running
from tests.handlers.billing.test_ledger import books, wallet_with
from tests.handlers.broadcasts.shop import BROADCASTS, Shop, open_shop
from tests.tenants import Tenant


@pytest.fixture
async def shop(gateway: Running, tenant: Tenant) -> AsyncIterator[Shop]:
    async with open_shop(gateway, tenant) as opened:
        yield opened


async def asked_for(shop: Shop, more_than: int) -> None:
    async def some() -> bool:
        return len(shop.server.asked) > more_than

    await until(some)


async def test_a_paused_broadcast_says_why_keeps_its_money_and_goes_on_to_everybody_once(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 100)
    await shop.people(600)
    shop.server.next.extend(Behaviour(delay_s=0.5) for _ in range(600))
    id = await shop.begin()
    await asked_for(shop, 10)
    (await shop.tenant("agent").post(f"{BROADCASTS}{id}/pause/", {})).refused(403, "permission_denied")
    told = (await shop.tenant("manager").post(f"{BROADCASTS}{id}/pause/", {"reason": "Too many complaints."})).ok()
    assert (told["status"], told["ui_status"]) == ("PAUSED", "Paused")
    assert told["reason_for_cancellation"].startswith("Paused by ")
    assert told["reason_for_cancellation"].endswith(": Too many complaints.")
    (await shop.tenant().post(f"{BROADCASTS}{id}/pause/", {})).refused(400, "invalid_state")

    async def quiet() -> bool:
        asking = await shop.store.few("broadcast_rows", {"broadcast": id, "status": "SENDING"}, 1)
        return not asking and "due" not in await shop.store.get("broadcasts", id)

    await until(quiet)
    asked = len(shop.server.asked)
    paused = await shop.read(id)
    assert (paused["sent_count"], paused["pending_count"]) == (asked, 600 - asked)
    wallet, _ = await books(shop.gateway.services, shop.store.scope)
    assert wallet["reserved"] == round(paused["initial_cost"] / 600 * paused["pending_count"] * MICRO)
    shop.server.next.clear()
    resumed = (await shop.tenant().post(f"{BROADCASTS}{id}/resume/", {"scope": "pending"})).ok(202)
    assert (resumed["pending"], resumed["broadcast"]["reason_for_cancellation"]) == (600 - asked, "")
    await shop.reaches(id, "SENT")
    assert (len(shop.reached()), set(shop.reached().values())) == (600, {1})


async def test_resumed_at_once_it_waits_for_who_is_asked_for_and_doubts_nobody(shop: Shop) -> None:
    await shop.people(200)
    shop.server.next.extend(Behaviour(delay_s=1) for _ in range(200))
    id = await shop.begin()
    await asked_for(shop, 10)
    (await shop.tenant().post(f"{BROADCASTS}{id}/pause/", {})).ok()
    (await shop.tenant().post(f"{BROADCASTS}{id}/resume/", {"scope": "pending"})).ok(202)
    ended = await shop.reaches(id, "SENT", "PARTIALLY_SENT", "FAILED")
    assert (ended["status"], ended["sent_count"], ended["unknown_count"]) == ("SENT", 200, 0)
    assert set(shop.reached().values()) == {1}


async def test_one_that_waits_for_hours_is_paused_and_one_with_nobody_left_ends_when_it_is_resumed(shop: Shop) -> None:
    hour = shop.gateway.services.clock().hour
    await shop.people(1, attributes={"timezone": "UTC"})
    hours = {"start": f"{(hour + 2) % 24:02}:00", "end": f"{(hour + 3) % 24:02}:00"}
    id = await shop.begin(allowed_hours_local=hours)

    async def waits() -> bool:
        rows, doc = await shop.rows(id), await shop.store.get("broadcasts", id)
        return bool(rows) and rows[0]["error_code"] is not None and doc["due"]["by"] is None

    await until(waits)
    (await shop.tenant().post(f"{BROADCASTS}{id}/pause/", {})).ok()
    assert "due" not in await shop.store.get("broadcasts", id)
    row = (await shop.rows(id))[0]
    await shop.store.remove("broadcast_rows", row["id"])
    (await shop.tenant().post(f"{BROADCASTS}{id}/resume/", {"scope": "pending"})).ok(202)
    assert (await shop.reaches(id, "FAILED"))["reason_for_cancellation"] == "It had no recipients."


async def test_what_has_not_begun_or_is_of_another_platform_is_not_paused(shop: Shop) -> None:
    await shop.people(1)
    id = (await shop.write(scheduled_time=shop.ahead(600))).ok(201)["id"]
    (await shop.tenant().post(f"{BROADCASTS}{id}/pause/", {})).refused(400, "invalid_state")
    (await shop.tenant().post(f"/sms/v1/broadcast/{id}/pause/", {})).refused(404, "not_found")
    refused = await shop.tenant().post(f"{BROADCASTS}{id}/pause/", {"reason": "x" * 501})
    assert "reason" in refused.refused(400, "validation_error")
