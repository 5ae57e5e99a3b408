"""A broadcast is paid for: reserved whole, settled by who was sent to, the rest given back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from jinaconnect.core.billing.money import MICRO
from tests.carriers.meta import Behaviour, refusal
from tests.client import until
from tests.conftest import Running
from tests.handlers.billing.test_ledger import books, wallet_with
from tests.handlers.broadcasts.shop import BROADCASTS, Shop, open_shop
from tests.tenants import Tenant


@pytest.fixture
async def shop(gateway: Running, tenant: Tenant) -> AsyncIterator[Shop]:
    async with open_shop(gateway, tenant) as opened:
        yield opened


async def balance(shop: Shop) -> tuple[int, int]:
    """Return (balance, reserved), each the sum of the ledger's own rows, looked at until they are of one moment."""
    for left in range(20, -1, -1):
        try:
            wallet, rows = await books(shop.gateway.services, shop.store.scope)
            break
        except AssertionError:
            if not left:
                raise
    assert wallet["balance"] == sum(row["change"] for row in rows)
    return wallet["balance"], wallet["reserved"]


async def test_who_was_sent_to_is_paid_for_and_nobody_else(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 10)
    await shop.people(5)
    await shop.people(1, 2000, dnc=True)
    shop.server.next.append(refusal(400, 131026))
    id = await shop.begin()
    ended = await shop.reaches(id, "PARTIALLY_SENT")
    assert (ended["sent_count"], ended["failed_count"], ended["blocked_count"]) == (4, 1, 1)
    price = ended["initial_cost"] / 6
    left, reserved = await balance(shop)
    assert reserved == 0
    assert left == 10 * MICRO - round(4 * price * MICRO)
    ended = await shop.read(id)  # of the six, one was not reached and one did not want to be
    assert (ended["refund_amount"], ended["refund_amount_currency"]) == (round(2 * price, 6), "USD")
    # The one who failed, once more: a reservation of its own.
    (await shop.tenant().post(f"{BROADCASTS}{id}/resume/", {"scope": "failed"})).ok(202)
    await shop.reaches(id, "PARTIALLY_SENT", "SENT")

    async def settled() -> bool:
        return (await balance(shop)) == (10 * MICRO - round(5 * price * MICRO), 0)

    await until(settled)

    async def times(**params: str) -> list[str]:
        """Return for when the broadcast was planned, of the ledger's rows that say so."""
        path, params = "/transaction/tenant-transactions/", {"page_size": "100", "broadcast": id, **params}
        rows = (await shop.tenant().get(path, params=params)).ok()["results"]
        return sorted(row["broadcast_scheduled_time"] for row in rows if row["broadcast_scheduled_time"])

    known = await times()
    assert known[0] < known[-1], "it was begun again"
    day = ended["created_at"][:10]
    assert await times(broadcast__scheduled_time__lt=known[-1]) == [at for at in known if at < known[-1]]
    assert await times(broadcast__scheduled_time__gte=known[-1]) == [at for at in known if at == known[-1]]
    assert await times(broadcast__scheduled_time__lte=day) == known, "a day ends at midnight"
    assert await times(broadcast__created_at__gte=day, broadcast__created_at__lte=day) == known
    assert await times(broadcast__created_at__lt=day) == []
    both = await shop.read(id)
    assert round(both["initial_cost"] - both["refund_amount"], 6) == round(5 * price, 6), "over both of its rounds"


async def test_who_turns_out_not_to_be_reached_costs_nothing(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 10)
    await shop.people(3)
    id = await shop.begin()
    price = round((await shop.reaches(id, "SENT"))["initial_cost"] * MICRO / 3)
    first, second, third = await shop.rows(id)

    async def costs(count: int) -> None:
        async def so() -> bool:
            try:
                return (await balance(shop)) == (10 * MICRO - count * price, 0)
            except AssertionError:  # a row was added between the look at the wallet and the look at its rows
                return False

        await until(so)

    await costs(3)
    await shop.report([first["message"]], "delivered")
    for each in (first, second, second):
        await shop.report([each["message"]], "failed")
    await costs(2)
    told = await shop.read(id)
    assert (told["initial_cost"], told["refund_amount"]) == (3 * price / MICRO, price / MICRO), "what came back later"
    states = {row["id"]: row["status"] for row in await shop.rows(id)}
    assert [states[row["id"]] for row in (first, second, third)] == ["DELIVERED", "FAILED", "SENT"]
    (await shop.tenant().post(f"{BROADCASTS}{id}/resume/", {"scope": "failed"})).ok(202)
    await costs(3)
    await shop.reaches(id, "SENT")
    again = next(row for row in await shop.rows(id) if row["id"] == second["id"])
    await shop.report([again["message"]], "failed")
    await costs(2)


