"""Redis between processes: a bell whose loss costs time, never data, and opens nothing."""

from __future__ import annotations

import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.client import Client, until
from tests.faults.carrier_side import Site, site
from tests.processes import GatewayProcess, RedisProcess, redis, running


@dataclass
class Pair:
    """Two gateways on one database and one Redis."""

    here: Site
    first: GatewayProcess
    second: GatewayProcess
    bell: RedisProcess

    def door_of(self, gateway: GatewayProcess) -> str:
        return gateway.url + self.here.door

    async def write(self, gateway: GatewayProcess, text: str) -> None:
        """Have a customer write by way of one of the two."""
        body = self.here.carrier.text(str(next(self.here.customers)), text)
        assert await self.here.carrier.post(self.here.session, self.door_of(gateway), body) == 200

    async def bell_is(self, state: str) -> None:
        """Wait until both see Redis up or down."""
        for gateway in (self.first, self.second):
            client = self.here.at(gateway)

            async def seen(client: Client = client) -> bool:
                return bool((await client.get("/readyz/")).ok()["checks"]["redis"] == state)

            await until(seen)


@pytest.fixture(scope="module")
async def pair(mongod: EmbeddedMongo, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    """The two."""
    var = tmp_path_factory.mktemp("pair")
    async with AsyncExitStack() as stack:
        bell = await stack.enter_async_context(redis())
        settings = {
            "JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": f"pair_{secrets.token_hex(4)}",
            "JC_REDIS__URL": bell.url,
        }  # fmt: skip
        first, second = GatewayProcess(var, settings), GatewayProcess(var, settings)
        here = await stack.enter_async_context(site(first))
        await stack.enter_async_context(running(second))
        yield Pair(here, first, second, bell)


async def _crossing(pair: Pair) -> None:
    """Sockets on both sides hear what the other side wrote, each thing once and in the log's order."""
    one, two = f"one {secrets.token_hex(4)}", f"two {secrets.token_hex(4)}"
    async with pair.here.at(pair.first).socket() as left, pair.here.at(pair.second).socket() as right:
        for socket in (left, right):
            await socket.ready()
            assert (await socket.subscribe())["type"] == "subscribed"
        await pair.write(pair.first, one)
        await pair.write(pair.second, two)
        for socket in (left, right):
            await socket.until(lambda seen: all(any(text in str(e["data"]) for e in seen) for text in (one, two)))
            numbers = [event["seq"] for event in socket.events]
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def _revoked_everywhere(pair: Pair) -> None:
    """A revoked key stops working on both sides, and its open sockets end."""
    owner = pair.here.owner
    roles = (await owner.get("/tenants/roles/")).ok()
    viewer = next(role["id"] for role in roles.get("results", roles) if role["slug"] == "viewer")
    made = (await owner.post("/tenants/api-keys/", {"name": secrets.token_hex(4), "role_id": viewer})).ok(201)
    left, right = (Client(g.url, made["key"], pair.here.session) for g in (pair.first, pair.second))
    for client in (left, right):
        (await client.get("/contacts/")).ok()
    async with right.socket() as socket:
        await socket.ready()
        (await owner.delete(f"/tenants/api-keys/{made['id']}/")).ok(204)
        for client in (left, right):

            async def refused(client: Client = client) -> bool:
                return (await client.get("/contacts/")).status == 401

            await until(refused, 5)
        assert await socket.closed() in (4001, 4003)


async def test_events_cross_between_processes(pair: Pair) -> None:
    await pair.bell_is("up")
    await _crossing(pair)


async def test_a_revoked_key_ends_everywhere(pair: Pair) -> None:
    await pair.bell_is("up")
    await _revoked_everywhere(pair)


async def test_redis_restarted_empty_loses_nothing_and_nothing_of_ours_restarts(pair: Pair) -> None:
    await pair.bell.kill()
    try:
        await pair.bell_is("down")
        await _crossing(pair)
        await _revoked_everywhere(pair)
    finally:
        await pair.bell.start()
    await pair.bell_is("up")
    await _crossing(pair)
    await _revoked_everywhere(pair)


async def test_a_frozen_redis_keeps_nobody_waiting(pair: Pair) -> None:
    await pair.bell_is("up")
    pair.bell.send(signal.SIGSTOP)
    try:
        (await pair.here.at(pair.second).get("/contacts/")).ok()
        await _crossing(pair)
        await pair.bell_is("down")
        await _revoked_everywhere(pair)
    finally:
        pair.bell.send(signal.SIGCONT)
    await pair.bell_is("up")
    await _crossing(pair)


async def test_processes_on_one_port_share_what_happens(mongod: EmbeddedMongo, tmp_path: Path) -> None:
    async with redis() as bell:
        settings = {
            "JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": f"many_{secrets.token_hex(4)}",
            "JC_REDIS__URL": bell.url,
        }  # fmt: skip
        async with (
            site(GatewayProcess(tmp_path, settings, ("--processes", "2")), ready=2) as here,
            AsyncExitStack() as stack,
        ):
            sockets = [await stack.enter_async_context(here.owner.socket()) for _ in range(12)]
            for socket in sockets:
                await socket.ready()
                await socket.subscribe()
            texts = [f"shared {n} {secrets.token_hex(4)}" for n in range(10)]
            for text in texts:
                assert await here.hears(here.carrier.text(str(next(here.customers)), text)) == 200
            expected: list[int] | None = None
            for socket in sockets:
                await socket.until(lambda seen: all(any(text in str(e["data"]) for e in seen) for text in texts))
                numbers = [e["seq"] for e in socket.events if e["type"] == "message.received"]
                expected = expected or numbers
                assert numbers == expected


async def test_several_processes_without_redis_are_refused(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path, arguments=("--processes", "2"))
    with pytest.raises(AssertionError, match=r"--processes needs redis\.url"):
        await gateway.start()
    assert gateway.process is not None
    assert gateway.process.returncode == 2


async def test_a_logout_is_felt_everywhere_when_its_bell_is_lost(pair: Pair) -> None:
    await pair.bell_is("up")
    people = [user for user in pair.here.tenant["users"] if user["role"] == "agent"]
    body = {"email": people[0]["email"], "password": people[0]["password"]}
    anonymous = Client(pair.first.url, None, pair.here.session)
    token = (await anonymous.post("/token/", body)).ok()["access"]
    left, right = (Client(g.url, token, pair.here.session) for g in (pair.first, pair.second))
    async with right.socket() as socket:
        await socket.ready()
        pair.bell.send(signal.SIGSTOP)
        try:
            (await left.post("/logout/")).ok(204)  # its own count in Redis is late, so its bell is not even rung
        finally:
            pair.bell.send(signal.SIGCONT)
        assert await socket.closed() == 4003
    (await right.get("/contacts/")).refused(401, "authentication_failed")
    await pair.bell_is("up")
