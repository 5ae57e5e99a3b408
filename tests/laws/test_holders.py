"""Whoever holds a conversation at an event's number hears the event; whoever it was taken from hears nothing after."""

from __future__ import annotations

import asyncio
import os
import secrets
from typing import Any

import pytest

from jinaconnect.core.clock import system_clock
from jinaconnect.core.ids import Ids, encode
from jinaconnect.store.coordination import holders as holders_module
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.databases.mongo import connect
from jinaconnect.store.store import Store
from tests.conftest import Running
from tests.handlers.people import add_person
from tests.laws.test_log import other_process, row
from tests.tenants import Tenant

IDS = Ids(system_clock, os.urandom)


def told(contact: str, type: str, holder: str | None, before: str | None = None, **fields: Any) -> dict[str, Any]:
    seen = {"c": True, "a": holder, "b": before, "o": None}
    return {**row("x"), "type": type, "contact": contact, "seen": seen, **fields}


async def holder_of(store: Store, scope: str, seq: int) -> str | None:
    found = await store.raw("events").find_one({"scope": scope, "seq": seq})
    assert found is not None
    held: str | None = found["seen"]["a"]
    return held


@pytest.fixture
def place() -> tuple[str, str]:
    """A scope and a contact of its own."""
    return f"{IDS.new('ten')}:live", IDS.new("cnt")


async def test_a_message_read_before_a_move_is_told_to_the_new_holder(
    gateway: Running, place: tuple[str, str]
) -> None:
    (scope, contact), store = place, gateway.services.store
    stale = told(contact, "message.received", "usr_a")
    await store.log.append(scope, [told(contact, "conversation.assigned", "usr_b", "usr_a")])
    await store.log.append(scope, [stale, told(contact, "call.ringing", "usr_a", "usr_dials", call=IDS.new("call"))])
    await store.log.append(scope, [
        told(contact, "conversation.unassigned", None, "usr_b"), told(contact, "message.delivered", "usr_b"),
    ])  # fmt: skip
    assert [await holder_of(store, scope, seq) for seq in (2, 3, 5)] == ["usr_b", "usr_b", None]


async def test_a_move_that_another_process_told_counts(
    gateway: Running, mongod: EmbeddedMongo, place: tuple[str, str]
) -> None:
    (scope, contact), store = place, gateway.services.store
    await store.log.append(scope, [told(contact, "message.received", "usr_a")])
    other = await other_process(mongod, gateway)
    await other.log.append(scope, [told(contact, "conversation.assigned", "usr_b", "usr_a")])
    await store.log.append(scope, [told(contact, "message.received", "usr_a")])
    assert [await holder_of(store, scope, seq) for seq in (1, 2, 3)] == ["usr_a", "usr_b", "usr_b"]


async def test_what_a_crash_left_is_decided_by_the_contact(
    mongod: EmbeddedMongo, place: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holders_module, "WINDOW", 3)
    (scope, contact), (client, database) = place, connect(mongod.uri, f"h_{secrets.token_hex(4)}", timeout_s=5)
    first, second = Store(database, system_clock), Store(database, system_clock)
    await first.prepare(1)
    await second.prepare(1)
    move = told(contact, "conversation.assigned", "usr_b", "usr_a")
    coming = told(contact, "conversation.assigned", "usr_c", "usr_b")
    await first.log.append(scope, [move, *(row("x") for _ in range(5))])
    # The contact has moved on once more, and that move waits for its number yet.
    doc = {"_id": contact, "scope": scope, "assigned_to_user": "usr_c", "updated_at": system_clock()}
    await database["contacts"].insert_one({**doc, "pending": [move, coming]})
    old = encode("evt", 1_000_000_000_000, os.urandom(10))
    stale = told(contact, "message.received", "usr_a", _id=old)
    await second.log.append(scope, [stale])
    await second.log.append(scope, [coming, told(contact, "message.sent", "usr_a", _id=IDS.new("evt"))])
    assert [await holder_of(first, scope, seq) for seq in (7, 8, 9)] == ["usr_b", "usr_c", "usr_c"]
    await client.drop_database(database.name)
    await client.close()


async def test_a_busy_conversation_that_changes_hands_is_told_to_who_holds_it(
    gateway: Running, tenant: Tenant
) -> None:
    owner = tenant()
    agents = [await add_person(gateway, tenant, "agent") for _ in range(2)]
    ids = [agent.id for agent in agents]
    await tenant.receives("+12025550123", "first")
    created = await owner.wait_for_events(lambda seen: any(e["type"] == "message.received" for e in seen))
    contact = next(event["contact_id"] for event in created if event["type"] == "contact.created")

    async def write() -> None:
        for number in range(60):
            await tenant.receives("+12025550123", f"m{number}")

    async def move() -> None:
        for number in range(24):
            body = {"assigned_to_type": "USER", "assigned_to_id": ids[number % 2]}
            (await owner.post(f"/contacts/{contact}/assign/", body)).ok()

    await asyncio.gather(write(), move())
    everything = await owner.wait_for_events(lambda seen: sum(e["type"] == "message.received" for e in seen) == 61)
    heard = [{event["seq"] for event in await agent.client.events("start")} for agent in agents]
    holder: str | None = None
    for event in everything:
        if event["type"] == "conversation.assigned":
            holder = event["data"]["contact_detail"]["assigned_to_user"]
        elif event["type"] == "message.received":
            told_to = [id for id, seqs in zip(ids, heard, strict=True) if event["seq"] in seqs]
            assert told_to == ([holder] if holder else []), event["seq"]
