"""A wallet that is switched off or on while a broadcast goes: what was taken aside for it comes back all the same."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from jinaconnect.actions.billing.keeping import set_up
from jinaconnect.core.billing.money import MICRO
from jinaconnect.store.tenant import Change
from tests.carriers.meta import Behaviour
from tests.client import until
from tests.conftest import Running
from tests.handlers.billing.test_ledger import wallet_with
from tests.handlers.broadcasts.shop import BROADCASTS, Shop, open_shop
from tests.handlers.broadcasts.test_paying import balance
from tests.tenants import Tenant


@pytest.fixture
async def shop(gateway: Running, tenant: Tenant) -> AsyncIterator[Shop]:
    async with open_shop(gateway, tenant) as opened:
        yield opened


async def switch(shop: Shop, *, on: bool) -> None:
    await set_up(shop.gateway.services, shop.store.scope, is_on=on)


async def becomes(shop: Shop, money: tuple[int, int]) -> None:
    """Wait until the wallet has so much, and so much reserved."""

    async def so() -> bool:
        return await balance(shop) == money

    await until(so)


async def stopped_midway(shop: Shop, people: int, how: str) -> str:
    """Begin a broadcast and stop it once some are asked for; returns its id when nobody sends it any more."""
    shop.server.next.extend(Behaviour(delay_s=0.5) for _ in range(people))
    id = await shop.begin()

    async def some() -> bool:
        return len(shop.server.asked) > 10

    await until(some)
    if how == "cancel":
        await switch(shop, on=False)
    (await shop.tenant().post(f"{BROADCASTS}{id}/{how}/", {})).ok()

    async def quiet() -> bool:
        asking = await shop.store.few("broadcast_rows", {"broadcast": id, "status": "SENDING"}, 1)
        return not asking and "due" not in await shop.store.get("broadcasts", id)

    await until(quiet)
    shop.server.next.clear()
    return id


async def test_switched_off_while_it_goes_the_rest_comes_back_when_it_is_cancelled(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 100)
    await shop.people(300)
    id = await stopped_midway(shop, 300, "cancel")
    price = round((await shop.read(id))["initial_cost"] * MICRO / 300)
    await becomes(shop, (100 * MICRO - price * len(shop.server.asked), 0))


@pytest.mark.parametrize("how", ["draft", "cancel"])
async def test_switched_off_before_it_begins_all_comes_back(shop: Shop, how: str) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 10)
    await shop.people(4)
    path = f"{BROADCASTS}{(await shop.write(scheduled_time=shop.ahead(600))).ok(201)['id']}/"
    assert (await balance(shop))[1] > 0
    await switch(shop, on=False)
    if how == "draft":
        (await shop.tenant().patch(path, {"status": "DRAFT"})).ok()
    else:
        (await shop.tenant().post(f"{path}cancel/", {})).ok()
    await becomes(shop, (10 * MICRO, 0))


async def test_a_cancelled_one_that_is_changed_takes_nothing_aside(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 10)
    await shop.people(4)
    path = f"{BROADCASTS}{(await shop.write(scheduled_time=shop.ahead(600))).ok(201)['id']}/"
    (await shop.tenant().post(f"{path}cancel/", {})).ok()
    await becomes(shop, (10 * MICRO, 0))
    (await shop.tenant().patch(path, {"name": "Autumn"})).ok()
    assert await balance(shop) == (10 * MICRO, 0)


async def test_resumed_when_it_is_off_who_is_left_costs_nothing(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 100)
    await shop.people(300)
    id = await stopped_midway(shop, 300, "pause")
    paid = len(shop.server.asked)
    price = round((await shop.read(id))["initial_cost"] * MICRO / 300)
    await switch(shop, on=False)
    (await shop.tenant().post(f"{BROADCASTS}{id}/resume/", {"scope": "pending"})).ok(202)
    await shop.reaches(id, "SENT")
    assert set(shop.reached().values()) == {1}
    assert await balance(shop) == (100 * MICRO - paid * price, 0)
    free = next(row for row in await shop.rows(id) if row["cost"] is None)
    await shop.report([free["message"]], "failed")
    assert await balance(shop) == (100 * MICRO - paid * price, 0), "who cost nothing gets nothing back"


async def test_who_was_planned_before_it_was_on_is_sent_to_with_the_others(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 10)
    await shop.people(6)
    await switch(shop, on=False)
    id = (await shop.write(scheduled_time=shop.ahead(600))).ok(201)["id"]
    await switch(shop, on=True)
    await shop.due(id)
    await shop.reaches(id, "SENT")
    rows = await shop.rows(id)
    price = round(rows[0]["cost"] * MICRO)
    await becomes(shop, (10 * MICRO - 6 * price, 0))
    # As after a slice that ended while it was off, and another that planned the rest.
    for place, row in enumerate(rows):
        free = {"price": None} if place % 2 else {}
        fields = {"status": "PENDING", "message": None, "message_id": None, **free}
        await shop.store.change("broadcast_rows", row["id"], lambda _, fields=fields: Change(set=fields))
    await shop.store.change("broadcasts", id, lambda _: Change(set={"status": "PAUSED"}))
    (await shop.tenant().post(f"{BROADCASTS}{id}/resume/", {"scope": "pending"})).ok(202)
    await shop.reaches(id, "SENT")
    await becomes(shop, (10 * MICRO - 9 * price, 0))


async def test_who_was_paid_for_and_not_reached_gets_it_back_though_it_is_off(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 10)
    await shop.people(2)
    id = await shop.begin()
    price = round((await shop.reaches(id, "SENT"))["initial_cost"] * MICRO / 2)
    await becomes(shop, (10 * MICRO - 2 * price, 0))
    await switch(shop, on=False)
    [first, _] = await shop.rows(id)
    await shop.report([first["message"]], "failed")
    await becomes(shop, (10 * MICRO - price, 0))
