"""A broadcast that was cancelled, corrected and queued again says what was written last, to whom it was written for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from jinaconnect.core.billing.money import MICRO
from jinaconnect.core.clock import iso
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import Due, due_at
from jinaconnect.store.tenant import Change
from tests.carriers.meta import Behaviour
from tests.client import until
from tests.conftest import Running
from tests.handlers.billing.test_ledger import books, wallet_with
from tests.handlers.broadcasts.shop import BROADCASTS, ROWS, Shop, open_shop
from tests.tenants import Tenant


@pytest.fixture
async def shop(gateway: Running, tenant: Tenant) -> AsyncIterator[Shop]:
    async with open_shop(gateway, tenant) as opened:
        yield opened


async def cancelled(shop: Shop, count: int, delay_s: float = 1.0) -> str:
    """Cancel a broadcast to so many while the carrier is asked for the first of them; returns its id."""
    await shop.people(count)
    shop.server.usual = Behaviour(delay_s=delay_s)
    id = await shop.begin(placeholder_data={"code": "WRONG"})

    async def some() -> bool:
        return len(shop.server.asked) > 10

    await until(some)
    (await shop.tenant().post(f"{BROADCASTS}{id}/cancel/", {"reason": "A mistake."})).ok()
    return id


async def patched(shop: Shop, id: str, **fields: Any) -> dict[str, Any]:
    changed: dict[str, Any] = (await shop.tenant().patch(f"{BROADCASTS}{id}/", fields)).ok()
    return changed


def codes(shop: Shop) -> dict[str, set[str]]:
    """Return which codes the carrier was given for each number."""
    said: dict[str, set[str]] = {}
    for reference in shop.server.accepted:
        body = shop.server.bodies[reference]
        given = body["template"]["components"][0]["parameters"][-1]["text"]
        said.setdefault(body["to"].lstrip("+"), set()).add(given)
    return said


async def test_corrected_at_once_it_says_what_is_right_to_everybody_who_was_not_sent_to(shop: Shop) -> None:
    """The carrier still answers for the first: those who stood in line behind them are planned anew all the same."""
    id = await cancelled(shop, 100, 2.0)
    await patched(shop, id, status="QUEUED", placeholder_data={"code": "RIGHT"}, scheduled_time=None)
    before = codes(shop)
    assert set().union(*before.values()) == {"WRONG"}
    shop.server.usual = Behaviour()
    await shop.due(id)
    ended = await shop.reaches(id, "SENT", "PARTIALLY_SENT", "FAILED")
    assert (ended["status"], ended["sent_count"]) == ("SENT", 100)
    after = codes(shop)
    assert len(after) == 100
    assert after == {to: {"WRONG" if to in before else "RIGHT"} for to in after}
    assert set(shop.reached().values()) == {1}


async def test_by_way_of_a_draft_it_goes_to_whom_it_is_for_now_and_is_paid_for(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 100)
    id = await cancelled(shop, 300)
    others = await shop.people(3, 5000)
    await patched(shop, id, status="DRAFT")
    await patched(shop, id, placeholder_data={"code": "CORRECTED"}, recipients=others, select_all=False)
    wallet, _ = await books(shop.gateway.services, shop.store.scope)
    assert wallet["reserved"] == 0
    before, sent = codes(shop), len(shop.reached())
    queued = await patched(shop, id, status="QUEUED", scheduled_time=None)
    assert queued["status"] == "SCHEDULED"
    shop.server.usual = Behaviour()
    await shop.due(id)
    ended = await shop.reaches(id, "SENT", "PARTIALLY_SENT", "FAILED")
    assert (ended["status"], ended["sent_count"]) == ("SENT", sent + 3)
    new = {to: said for to, said in codes(shop).items() if to not in before}
    assert new == {f"120255{5000 + place:05}": {"CORRECTED"} for place in range(3)}
    wallet, _ = await books(shop.gateway.services, shop.store.scope)
    assert wallet["reserved"] == 0
    price = round((await shop.rows(id))[0]["cost"] * MICRO)
    assert wallet["balance"] == 100 * MICRO - price * (sent + 3)


async def test_who_was_left_when_it_was_cancelled_has_failed(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 100)
    id = await cancelled(shop, 600)

    async def left() -> bool:
        return "due" not in await shop.store.get("broadcasts", id)

    await until(left)
    sent = len(shop.reached())
    shown = await shop.read(id)
    assert (shown["status"], shown["sent_count"], shown["failed_count"]) == ("CANCELLED", sent, 600 - sent)
    stats = (await shop.tenant().get(f"{ROWS}stats/", params={"broadcast": id})).ok()["status_breakdown"]
    assert (stats["pending"], stats["failed"]) == (0, 600 - sent)
    failed = next(row for row in await shop.rows(id) if row["status"] == "FAILED")
    assert (failed["error_code"], failed["failed_at"] is None) == ("broadcast.cancelled", False)
    told = [event for event in await shop.tenant().events() if event["type"].startswith("broadcast.")]
    assert told[-1]["data"]["failed_count"] == 600 - sent
    wallet, _ = await books(shop.gateway.services, shop.store.scope)
    assert (wallet["reserved"], wallet["balance"]) == (0, 100 * MICRO - round(failed["cost"] * MICRO) * sent)
    queued = await patched(shop, id, status="QUEUED", scheduled_time=None)
    assert (queued["sent_count"], queued["failed_count"]) == (sent, 0), "those are planned anew"
    assert (await shop.read(id))["failed_count"] == 0
    shop.server.usual = Behaviour()
    await shop.due(id)
    assert (await shop.reaches(id, "SENT", "PARTIALLY_SENT", "FAILED"))["sent_count"] == 600
    assert set(shop.reached().values()) == {1}


async def test_what_a_killed_process_left_of_a_cancellation_is_done_by_the_next(shop: Shop) -> None:
    """It had the broadcast when it was cancelled, and had written down some of those who were left."""
    id = await cancelled(shop, 200)

    async def left() -> bool:
        return "due" not in await shop.store.get("broadcasts", id)

    await until(left)
    rows = [row["_id"] for row in await shop.store.select("broadcast_rows", {"broadcast": id, "status": "FAILED"})]
    assert len(rows) > 20
    waits = {"status": "PENDING", "failed_at": None, "error_code": None, "response": ""}
    await shop.store.change_alike("broadcast_rows", rows[:20], {"status": "FAILED"}, waits)
    died = {"at": shop.gateway.services.clock(), "by": "elsewhere/0:1:died", "tries": 1}
    await shop.store.change("broadcasts", id, lambda _: Change(set={"due": died}))
    await until(left)
    shown = await shop.read(id)
    assert (shown["pending_count"], shown["failed_count"]) == (0, len(rows))


async def test_what_was_decided_before_it_was_claimed_is_decided_again(shop: Shop) -> None:
    """Else a change would take the claim off a broadcast that is about to be sent."""
    services = shop.gateway.services
    await shop.people(1)
    id = str((await shop.write(scheduled_time=shop.ahead(600))).ok(201)["id"])
    before = await shop.store.get("broadcasts", id)
    later = services.clock() + timedelta(seconds=601)
    other = Due(services.store.database, lambda: later, "elsewhere/0:1:other")
    seen: list[str | None] = []

    def decide(doc: Document) -> Change | None:
        seen.append(doc["due"]["by"])
        return Change(set={"due": due_at(later)}) if doc["due"]["by"] is None else None

    assert await other.claim("broadcasts", shop.store.scope, id) is not None
    await shop.store.change("broadcasts", id, decide, known=before)
    assert seen == [None, other.process]


async def test_what_was_to_go_at_once_goes_at_once_when_it_is_queued_again(shop: Shop) -> None:
    """Nobody has asked for the time at which it would have begun, so that it cannot be too late for it."""
    await shop.people(1)
    id = str((await shop.write()).ok(201)["id"])
    (await shop.tenant().post(f"{BROADCASTS}{id}/cancel/", {})).ok()
    past = shop.gateway.services.clock() - timedelta(seconds=1)
    await shop.store.change("broadcasts", id, lambda _: Change(set={"scheduled_time": past}))  # which has passed since
    assert (await patched(shop, id, status="QUEUED"))["status"] == "SCHEDULED"
    assert (await patched(shop, id, status="DRAFT"))["status"] == "DRAFT"
    await shop.store.change("broadcasts", id, lambda _: Change(set={"scheduled_time": past}))
    assert (await patched(shop, id, status="QUEUED"))["scheduled_time"] > iso(past)


async def test_a_time_that_was_asked_for_and_has_passed_is_refused(shop: Shop) -> None:
    await shop.people(1)
    id = str((await shop.write()).ok(201)["id"])
    (await shop.tenant().post(f"{BROADCASTS}{id}/cancel/", {})).ok()
    await patched(shop, id, scheduled_time=shop.ahead(600))
    past = shop.gateway.services.clock() - timedelta(seconds=1)
    await shop.store.change("broadcasts", id, lambda _: Change(set={"scheduled_time": past}))
    refused = await shop.tenant().patch(f"{BROADCASTS}{id}/", {"status": "QUEUED"})
    assert list(refused.refused(400, "validation_error")) == ["scheduled_time"]
    assert (await patched(shop, id, status="QUEUED", scheduled_time=None))["status"] == "SCHEDULED"
