"""Budgets: what is refused costs nothing, nobody locks out the others, and orders to calls wait for no reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from jinaconnect.actions.identity.budgets import Budgets
from jinaconnect.store.coordination.limits import Budget, Limits
from tests.client import until
from tests.conftest import Running
from tests.processes import linked, redis
from tests.tenants import Tenant


@asynccontextmanager
async def budgets(gateway: Running, **narrow: int) -> AsyncIterator[None]:
    rates = gateway.ports.rates
    plenty, rates.budgets = rates.budgets, replace(rates.budgets, **narrow)
    try:
        yield
    finally:
        rates.budgets = plenty


@asynccontextmanager
async def counting(where: str) -> AsyncIterator[Limits]:
    """Limits that count in this process, or in Redis."""
    if where == "process":
        yield Limits()
        return
    async with redis() as server, linked(server) as link:
        yield Limits(link)


@pytest.mark.parametrize("where", ["process", "redis"])
async def test_a_use_counts_against_all_its_budgets_or_against_none(where: str) -> None:
    week = 7 * 86_400
    narrow, wide = Budget("narrow", 2, 30 * week), Budget("wide", 5, 40 * week)
    async with counting(where) as limits:
        assert [(await limits.take(narrow, wide)).allowed for _ in range(50)] == [True, True, *[False] * 48]
        assert [(await limits.take(wide)).allowed for _ in range(5)] == [True] * 3 + [False] * 2
        tight = await limits.take(Budget("tight", 1, 30 * week), Budget("loose", 9, 40 * week))
        assert (tight.allowed, tight.limit, tight.remaining) == (True, 1, 0)


async def test_refused_requests_cost_the_day_nothing(gateway: Running, tenant: Tenant) -> None:
    async with budgets(gateway, tenant_per_minute=5, tenant_per_day=40):
        viewer = tenant("viewer")
        statuses = [answer.status for answer in await asyncio.gather(*(viewer.get("/contacts/") for _ in range(200)))]
        assert 5 <= statuses.count(200) <= 10  # a minute may have ended on the way
        assert statuses.count(429) == 200 - statuses.count(200)
    async with budgets(gateway, tenant_per_day=40):
        answer = await tenant().get("/contacts/")
        answer.ok()  # the day has more than enough left for the owner


async def test_one_principal_leaves_others_a_share_of_the_day(gateway: Running, tenant: Tenant) -> None:
    async with budgets(gateway, tenant_per_day=40):
        viewer = tenant("viewer")
        statuses = [(await viewer.get("/contacts/")).status for _ in range(45)]
        assert statuses.count(200) == 36
        assert statuses[36:] == [429] * 9
        (await tenant().get("/contacts/")).ok()


async def test_reads_never_starve_a_hang_up(gateway: Running, tenant: Tenant) -> None:
    async with budgets(gateway, tenant_per_minute=4, writes_per_minute=1):

        async def starved() -> bool:
            return (await tenant().get("/contacts/")).status == 429

        await until(starved)
        order = "/voice/api/calls/call_01h00000000000000000000000/hangup/"
        (await tenant().post(order)).refused(404, "not_found")
        async with tenant().socket() as socket:
            await socket.ready()
            await socket.send(type="request", id="r", operation="calls.hangup", params={"id": "call_1"}, body={})
            assert (await socket.next("error"))["status"] != 429
        # who may give no orders uses up none
        (await tenant("viewer").post(order)).refused(429, "throttled")


async def test_guessing_one_account_from_many_addresses_is_slowed_down(gateway: Running) -> None:
    rates = gateway.ports.rates
    async with budgets(gateway, logins_per_minute=5):

        async def attempts(addresses: list[str], names: list[str]) -> int:
            verdicts = [await rates.login(ip, name) for ip in addresses for name in names]
            return sum(verdict.allowed for verdict in verdicts)

        many = [f"198.51.100.{n}" for n in range(40)]
        assert await attempts(many, ["ceo@victim.example"]) <= 30
        assert await attempts(["198.51.100.77"], [f"p{n}@victim.example" for n in range(250)]) <= 200
        inside = [f"2001:db8:7::{n:x}" for n in range(1, 40)]  # one household has all of a /64
        assert await attempts(inside, ["cfo@victim.example"]) <= 10


def test_the_defaults_are_those_of_the_settings() -> None:
    from jinaconnect.config import Limits as Settings

    settings: dict[str, Any] = Settings().model_dump()
    assert all(settings[name] == getattr(Budgets(), name) for name in Budgets.__dataclass_fields__)
