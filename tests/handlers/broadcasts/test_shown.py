"""What of a broadcast is shown to whom, and by which words it is found."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Running
from tests.handlers.billing.test_ledger import wallet_with
from tests.handlers.broadcasts.shop import Shop, open_shop
from tests.tenants import Tenant


@pytest.fixture
async def shop(gateway: Running, tenant: Tenant) -> AsyncIterator[Shop]:
    async with open_shop(gateway, tenant) as opened:
        yield opened


async def test_what_it_costs_is_for_those_who_see_money(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 10)
    await shop.people(2)
    id = await shop.begin()
    await shop.reaches(id, "SENT")
    path, rows = f"/broadcast/{id}/", {"broadcast": id}
    for role, sees in (("owner", True), ("manager", True), ("agent", False), ("viewer", False)):
        client = shop.tenant(role)
        for shown in (
            (await client.get(path)).ok()["initial_cost"],
            (await client.get("/broadcast/")).ok()["results"][0]["initial_cost"],
            (await client.get(path)).ok()["refund_amount"],
            (await client.get("/broadcast/messages/", params=rows)).ok()["results"][0]["cost"],
        ):
            assert (shown is not None) == sees, role
        one = (await client.get(path)).ok()
        assert (one["credit_deducted"], one["refund_processed"]) == ((True, False) if sees else (None, None)), role
    told = [event["data"] for event in await shop.tenant("viewer").events() if event["type"].startswith("broadcast.")]
    assert told
    assert not [data for data in told if "cost" in str(data)]


async def test_broadcasts_are_found_by_what_people_are_shown(shop: Shop) -> None:
    await shop.people(1)
    done, draft = await shop.begin(), (await shop.write(status="DRAFT")).ok(201)["id"]
    later = (await shop.write(scheduled_time=shop.ahead(600))).ok(201)["id"]
    await shop.reaches(done, "SENT")

    async def found(**params: str) -> set[str]:
        return {row["id"] for row in (await shop.tenant().get("/broadcast/", params=params)).ok()["results"]}

    assert await found(template_number__number=shop.template) == {done, draft, later}
    assert await found(template_number__number__in="tpl_other") == set()
    assert await found(ui_status="Completed") == {done}
    assert await found(ui_status="scheduled") == {later}
    assert await found(ui_status__in="Draft,Completed") == {draft, done}
    assert await found(ui_status__in="Draft,Completed", status="SENT") == {done}
    wrong = await shop.tenant().get("/broadcast/", params={"ui_status": "Nearly"})
    assert "ui_status" in wrong.refused(400, "validation_error")


async def test_a_recipient_shows_what_the_carrier_reported_last(shop: Shop) -> None:
    await shop.people(1)
    id = await shop.begin()
    await shop.reaches(id, "SENT")
    [row] = await shop.rows(id)
    assert row["webhook_response"] is None
    for status in ("delivered", "read"):
        await shop.report([row["message"]], status)
    [row] = await shop.rows(id)
    last = row["webhook_response"]
    assert (last["status"], last["carrier_id"], last["code"]) == ("READ", row["message_id"], None)
    assert (await shop.tenant().get(f"/broadcast/messages/{row['id']}/")).ok()["webhook_response"] == last


async def test_a_broadcast_names_its_template_by_the_fields_name_and_takes_either(shop: Shop) -> None:
    await shop.people(1)
    body = {"name": "Sale", "template": shop.template, "select_all": True}
    made = (await shop.tenant().post("/broadcast/", body)).ok(201)
    other = (await shop.write(status="DRAFT")).ok(201)
    for one in (made, other):
        assert one["template_number"] == one["template"] == shop.template
        assert (one["tenant"], one["template_type"], one["template_media_url"]) == (shop.tenant.id, "TEXT", None)
