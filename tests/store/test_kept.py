"""Queues per tenant do not pile up: those that are idle are let go, the busy ones never."""

from __future__ import annotations

import asyncio

from jinaconnect.store.commit import GroupCommit, Kept


async def test_idle_queues_are_let_go_and_busy_ones_are_not() -> None:
    gate = asyncio.Event()

    async def write(items: list[int]) -> list[int | Exception]:
        if -1 in items:
            await gate.wait()
        return list(items)

    queues: Kept[int, GroupCommit[int, int]] = Kept(lambda _: GroupCommit(write), 10)
    busy = queues.get(0)
    waiting = asyncio.ensure_future(busy.put(-1))
    for key in range(1, 200):
        assert await queues.get(key).put(key) == key
    assert len(queues) <= 11
    assert queues.get(0) is busy
    gate.set()
    assert await waiting == -1
    for key in range(200, 220):
        queues.get(key)
    assert queues.peek(0) is None
