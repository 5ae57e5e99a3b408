"""Calls are charged what they have cost, once, as far as the wallet goes."""

from __future__ import annotations

import asyncio

import pytest

from jinaconnect.actions.billing.calls import charge_call
from jinaconnect.actions.context import system_context
from jinaconnect.core.billing.money import MICRO
from jinaconnect.core.calls.document import new_call
from tests.conftest import Running
from tests.handlers.billing.test_ledger import books, wallet_with
from tests.tenants import Tenant


@pytest.mark.parametrize(
    ("direction", "cost", "left", "short", "kind"),
    [("outbound", "0.25", 750_000, 0, "VOICE_OUTBOUND"), ("inbound", "1.5", 0, 500_000, "VOICE_INBOUND")],
)
async def test_a_call_is_charged_once(
    gateway: Running, tenant: Tenant, direction: str, cost: str, left: int, short: int, kind: str
) -> None:
    services, scope = gateway.services, f"{tenant.id}:live"
    call = new_call(
        "call_x", direction=direction, from_number="+12025550100", to_number="+12025550111", provider_config="trk_x",
        switch="sandbox", plan={"kind": "tts"}, at=services.clock(),
    )  # fmt: skip
    ended = {**call, "ended_at": services.clock(), "cost_amount": cost, "cost_currency": "USD"}
    ctx = system_context(services, scope, "telephony")
    await charge_call(ctx, ended)
    assert await services.store.within(scope).select("ledger", {}) == [], "nobody is charged without a wallet"
    await wallet_with(services, scope, 1)
    await asyncio.gather(*(charge_call(ctx, ended) for _ in range(3)))
    for nothing in ({"cost_amount": None}, {"cost_amount": "0.000000"}, {"cost_currency": "XTS", "_id": "call_y"}):
        await charge_call(ctx, {**ended, **nothing})
    wallet, rows = await books(services, scope)
    assert wallet["balance"] == left
    assert [(row["type"], row["call"], row["short"]) for row in rows[1:]] == [(kind, "call_x", short)]
    assert rows[0]["change"] == MICRO
