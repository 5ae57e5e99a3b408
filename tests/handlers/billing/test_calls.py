"""What a call costs is set aside when it is placed, and settled once when it has ended, over whatever carries it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from jinaconnect.actions.billing.calls import CallQuote, give_back_unplaced, set_aside, settle_call
from jinaconnect.actions.context import system_context
from jinaconnect.actions.verifying import verify
from jinaconnect.core.billing.money import MICRO
from jinaconnect.core.calls.document import new_call
from jinaconnect.store.tenant import Change
from tests.client import Client, until
from tests.conftest import Running
from tests.handlers.billing.test_ledger import books, wallet_with
from tests.telephony.calls.telephone import ENDED, OWN
from tests.telephony.providers.lines import CALLS, TRUNKS
from tests.tenants import Tenant

HANGS_UP, BUSY, NEVER = "+12025550108", "+12025550103", "+12025550102"
FROM = "2020-01-01T00:00:00Z"
PROVIDERS = ("sip", "twilio", "plivo", "vonage", "telnyx", "exotel")
SAID = {"to_number": HANGS_UP, "tts_text": "Hello."}


async def trunk_of(client: Client, provider: str, rate: str | None = "0.6", **fields: Any) -> str:
    """Add an account, with a card for numbers of North America where a rate is given."""
    if provider == "sip":
        trunk: str = (await client.get(TRUNKS, params={"provider": "sip"})).ok()["results"][0]["id"]
    else:
        body = {"name": provider, "provider": provider, "from_numbers": [OWN]}
        trunk = (await client.post(TRUNKS, body)).ok(201)["id"]
    if rate is not None:
        card = {"name": "US", "provider_config": trunk, "destination_prefix": "+1", "rate_per_minute": rate,
                "valid_from": FROM, **fields}  # fmt: skip
        (await client.post("/voice/api/rate-cards/", card)).ok(201)
    return trunk


async def booked(client: Client, call: str, priced: bool = False) -> dict[str, Any]:
    """Wait for a call's end and for what is to be known of its price."""
    shown: dict[str, Any] = {}

    async def done() -> bool:
        shown.update((await client.get(f"{CALLS}{call}/")).ok())
        known = shown["cost"] is not None and (shown["provider_cost"] is not None or not priced)
        return known and shown["status"] in ENDED

    await until(done, 60)
    return shown


async def faults(gateway: Running, tenant: Tenant) -> list[str]:
    return [fault async for fault in verify(gateway.services, [tenant.id])]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_call_is_set_aside_for_and_settled_by_its_card(
    gateway: Running, tenant: Tenant, provider: str
) -> None:
    client, scope = tenant("owner", "test"), f"{tenant.id}:test"
    await wallet_with(gateway.services, scope, 10)
    trunk = await trunk_of(client, provider, billing_increment_seconds=1, minimum_seconds=30)
    call = (await client.post(CALLS, {**SAID, "provider_config_id": trunk})).ok(201)["id"]
    shown = await booked(client, call, priced=provider != "sip")
    cost = shown["cost"]
    assert (cost["amount"], cost["currency"], cost["source"]) == (0.3, "USD", "local_ratecard"), "30 s at least"
    assert (cost["billable_seconds"], cost["charged"], cost["charged_currency"]) == (30, 0.3, "USD")
    assert cost["rate_card"].startswith("rat_")
    assert (shown["cost_amount"], shown["cost_source"]) == (0.3, "local_ratecard")
    if provider == "sip":
        assert shown["provider_cost"] is None
    else:
        told = shown["provider_cost"]
        assert (told["amount"], told["currency"], told["difference"]) == (0.01, "USD", -0.29)
        assert told["source"] == ("fetched" if provider in ("twilio", "exotel") else "reported")
    wallet, rows = await books(gateway.services, scope)
    assert (wallet["balance"], wallet["reserved"]) == (9_700_000, 0)
    assert [(row["key"], row["type"], row["change"], row["held"]) for row in rows[1:]] == [
        (f"call:{call}:reserve", "VOICE_OUTBOUND", -600_000, 600_000),
        (f"call:{call}:settle", "REFUND", 300_000, -600_000),
    ]
    listed = (await client.get("/wallet/transactions/", params={"call": call})).ok()["results"]
    assert [row["key"] for row in listed] == [f"call:{call}:settle", f"call:{call}:reserve"]
    assert await faults(gateway, tenant) == []


