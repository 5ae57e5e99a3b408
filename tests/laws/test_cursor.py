"""The cursor table: every kind of cursor a client may come with, at every door."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from jinaconnect.core.cursor import Position
from tests.conftest import Running
from tests.tenants import Tenant


async def fill(tenant: Tenant, count: int) -> None:
    for number in range(count):
        await tenant.receives("+12025550123", f"m{number}")
    await tenant().wait_for_events(lambda seen: sum(e["type"] == "message.received" for e in seen) == count)


def forged(gateway: Running, tenant: Tenant, *, seq: int, epoch: int | None = None, scope: str | None = None) -> str:
    log = gateway.services.store.log
    return gateway.services.cursors.write(
        scope or f"{tenant.id}:live", Position(log.epoch if epoch is None else epoch, seq)
    )


async def test_every_cursor_gets_its_answer(
    gateway: Running, tenant: Tenant, new_tenant: Callable[[], Awaitable[Tenant]]
) -> None:
    await fill(tenant, 4)
    other = await new_tenant()
    owner = tenant()
    everything = await owner.events()
    head = len(everything)
    good = forged(gateway, tenant, seq=2)
    cases: list[tuple[str, str, int, Any]] = [
        ("start", "start", 200, everything),
        ("inside", good, 200, everything[2:]),
        ("head", forged(gateway, tenant, seq=head), 200, []),
        ("ahead", forged(gateway, tenant, seq=head + 1), 400, "invalid_cursor"),
        ("foreign", forged(gateway, other, seq=1, scope=f"{other.id}:live"), 400, "invalid_cursor"),
        ("other mode", forged(gateway, tenant, seq=1, scope=f"{tenant.id}:test"), 400, "invalid_cursor"),
        ("tampered", good[:-1] + ("A" if good[-1] != "A" else "B"), 400, "invalid_cursor"),
        ("malformed", "not-a-cursor", 400, "invalid_cursor"),
        ("old epoch", forged(gateway, tenant, seq=1, epoch=7), 410, "cursor_expired"),
    ]
    for name, cursor, status, expected in cases:
        answer = await owner.get("/events/", params={"after": cursor, "limit": 500})
        assert answer.status == status, (name, answer.body)
        async with owner.socket() as socket:
            await socket.ready()
            if status == 200:
                assert answer.body["events"] == expected, name
                assert (await socket.subscribe(after=cursor))["recovered"] is True, name
                if expected:
                    await socket.until(lambda seen, wanted=expected: len(seen) >= len(wanted))
                assert socket.events == expected, name
                continue
            assert answer.body["code"] == expected, name
            await socket.send(type="subscribe", after=cursor)
            told = await socket.next("gap", "error")
            assert told["code"] == expected, name
            if status == 410:
                assert told["type"] == "gap"
                assert {"oldest", "cursor"} <= told.keys()
                assert {"oldest", "cursor"} <= answer.body.keys()
                assert (await socket.next("subscribed"))["recovered"] is False
        stream = await owner.get("/events/stream/", params={"after": cursor}) if status != 200 else answer
        assert stream.status == status, name


async def test_a_cursor_older_than_the_log_keeps_is_expired(gateway: Running, tenant: Tenant) -> None:
    await fill(tenant, 3)
    log = gateway.services.store.log
    scope = f"{tenant.id}:live"
    await log.forget(scope, gateway.services.clock().replace(year=2100))
    detail = (await tenant().get("/events/", params={"after": forged(gateway, tenant, seq=1)})).refused(
        410, "cursor_expired"
    )
    assert "older" in detail
    kept = await tenant().events("start")
    assert [event["seq"] for event in kept] == [(await log.extent(scope)).head]


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "x"},
        {"wait": "31"},
        {"wait": "-1"},
        {"topics": "nope"},
        {"types": "no.type"},
    ],
)
async def test_a_bad_parameter_is_named(tenant: Tenant, query: dict[str, str]) -> None:
    detail = (await tenant().get("/events/", params=query)).refused(400, "validation_error")
    assert list(detail) == list(query)
