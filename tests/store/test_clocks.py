"""Processes whose clocks differ: who holds a lease and how old an order is, is told by the database's clock."""

from __future__ import annotations

import asyncio
import os
import secrets
from datetime import timedelta
from pathlib import Path

import pytest

from jinaconnect.core.clock import system_clock
from jinaconnect.store import due as due_module
from jinaconnect.store.coordination.leases import TTL, Leases
from jinaconnect.store.coordination.switch_commands import SwitchCommands
from jinaconnect.store.due import Due, process_name
from tests.client import until
from tests.conftest import Running


def _leases(gateway: Running, process: str, ahead: timedelta = timedelta()) -> Leases:
    database = gateway.services.store.database
    return Leases(database, Due(database, lambda: system_clock() + ahead, process))


async def test_a_living_owner_keeps_its_lease_whatever_the_others_clock_says(gateway: Running) -> None:
    name = f"lease {secrets.token_hex(4)}"
    owner = _leases(gateway, "here/a/1:10:x")
    early, late = (_leases(gateway, f"there/{hours}/1:10:x", timedelta(hours=hours)) for hours in (-2, 2))
    assert await owner.take(name)
    assert not await late.take(name)
    assert not await early.take(name)
    assert await owner.take(name)
    await owner.give_back(name)
    assert await late.take(name)
    assert not await owner.take(name)


async def test_of_many_who_want_a_free_lease_one_has_it(gateway: Running) -> None:
    name = f"lease {secrets.token_hex(4)}"
    taken = await asyncio.gather(*(_leases(gateway, f"p{place}/a/1:10:x").take(name) for place in range(20)))
    assert sum(taken) == 1


async def test_the_lease_of_a_dead_owner_ends_with_its_time(gateway: Running) -> None:
    name = f"lease {secrets.token_hex(4)}"
    assert await _leases(gateway, "gone/a/1:10:x").take(name)
    heir = _leases(gateway, "heir/a/1:10:x", timedelta(hours=-5))

    async def inherited() -> bool:
        return await heir.take(name)

    await until(inherited, TTL.total_seconds() + 30)


async def test_an_order_is_taken_and_answered_once(gateway: Running) -> None:
    orders = SwitchCommands(gateway.services.store.database)
    id, switch = f"order {secrets.token_hex(4)}", f"switch {secrets.token_hex(4)}"
    order = {"text": "$notafield", "deep": {"$literal": 1}}
    given = asyncio.create_task(orders.give(id, switch, order))

    async def taken() -> object:
        return await orders.take(switch)

    row = await until(taken)
    assert row["order"] == order
    assert await orders.take(switch) is None
    await orders.answer(id, {"done": 1})
    assert await given == {"done": 1}


def test_machines_of_one_image_are_not_one_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here, mine = due_module._machine(), process_name()
    assert here in mine
    read = Path.read_text

    def told(path: Path, *args: object, **kwargs: object) -> str:
        return "another start\n" if path.name == "boot_id" else read(path)

    monkeypatch.setattr(Path, "read_text", told)
    theirs = process_name()
    monkeypatch.undo()
    assert theirs.partition(":")[0] != mine.partition(":")[0]
    due = Due.__new__(Due)
    due.process = mine
    assert not due.died(theirs)
    assert not due.died(theirs.replace(f":{os.getpid()}:", ":99999999:"))
    assert due.died(mine.replace(f":{os.getpid()}:", ":99999999:"))
