"""Rate cards over REST, and what an ended call costs by them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from jinaconnect.actions.rating.rate_cards import rate_call
from jinaconnect.core.calls import document as calls
from tests.conftest import Running
from tests.handlers.trunks.accounts import add_trunk
from tests.tenants import Tenant

CARDS = "/voice/api/rate-cards/"
FROM = "2020-01-01T00:00:00Z"


def card(trunk: str, **fields: Any) -> dict[str, Any]:
    """Return the body of a good rate card."""
    return {"name": "US", "provider_config": trunk, "destination_prefix": "+1", "rate_per_minute": 0.015,
            "valid_from": FROM, **fields}  # fmt: skip


async def test_a_card_is_made_read_changed_replaced_and_removed(tenant: Tenant) -> None:
    owner, trunk = tenant(), await add_trunk(tenant())
    made = (await owner.post(CARDS, card(trunk, billing_increment_seconds=6, valid_to="2099-01-01"))).ok(201)
    assert made["id"].startswith("rat_")
    assert (made["rate_per_minute"], made["currency"], made["billing_increment_seconds"]) == (0.015, "USD", 6)
    assert (made["valid_from"], made["valid_to"]) == ("2020-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z")
    path = f"{CARDS}{made['id']}/"
    assert (await owner.get(path)).ok() == made
    changed = (await owner.patch(path, {"rate_per_minute": "0.000001"})).ok()
    assert {**made, "rate_per_minute": 0.000001, "updated_at": changed["updated_at"]} == changed
    replaced = (await owner.ask("PUT", path, card(trunk, valid_from="2021-01-01T02:00:00+02:00"))).ok()
    assert (replaced["billing_increment_seconds"], replaced["valid_to"]) == (60, None)
    assert replaced["valid_from"] == "2021-01-01T00:00:00.000Z"
    (await owner.delete(path)).ok(204)
    for method, body in (("GET", None), ("PATCH", {}), ("PUT", card(trunk)), ("DELETE", None)):
        (await owner.ask(method, path, body)).refused(404, "not_found")


async def test_a_rate_is_kept_to_its_last_digit(gateway: Running, tenant: Tenant) -> None:
    owner, trunk = tenant(), await add_trunk(tenant())
    for text in ("99999999.999999", "0.000001", "0.1", "0"):
        body = json.dumps(card(trunk)).replace("0.015", text).encode()
        made = await owner.ask("POST", CARDS, body, headers={"Content-Type": "application/json"})
        assert made.ok(201)["rate_per_minute"] == float(text)
        stored = await gateway.services.store.of(tenant.id, "live").get("rate_cards", made.body["id"])
        assert stored["rate_per_minute"] == text


async def test_cards_are_listed_by_config_and_the_newest_first(tenant: Tenant) -> None:
    owner, first, second = tenant(), await add_trunk(tenant()), await add_trunk(tenant())
    wanted = []
    for trunk in sorted((first, second)):
        for year in (2021, 2023, 2022):
            made = (await owner.post(CARDS, card(trunk, valid_from=f"{year}-01-01T00:00:00Z"))).ok(201)
            wanted.append((trunk, -year, made["id"]))
    shown = (await tenant("viewer").get(CARDS)).ok()["results"]
    assert [row["id"] for row in shown] == [id for _, _, id in sorted(wanted)]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": None}, "name"), ({"provider_config": "trk_none"}, "provider_config"),
        ({"destination_prefix": "1"}, "destination_prefix"),
        ({"destination_prefix": "+1234567890"}, "destination_prefix"),
        ({"destination_prefix": "+1a"}, "destination_prefix"), ({"rate_per_minute": -0.01}, "rate_per_minute"),
        ({"rate_per_minute": 0.0000001}, "rate_per_minute"), ({"rate_per_minute": 123456789}, "rate_per_minute"),
        ({"rate_per_minute": "NaN"}, "rate_per_minute"), ({"rate_per_minute": True}, "rate_per_minute"),
        ({"rate_per_minute": None}, "rate_per_minute"), ({"currency": "usd"}, "currency"),
        ({"billing_increment_seconds": 0}, "billing_increment_seconds"), ({"valid_from": "soon"}, "valid_from"),
        ({"valid_from": None}, "valid_from"), ({"valid_from": "0001-01-01T00:00:00+14:00"}, "valid_from"),
        ({"valid_to": "9999-12-31T23:59:59-14:00"}, "valid_to"), ({"valid_to": "2019-12-31T23:59:59Z"}, "valid_to"),
    ],
)  # fmt: skip
async def test_a_faulty_field_is_named_and_nothing_changes(tenant: Tenant, fields: dict[str, Any], named: str) -> None:
    owner, trunk = tenant(), await add_trunk(tenant())
    made = (await owner.post(CARDS, card(trunk))).ok(201)
    assert list((await owner.post(CARDS, card(trunk, **fields))).refused(400, "validation_error")) == [named]
    assert list((await owner.patch(f"{CARDS}{made['id']}/", fields)).refused(400, "validation_error")) == [named]
    assert (await owner.get(CARDS)).ok()["results"] == [made]


@pytest.mark.parametrize("role", ["manager", "agent", "viewer"])
async def test_who_sees_calls_reads_cards_and_only_admins_write_them(tenant: Tenant, role: str) -> None:
    trunk = await add_trunk(tenant())
    made = (await tenant("admin").post(CARDS, card(trunk))).ok(201)
    path = f"{CARDS}{made['id']}/"
    assert (await tenant(role).get(path)).ok() == made
    assert (await tenant(role).get(CARDS)).ok()["results"] == [made]
    for method, where in (("POST", CARDS), ("PATCH", path), ("PUT", path), ("DELETE", path)):
        (await tenant(role).ask(method, where, card(trunk))).refused(403, "permission_denied")


async def test_another_tenants_cards_and_configs_are_unknown(
    tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]]
) -> None:
    other = await new_tenant()
    trunk = await add_trunk(other())
    theirs = (await other().post(CARDS, card(trunk))).ok(201)
    assert list((await tenant().post(CARDS, card(trunk))).refused(400, "validation_error")) == ["provider_config"]
    mine = await add_trunk(tenant())
    for method, body in (("GET", None), ("PATCH", {}), ("PUT", card(mine)), ("DELETE", None)):
        (await tenant().ask(method, f"{CARDS}{theirs['id']}/", body)).refused(404, "not_found")
    assert (await tenant().get(CARDS)).ok()["count"] == 0
    assert (await other().get(f"{CARDS}{theirs['id']}/")).ok() == theirs


async def rated(gateway: Running, tenant: Tenant, trunk: str, **fields: Any) -> dict[str, Any] | None:
    """Return what an ended call over a config costs."""
    services = gateway.services
    doc = calls.new_call(
        "call_x", direction="outbound", from_number="+442071838750", to_number="+12025550111", provider_config=trunk,
        switch="sandbox", plan={"kind": "tts"}, at=services.clock(),
    )  # fmt: skip
    ended = {"duration_seconds": 61, "ended_at": services.clock(), **fields}
    cost = await rate_call(services.store.of(tenant.id, "live"), {**doc, **ended})
    return None if cost is None else {name: value for name, value in cost.items() if name != "rated"}


def cost(amount: str, currency: str = "USD") -> dict[str, str]:
    return {"cost_amount": amount, "cost_currency": currency, "cost_source": "local_ratecard"}


async def test_a_call_costs_what_the_longest_prefix_says(gateway: Running, tenant: Tenant) -> None:
    owner, trunk = tenant(), await add_trunk(tenant(), currency="EUR")
    assert await rated(gateway, tenant, trunk) is None, "no card, no cost"
    assert await rated(gateway, tenant, trunk, duration_seconds=None) == cost("0.000000", "EUR")
    (await owner.post(CARDS, card(trunk))).ok(201)
    assert await rated(gateway, tenant, trunk) == cost("0.030000")
    assert await rated(gateway, tenant, trunk, to_number="+442071838750") is None
    fine = (await owner.post(CARDS, card(trunk, destination_prefix="+1202", billing_increment_seconds=1))).ok(201)["id"]
    assert await rated(gateway, tenant, trunk) == cost("0.015250")
    inbound = {"direction": "inbound", "from_number": "+442071838750", "to_number": "+12025550111"}
    assert await rated(gateway, tenant, trunk, **inbound) == cost("0.015250"), "the number dialled counts"
    (await owner.patch(f"{CARDS}{fine}/", {"is_active": False})).ok()
    assert await rated(gateway, tenant, trunk) == cost("0.030000")


async def test_a_card_counts_while_it_is_valid_and_for_its_own_config(gateway: Running, tenant: Tenant) -> None:
    owner, trunk, other = tenant(), await add_trunk(tenant()), await add_trunk(tenant())
    (await owner.post(CARDS, card(trunk, valid_to="2030-01-01T00:00:00Z", currency="INR"))).ok(201)
    stored = (await gateway.services.store.of(tenant.id, "live").select("rate_cards", {}))[0]
    second = timedelta(seconds=1)
    for at, counts in (
        (stored["valid_from"], True), (stored["valid_from"] - second, False),
        (stored["valid_to"], True), (stored["valid_to"] + second, False),
    ):  # fmt: skip
        found = await rated(gateway, tenant, trunk, ended_at=at)
        assert found == (cost("0.030000", "INR") if counts else None), at
    assert await rated(gateway, tenant, other, ended_at=stored["valid_from"]) is None
