"""The ledger: rows and balance are one, nothing is taken that is not there, and nothing is posted twice."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest

from jinaconnect.actions.billing.keeping import pay_in, set_up
from jinaconnect.actions.context import Services
from jinaconnect.core.billing.money import MICRO
from jinaconnect.core.billing.purse import InsufficientBalance
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import TenantStore
from tests.client import until
from tests.conftest import Running
from tests.tenants import Tenant


async def wallet_with(services: Services, scope: str, units: int, **fields: Any) -> None:
    await set_up(services, scope, is_on=True, **fields)
    if units:
        await pay_in(services, scope, "first", units * MICRO, "paid by bank transfer")


async def _of_one_moment(data: TenantStore) -> tuple[Document, list[Document]] | None:
    before = await data.select("wallets", {})
    rows = await data.select("ledger", {}, sort=[("number", 1)])
    [wallet] = after = await data.select("wallets", {})
    return (wallet, rows) if before == after else None


async def books(services: Services, scope: str) -> tuple[Document, list[Document]]:
    """Return the wallet and its rows in order, of one moment, after holding them against each other."""
    data = services.store.within(scope)
    wallet, rows = await until(partial(_of_one_moment, data))
    assert [row["number"] for row in rows] == list(range(1, wallet["number"] + 1))
    balance = reserved = 0
    for row in rows:
        balance, reserved = balance + row["change"], reserved + row["held"]
        assert (row["balance_after"], row["reserved_after"]) == (balance, reserved)
        assert balance + wallet["credit_line"] >= 0
    assert (wallet["balance"], wallet["reserved"]) == (balance, reserved)
    return wallet, rows


async def test_of_a_hundred_at_once_the_wallet_pays_for_ten(gateway: Running, tenant: Tenant) -> None:
    services, scope = gateway.services, f"{tenant.id}:live"
    await wallet_with(services, scope, 10)

    async def queue(number: int) -> bool:
        try:
            await services.wallets.reserve(scope, f"broadcast:{number}", MICRO)
        except InsufficientBalance:
            return False
        return True

    assert sum(await asyncio.gather(*(queue(number) for number in range(100)))) == 10
    wallet, rows = await books(services, scope)
    assert (wallet["balance"], wallet["reserved"], len(rows)) == (0, 10 * MICRO, 11)


async def test_the_credit_line_is_the_floor(gateway: Running, tenant: Tenant) -> None:
    services, scope = gateway.services, f"{tenant.id}:live"
    await wallet_with(services, scope, 1, credit_line=2 * MICRO)
    await services.wallets.reserve(scope, "broadcast:1", 3 * MICRO)
    with pytest.raises(InsufficientBalance) as refused:
        await services.wallets.reserve(scope, "broadcast:2", 1)
    assert refused.value.extra["balance_details"]["available_balance"] == 0
    await services.wallets.settle(scope, "broadcast:1", 4 * MICRO)
    wallet, rows = await books(services, scope)
    assert (wallet["balance"], wallet["reserved"], rows[-1]["short"]) == (-2 * MICRO, 0, MICRO)


async def test_what_is_posted_again_is_posted_once(gateway: Running, tenant: Tenant) -> None:
    services, scope = gateway.services, f"{tenant.id}:live"
    await wallet_with(services, scope, 10)
    wallets = services.wallets
    await asyncio.gather(*(wallets.reserve(scope, "broadcast:1", 4 * MICRO) for _ in range(20)))
    for second in ("10:00:00", "10:00:01", "10:00:01"):
        await wallets.settle(scope, "broadcast:1", MICRO, part=second, held=MICRO)
    wallet, _ = await books(services, scope)
    assert (wallet["balance"], wallet["reserved"]) == (6 * MICRO, 2 * MICRO)
    await asyncio.gather(*(wallets.refund(scope, "broadcast:1") for _ in range(5)))
    wallet, rows = await books(services, scope)
    assert (wallet["balance"], wallet["reserved"]) == (8 * MICRO, 0)
    assert [row["key"] for row in rows] == [
        "payment:first:credit", "broadcast:1:reserve", "broadcast:1:settle:10:00:00", "broadcast:1:settle:10:00:01",
        "broadcast:1:refund",
    ]  # fmt: skip


async def test_a_debit_that_falls_below_the_threshold_is_told(gateway: Running, tenant: Tenant) -> None:
    services, scope, owner = gateway.services, f"{tenant.id}:live", tenant()
    await wallet_with(services, scope, 10)
    (await owner.patch("/tenants/host-wallet/", {"threshold_alert": 5})).ok()
    for number in range(1, 8):
        await services.wallets.reserve(scope, f"broadcast:{number}", MICRO)

    async def told() -> list[tuple[str, float]]:
        seen = [event for event in await owner.events() if event["type"].startswith("wallet.")]
        return [(event["type"], event["data"]["balance"]) for event in seen]

    assert await told() == [
        ("wallet.updated", 0.0), ("wallet.recharged", 10.0), ("wallet.updated", 10.0), ("wallet.low_balance", 4.0)
    ]  # fmt: skip
    shown = (await owner.get("/tenants/host-wallet/")).ok()
    assert (shown["balance"], shown["reserved"], shown["is_below_threshold"], shown["is_prepaid"]) == (3, 7, True, True)
    alerts = (await owner.get("/tenants/host-wallet/alerts/")).ok()
    assert ([alert["type"] for alert in alerts["alerts"]], alerts["summary"]["total"]) == (["low_balance"], 1)
    await services.wallets.reserve(scope, "broadcast:8", 3 * MICRO)
    assert (await owner.get("/tenants/host-wallet/alerts/")).ok()["alerts"][0]["type"] == "zero_balance"
    (await tenant("agent").get("/tenants/host-wallet/")).refused(403, "permission_denied")
    (await tenant("viewer").patch("/tenants/host-wallet/", {"threshold_alert": 1})).refused(403, "permission_denied")


async def test_the_ledger_is_listed_filtered_and_nobody_elses(
    gateway: Running, tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]]
) -> None:
    services, scope, other = gateway.services, f"{tenant.id}:live", await new_tenant()
    await wallet_with(services, scope, 10)
    facts = {"broadcast_name": "May", "broadcast_platform": "SMS", "broadcast_recipient_count": 3}
    await services.wallets.reserve(scope, "broadcast:b1", 3 * MICRO, facts=facts)
    await services.wallets.settle(scope, "broadcast:b1", 2 * MICRO)
    ask = tenant().get
    for params, keys in (
        ({}, ["broadcast:b1:settle", "broadcast:b1:reserve", "payment:first:credit"]),
        ({"transaction_type": "SUCCESS RECHARGE"}, ["payment:first:credit"]),
        ({"transaction_type__in": "REFUND,CONSUMPTION"}, ["broadcast:b1:settle", "broadcast:b1:reserve"]),
        ({"broadcast": "b1", "amount__gte": "3"}, ["broadcast:b1:reserve"]),
        ({"broadcast__name__icontains": "ma"}, ["broadcast:b1:reserve"]),
        ({"ordering": "number"}, ["payment:first:credit", "broadcast:b1:reserve", "broadcast:b1:settle"]),
    ):  # fmt: skip
        rows = (await ask("/transaction/tenant-transactions/", params=params)).ok()["results"]
        assert [row["key"] for row in rows] == keys, params
    row = (await ask("/transaction/tenant-transactions/")).ok()["results"][1]
    assert (await ask(f"/wallet/transactions/{row['id']}/")).ok() == row
    assert (row["broadcast_name"], row["broadcast_recipient_count"], row["amount"], row["change"]) == ("May", 3, 3, -3)
    assert re.fullmatch(r"jc_[A-Z0-9]{16}", row["system_transaction_id"])
    (await ask("/wallet/transactions/", params={"amount": "much"})).refused(400, "validation_error")
    (await other().get(f"/wallet/transactions/{row['id']}/")).refused(404, "not_found")
    assert (await other().get("/wallet/transactions/")).ok()["count"] == 0
    assert "REFUND" in (await ask("/transaction/tenant-transactions/transaction-status-options/")).ok()
