"""A broadcast whose process another takes for dead: nobody is asked for twice, and what the first knows holds."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from jinaconnect.actions import worker as working
from jinaconnect.actions.broadcasts.dispatch import Dispatcher
from jinaconnect.actions.broadcasts.lifecycle import Run
from jinaconnect.core.billing.money import MICRO
from jinaconnect.core.clock import system_clock
from jinaconnect.store.due import LEASE, Due, Lease
from tests.carriers.meta import Behaviour, refusal
from tests.client import until
from tests.conftest import Running
from tests.handlers.billing.test_ledger import books, wallet_with
from tests.handlers.broadcasts.shop import Shop, open_shop
from tests.tenants import Tenant


@pytest.fixture
async def shop(gateway: Running, tenant: Tenant) -> AsyncIterator[Shop]:
    async with open_shop(gateway, tenant) as opened:
        yield opened


async def asked_for(shop: Shop, count: int) -> None:
    async def all_of_them() -> bool:
        return len(shop.server.asked) >= count

    await until(all_of_them)


async def take_over(shop: Shop, id: str) -> None:
    """Have another process take the broadcast, as if this one had stood still for a minute, and send it for a slice."""
    services = shop.gateway.services
    other = dataclasses.replace(services, due=Due(services.store.database, services.clock, "elsewhere/0:1:other"))
    rows, now = services.store.raw("broadcasts"), services.clock()
    claim = None
    while claim is None:  # else the first has just renewed its own
        await rows.update_one({"_id": id}, {"$set": {"due.at": now - timedelta(seconds=1)}})
        claim = await other.due.claim("broadcasts", shop.store.scope, id)
    if (lease := shop.gateway.ports.worker._held.get(("broadcasts", id))) is not None:
        lease.until = now
    await Dispatcher(other, shop.gateway.ports).run(claim)


async def test_what_the_first_process_hears_corrects_what_the_second_did_not_know(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 10)
    await shop.people(6)
    delayed = Behaviour(delay_s=2)
    refused = dataclasses.replace(refusal(400, 131026), delay_s=2)
    shop.server.next.extend([delayed, refused, delayed, refused, delayed, Behaviour(delay_s=2, reset=True)])
    id = await shop.begin()
    await asked_for(shop, 6)
    await take_over(shop, id)
    assert Counter(row["status"] for row in await shop.rows(id)) == {"UNKNOWN": 6}, "as far as the second knows"

    async def corrected() -> bool:
        return Counter(row["status"] for row in await shop.rows(id)) == {"SENT": 3, "FAILED": 2, "UNKNOWN": 1}

    await until(corrected)
    rows = {row["status"]: row for row in await shop.rows(id)}
    assert rows["SENT"]["message_id"] is not None
    assert (rows["SENT"]["error_code"], rows["FAILED"]["error_code"]) == (None, "131026")
    assert set(shop.reached().values()) == {1}

    async def in_the_inbox() -> bool:
        messages = await shop.store.select("messages", {"direction": "OUTGOING"})
        return Counter(each["status"] for each in messages) == {"SENT": 3, "FAILED": 2, "UNKNOWN": 1}

    await until(in_the_inbox)
    price = round((await shop.read(id))["initial_cost"] * MICRO / 6)

    async def four_have_cost() -> bool:
        wallet, _ = await books(shop.gateway.services, shop.store.scope)
        return bool(wallet["balance"] == 10 * MICRO - 4 * price and wallet["reserved"] == 0)

    await until(four_have_cost)


async def test_who_was_in_line_when_it_was_taken_over_is_not_asked_for_and_costs_nothing(shop: Shop) -> None:
    """More than are asked for at once: the others find that their process may no longer ask."""
    await wallet_with(shop.gateway.services, shop.store.scope, 100)
    await shop.people(200)
    shop.server.usual = Behaviour(delay_s=1.5)
    id = await shop.begin()

    async def in_line() -> bool:
        return await shop.store.few("broadcast_rows", {"broadcast": id, "status": "SENDING"}, 200) > 150

    await until(in_line)
    await asked_for(shop, 64)
    await take_over(shop, id)

    async def settled() -> dict[str, Any] | None:
        rows = await shop.store.select("broadcast_rows", {"broadcast": id})
        states = Counter(row["status"] for row in rows)
        return states if states.keys() <= {"SENT", "FAILED"} else None

    states = await until(settled, 30)
    assert states["SENT"] == sum(shop.reached().values()) == len(shop.reached())
    assert sum(states.values()) == 200
    assert {row["error_code"] for row in await shop.rows(id) if row["status"] == "FAILED"} <= {"not_asked"}
    price = round((await shop.read(id))["initial_cost"] * MICRO / 200)

    async def paid_for() -> bool:
        wallet, _ = await books(shop.gateway.services, shop.store.scope)
        return bool(wallet["balance"] + wallet["reserved"] == 100 * MICRO - states["SENT"] * price)

    await until(paid_for)


async def test_a_claim_is_renewed_while_the_slice_goes_on(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working, "RENEWED_AFTER", timedelta(0), raising=False)
    await shop.people(3)
    shop.server.usual = Behaviour(delay_s=2.5)
    id = await shop.begin()
    await asked_for(shop, 3)
    claimed = (await shop.store.get("broadcasts", id))["due"]

    async def renewed() -> bool:
        doc = await shop.store.get("broadcasts", id)
        assert doc["status"] == "SENDING", "it is still asked for"
        return bool(doc["due"]["by"] == claimed["by"] and doc["due"]["at"] > claimed["at"])

    await until(renewed)
    await shop.reaches(id, "SENT")
    assert "due" not in await shop.store.get("broadcasts", id), "and given up in the end"


async def test_nobody_is_asked_for_whose_answer_could_come_after_the_lease() -> None:
    run = Run(Lease(system_clock() + LEASE), system_clock)
    assert run.goes_on
    run.lease.until = system_clock() + timedelta(seconds=15)
    assert not run.goes_on
    run.lease.until = system_clock() + LEASE
    run.lease.lost = True
    assert not run.goes_on
