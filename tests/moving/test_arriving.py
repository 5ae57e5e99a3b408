"""What an organisation brings to a gateway that runs: nobody works on a part of it, and all of it goes on at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jinaconnect.actions.context import Caller, Context
from jinaconnect.actions.inbox.conversations import contact_event
from jinaconnect.actions.moving.arriving import import_tenant
from jinaconnect.actions.moving.leaving import export_tenant, take_back
from jinaconnect.core.errors import Conflict, InvalidState
from jinaconnect.core.principal import system_principal
from jinaconnect.store.collections import COLLECTIONS
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import DUE_COLLECTIONS, due_at
from jinaconnect.store.moving.moves import Moves
from jinaconnect.store.outbox import NOTIFY_JOB
from jinaconnect.store.tenant import Change
from tests.client import Client, until
from tests.conftest import Running
from tests.handlers.inbox.test_inbox import ANN, BASE, BOB, received
from tests.handlers.people import add_person
from tests.moving.conftest import PASSPHRASE, arrive
from tests.tenants import Tenant
from tests.webhooks.receiver import Receiver


@dataclass
class Left:
    """What waits in an organisation that has moved out, and its log as it was."""

    path: Path
    snoozed: str
    scheduled: str
    job: str
    untold: str
    events: list[dict[str, Any]]


async def moved_out(gateway: Running, tenant: Tenant, tmp_path: Path) -> Left:
    """Export an organisation in which all that can wait is due: a snoozed chat, a send, a job, an event untold."""
    services, store = gateway.services, gateway.services.store.of(tenant.id, "live")
    kim = await add_person(gateway, tenant, "manager")
    people = await received(tenant, {ANN: ["one"], BOB: ["two"]})
    past = services.clock() - timedelta(seconds=5)
    until_ = (services.clock() + timedelta(hours=1)).isoformat()
    (await tenant().post(f"{BASE}/conversations/{people[ANN]}/snooze/", {"until": until_})).ok()
    body = {"contact": people[ANN], "platform": "WHATSAPP", "scheduled_time": until_,
            "content": {"type": "text", "body": {"text": "Later."}}}  # fmt: skip
    later = (await tenant().post("/team-inbox/api/scheduled-messages/", body)).ok(201)["id"]
    events = await tenant().events()
    database, waits = services.store.database, {"parked": due_at(past)}
    timed = (("contacts", people[ANN], "chat.snoozed_until"), ("scheduled_messages", later, "scheduled_time"))
    for name, id, over in timed:
        now_due = {"$set": {**waits, over: past}, "$unset": {"due": ""}}
        await database[name].update_one({"_id": id}, now_due)
    data = {"type": "mentioned", "title": "t", "message": "m", "permission": "inbox.view", "metadata": {}, "key": None,
            "people": [kim.id], "event": services.ids.new("evt"), "at": past, "by": "x"}  # fmt: skip
    job = f"job_{data['event']}"
    waiting = {"_id": job, "scope": f"{tenant.id}:live", "kind": NOTIFY_JOB, "data": data, **waits}
    await database["jobs"].insert_one(waiting)
    ctx, untold = Context(services, system_principal(tenant.id, "live"), Caller("")), services.ids.new("evt")

    def tell(doc: Document) -> Change:
        return Change(set={}, events=[contact_event(ctx, untold, "contact.updated", doc, doc)])

    await store.change("contacts", people[BOB], tell, tell=False)
    path = tmp_path / "moved.zip"
    await export_tenant(services, tenant.id, path, PASSPHRASE)
    return Left(path, people[ANN], later, job, untold, events)


async def at_work(there: Running) -> list[str]:
    """Return where something is due or waits to be told."""
    database = there.services.store.database
    due = await there.services.due.having(DUE_COLLECTIONS)
    taken = [name for name in DUE_COLLECTIONS if await database[name].find_one({"due.by": {"$type": "string"}})]
    telling, pending = [name for name in COLLECTIONS if COLLECTIONS[name].tells], {"pending.0": {"$exists": True}}
    return [*due, *taken, *[name for name in telling if await database[name].find_one(pending)]]


async def goes_on(there: Running, tenant: Tenant, left: Left, owner: Client) -> None:
    """See that all that waited is done once, behind the log that came along."""
    store = there.services.store.of(tenant.id, "live")

    async def done() -> Any:
        told = [event["type"] for event in await owner.events() if event["id"] == left.untold]
        sent = (await store.get("scheduled_messages", left.scheduled))["status"] != "SCHEDULED"
        awake = (await store.get("contacts", left.snoozed))["chat"].get("snoozed_until") is None
        notices = await store.select("notifications", {"type": "mentioned"})
        return told == ["contact.updated"] and sent and awake and len(notices) == 1

    await until(done)
    events = await owner.events()
    assert [event["id"] for event in events][: len(left.events)] == [event["id"] for event in left.events]
    assert len({event["seq"] for event in events}) == len(events)


async def test_nobody_works_on_a_part_of_an_organisation(
    gateway: Running, elsewhere: Running, tenant: Tenant, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    left = await moved_out(gateway, tenant, tmp_path)
    database, gates = elsewhere.services.store.database, ("apps", "webhook_endpoints", "numbers", "links")
    async for done in import_tenant(elsewhere.services, left.path, PASSPHRASE):
        if await database["tenants"].find_one({"_id": tenant.id, "suspended": False}) is not None:
            break
        assert await at_work(elsewhere) == [], done
        if await database["tenants"].find_one({"_id": tenant.id}) is None:
            assert [name for name in gates if await database[name].find_one({}) is not None] == [], done
    await goes_on(elsewhere, tenant, left, Client(elsewhere.url, tenant().credential, http))


@pytest.mark.parametrize("step", ["land", "suspend", "unpark", "landed"])
async def test_what_is_cut_off_at_the_end_is_completed(
    gateway: Running, elsewhere: Running, tenant: Tenant, tmp_path: Path, http: aiohttp.ClientSession,
    monkeypatch: pytest.MonkeyPatch, step: str,
) -> None:  # fmt: skip
    left, owner = await moved_out(gateway, tenant, tmp_path), Client(elsewhere.url, tenant().credential, http)

    async def cut(*_: Any, **__: Any) -> None:
        raise RuntimeError("the process has ended")

    monkeypatch.setattr(Moves, step, cut)
    with pytest.raises(RuntimeError):
        await arrive(elsewhere, left.path)
    monkeypatch.undo()
    if step != "land":
        for refused in (export_tenant(elsewhere.services, tenant.id, tmp_path / "again.zip", PASSPHRASE),
                        take_back(elsewhere.services, tenant.id)):  # fmt: skip
            with pytest.raises(InvalidState):
                await refused
    if step in ("land", "suspend"):
        assert (await owner.get("/contacts/")).status in (401, 403)
    await arrive(elsewhere, left.path)
    await goes_on(elsewhere, tenant, left, owner)
    with pytest.raises(Conflict):
        await arrive(elsewhere, left.path)


async def test_a_running_gateway_posts_to_the_endpoints_that_come(
    gateway: Running, elsewhere: Running, tenant: Tenant, tmp_path: Path, http: aiohttp.ClientSession
) -> None:
    """And has the trunks and telephones, each with its last change long ago."""
    receiver, services = Receiver(), gateway.services
    await receiver.start()
    made = (await tenant().post("/webhooks/endpoints/", {"url": receiver.url, "events": ["contact.created"]})).ok(201)
    receiver.secret = made["secret"]
    long_ago = services.clock() - timedelta(days=1)
    for name in ("trunks", "devices"):
        row = {"_id": services.ids.new("trk"), "scope": f"{tenant.id}:live", "rev": 1, "pending": [],
               "asterisk": f"of {tenant.id}", "deleted_at": None, "updated_at": long_ago}  # fmt: skip
        await services.store.database[name].insert_one(row)
    earlier = {"$set": {"updated_at": long_ago}}
    await services.store.database["webhook_endpoints"].update_one({"_id": made["id"]}, earlier)
    path, begun = tmp_path / "moved.zip", services.clock()
    await export_tenant(services, tenant.id, path, PASSPHRASE)
    await arrive(elsewhere, path)
    owner = Client(elsewhere.url, tenant().credential, http)
    made_there = (await owner.post("/contacts/", {"phone": "+12025550177"})).ok(201)

    async def posted() -> bool:
        return [heard.event["data"]["id"] for heard in receiver.heard] == [made_there["id"]]

    try:
        await until(posted, 30)
    finally:
        await receiver.stop()
    shown = (await owner.get(f"/webhooks/endpoints/{made['id']}/")).ok()
    assert shown["status"] == "active"
    for name in ("trunks", "devices"):
        found = await elsewhere.services.store.changed(name, begun)
        assert [row["asterisk"] for row in found] == [f"of {tenant.id}"], name
