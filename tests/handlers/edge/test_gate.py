"""One gate for every door: guesses, requests and open connections count wherever they arrive."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jinaconnect.app import Gateway
from jinaconnect.config import Config, Http, Limits
from jinaconnect.serve import listening
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests import payloads
from tests.client import Client, until
from tests.conftest import PLENTY, Running
from tests.tenants import Tenant, make_tenant


@asynccontextmanager
async def narrow(mongod: EmbeddedMongo, var: Path, **settings: Any) -> AsyncIterator[Gateway]:
    """A gateway of its own with budgets of its own."""
    http = Http(port=0, drain_s=2, **settings.pop("http", {}))
    limits = Limits(**{**PLENTY.model_dump(), **settings.pop("limits", {})})
    sockets = listening(config := Config(var_dir=var, http=http, limits=limits, **settings))
    running = Gateway(config, "web")
    await running.start(mongod.uri, sockets)
    payloads.watch(running.services.store.log)
    try:
        yield running
    finally:
        await running.stop()


@pytest.mark.parametrize("path", ["/events/stream/", "/events/stream/?ticket=wrong", "/contacts/", "/events/?wait=1"])
async def test_guessing_is_counted_at_every_door(gateway: Running, http: aiohttp.ClientSession, path: str) -> None:
    rates = gateway.ports.rates
    plenty, rates.budgets = rates.budgets, replace(rates.budgets, anonymous_per_minute=5)
    try:
        guesser = Client(gateway.url, "jc_live_" + secrets.token_hex(12), http)

        async def refused() -> Any:
            answer = await guesser.get(path)
            assert answer.status in (401, 429)
            return answer if answer.status == 429 else None

        (await until(refused)).refused(429, "throttled")
    finally:
        rates.budgets = plenty


async def test_guessing_over_sockets_is_counted(gateway: Running, http: aiohttp.ClientSession) -> None:
    rates = gateway.ports.rates
    plenty, rates.budgets = rates.budgets, replace(rates.budgets, anonymous_per_minute=5)
    try:
        guesser = Client(gateway.url, "jc_live_" + secrets.token_hex(12), http)

        async def refused() -> bool:
            async with guesser.socket() as socket:
                return await socket.closed() == 4102

        await until(refused)
    finally:
        rates.budgets = plenty


async def _stream(client: Client) -> aiohttp.ClientResponse:
    url = client.url + "/events/stream/"
    return await client.session.get(url, headers=client.headers(), timeout=aiohttp.ClientTimeout(total=60))


async def test_streams_and_polls_count_as_open_connections(
    mongod: EmbeddedMongo, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    async with narrow(mongod, tmp_path, limits={"sockets_per_principal": 3}) as gateway:
        tenant = await make_tenant(gateway, gateway.services.settings.own_url, http)
        viewer = tenant("viewer")
        stream = await _stream(viewer)
        waiting = asyncio.create_task(viewer.get("/events/", params={"wait": 30}))

        async def open_doors(count: int) -> None:
            async def there() -> bool:
                return gateway.ports.live.count == count

            await until(there)

        await open_doors(2)
        async with viewer.socket() as socket:
            await socket.ready()
            refused = await _stream(viewer)
            assert refused.status == 429
            assert int(refused.headers["Retry-After"]) >= 1
            (await viewer.get("/events/", params={"wait": 1})).refused(429, "throttled")
            (await viewer.get("/events/")).ok()
            async with viewer.socket() as one_more:
                assert await one_more.closed() == 4101
        stream.close()
        await open_doors(1)
        async with viewer.socket() as socket:
            await socket.ready()
        (await tenant().post("/contacts/", {"phone": "+12025550111", "first_name": "Ann"})).ok(201)
        (await waiting).ok()
        await open_doors(0)


async def test_a_stream_is_a_request_of_its_tenant(gateway: Running, tenant: Tenant) -> None:
    rates = gateway.ports.rates
    plenty, rates.budgets = rates.budgets, replace(rates.budgets, tenant_per_minute=3)
    try:

        async def refused() -> bool:
            answer = await _stream(tenant("viewer"))
            answer.close()
            return answer.status == 429

        await until(refused)
    finally:
        rates.budgets = plenty


async def test_a_socket_that_changes_its_principal_is_counted_for_the_one_it_has(
    mongod: EmbeddedMongo, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    async with narrow(mongod, tmp_path, limits={"sockets_per_principal": 2}) as gateway:
        tenant = await make_tenant(gateway, gateway.services.settings.own_url, http)
        one, two = tenant("owner"), tenant("admin")
        for _ in range(4):
            async with one.socket() as socket:
                await socket.ready()
                await socket.send(type="auth", token=two.credential)
                assert (await socket.ready())["principal"]["role"] == "admin"
        async with one.socket() as first, one.socket() as second, two.socket() as third:
            for socket in (first, second, third):
                await socket.ready()
            await first.send(type="auth", token=two.credential)
            await first.ready()
            await second.send(type="auth", token=two.credential)
            assert await second.closed() == 4101


async def test_a_poll_whose_client_hung_up_is_over(gateway: Running, tenant: Tenant) -> None:
    before = gateway.gateway.ports.live.count
    client = tenant()
    waiting = asyncio.create_task(client.get("/events/", params={"wait": 30}))

    async def open_doors(count: int) -> None:
        async def there() -> bool:
            return gateway.gateway.ports.live.count == before + count

        await until(there, 15)

    await open_doors(1)
    waiting.cancel()
    await open_doors(0)
