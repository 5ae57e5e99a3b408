"""What reaches an Asterisk of the changes in the store, and how much is read for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jinaconnect.actions.trunks.pushing import Pusher
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.tenant import Change
from tests.telephony.asterisk import Asterisk, loopback_address
from tests.telephony.calls.telephone import Exchange, exchange, make_trunk

OTHERS = 300


@pytest.fixture
async def phone(
    asterisk: Asterisk, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path: Path
) -> AsyncIterator[Exchange]:
    """A gateway with an Asterisk."""
    async with exchange(asterisk, mongod.uri, http, tmp_path / "var", loopback_address(5060)) as running:
        yield running


def _pusher(phone: Exchange) -> Pusher:
    owner = phone.gateway.fleet.owner("main")
    assert owner is not None
    assert owner.pusher is not None
    return owner.pusher


async def _pushed(phone: Exchange, trunk: str) -> bool:
    return f"voice-{trunk}" in await phone.asterisk.cli("pjsip show endpoints")


async def test_a_change_nobody_told_of_is_pushed(phone: Exchange) -> None:
    store = phone.gateway.services.store.of(phone.tenant.id, "live")
    second = await make_trunk(phone.tenant, loopback_address(5060))
    assert await _pushed(phone, second)
    # As another process would write it whose word of it was lost.
    await store.change("trunks", second, lambda doc: Change(set={"enabled": False}))
    await _pusher(phone).changes()
    assert not await _pushed(phone, second)
    await store.change("trunks", second, lambda doc: Change(set={"enabled": True}))
    await _pusher(phone).changes()
    assert await _pushed(phone, second)
    await store.change("trunks", second, lambda doc: Change(set={"asterisk": "another"}))
    await _pusher(phone).changes()
    assert not await _pushed(phone, second)
    assert await _pushed(phone, phone.trunk)
    assert [doc["_id"] for doc in _pusher(phone).trunks or ()] == [phone.trunk]


async def test_a_look_for_changes_reads_the_changes_alone(phone: Exchange) -> None:
    store = phone.gateway.services.store
    old = phone.gateway.services.clock() - timedelta(days=1)
    row = await store.of(phone.tenant.id, "live").get("trunks", phone.trunk)
    rows: list[dict[str, Any]] = [
        {**row, "_id": f"trk_other{n}", "scope": f"ten_{n}:live", "updated_at": old} for n in range(OTHERS)
    ]
    await store.raw("trunks").insert_many(rows)
    await store.database.command("profile", 2)
    await _pusher(phone).changes()
    await store.database.command("profile", 0)
    looked = store.database["system.profile"].find({"ns": f"{store.database.name}.trunks", "op": "query"})
    examined = [entry["docsExamined"] async for entry in looked]
    assert examined
    assert max(examined) <= 5
