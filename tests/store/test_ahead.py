"""Writes ahead of the log: durable with the append behind them, and known not to be where the primary's term ended."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinaconnect.actions.messaging.incoming.applying import Batch
from jinaconnect.channels.base import Account
from jinaconnect.core.clock import system_clock
from jinaconnect.core.events.event import Event
from jinaconnect.core.ids import Ids
from jinaconnect.core.inbox.message import new_message
from jinaconnect.store.ahead import Trail
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.databases.mongo import connect, ping
from jinaconnect.store.store import Store
from jinaconnect.store.tenant import Change, Duplicate, Written
from tests.client import until
from tests.conftest import Running
from tests.faults.test_odd_webhooks import fact, stored
from tests.tenants import Tenant

IDS = Ids(system_clock, os.urandom)
WITHIN_S = 90.0  # for a database that was killed to be back, on a busy machine too


def message(carrier_id: str) -> tuple[dict[str, Any], list[Event]]:
    now = system_clock()
    doc = new_message(
        IDS.new("msg"), contact="cnt_x", platform="WHATSAPP", direction="INCOMING", type="TEXT",
        content={"type": "text", "body": {"text": "hello"}}, author="CONTACT", app=None, timestamp=now,
        status="RECEIVED", carrier_id=carrier_id,
    )  # fmt: skip
    actor = {"type": "contact", "id": "cnt_x"}
    return doc, [Event(IDS.new("evt"), "message.received", now, actor, doc["_id"], {"id": doc["_id"]})]


async def test_a_write_ahead_is_as_durable_as_the_append_behind_it(tmp_path: Path) -> None:
    mongo = await EmbeddedMongo.start(tmp_path)
    client, database = connect(mongo.uri, "jc", timeout_s=10)
    try:
        store = Store(database, system_clock)
        await store.prepare(1)
        data = store.of("ten_a", "live")

        trail = Trail()
        results = await data.insert_many("messages", [message("w1"), message("w2")], tell=False, trail=trail)
        docs = [result.doc for result in results if isinstance(result, Written)]
        numbers = await data.tell_all([("messages", docs)], trail)
        assert trail.unbroken
        assert sorted(numbers.values()) == [1, 2]
        # Both are on the disk: a server that is killed has them when it is back.
        os.kill(mongo.pid, signal.SIGKILL)
        await until(lambda: _answers(database), WITHIN_S)
        assert len(await data.select("messages", {"carrier_id": {"$in": ["w1", "w2"]}})) == 2
        [taken] = await data.insert_many("messages", [message("w1")], tell=False, trail=Trail())
        assert isinstance(taken, Duplicate)

        # A term ends between the write and its append.
        trail = Trail()
        [third] = await data.insert_many("messages", [message("w3")], tell=False, trail=trail)
        assert isinstance(third, Written)
        os.kill(mongo.pid, signal.SIGKILL)
        await until(lambda: _answers(database), WITHIN_S)
        await data.tell_all([("messages", [third.doc])], trail)
        assert not trail.unbroken
        await data.restore("messages", [third.doc])
        assert await data.find("messages", third.doc["_id"])
    finally:
        await store.outbox.drain()
        await client.close()
        await mongo.stop()


async def test_a_number_that_another_process_was_first_with_takes_no_write(gateway: Running, tenant: Tenant) -> None:
    services = gateway.services
    processes = [Store(services.store.database, services.clock) for _ in range(2)]
    for place, store in enumerate([*processes, *processes]):  # neither hears of what the other appends
        data, trail = store.of(tenant.id, "live"), Trail()
        [written] = await data.insert_many("messages", [message(f"w{place}")], tell=False, trail=trail)
        assert isinstance(written, Written)
        await data.tell_all([("messages", [written.doc])], trail)
        assert trail.unbroken, place
        await data.tell_all([("messages", [written.doc])], trail)  # told before, in whatever term
        assert not trail.unbroken
    for store in processes:
        await store.outbox.drain()


async def test_a_change_goes_ahead_of_its_events_and_is_done_again_where_a_term_took_it(tmp_path: Path) -> None:
    mongo = await EmbeddedMongo.start(tmp_path)
    client, database = connect(mongo.uri, "jc", timeout_s=10)
    try:
        store = Store(database, system_clock)
        await store.prepare(1)
        data = store.of("ten_a", "live")
        doc, events = message("w1")
        made = await data.insert("messages", doc, events)
        id = made.doc["_id"]

        def told(doc: Mapping[str, Any]) -> Change:
            return Change(set={"tries": doc.get("tries", 0) + 1}, events=message("")[1])

        written = await data.change("messages", id, told)
        os.kill(mongo.pid, signal.SIGKILL)
        await until(lambda: _answers(database), WITHIN_S)
        kept = await data.get("messages", id)
        assert (kept["tries"], written.seq) == (1, 2)
        await store.outbox.settle([("messages", [kept])])

        # A term ends between the change and its append, which takes the change or leaves it.
        before = await data.get("messages", id)
        update, after = data._plan("messages", before, told(before))
        trail = Trail()
        assert await store.lead("messages", before, update, after, trail) is True
        os.kill(mongo.pid, signal.SIGKILL)
        await until(lambda: _answers(database), WITHIN_S)
        await data.tell_all([("messages", [after])], trail)
        assert not trail.unbroken
        await store.raw("messages").replace_one({"_id": id}, before)
        for _ in range(2):  # lost, then there
            assert await store.lead_again("messages", before, update, after) is True
            assert (await data.get("messages", id))["tries"] == 2
        # Somebody else was first: that is no success of ours.
        assert await store.lead_again("messages", before, update, {**after, "tries": 9}) is False
        assert await store.lead("messages", before, update, after, Trail()) is False
    finally:
        await store.outbox.drain()
        await client.close()
        await mongo.stop()


async def _answers(database: Any) -> bool:
    try:
        await ping(database)
        await database["probe"].insert_one({})
    except Exception:
        return False
    return True


async def its_account(gateway: Running, tenant: Tenant) -> Account:
    accounts = await gateway.ports.accounts.of_door(tenant.id, "whatsapp_meta")
    return next(account for account in accounts if account.id == tenant.whatsapp["app_id"])


async def test_what_is_lost_with_a_term_is_written_again(gateway: Running, tenant: Tenant) -> None:
    services = gateway.services
    row = await stored(gateway, tenant, b"{}")
    account = await its_account(gateway, tenant)
    batch = Batch(services, gateway.ports.worker, gateway.ports.channels[account.channel], account.scope)
    batch.add(fact(tenant, "12025550381", "kept"), account, row)
    batch.add(fact(tenant, "12025550381", "lost"), account, row)
    await batch.apply()
    await services.store.outbox.drain()
    data = services.store.within(account.scope)
    rows = await data.select("messages", {"content.body.text": {"$in": ["kept", "lost"]}})
    [lost] = [doc for doc in rows if doc["content"]["body"]["text"] == "lost"]
    events = await services.store.log.read(account.scope, 0, 500)
    told = next(event for event in events if b'"lost"' in event.json)
    row_of = await services.store.raw("events").find_one({"_id": told.id})
    assert row_of is not None
    pending = {key: value for key, value in row_of.items() if key not in ("seq", "recorded", "scope")}
    contact = await data.get("contacts", lost["contact"])
    assert contact["chat"]["unread"] == 2
    # The database as it is without what the last term took: the event was told, its message is not there.
    await services.store.raw("messages").delete_one({"_id": lost["_id"]})
    kept = [id for id in contact["chat"]["recent"] if id != lost["_id"]]
    made = {**contact, "chat": {**contact["chat"], "unread": 1, "recent": kept}, "rev": 1}
    await services.store.raw("contacts").delete_one({"_id": contact["_id"]})
    await batch._again([{**lost, "number": None, "pending": [{**pending, "log": account.scope}]}], [made])
    await services.store.outbox.drain()
    again = await data.get("messages", lost["_id"])
    assert (again["number"], again["pending"]) == (lost["number"], [])
    assert (await data.get("contacts", lost["contact"]))["chat"]["unread"] == 2
    assert len(await services.store.log.read(account.scope, 0, 500)) == len(events)


async def test_one_message_twice_in_a_batch_is_told_once(gateway: Running, tenant: Tenant) -> None:
    services = gateway.services
    row = await stored(gateway, tenant, b"{}")
    account = await its_account(gateway, tenant)
    twice = fact(tenant, "12025550382", "twice")
    for _ in range(2):
        batch = Batch(services, gateway.ports.worker, gateway.ports.channels[account.channel], account.scope)
        batch.add(twice, account, row)
        batch.add(twice, account, row)
        async with asyncio.timeout(10):
            await batch.apply()
    data = services.store.within(account.scope)
    assert len(await data.select("messages", {"carrier_id": twice.carrier_id})) == 1
    told = await services.store.log.read(account.scope, 0, 500)
    assert [event.type for event in told].count("message.received") == 1
    [contact] = await data.select("contacts", {"phone": "+12025550382"})
    assert contact["chat"]["unread"] == 1


async def test_a_new_customer_goes_ahead_of_the_log(gateway: Running, tenant: Tenant) -> None:
    """One wait for the disk, that of the log; and two who meet a customer at once agree on one contact."""
    services = gateway.services
    row = await stored(gateway, tenant, b"{}")
    account = await its_account(gateway, tenant)

    async def write(sender: str, text: str) -> None:
        batch = Batch(services, gateway.ports.worker, gateway.ports.channels[account.channel], account.scope)
        batch.add(fact(tenant, sender, text), account, row)
        await batch.apply()

    database = services.store.database
    await database.command("profile", 2, filter={"op": {"$in": ["insert", "update"]}})
    try:
        await write("12025550391", "hello")
    finally:
        await database.command("profile", 0)
    data = services.store.within(account.scope)
    [contact] = await data.select("contacts", {"phone": "+12025550391"})
    profiled = await database["system.profile"].find({"op": "insert"}).to_list()
    await database.drop_collection("system.profile")
    waits = {
        entry["ns"].partition(".")[2]: entry["command"]["writeConcern"]["w"] == "majority" for entry in profiled
    }
    assert {name: waits[name] for name in ("contacts", "messages", "events")} == {
        "contacts": False, "messages": False, "events": True,
    }
    assert contact["chat"]["unread"] == 1

    await asyncio.gather(*(write("12025550392", f"n{n}") for n in range(6)))
    [contact] = await data.select("contacts", {"phone": "+12025550392"})
    assert contact["chat"]["unread"] == 6
    told = await services.store.log.read(account.scope, 0, 500)
    assert [event.type for event in told].count("contact.created") == 2
