"""Several documents, one decision: wherever it is cut off, all of it has happened or nothing."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import secrets
import types
from collections.abc import Callable, Coroutine, Generator
from datetime import timedelta
from typing import Any

import pytest

from jinaconnect.actions.calls.retention import retire_recordings
from jinaconnect.actions.context import Caller, Context, OperationContext
from jinaconnect.actions.erasing.recordings import remove_recording
from jinaconnect.actions.identity import members, sessions
from jinaconnect.actions.trunks.accounts import delete_trunk
from jinaconnect.actions.trunks.voice_app import voice_app
from jinaconnect.store.secrets.passwords import matches
from jinaconnect.store.tenant import Change
from tests.client import until
from tests.conftest import Running
from tests.handlers.people import Person, add_person
from tests.tenants import Tenant

PASSWORD = "Correct-horse-9"
TRUNK = {"name": "Line", "provider": "twilio", "credentials": {"account_sid": "AC1", "auth_token": "t"}}


@types.coroutine
def _counted(work: Coroutine[Any, Any, Any], waits: int) -> Generator[Any, Any, None]:
    task = asyncio.current_task()
    assert task is not None
    step: Callable[[], Any] = functools.partial(work.send, None)
    for count in itertools.count():
        try:
            waited = step()
        except StopIteration:
            return
        if count == waits:
            task.cancel()
        try:
            step = functools.partial(work.send, (yield waited))
        except BaseException as error:
            step = functools.partial(work.throw, error)


async def cut(work: Coroutine[Any, Any, Any], waits: int) -> bool:
    """Run something up to the n-th time it waits and cut it off there, as a crash does; False when it ended before."""

    async def run() -> None:
        await _counted(work, waits)

    task = asyncio.create_task(run())
    await asyncio.wait([task])
    if task.cancelled() or task.cancelling():  # or cut where the driver goes on all the same
        return True
    task.result()
    return False


async def roles_held(tenant: Tenant, people: tuple[Person, Person]) -> list[str]:
    members = {row["user"]: row for row in (await tenant().get("/tenants/users/")).ok()["results"]}
    return [members[person.id]["role_detail"]["slug"] for person in people]


@pytest.fixture
async def pair(gateway: Running, tenant: Tenant) -> tuple[Person, Person]:
    return await add_person(gateway, tenant, "owner", "One"), await add_person(gateway, tenant, "admin", "Two")


async def test_ownership_has_one_holder_wherever_the_client_drops_its_socket(
    tenant: Tenant, pair: tuple[Person, Person]
) -> None:
    """A request over the socket is carried through, as one over HTTP is."""
    moved = 0
    for turn in range(16):
        held = await roles_held(tenant, pair)
        owner, other = (pair[held.index(role)] for role in ("owner", "admin"))
        async with owner.client.socket() as socket:
            await socket.ready()
            body = {"target_user_id": other.id}
            await socket.send(type="request", id="r", operation="members.transfer", params={}, body=body)
            await asyncio.sleep(turn * 0.001)
            socket.raw.transport.abort()

        async def settled(before: list[str] = held) -> bool:
            now = await roles_held(tenant, pair)
            return sorted(now) == ["admin", "owner"] and now != before

        with contextlib.suppress(TimeoutError):
            await until(settled, within_s=2 if turn else 0.2)  # a frame that was never read has no effect
            moved += 1
    assert moved, "some of the requests arrived"


async def test_ownership_does_not_go_to_somebody_who_has_left(
    gateway: Running, tenant: Tenant, pair: tuple[Person, Person]
) -> None:
    for waits in range(12):
        person = await add_person(gateway, tenant, "admin", "Extra")
        body = {"target_user_id": person.id}

        async def leave(member: str = person.member, turns: int = waits) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            await tenant().delete(f"/tenants/members/{member}/")

        await asyncio.gather(pair[0].client.post("/tenants/transfer-ownership/", body), leave())
        rows = (await tenant().get("/tenants/users/", params={"page_size": 100})).ok()["results"]
        owners = [row for row in rows if row["role_detail"]["slug"] == "owner"]
        assert [row["is_active"] for row in owners] == [True]
        if owners[0]["user"] != pair[0].id:
            return


async def test_ownership_has_one_holder_wherever_its_transfer_is_cut(
    gateway: Running, tenant: Tenant, pair: tuple[Person, Person]
) -> None:
    for waits in itertools.count():
        held = await roles_held(tenant, pair)
        owner, other = (pair[held.index(role)] for role in ("owner", "admin"))
        principal = await gateway.ports.auth.from_token(str(owner.client.credential), "127.0.0.1")
        work = members.transfer(Context(gateway.services, principal, Caller("req")), other.id)
        was_cut = await cut(work, waits)

        async def one_owner() -> bool:
            return sorted(await roles_held(tenant, pair)) == ["admin", "owner"]

        await until(one_owner, within_s=5)
        if not was_cut:
            break


async def test_a_changed_password_and_the_end_of_its_sessions_are_one(gateway: Running, tenant: Tenant) -> None:
    person = await add_person(gateway, tenant, "manager")
    services, old = gateway.services, PASSWORD
    mail = (await services.people.user(person.id) or {})["email"]
    for waits in itertools.count():
        given = (await tenant.anonymous.post("/token/", {"email": mail, "password": old})).ok()
        principal = await gateway.ports.auth.from_token(given["access"], "127.0.0.1")
        new = f"Pass-{secrets.token_hex(4)}"
        work = sessions.change_password(
            OperationContext(services, gateway.ports, principal, Caller("req")), old, new, new
        )
        was_cut = await cut(work, waits)

        async def agree(token: str = str(principal.token_id), new: str = new) -> bool:
            """Tell whether both are as they were, or both are changed; a commit may still be on its way."""
            session, user = await services.people.session(token), await services.people.user(person.id)
            assert session is not None
            assert user is not None
            return bool(session["revoked"]) == await matches(user["password"], new)

        await until(agree)
        changed = await matches((await services.people.user(person.id) or {})["password"], new)
        old = new if changed else old
        if not was_cut:
            break


async def test_a_removed_recording_goes_altogether_wherever_it_is_cut(gateway: Running, tenant: Tenant) -> None:
    services, scope = gateway.services, f"{tenant.id}:live"
    store = services.store.of(tenant.id, "live")
    for waits in itertools.count():
        id = services.ids.new("rec")
        blob = f"call_x.{id}.wav"
        await services.blobs.put(scope, blob, b"RIFF")
        ends = services.clock() + timedelta(days=90)
        await store.insert("recordings", {
            "_id": id, "call": "call_x", "blob": blob, "retention_expires_at": ends, "provider_recording_id": id,
        })  # fmt: skip
        work = remove_recording(services, scope, await store.get("recordings", id), {"type": "user", "id": "usr_x"})
        was_cut = await cut(work, waits)
        if await services.blobs.size(scope, blob) is None:
            await retire_recordings(services)
            assert await store.find("recordings", id) is None, waits
        if not was_cut:
            break


async def test_a_removed_trunk_takes_its_numbers_and_defaults_along_wherever_it_is_cut(
    gateway: Running, tenant: Tenant
) -> None:
    owner, services = tenant(), gateway.services
    store = services.store.of(tenant.id, "live")
    voice = (await voice_app(store))["_id"]
    principal = await gateway.ports.auth.from_token(str(owner.credential), "127.0.0.1")
    for waits in itertools.count():
        trunk = (await owner.post("/voice/api/provider-configs/", TRUNK)).ok(201)["id"]
        number = {"provider_config": trunk, "number": "+12025550177", "name": "n", "route": {"type": "reject"}}
        held = (await store.insert("numbers", {"_id": services.ids.new("num"), **number})).doc["_id"]
        await store.change("voice_apps", voice, lambda doc, id=trunk: Change(set={"default_outbound_config": id}))
        ctx = OperationContext(services, gateway.ports, principal, Caller("req"))
        was_cut = await cut(delete_trunk(ctx, trunk), waits)

        async def agree(trunk: str = trunk, held: str = held) -> bool:
            app, doc = await store.get("voice_apps", voice), await store.find("trunks", trunk)
            assert doc is not None
            gone = {doc["deleted_at"] is not None, await store.find("numbers", held) is None}
            return gone == {app["default_outbound_config"] is None}

        await until(agree)
        if not was_cut:
            break
