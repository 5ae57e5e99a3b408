"""Retention ends, however much there is to forget, and whatever is wrong with one tenant's part of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from jinaconnect.actions import worker
from jinaconnect.actions.calls.retention import retire_recordings
from jinaconnect.core.clock import system_clock
from jinaconnect.duties import retire_events
from jinaconnect.store import log as log_module
from jinaconnect.store.log import Log
from tests.client import until
from tests.conftest import Running
from tests.laws.test_log import IDS, row
from tests.tenants import Tenant


def _old_log(gateway: Running) -> Log:
    """Return a log that is written as it was a year ago."""
    store = gateway.services.store
    return Log(store.database, lambda: system_clock() - timedelta(days=400))


async def test_a_long_log_is_forgotten_some_at_a_time(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "FORGOTTEN_AT_ONCE", 7)
    scope, log = f"{IDS.new('ten')}:live", gateway.services.store.log
    await _old_log(gateway).append(scope, [row(str(number)) for number in range(30)])
    await log.append(scope, [row("new"), row("newer")])
    assert await log.forget(scope, system_clock() - timedelta(days=30)) == 30
    assert [event.seq for event in await log.read(scope, 0, 100)] == [31, 32]
    assert await log.forget(scope, system_clock() - timedelta(days=30)) == 0


async def test_a_log_that_cannot_be_forgotten_is_in_no_others_way(gateway: Running) -> None:
    good, bad = f"{IDS.new('ten')}:live", "a_broken_one:live"
    old, events = _old_log(gateway), gateway.services.store.database["events"]
    await old.append(good, [row(str(number)) for number in range(5)])
    odd = {"scope": bad, "seq": "one", "recorded": system_clock() - timedelta(days=400)}
    await events.insert_one({**row("odd"), **odd})
    try:
        scopes = await gateway.services.store.log.scopes()
        assert scopes.index(bad) < scopes.index(good)
        await retire_events(gateway.services)
        assert [event.seq for event in await old.read(good, 0, 10)] == [5]
        assert await events.count_documents({"scope": bad}) == 1
    finally:
        await events.delete_many({"scope": bad})


async def test_recordings_that_cannot_be_removed_are_in_no_others_way(
    gateway: Running, new_tenant: Callable[[], Awaitable[Tenant]]
) -> None:
    services, ours, theirs = gateway.services, await new_tenant(), await new_tenant()
    store, others = (services.store.of(each.id, "live") for each in (ours, theirs))
    past = services.clock() - timedelta(hours=1)

    def recording(blob: str, ends: datetime) -> dict[str, Any]:
        id = services.ids.new("rec")
        return {
            "_id": id, "call": "call_x", "blob": blob, "retention_expires_at": ends, "provider_recording_id": id,
        }  # fmt: skip

    try:
        odd = [recording("../nowhere", past) for _ in range(1_001)]  # more than are read at once, and once more
        await others.insert_many("recordings", [(doc, ()) for doc in odd])
        good = recording("call_x.wav", past + timedelta(minutes=1))
        await store.insert("recordings", good)
        await retire_recordings(services)
        assert await store.find("recordings", good["_id"]) is None
    finally:
        await services.store.raw("recordings").delete_many({"scope": others.scope})


async def test_what_is_done_each_hour_is_done_soon_after_the_start(
    gateway: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "FIRST_WITHIN_S", 0.01)
    done: list[int] = []

    async def call() -> None:
        done.append(len(done))
        raise ValueError("what fails once is called again all the same")

    tasks = [asyncio.create_task(gateway.ports.worker._repeat(seconds, call)) for seconds in (3600.0, 0.01)]

    async def called() -> bool:
        return len(done) > 5

    try:
        await until(called)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
