"""`export-tenant` and `import-tenant`: a whole organisation goes on at another deployment, its followers with it."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jinaconnect.actions.messaging.accounts import OpenAccounts
from jinaconnect.actions.moving.arriving import import_tenant
from jinaconnect.actions.moving.leaving import export_tenant, take_back
from jinaconnect.actions.moving.sealed import SEALED
from jinaconnect.core.errors import Conflict, Invalid
from tests.client import Client, until
from tests.conftest import Running
from tests.handlers.inbox.test_inbox import ANN, BOB, received
from tests.handlers.people import add_person
from tests.moving.conftest import PASSPHRASE, arrive
from tests.tenants import Tenant


async def scheduled(client: Client, contact: str) -> str:
    body = {"contact": contact, "platform": "WHATSAPP", "scheduled_time": "2027-01-11T09:00:00Z",
            "content": {"type": "text", "body": {"text": "Later."}}}  # fmt: skip
    return str((await client.post("/team-inbox/api/scheduled-messages/", body)).ok(201)["id"])


async def test_an_organisation_goes_on_elsewhere_with_its_log_its_files_and_its_secrets(
    gateway: Running, elsewhere: Running, tenant: Tenant, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    people = await received(tenant, {ANN: ["one", "two"], BOB: ["three"]})
    person = await add_person(gateway, tenant, "agent")
    form = aiohttp.FormData()
    form.add_field("file", b"\x89PNG\r\n\x1a\n" + bytes(64), filename="a.png")
    file = (await tenant().ask("POST", "/team-inbox/api/files/", data=form)).ok(201)
    later = await scheduled(tenant(), people[ANN])
    events = await tenant().events()
    page = (await tenant().get("/events/", params={"after": "start", "limit": "3"})).ok()
    path = tmp_path / "moved.zip"
    await export_tenant(gateway.services, tenant.id, path, PASSPHRASE)
    refused = await tenant().get("/contacts/")
    assert (refused.status, refused.body["code"]) == (403, "tenant_suspended")
    assert tenant.whatsapp["app_secret"].encode() not in _whole(path)
    assert path.stat().st_mode & 0o077 == 0
    await arrive(elsewhere, path)
    owner = Client(elsewhere.url, tenant().credential, http)
    assert [e["seq"] for e in await owner.events()] == [e["seq"] for e in events]
    further = (await owner.get("/events/", params={"after": page["cursor"], "limit": "500"})).ok()
    assert [e["id"] for e in further["events"]] == [e["id"] for e in events[3:]]
    came = await elsewhere.services.people.user(person.id)
    assert came is not None
    assert (came["email_verified"], came["proved_at"]) == (True, None), "proved, but not here"
    chats = (await owner.get("/team-inbox/api/conversations/")).ok()["results"]
    assert {chat["contact"]["phone"]: chat["unread_count"] for chat in chats} == {ANN: 2, BOB: 1}
    app = await elsewhere.services.store.of(tenant.id, "live").get("apps", tenant.whatsapp["app_id"])
    opened = OpenAccounts(elsewhere.services.registry, elsewhere.services.secrets).open(app)
    assert opened.secrets["app_secret"] == tenant.whatsapp["app_secret"]
    assert await elsewhere.services.blobs.size(f"{tenant.id}:live", file["id"]) == 72
    held = await elsewhere.services.store.of(tenant.id, "live").get("scheduled_messages", later)
    assert held["due"]["at"] == held["scheduled_time"]
    old = await gateway.services.store.of(tenant.id, "live").get("scheduled_messages", later)
    assert "due" not in old, "nothing is sent at the place that was left"
    moved = Tenant(tenant.id, {}, tenant.whatsapp, Client(elsewhere.url, None, http), tenant.waba)
    await moved.receives(ANN, "and here")

    async def told() -> Any:
        found = (await owner.get("/events/", params={"after": further["cursor"]})).ok()["events"]
        return [e["seq"] for e in found if e["type"] == "message.received"]

    assert (await until(told))[0] > events[-1]["seq"]


def _whole(path: Path) -> bytes:
    with zipfile.ZipFile(path) as file:
        return b"".join(file.read(name) for name in file.namelist())


async def test_an_archive_that_is_not_whole_is_refused_and_one_cut_off_is_completed(
    gateway: Running, elsewhere: Running, tenant: Tenant, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    await received(tenant, {ANN: ["one"]})
    path, cut = tmp_path / "moved.zip", tmp_path / "cut.zip"
    await export_tenant(gateway.services, tenant.id, path, PASSPHRASE)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[len(whole) // 3] ^= 1
    for wrong in (whole[: len(whole) // 2], whole[:-10], bytes(damaged), b""):
        cut.write_bytes(wrong)
        with pytest.raises(Invalid):
            await arrive(elsewhere, cut)
    with pytest.raises(Invalid, match="passphrase"):
        await arrive(elsewhere, path, "another passphrase")
    database = elsewhere.services.store.database
    assert await database["contacts"].count_documents({"scope": f"{tenant.id}:live"}) == 0
    async for done in import_tenant(elsewhere.services, path, PASSPHRASE):
        if done == "contacts":
            break
    owner = Client(elsewhere.url, tenant().credential, http)
    assert (await owner.get("/contacts/")).status == 401
    await arrive(elsewhere, path)
    assert (await owner.get("/contacts/")).ok()["count"] == 1
    with pytest.raises(Conflict):
        await arrive(elsewhere, path)


async def test_who_stays_goes_on_where_they_were(gateway: Running, tenant: Tenant, tmp_path: Path) -> None:
    people = await received(tenant, {ANN: ["one"]})
    later = await scheduled(tenant(), people[ANN])
    await export_tenant(gateway.services, tenant.id, tmp_path / "moved.zip", PASSPHRASE)
    await take_back(gateway.services, tenant.id)
    held = await gateway.services.store.of(tenant.id, "live").get("scheduled_messages", later)
    assert held["due"]["at"] == held["scheduled_time"]

    async def in_again() -> bool:
        return (await tenant().get("/contacts/")).status == 200

    await until(in_again)


def test_all_that_is_sealed_for_long_is_known() -> None:
    source = Path("jinaconnect")
    places = [
        path.relative_to(source).as_posix()
        for path in source.rglob("*.py")
        for _ in re.findall(r"\.seal\(", path.read_text())
        if "actions/moving" not in path.as_posix() and "store/moving" not in path.as_posix()
    ]
    assert sorted(set(places)) == [
        "actions/calls/supervising.py",  # tickets, for a minute
        "actions/identity/letters.py", "actions/live/incoming.py",
        "actions/live/verbs.py",  # keys on their way between processes, for an hour at most
        "actions/messaging/accounts.py", "actions/trunks/accounts.py",
        "actions/trunks/devices.py", "actions/webhooks/endpoints.py",
        "handlers/edge/events.py",  # tickets, for a minute
        "store/coordination/idempotency.py",  # answers that are repeated for a day
    ]  # fmt: skip
    assert set(SEALED) == {"apps", "trunks", "devices", "webhook_endpoints", "calls", "jobs"}
