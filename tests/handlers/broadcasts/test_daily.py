"""What an account may send in a day: single sends are refused beyond it, broadcasts wait and say so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jinaconnect.actions.broadcasts import allowed
from jinaconnect.store.tenant import Change
from tests.carriers.meta import refusal
from tests.client import until
from tests.conftest import Running
from tests.handlers.billing.test_ledger import books, wallet_with
from tests.handlers.broadcasts.shop import Shop, open_shop
from tests.tenants import Tenant


@pytest.fixture
async def shop(gateway: Running, tenant: Tenant) -> AsyncIterator[Shop]:
    async with open_shop(gateway, tenant) as opened:
        yield opened


async def account(shop: Shop, **fields: Any) -> str:
    """Return the shop's account, changed as its owner may (`tier`: as its carrier may)."""
    app = str((await shop.tenant().get("/wa/v1/apps/")).ok()["results"][0]["id"])
    if "tier" in fields:
        tier = {"tier": fields.pop("tier")}
        await shop.store.change("apps", app, lambda _: Change(set=tier))
        shop.gateway.ports.accounts.changed(shop.tenant.id)
    if fields:
        (await shop.tenant().patch(f"/wa/v1/apps/{app}/", fields)).ok()
    return app


async def sent_today(shop: Shop) -> int:
    return int((await shop.tenant().get("/wa/v1/apps/")).ok()["results"][0]["messages_sent_today"])


def template(shop: Shop, phone: str) -> dict[str, Any]:
    body = [{"type": "text", "text": text} for text in ("Ann", "X")]
    return {"phone": phone, "message_type": "TEMPLATE", "template": shop.template, "template_params": {"body": body}}


async def test_a_single_send_beyond_the_day_is_an_error_and_charges_nothing(shop: Shop) -> None:
    await wallet_with(shop.gateway.services, shop.store.scope, 10)
    await account(shop, daily_limit=3)
    send = shop.tenant().post
    bodies = [template(shop, f"+1202555{number}") for number in range(3100, 3110)]
    answers = await asyncio.gather(*(send("/wa/v1/messages/", body) for body in bodies))
    assert sorted(answer.status for answer in answers) == [201] * 3 + [429] * 7, "however many come at once"

    async def settled() -> bool:
        return len(shop.server.accepted) == 3

    await until(settled)
    told = (await shop.tenant().get("/tenants/host-wallet/alerts/")).ok()
    [near] = [each for each in told["alerts"] if each["type"] == "daily_limit_approaching"]
    assert (near["severity"], near["message"]) == ("info", "Carrier: 3 of 3 sent today")
    before = await books(shop.gateway.services, shop.store.scope)
    contacts = (await shop.tenant().get("/contacts/")).ok()["count"]
    over = await send("/wa/v1/messages/", template(shop, "+12025553199"))
    assert "3 messages" in str(over.refused(429, "daily_limit"))
    assert int(over.headers["Retry-After"]) <= 24 * 3600
    assert await sent_today(shop) == 3
    assert await books(shop.gateway.services, shop.store.scope) == before
    assert (await shop.tenant().get("/contacts/")).ok()["count"] == contacts, "nothing was written"


async def test_what_the_carrier_did_not_take_counts_for_nothing(shop: Shop) -> None:
    await account(shop, daily_limit=1)
    shop.server.next.append(refusal(400, 131026))
    (await shop.tenant().post("/wa/v1/messages/", template(shop, "+12025553100"))).ok(201)

    async def given_back() -> bool:
        return await sent_today(shop) == 0

    await until(given_back)
    (await shop.tenant().post("/wa/v1/messages/", template(shop, "+12025553101"))).ok(201)
    (await shop.tenant().post("/wa/v1/messages/", template(shop, "+12025553102"))).refused(429, "daily_limit")


async def test_a_broadcast_waits_for_the_next_day_and_says_so(shop: Shop) -> None:
    await shop.people(100)
    await account(shop, daily_limit=70)
    shop.server.next.append(refusal(400, 131026))
    id = await shop.begin()

    async def waits() -> dict[str, Any] | None:
        shown = await shop.read(id)
        return shown if shown["reason_for_cancellation"] else None

    shown = await until(waits)
    assert shown["reason_for_cancellation"] == (
        "The 70 messages that the account may send in a day are sent; it goes on at midnight (UTC)."
    )
    assert (shown["status"], shown["sent_count"], shown["failed_count"]) == ("SENDING", 70, 1)
    assert (shown["pending_count"], shown["sending_count"], await sent_today(shop)) == (29, 0, 70)
    held = (await shop.store.get("broadcasts", id))["due"]["at"]
    assert held <= shop.gateway.services.clock() + allowed.LOOKED_AT_AGAIN
    (await shop.tenant().post("/wa/v1/messages/", template(shop, "+12025553199"))).refused(429, "daily_limit")
    await account(shop, daily_limit=100)
    await shop.due(id)
    ended = await shop.reaches(id, "PARTIALLY_SENT")
    assert (ended["sent_count"], ended["reason_for_cancellation"]) == (99, "")
    assert set(shop.reached().values()) == {1}


async def test_a_broadcast_waits_for_who_is_one_too_many_for_the_tier(shop: Shop) -> None:
    people = await shop.people(60)
    now = shop.gateway.services.clock()
    for id in people[-5:]:
        await shop.store.change("contacts", id, lambda _: Change(set={"chat.inbound.WHATSAPP": now}))
    made = (await shop.write()).ok(201)
    await account(shop, tier="TIER_50")  # it was lowered since
    await shop.due(made["id"])

    async def waits() -> dict[str, Any] | None:
        shown = await shop.read(made["id"])
        return shown if shown["reason_for_cancellation"] else None

    shown = await until(waits)
    assert shown["reason_for_cancellation"].startswith("The 50 people whom the carrier lets the account write to first")
    assert (shown["status"], shown["sent_count"], shown["pending_count"]) == ("SENDING", 55, 5)
    waiting = [row for row in await shop.rows(made["id"]) if row["status"] == "PENDING"]
    assert {row["error_code"] for row in waiting} == {allowed.TIER}
    over = await shop.tenant().post("/wa/v1/messages/", template(shop, "+12025553199"))
    assert "50 people" in str(over.refused(429, "daily_limit"))
    one = template(shop, waiting[0]["contact_phone"])
    (await shop.tenant().post("/wa/v1/messages/", one)).refused(429, "daily_limit")
    known = next(row for row in await shop.rows(made["id"]) if row["status"] == "SENT")
    (await shop.tenant().post("/wa/v1/messages/", template(shop, known["contact_phone"]))).ok(201)


async def test_a_day_ends_at_midnight_where_the_organisation_is(shop: Shop) -> None:
    app, zone = await account(shop, daily_limit=1), "Pacific/Kiritimati"
    path = f"/tenants/{shop.tenant.id}/"
    wrong = await shop.tenant().patch(path, {"settings": {"timezone": "Mars/Olympus"}})
    assert "settings.timezone" in wrong.refused(400, "validation_error")
    (await shop.tenant().patch(path, {"settings": {"timezone": zone}})).ok()
    (await shop.tenant().post("/wa/v1/messages/", template(shop, "+12025553100"))).ok(201)
    today = shop.gateway.services.clock().astimezone(ZoneInfo(zone)).date()
    used = shop.gateway.services.allowances.used
    assert await used([app], str(today)) == {app: 1}
    assert await used([app], str(today + timedelta(days=1))) == {app: 0}, "a day of its own"