@pytest.mark.parametrize("provider", ["twilio", "telnyx"])
async def test_where_no_card_has_a_price_the_carriers_counts(gateway: Running, tenant: Tenant, provider: str) -> None:
    client, scope = tenant("owner", "test"), f"{tenant.id}:test"
    await wallet_with(gateway.services, scope, 10)
    trunk = await trunk_of(client, provider, None)
    call = (await client.post(CALLS, {**SAID, "provider_config_id": trunk})).ok(201)["id"]
    shown = await booked(client, call, priced=True)
    assert (shown["cost"]["amount"], shown["cost"]["source"], shown["cost"]["charged"]) == (0.01, "provider", 0.01)
    _, rows = await books(gateway.services, scope)
    assert [(row["key"], row["change"]) for row in rows[1:]] == [(f"call:{call}:settle", -10_000)]
    assert await faults(gateway, tenant) == []


async def test_who_does_not_answer_costs_nothing(gateway: Running, tenant: Tenant) -> None:
    client, scope = tenant("owner", "test"), f"{tenant.id}:test"
    await wallet_with(gateway.services, scope, 1)
    trunk = await trunk_of(client, "plivo")
    call = (await client.post(CALLS, {**SAID, "to_number": BUSY, "provider_config_id": trunk})).ok(201)["id"]
    assert (await booked(client, call))["cost"]["charged"] == 0
    wallet, rows = await books(gateway.services, scope)
    assert (wallet["balance"], wallet["reserved"], len(rows)) == (MICRO, 0, 3)


async def test_a_call_the_wallet_does_not_cover_is_not_placed(gateway: Running, tenant: Tenant) -> None:
    client, scope = tenant("owner", "test"), f"{tenant.id}:test"
    await wallet_with(gateway.services, scope, 1)
    trunk = await trunk_of(client, "sip")
    wanted = {"to_number": NEVER, "tts_text": "Hello.", "provider_config_id": trunk}
    answers = await asyncio.gather(*(client.post(CALLS, wanted) for _ in range(5)))
    assert sorted(answer.status for answer in answers) == [201, 400, 400, 400, 400], "money for one"
    refused = next(answer for answer in answers if answer.status == 400)
    assert refused.body["code"] == "insufficient_balance"
    assert refused.body["balance_details"]["estimated_cost"] == 0.6
    assert (await client.get(CALLS)).ok()["count"] == 1
    asked = (await client.post(f"{CALLS}?dry_run=true", wanted)).ok()
    assert asked["price"] == {
        "per_minute": "0.600000", "currency": "USD", "rate_card": asked["price"]["rate_card"],
        "destination_prefix": "+1", "billing_increment_seconds": 60, "minimum_seconds": 0, "set_aside": 0.6,
        "set_aside_currency": "USD",
    }  # fmt: skip


async def test_what_is_set_aside_for_a_call_that_has_no_slot_comes_back(gateway: Running, tenant: Tenant) -> None:
    client, scope = tenant("owner", "test"), f"{tenant.id}:test"
    await wallet_with(gateway.services, scope, 10)
    trunk = await trunk_of(client, "sip")
    (await client.patch(f"{TRUNKS}{trunk}/", {"max_concurrent_calls": 1})).ok()
    wanted = {"to_number": NEVER, "tts_text": "Hello.", "provider_config_id": trunk}
    call = (await client.post(CALLS, wanted)).ok(201)["id"]
    (await client.post(CALLS, wanted)).refused(429, "too_many_calls")
    wallet, _ = await books(gateway.services, scope)
    assert wallet["reserved"] == 600_000
    # A crash between setting aside and storing: the job that was left finds no call.
    await gateway.services.wallets.reserve(scope, "call:call_lost", MICRO)
    for id in ("call_lost", call):
        await give_back_unplaced(gateway.services, scope, id)
    wallet, _ = await books(gateway.services, scope)
    assert wallet["reserved"] == 600_000
    assert await faults(gateway, tenant) == []


