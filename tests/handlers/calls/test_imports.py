"""Price lists and carriers' call records from files: all of one or nothing, and twice is once."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.client import Answered, Client, until
from tests.conftest import Running
from tests.handlers.billing.test_calls import HANGS_UP, SAID, booked, faults, trunk_of
from tests.handlers.billing.test_ledger import books, wallet_with
from tests.handlers.trunks.accounts import add_trunk
from tests.telephony.providers.lines import CALLS, TRUNKS
from tests.tenants import Tenant

CARDS = "/voice/api/rate-cards/"
LIST = """Prefix;Destination;Rate;Increment;Minimum
+91;India;0.015;60;0
1;United States;0.010;6;30
+;Elsewhere;0.05;60;0
"""


async def sent(client: Client, path: str, text: str, **fields: Any) -> Answered:
    form = aiohttp.FormData()
    form.add_field("file", text.encode(), filename="list.csv", content_type="text/csv")
    for name, value in fields.items():
        form.add_field(name, str(value))
    path, _, query = path.partition("?")
    return await client.ask("POST", path, data=form, params=dict([query.split("=")]) if query else None)


async def test_a_price_list_is_taken_once_however_often_it_comes(tenant: Tenant) -> None:
    owner, trunk = tenant(), await add_trunk(tenant())
    given = {"provider_config": trunk, "valid_from": "2026-01-01T00:00:00Z", "currency": "EUR"}
    asked = (await sent(owner, f"{CARDS}import/?dry_run=true", LIST, **given)).ok()
    assert asked == {"created": 3, "updated": 0, "unchanged": 0, "dry_run": True}
    assert (await owner.get(CARDS)).ok()["count"] == 0
    assert (await sent(owner, f"{CARDS}import/", LIST, **given)).ok() == {**asked, "dry_run": False}
    again = (await sent(owner, f"{CARDS}import/", LIST, **given)).ok()
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 3)
    dearer = (await sent(owner, f"{CARDS}import/", LIST.replace("0.015", "0.016"), **given)).ok()
    assert (dearer["created"], dearer["updated"], dearer["unchanged"]) == (0, 1, 2)
    shown = {row["destination_prefix"]: row for row in (await owner.get(CARDS)).ok()["results"]}
    assert {prefix: row["rate_per_minute"] for prefix, row in shown.items()} == {"+91": 0.016, "+1": 0.01, "+": 0.05}
    american = shown["+1"]
    assert (american["name"], american["currency"]) == ("United States", "EUR")
    assert (american["billing_increment_seconds"], american["minimum_seconds"]) == (6, 30)


@pytest.mark.parametrize(("text", "says"), [
    ("prefix,name\n+1,US\n", "no column rate_per_minute"), ("", "no header"),
    (LIST + "+44;UK;cheap;60;0\n", "line 5: rate_per_minute"),
    (LIST + "+4a;UK;0.1;60;0\n", "line 5: destination_prefix"),
    (LIST + "+91;India;0.02;60;0\n", "line 5: this card is that of line 2 too"),
    (LIST + "+44;UK;;60;0\n", "line 5: rate_per_minute"),
])  # fmt: skip
async def test_one_faulty_line_and_no_card_is_taken(tenant: Tenant, text: str, says: str) -> None:
    owner, trunk = tenant(), await add_trunk(tenant())
    given = {"provider_config": trunk, "valid_from": "2026-01-01T00:00:00Z"}
    refused = (await sent(owner, f"{CARDS}import/", text, **given)).refused(400, "validation_error")
    assert says in refused["file"][0]
    assert (await owner.get(CARDS)).ok()["count"] == 0


async def test_who_may_not_write_cards_imports_none(tenant: Tenant) -> None:
    trunk = await add_trunk(tenant())
    manager = tenant("manager")
    (await sent(manager, f"{CARDS}import/", LIST, provider_config=trunk)).refused(403, "permission_denied")
    path = f"{TRUNKS}{trunk}/import-cdr/"
    (await sent(manager, path, "call_id,cost\nx,1\n")).refused(403, "permission_denied")


async def test_a_carriers_records_stand_beside_our_costs(gateway: Running, tenant: Tenant) -> None:
    client, scope = tenant("owner", "test"), f"{tenant.id}:test"
    await wallet_with(gateway.services, scope, 10)
    trunk = await trunk_of(client, "plivo")
    bare = await trunk_of(client, "sip", None)
    placed = [
        (await client.post(CALLS, {**SAID, "to_number": HANGS_UP, "provider_config_id": each})).ok(201)["id"]
        for each in (trunk, bare)
    ]
    rated = await booked(client, placed[0], priced=True)
    text = f"call_id,duration_seconds,cost,currency\n{rated['provider_call_id']},4,-0.9,usd\nelsewhere,1,1,\n"
    path = f"{TRUNKS}{trunk}/import-cdr/"
    wanted = {"matched": 1, "updated": 1, "skipped": 1, "discrepancies": 1}
    for query, more in (("?dry_run=true", {}), ("", {}), ("", {"updated": 0})):
        told = (await sent(client, path + query, text)).ok()
        assert {name: told[name] for name in wanted} == {**wanted, **more}
        [apart] = told["differences"]
        assert (apart["line"], apart["call"], apart["difference"]) == (2, placed[0], 0.3)
        assert told["unmatched"] == [{"line": 3, "call_id": "elsewhere"}]
    shown = (await client.get(f"{CALLS}{placed[0]}/")).ok()
    assert (shown["cost"]["amount"], shown["cost"]["charged"]) == (0.6, 0.6)
    assert (shown["provider_cost"]["amount"], shown["provider_cost"]["source"]) == (0.9, "imported")
    assert (await sent(client, path, text, discrepancy_ratio="0.5")).ok()["discrepancies"] == 0

    # A trunk without a card: its call costs what the record says, and is charged by it once.
    mine = f"CallSid,CallDuration,Charge,Currency\n{placed[1]},3,0.02,USD\n"
    for updated in (1, 0):
        told = (await sent(client, f"{TRUNKS}{bare}/import-cdr/", mine, vendor="knowlarity")).ok()
        assert (told["matched"], told["updated"]) == (1, updated)
    shown = await booked(client, placed[1], priced=True)
    assert (shown["cost"]["source"], shown["cost"]["amount"]) == ("provider", 0.02)

    async def charged() -> bool:
        return (await client.get(f"{CALLS}{placed[1]}/")).ok()["cost"]["charged"] == 0.02

    await until(charged)
    wallet, _ = await books(gateway.services, scope)
    assert (wallet["balance"], wallet["reserved"]) == (9_380_000, 0)
    assert await faults(gateway, tenant) == []


@pytest.mark.parametrize(("text", "says"), [
    ("call_id,charge\nx,1\n", "no column cost"), ("call_id,cost\nx,one\n", "line 2: cost"),
    ("call_id,cost\nx,1\nx,2\n", "line 3: call_id is that of line 2 too"), ("call_id,cost\n,1\n", "line 2: call_id"),
    ("call_id,cost,currency\nx,1,dollar\n", "line 2: currency"), ("call_id,cost\nx,inf\n", "line 2: cost"),
    ("call_id,cost,duration_seconds\nx,1,99999999\n", "line 2: duration_seconds"),
])  # fmt: skip
async def test_a_faulty_record_is_named(tenant: Tenant, text: str, says: str) -> None:
    owner, trunk = tenant(), await add_trunk(tenant())
    refused = (await sent(owner, f"{TRUNKS}{trunk}/import-cdr/", text)).refused(400, "validation_error")
    assert says in refused["file"][0]


async def test_another_tenants_config_takes_no_records(tenant: Tenant, new_tenant: Any) -> None:
    other = await new_tenant()
    trunk = await add_trunk(other())
    (await sent(tenant(), f"{TRUNKS}{trunk}/import-cdr/", "call_id,cost\nx,1\n")).refused(404, "not_found")