FREE = {"billable": False, "pricing_model": "PMP", "type": "free_customer_service", "category": "utility"}
REGULAR = {"billable": True, "pricing_model": "PMP", "type": "regular"}


async def test_what_the_carrier_bills_is_what_each_has_cost(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 10, currency="INR")
    for place in range(4):  # where marketing costs more than what is useful
        await shop.people(1, phone=f"+91987654321{place}", first_name=f"P{place}")
    id = await shop.begin()
    begun = await shop.reaches(id, "SENT")
    rows = await shop.rows(id)
    usual = round(rows[0]["cost"] * MICRO)
    free, dear, same, _ = (row["message"] for row in rows)
    await shop.report([free], "read")
    for _ in range(2):
        await shop.report([free], "delivered", pricing=FREE)
    await shop.report([dear], "delivered", pricing={**REGULAR, "category": "marketing"})
    await shop.report([same], "delivered", pricing={**REGULAR, "category": "utility"})
    await shop.report([dear, same], "read", pricing=FREE)  # its first word counts

    async def settled() -> dict[str, dict[str, Any]] | None:
        found = {row["message"]: row for row in await shop.rows(id)}
        return found if found[dear]["status"] == found[same]["status"] == "READ" else None

    costs = {message: round(row["cost"] * MICRO) for message, row in (await until(settled)).items()}
    marketing = costs[dear]
    assert marketing > usual
    assert (costs[free], costs[same]) == (0, usual)
    left, reserved = await balance(shop)
    assert (left, reserved) == (10 * MICRO - marketing - 2 * usual, 0)
    told = await shop.read(id)
    assert round(told["initial_cost"] - begun["initial_cost"], 6) == round((marketing - usual) / MICRO, 6)
    assert round((told["initial_cost"] - told["refund_amount"]) * MICRO) == marketing + 2 * usual


async def test_a_wallet_that_does_not_cover_it_sends_nothing(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 10)
    await shop.people(3)
    made = (await shop.write()).ok(201)
    assert [warning["type"] for warning in made["warnings"]] == ["LOW_BALANCE"]
    wallet, _ = await books(shop.gateway.services, shop.store.scope)
    assert wallet["reserved"] == round(made["initial_cost"] * MICRO), "set aside when it is queued"
    await shop.gateway.services.wallets.settle(shop.store.scope, "call:x", wallet["balance"])
    answer = await shop.write(name="Another")
    assert list(answer.refused(400, "insufficient_balance")) == ["balance"]
    details = answer.body["balance_details"]
    assert (details["recipient_count"], details["available_balance"]) == (3, 0)
    assert round(3 * details["price_per_message"], 6) == made["initial_cost"]
    # Who came since then is not covered.
    await shop.people(2, 2000)
    await shop.due(made["id"])
    paused = await shop.reaches(made["id"], "PAUSED")
    assert "balance does not cover" in paused["reason_for_cancellation"]
    assert not shop.server.asked


async def test_what_is_set_aside_follows_what_is_written(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 10)
    people = await shop.people(4)
    path = f"{BROADCASTS}{(await shop.write(scheduled_time=shop.ahead(600))).ok(201)['id']}/"
    _, four = await balance(shop)
    (await shop.tenant().patch(path, {"select_all": False, "recipients": people[:1]})).ok()
    assert (await balance(shop))[1] == four // 4, "as soon as it is written"
    (await shop.tenant().patch(path, {"status": "DRAFT"})).ok()
    assert (await balance(shop)) == (10 * MICRO, 0)
    (await shop.tenant().patch(path, {"status": "QUEUED"})).ok()
    assert (await balance(shop))[1] == four // 4
    (await shop.tenant().post(f"{path}cancel/", {})).ok()

    async def given_back() -> bool:
        return (await balance(shop)) == (10 * MICRO, 0)

    await until(given_back)
    (await shop.tenant().patch(path, {"status": "QUEUED", "scheduled_time": None})).ok()
    assert (await balance(shop))[1] == four // 4, "queued again, it is charged again"


async def test_what_a_cancelled_one_did_not_need_comes_back(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 100)
    await shop.people(600)
    shop.server.next.extend(Behaviour(delay_s=0.5) for _ in range(600))
    id = await shop.begin()

    async def some() -> bool:
        return len(shop.server.asked) > 10

    await until(some)
    (await shop.tenant().post(f"{BROADCASTS}{id}/cancel/", {})).ok()

    async def given_back() -> bool:
        row = await shop.store.get("broadcasts", id)
        return "due" not in row and (await balance(shop))[1] == 0

    await until(given_back)
    shown = await shop.read(id)
    price = round(shown["initial_cost"] * MICRO / 600)
    assert (await balance(shop))[0] == 100 * MICRO - price * sum(shop.reached().values())