async def test_a_call_that_found_no_line_is_set_aside_for_anew_each_time_it_is_placed(
    gateway: Running, tenant: Tenant
) -> None:
    services, scope = gateway.services, f"{tenant.id}:live"
    await wallet_with(services, scope, 1)
    ctx, quoted = system_context(services, scope, "broadcasts"), CallQuote(600_000, "USD", MICRO)

    async def held() -> int:
        wallet, _ = await books(services, scope)
        assert wallet["balance"] + wallet["reserved"] == MICRO
        return int(wallet["reserved"])

    for _ in range(3):
        for _ in range(2):  # cut off after it, a time is begun again
            charge = await set_aside(ctx, gateway.ports.worker, "call_waits", quoted, OWN)
            assert (charge["reserved"], await held()) == (600_000, 600_000)
        for _ in range(2):
            await give_back_unplaced(services, scope, "call_waits")
            assert await held() == 0
    await set_aside(ctx, gateway.ports.worker, "call_waits", quoted, OWN)
    ended = new_call(
        "call_waits", direction="outbound", from_number=OWN, to_number=HANGS_UP, provider_config="trk_x", switch=None,
        plan={"kind": "tts"}, at=services.clock(), ended_at=services.clock(), charge=charge, status="COMPLETED",
    )  # fmt: skip
    assert await settle_call(ctx, ended, {}) == {}, "nobody can say what it cost"
    assert await held() == 0
    rows = [row for row in (await books(services, scope))[1] if row["about"] == "call:call_waits"]
    assert [row["key"] for row in rows] == [
        "call:call_waits:reserve", "call:call_waits:refund", *(f"call:call_waits:hold:{n}" for n in range(2, 8))
    ]  # fmt: skip
    assert [row["type"] for row in rows] == ["VOICE_OUTBOUND", "REFUND"] * 4
    assert await faults(gateway, tenant) == []


@pytest.mark.parametrize(
    ("direction", "cost", "left", "short", "kind"),
    [("outbound", "0.25", 750_000, 0, "VOICE_OUTBOUND"), ("inbound", "1.5", 0, 500_000, "VOICE_INBOUND")],
)
async def test_a_call_that_nothing_was_set_aside_for_is_charged_once(
    gateway: Running, tenant: Tenant, direction: str, cost: str, left: int, short: int, kind: str
) -> None:
    services, scope = gateway.services, f"{tenant.id}:live"
    ctx = system_context(services, scope, "telephony")

    async def ended() -> Any:
        call = new_call(
            services.ids.new("call"), direction=direction, from_number="+12025550100", to_number="+12025550111",
            provider_config="trk_x", switch=None, plan={"kind": "tts"}, at=services.clock(), ended_at=services.clock(),
            status="COMPLETED",
        )  # fmt: skip
        return (await ctx.data.insert("calls", call)).doc

    call = await ended()
    costs = {"cost_amount": cost, "cost_currency": "USD", "cost_source": "local_ratecard"}
    await settle_call(ctx, call, costs)
    assert await ctx.data.select("ledger", {}) == [], "nobody is charged without a wallet"
    await wallet_with(services, scope, 1)
    kept = await asyncio.gather(*(settle_call(ctx, call, costs) for _ in range(3)))
    other_price = await settle_call(ctx, call, {**costs, "cost_amount": "7"})
    assert [*kept, other_price] == 4 * [{**costs, "charge": {"settled": int(Decimal(cost) * MICRO), "currency": "USD"}}]
    stored = (await ctx.data.change("calls", call["_id"], lambda doc: Change(set=kept[0]))).doc
    assert await settle_call(ctx, stored, {}) == {}
    other = await ended()
    for nothing in ({"cost_amount": None}, {"cost_amount": "0.000000"}, {"cost_currency": "XTS"}):
        await settle_call(ctx, other, {**costs, **nothing})
    wallet, rows = await books(services, scope)
    assert wallet["balance"] == left
    key = f"call:{call['_id']}:settle"
    assert [(row["key"], row["type"], row["short"]) for row in rows[1:]] == [(key, kind, short)]
    assert await faults(gateway, tenant) == []
    await services.store.raw("calls").update_one({"_id": call["_id"]}, {"$inc": {"charge.settled": 1}})
    assert len(await faults(gateway, tenant)) == 1


async def test_a_call_that_an_earlier_version_charged_is_not_charged_again(gateway: Running, tenant: Tenant) -> None:
    services, scope = gateway.services, f"{tenant.id}:live"
    ctx = system_context(services, scope, "telephony")
    await wallet_with(services, scope, 1)
    call = new_call(
        services.ids.new("call"), direction="outbound", from_number=OWN, to_number=HANGS_UP, provider_config="trk_x",
        switch=None, plan={"kind": "tts"}, at=services.clock(), ended_at=services.clock() - timedelta(minutes=1),
        status="COMPLETED",
    )  # fmt: skip
    stored = (await ctx.data.insert("calls", call)).doc
    about = f"call:{stored['_id']}"
    await services.wallets.settle(scope, about, 250_000)
    await services.store.raw("ledger").update_one({"key": f"{about}:settle"}, {"$set": {"key": f"{about}:charge"}})
    await settle_call(ctx, stored, {"cost_amount": "0.25", "cost_currency": "USD", "cost_source": "local_ratecard"})
    assert len((await books(services, scope))[1]) == 2
