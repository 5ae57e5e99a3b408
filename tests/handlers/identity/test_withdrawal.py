"""Access that is withdrawn ends at every door at once: polls that wait, streams, sockets, other processes."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jinaconnect.actions.identity.authentication import TokenAuthenticator
from jinaconnect.app import Gateway
from jinaconnect.config import Config, Http
from jinaconnect.core.errors import NotAuthenticated
from jinaconnect.core.events.event import Event, Visibility
from jinaconnect.core.principal import Principal
from jinaconnect.serve import listening
from jinaconnect.store.coordination.withdrawals import Withdrawals
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.identity.registry import Registry
from jinaconnect.store.tenant import Change, _pending
from tests import payloads
from tests.client import Client, until
from tests.conftest import PLENTY, Running
from tests.tenants import Tenant

SOON_S = 15  # of the 30 s a poll waits


@dataclass
class Key:
    """An API key of its own."""

    client: Client
    id: str


async def role_id(tenant: Tenant, slug: str) -> str:
    rows = (await tenant().get("/tenants/roles/", params={"page_size": 100})).ok()["results"]
    return str(next(row["id"] for row in rows if row["slug"] == slug))


async def new_key(tenant: Tenant, role: str = "manager", **fields: Any) -> Key:
    body = {"name": secrets.token_hex(4), "role_id": await role_id(tenant, role), **fields}
    made = (await tenant().post("/tenants/api-keys/", body)).ok(201)
    return Key(Client(tenant().url, made["key"], tenant().session), made["id"])


async def polling(gateway: Running, tenant: Tenant, client: Client, **query: Any) -> asyncio.Task[Any]:
    """Begin a poll and return when it waits."""
    before = gateway.gateway.ports.live.count
    task = asyncio.create_task(client.get("/events/", params={"wait": 30, **query}))

    async def waits() -> bool:
        return task.done() or gateway.gateway.ports.live.count > before

    await until(waits)
    assert not task.done()
    return task


async def revoked(tenant: Tenant, key: Key) -> None:
    (await tenant().delete(f"/tenants/api-keys/{key.id}/")).ok(204)


async def rotated(tenant: Tenant, key: Key) -> None:
    (await tenant().post(f"/tenants/api-keys/{key.id}/rotate/", {"grace_seconds": 0})).ok()


@pytest.mark.parametrize("withdraw", [revoked, rotated])
async def test_a_poll_that_waits_is_cut_when_its_key_ends(
    gateway: Running, tenant: Tenant, withdraw: Callable[[Tenant, Key], Awaitable[None]]
) -> None:
    key = await new_key(tenant)
    waiting = await polling(gateway, tenant, key.client)
    await withdraw(tenant, key)
    await tenant.receives("+12025550111", "said after the key had ended")
    async with asyncio.timeout(SOON_S):
        (await waiting).refused(401, "invalid_api_key")


async def test_a_poll_ends_with_its_key(gateway: Running, tenant: Tenant) -> None:
    key = await new_key(tenant)
    waiting = await polling(gateway, tenant, key.client)
    # Two seconds' grace for the secret the poll came with: its end withdraws without anybody doing anything.
    (await tenant().post(f"/tenants/api-keys/{key.id}/rotate/", {"grace_seconds": 2})).ok()
    async with asyncio.timeout(SOON_S):
        (await waiting).refused(401, "invalid_api_key")


async def test_a_poll_shows_what_the_role_may_see_when_it_answers(gateway: Running, tenant: Tenant) -> None:
    made = (await tenant().post("/tenants/roles/", {
        "name": "Watcher", "slug": "watcher", "priority": 30, "permissions": {"users.view": True, "inbox.view": True},
    })).ok(201)  # fmt: skip
    key = await new_key(tenant)
    await gateway.services.store.of(tenant.id, "live").change("api_keys", key.id, _gives(made["id"]))
    gateway.ports.auth.forget(tenant.id)
    waiting = await polling(gateway, tenant, key.client, topics="inbox")
    lowered = {"permissions": {"inbox.view": False, "users.view": True}}
    (await tenant().patch(f"/tenants/roles/{made['id']}/", lowered)).ok()
    await tenant.receives("+12025550111", "said after the role was lowered")
    async with asyncio.timeout(SOON_S):
        (await waiting).refused(403, "permission_denied")


def _gives(role: str) -> Callable[[Document], Any]:
    return lambda doc: Change(set={"role": role})


async def _streaming(client: Client) -> aiohttp.ClientResponse:
    response = await client.session.get(
        client.url + "/events/stream/", headers=client.headers(), timeout=aiohttp.ClientTimeout(total=60)
    )
    assert response.status == 200
    assert b"retry" in await response.content.readline()
    return response


async def test_a_stream_and_a_socket_end_with_the_grace_of_their_key(tenant: Tenant) -> None:
    key = await new_key(tenant)
    stream = await _streaming(key.client)
    async with key.client.socket() as socket:
        await socket.ready()
        (await tenant().post(f"/tenants/api-keys/{key.id}/rotate/", {"grace_seconds": 2})).ok()
        assert await socket.closed(SOON_S) in (4003, 4203)
    async with asyncio.timeout(SOON_S):
        await stream.read()


@asynccontextmanager
async def another(mongod: EmbeddedMongo, var: Path) -> AsyncIterator[Gateway]:
    """A second gateway on the same database that no bell reaches."""
    config = Config(var_dir=var, http=Http(port=0, drain_s=2), limits=PLENTY)
    sockets = listening(config)
    running = Gateway(config, "web")
    await running.start(mongod.uri, sockets)
    payloads.watch(running.services.store.log)
    try:
        yield running
    finally:
        await running.stop()


async def test_withdrawn_access_ends_in_a_process_that_no_bell_reaches(
    gateway: Running, mongod: EmbeddedMongo, tenant: Tenant, tmp_path: Path, demo: dict[str, Any]
) -> None:
    key = await new_key(tenant)
    person = next(user for user in demo["tenants"][1]["users"] if user["role"] == "agent")
    body = {"email": person["email"], "password": person["password"]}
    async with another(mongod, tmp_path / "second") as second:
        url = second.services.settings.own_url
        # the two share no master key: the second takes keys, and tokens of its own
        token = (await Client(url, None, tenant().session).post("/token/", body)).ok()["access"]
        there = Client(url, key.client.credential, tenant().session)
        logged_in = Client(url, token, tenant().session)
        async with there.socket() as one, logged_in.socket() as two:
            await one.ready()
            await two.ready()
            waiting = asyncio.create_task(there.get("/events/", params={"wait": 30}))
            await revoked(tenant, key)
            sid = second.ports.auth.claims(token, "access")["sid"]
            assert await gateway.services.people.revoke_sessions({"_id": sid}) == 1
            assert await one.closed(SOON_S) == 4003
            assert await two.closed(SOON_S) == 4003
            async with asyncio.timeout(SOON_S):
                (await waiting).refused(401, "invalid_api_key")
            (await there.get("/contacts/")).refused(401, "invalid_api_key")
            (await logged_in.get("/contacts/")).refused(401, "authentication_failed")


class Slow(Registry):
    """The registry, whose look at a role can be held up."""

    reached: asyncio.Event
    go_on: asyncio.Event

    async def role(self, tenant: str, id: str) -> Document | None:
        found = await super().role(tenant, id)
        self.reached.set()
        await self.go_on.wait()
        return found


async def test_a_look_up_under_way_is_not_kept_when_access_is_withdrawn(gateway: Running, tenant: Tenant) -> None:
    services = gateway.services
    key = await new_key(tenant)
    slow = Slow(services.store.database)
    slow.reached, slow.go_on = asyncio.Event(), asyncio.Event()
    auth = TokenAuthenticator(slow, services.people, services.clock, b"k" * 32, lambda: True)
    secret = str(key.client.credential)
    looking: asyncio.Task[Principal] = asyncio.create_task(auth.from_token(secret, "127.0.0.1"))
    await slow.reached.wait()
    services.store.withdrawals.listeners.append(auth.forget)
    try:
        await revoked(tenant, key)
    finally:
        services.store.withdrawals.listeners.remove(auth.forget)
    slow.go_on.set()
    with pytest.raises(NotAuthenticated):
        await looking
    with pytest.raises(NotAuthenticated):
        await auth.from_token(secret, "127.0.0.1")


async def test_many_withdrawals_at_once_are_all_told(gateway: Running) -> None:
    withdrawals = gateway.services.store.withdrawals
    heard: list[str | None] = []
    told = heard.append
    withdrawals.listeners.append(told)
    try:
        names = [f"ten_{secrets.token_hex(4)}" for _ in range(60)]
        elsewhere = Withdrawals(gateway.services.store.database)
        await elsewhere.prepare()
        both = (withdrawals, elsewhere)
        await asyncio.gather(*(both[place % 2].note([name]) for place, name in enumerate(names)))

        async def all_told() -> bool:
            return set(names) <= set(heard)

        await until(all_told)
        assert None not in heard
        assert sorted(name for name in heard if name in names) == sorted(names), "each once"
    finally:
        withdrawals.listeners.remove(told)


async def test_a_process_that_was_away_for_too_long_looks_at_everybody_again(gateway: Running) -> None:
    store = gateway.services.store
    late = Withdrawals(store.database)
    await late.prepare()
    heard: list[str | None] = []
    late.listeners.append(heard.append)
    for _ in range(3):
        await store.withdrawals.note(["ten_x"])
    rows = store.database["withdrawals"]
    await rows.delete_one({"_id": late._seen + 1})  # what pruning does to somebody who is late
    await late.look()
    assert heard == [None]


async def test_a_key_whose_revoking_was_cut_off_ends_in_every_process(
    gateway: Running, mongod: EmbeddedMongo, tenant: Tenant, tmp_path: Path
) -> None:
    key = await new_key(tenant)
    services = gateway.services
    async with another(mongod, tmp_path / "second") as second:
        there = Client(second.services.settings.own_url, key.client.credential, tenant().session)
        async with there.socket() as socket:
            await socket.ready()
            actor = {"type": "system", "id": "test"}
            event = Event(
                services.ids.new("evt"), "key.revoked", services.clock(), actor, key.id, {"id": key.id},
                seen=Visibility(),
            )
            # What a process leaves that dies right after its write: neither the log nor anybody else has heard of it.
            left = {"revoked_at": services.clock(), "updated_at": services.clock() - timedelta(minutes=1)}
            pending = _pending(event, f"{tenant.id}:live")
            await services.store.database["api_keys"].update_one(
                {"_id": key.id}, {"$set": left, "$push": {"pending": pending}}
            )
            assert await socket.closed(60) == 4003
        assert [e["type"] for e in await tenant().events() if e["subject"]["id"] == key.id][-1] == "key.revoked"
