"""Which recipients are listed and counted, by their broadcast and by themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.carriers.meta import refusal
from tests.conftest import Running
from tests.handlers.broadcasts.shop import ROWS, Shop, open_shop
from tests.tenants import Tenant


@pytest.fixture
async def shop(gateway: Running, tenant: Tenant) -> AsyncIterator[Shop]:
    async with open_shop(gateway, tenant) as opened:
        yield opened


async def test_recipients_are_found_and_counted_by_what_their_broadcast_is(shop: Shop) -> None:
    people = await shop.people(3)
    shop.server.next.append(refusal(400, 131026))
    mixed = await shop.begin()
    await shop.reaches(mixed, "PARTIALLY_SENT")
    sent = await shop.begin(select_all=False, recipients=people[:2])
    ended = await shop.reaches(sent, "SENT")

    async def seen(**params: str) -> tuple[set[str], int]:
        """Return whose broadcasts are listed and how many recipients, which the figures have as well."""
        rows = (await shop.tenant().get(ROWS, params=params)).ok()
        stats: dict[str, Any] = (await shop.tenant().get(f"{ROWS}stats/", params=params)).ok()
        assert stats["total_messages"] == rows["count"] == len(rows["results"])
        assert stats["status_breakdown"]["failed"] == sum(row["status"] == "FAILED" for row in rows["results"])
        return {row["broadcast"] for row in rows["results"]}, rows["count"]

    assert await seen() == ({mixed, sent}, 5)
    assert await seen(broadcast__status="SENT") == ({sent}, 2)
    assert await seen(broadcast__status__in="sent,partially_sent", status="FAILED") == ({mixed}, 1)
    assert await seen(broadcast__status="DRAFT") == (set(), 0)
    at = ended["scheduled_time"]
    assert await seen(broadcast__scheduled_time__gte=at) == ({sent}, 2)
    assert await seen(broadcast__scheduled_time__lt=at, broadcast__status="PARTIALLY_SENT") == ({mixed}, 3)
    assert await seen(broadcast__scheduled_time__lt=at, broadcast__status="SENT") == (set(), 0)
    assert await seen(contact__first_name="P1000", broadcast__status="SENT") == ({sent}, 1)
    for name in ("broadcast__status", "broadcast__scheduled_time__lte"):
        for path in (ROWS, f"{ROWS}stats/"):
            wrong = await shop.tenant().get(path, params={name: "nearly"})
            assert name in wrong.refused(400, "validation_error")
