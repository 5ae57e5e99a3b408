"""Orders between processes: carried out once or never, and never refused while they are carried out."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from jinaconnect.core.errors import OutcomeUnknown, Unavailable
from jinaconnect.store.coordination import switch_commands
from jinaconnect.store.coordination.switch_commands import SwitchCommands
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.client import until

HOLD = {"action": "hold"}


@pytest.fixture
async def given(mongod: EmbeddedMongo, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SwitchCommands]:
    """Orders that are waited for less long."""
    monkeypatch.setattr(switch_commands, "WAIT_S", 0.3)
    monkeypatch.setattr(switch_commands, "LATE_LOOK_S", 0.05)
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongod.uri, tz_aware=True)
    name = f"orders_{secrets.token_hex(4)}"
    made = SwitchCommands(client[name])
    await made.prepare()
    yield made
    await client.drop_database(name)
    await client.close()


async def _taken(given: SwitchCommands) -> dict[str, Any]:
    found: list[dict[str, Any]] = []

    async def there() -> bool:
        row = await given.take("main")
        found.extend([row] if row is not None else [])
        return bool(found)

    await until(there, 5)
    return found[0]


async def test_an_order_that_is_being_carried_out_is_waited_for(given: SwitchCommands) -> None:
    asked = asyncio.create_task(given.give("ord_1", "main", HOLD))
    row = await _taken(given)
    done, _ = await asyncio.wait([asked], timeout=switch_commands.WAIT_S * 3)
    assert not done
    await given.answer(row["_id"], {"done": {"held": True}})
    assert await asked == {"done": {"held": True}}


async def test_an_order_nobody_takes_is_withdrawn(given: SwitchCommands) -> None:
    with pytest.raises(Unavailable):
        await given.give("ord_1", "main", HOLD)
    assert await given.take("main") is None


async def test_an_order_without_an_answer_is_doubted_not_refused(
    given: SwitchCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(switch_commands, "CARRIED_S", 0.8)
    asked = asyncio.create_task(given.give("ord_1", "main", HOLD))
    await _taken(given)
    with pytest.raises(OutcomeUnknown):
        await asked


async def test_an_order_given_again_is_not_carried_out_again(given: SwitchCommands) -> None:
    first = asyncio.create_task(given.give("ord_1", "main", HOLD))
    row = await _taken(given)
    second = asyncio.create_task(given.give("ord_1", "main", HOLD))
    await given.answer(row["_id"], {"done": {}})
    assert await first == await second == {"done": {}}
    assert await given.give("ord_1", "main", HOLD) == {"done": {}}
    assert await given.take("main") is None


async def test_an_order_that_was_refused_may_be_given_again(given: SwitchCommands) -> None:
    first = asyncio.create_task(given.give("ord_1", "main", HOLD))
    await given.answer((await _taken(given))["_id"], {"refused": {"status": 503}})
    assert await first == {"refused": {"status": 503}}
    second = asyncio.create_task(given.give("ord_1", "main", HOLD))
    await given.answer((await _taken(given))["_id"], {"done": {}})
    assert await second == {"done": {}}
