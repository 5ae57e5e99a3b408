"""What the fourth door costs, counted: no write per event that waits, a bounded window, few who are asked in vain."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from jinaconnect.actions.webhooks import saving
from jinaconnect.actions.webhooks.fleet import EACH
from jinaconnect.core.clock import system_clock
from jinaconnect.core.ids import Ids
from jinaconnect.realtime import webhooks
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.client import until
from tests.conftest import Running
from tests.faults.carrier_side import site
from tests.processes import GatewayProcess, memory_mb
from tests.tenants import Tenant
from tests.webhooks.conftest import Receivers, endpoint
from tests.webhooks.receiver import Heard, Receiver

WAITING = 100_000
GROWTH_MB = 16


async def test_what_waits_costs_no_write_and_stands_in_one_row(
    tenant: Tenant, gateway: Running, receivers: Receivers
) -> None:
    receiver = await receivers()
    await receiver.stop()  # nobody is there
    made = await endpoint(tenant(), receiver, "message.received")
    for number in range(40):
        await tenant.receives(f"+1202555{5000 + number % 8}", f"m{number}")

    async def waiting() -> bool:
        told = (await tenant().get(f"/webhooks/endpoints/{made['id']}/")).ok()["waiting"]
        return bool(told["keys_behind"])

    await until(waiting)
    store = gateway.services.store.of(tenant.id, "live")
    rows = await store.select("webhook_positions", {})
    assert len(rows) == 1
    assert len(rows[0]["behind"]) <= 8
    assert "content" not in repr(rows)
    attempts = sum(len(row["attempts"]) for row in await store.select("webhook_deliveries", {}))
    assert attempts <= webhooks.AT_ONCE + webhooks.FAILING, "an endpoint that is away is asked ever more seldom"


async def test_places_are_saved_by_time_and_not_by_event(
    tenant: Tenant, gateway: Running, receivers: Receivers
) -> None:
    admin = gateway.services.store.database.client["admin"]

    async def saves() -> int:
        totals = (await admin.command("top"))["totals"]
        return int(totals["jinaconnect.webhook_positions"]["update"]["count"])

    receiver = await receivers()
    await endpoint(tenant(), receiver, "*")
    before, begun = await saves(), asyncio.get_running_loop().time()
    await asyncio.gather(*(tenant.receives(f"+1202555{5300 + number}", "m") for number in range(40)))

    async def told() -> bool:
        return len(receiver.taken()) >= 120

    await until(told)
    flushes = (asyncio.get_running_loop().time() - begun) / saving.FLUSH_S
    assert await saves() - before <= 2 * flushes + 10, "a save a flush for whoever has moved"


async def test_the_window_is_bounded_however_much_waits(
    tenant: Tenant, gateway: Running, receivers: Receivers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "WINDOW", 6)
    monkeypatch.setattr(webhooks, "AT_ONCE", 3)
    receiver = await receivers()
    held = asyncio.Event()

    async def meet(heard: Heard) -> int:
        await held.wait()
        return 200

    receiver.meet = meet
    made = await endpoint(tenant(), receiver, "message.received")
    for number in range(30):
        await tenant.receives(f"+1202555{5100 + number % 10}", f"m{number}")

    async def full() -> bool:
        return receiver.at_once == 3

    await until(full)
    runs = gateway.gateway._built.webhooks._led[f"{tenant.id}:live"].runs
    run = runs[made["id"]]
    assert run._waiting <= 6
    assert run._progress.read - run._progress.done <= 3 * 6 + 12
    held.set()

    async def told() -> bool:
        return len(receiver.heard) == 30

    await until(told)
    assert receiver.most_at_once == 3


async def test_a_tenant_whose_endpoints_hang_takes_no_slot_of_another(
    tenant: Tenant, new_tenant: Any, receivers: Receivers
) -> None:
    hanging, other = await receivers(), await new_tenant()
    held = asyncio.Event()

    async def meet(heard: Heard) -> int:
        await held.wait()
        return 200

    hanging.meet = meet
    for _ in range(10):
        await endpoint(tenant(), hanging, "message.received")
    for number in range(20):
        await tenant.receives(f"+1202555{5200 + number}", "stuck")

    async def stuck() -> bool:
        return hanging.at_once >= 100

    await until(stuck)
    receiver = await receivers()
    await endpoint(other(), receiver, "message.received")
    for number in range(20):
        await other.receives(f"+1202555{5200 + number}", "fine")

    async def told() -> bool:
        return len(receiver.heard) == 20

    await until(told)
    assert hanging.most_at_once <= EACH
    held.set()


async def test_a_hundred_thousand_waiting_events_take_little_memory(mongod: EmbeddedMongo, tmp_path: Path) -> None:
    name = f"waiting_{secrets.token_hex(4)}"
    settings = {"JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": name}
    receiver = Receiver(meet=lambda heard: 500)
    await receiver.start()
    try:
        async with site(GatewayProcess(tmp_path, settings)) as here, AsyncMongoClient[Any](mongod.uri) as client:
            made = await endpoint(here.owner, receiver, "*")
            await here.customer()
            path = f"/webhooks/endpoints/{made['id']}/"
            (await here.owner.post(f"{path}pause/")).ok()
            await here.gateway.kill()
            await _grow(client[name]["events"], WAITING)
            await here.gateway.start()
            (await here.owner.get(path)).ok()
            before = memory_mb(here.gateway.pid)
            asked = receiver.asked
            (await here.owner.post(f"{path}resume/")).ok()
            await until(lambda: _asked(receiver, asked + 5), 60)
            told = (await here.owner.get(path)).ok()["waiting"]
            assert told["events"] >= WAITING - webhooks.MOST_BEHIND
            assert memory_mb(here.gateway.pid) - before < GROWTH_MB
    finally:
        await receiver.stop()


async def _asked(receiver: Receiver, count: int = 0) -> bool:
    return receiver.asked > count


async def _grow(events: Any, count: int) -> None:
    """Add to a log what an organisation might have told: messages of a thousand customers."""
    row = await events.find_one({"type": "message.received"})
    head = await events.find_one({"scope": row["scope"]}, sort=[("seq", -1)])
    ids, seqs = Ids(system_clock, secrets.token_bytes), itertools.count(head["seq"] + 1)
    for _ in range(count // 1000):
        await events.insert_many(
            [{**row, "_id": ids.new("evt"), "seq": next(seqs), "contact": f"cnt_{n}"} for n in range(1000)]
        )
