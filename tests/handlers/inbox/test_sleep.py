"""Conversations set aside for a while, and messages that count as unread again."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jinaconnect.app import Gateway
from jinaconnect.config import Config, Http, Mongodb
from jinaconnect.serve import listening
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.databases.mongo import connect
from tests.client import Client, until
from tests.conftest import PLENTY, Running
from tests.handlers.inbox.test_inbox import ANN, BASE, BOB, chat_of, received, rows
from tests.handlers.people import add_person
from tests.tenants import Tenant, make_tenant


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def told(client: Client, verb: str, count: int) -> list[dict[str, Any]]:
    """Return what was told of conversations, at least so many: a conversation is seen changed a moment before."""

    async def events() -> list[dict[str, Any]]:
        return [event for event in await client.events() if event["type"] == f"conversation.{verb}"]

    async def enough() -> bool:
        return len(await events()) >= count

    await until(enough)
    return await events()


async def listed(client: Client, **query: str) -> set[str]:
    found = (await client.get(f"{BASE}/conversations/", params=query)).ok()["results"]
    return {chat["contact"]["phone"] for chat in found}


async def test_a_conversation_comes_back_when_its_time_is_over(tenant: Tenant) -> None:
    contacts = await received(tenant, {ANN: ["one"], BOB: ["two"]})
    where = f"{BASE}/conversations/{contacts[ANN]}"
    late = soon(2.5)
    shown = (await tenant().post(f"{where}/snooze/", {"until": late, "note": "She is away."})).ok()
    assert shown == await chat_of(tenant(), contacts[ANN])
    assert datetime.fromisoformat(shown["snoozed_until"]) <= datetime.fromisoformat(late)
    assert (await listed(tenant(), snoozed="true"), await listed(tenant(), snoozed="false")) == ({ANN}, {BOB})
    assert (await tenant().post(f"{where}/snooze/", {"until": shown["snoozed_until"]})).ok() == shown

    async def awake() -> bool:
        return (await chat_of(tenant(), contacts[ANN]))["snoozed_until"] is None

    await until(awake)
    [woken] = await told(tenant(), "woken", 1)
    assert (woken["data"]["reason"], woken["data"]["snoozed_until"]) == ("time", None)
    assert woken["recorded_at"] >= shown["snoozed_until"]
    [asleep] = await told(tenant(), "snoozed", 1)
    assert {name: asleep["data"][name] for name in shown} == shown
    assert await listed(tenant(), snoozed="true") == set()
    kinds = [
        (item["data"]["event_type"], item["data"]["note"])
        for item in (await tenant().get(f"{where}/timeline/")).ok()["results"]
        if item["type"] == "event"
    ]
    assert kinds[:2] == [("TICKET_WOKEN", None), ("TICKET_SNOOZED", "She is away.")]


async def test_a_message_a_request_and_the_close_end_it_and_nothing_ends_it_twice(tenant: Tenant) -> None:
    contact = (await received(tenant, {ANN: ["one"]}))[ANN]
    where = f"{BASE}/conversations/{contact}"
    (await tenant().post(f"{where}/snooze/", {"until": soon(3600)})).ok()
    await asyncio.gather(*(tenant.receives(ANN, f"m{n}") for n in range(5)))

    async def awake() -> bool:
        chat = await chat_of(tenant(), contact)
        return chat["snoozed_until"] is None and chat["unread_count"] == 6

    await until(awake)
    assert [event["data"]["reason"] for event in await told(tenant(), "woken", 1)] == ["message"]
    (await tenant().post(f"{where}/snooze/", {"until": soon(3600)})).ok()
    woken = (await tenant().post(f"{where}/wake/")).ok()
    assert (await tenant().post(f"{where}/wake/")).ok() == woken == await chat_of(tenant(), contact)
    assert [event["data"]["reason"] for event in await told(tenant(), "woken", 2)] == ["message", "request"]
    (await tenant().post(f"{where}/snooze/", {"until": soon(3600)})).ok()
    (await tenant().post(f"/contacts/{contact}/close/", {})).ok()
    assert (await chat_of(tenant(), contact))["snoozed_until"] is None
    (await tenant().post(f"{where}/snooze/", {"until": soon(3600)})).refused(400, "invalid_state")
    assert len(await told(tenant(), "woken", 2)) == 2


async def test_it_comes_back_once_after_a_restart_with_several_processes(mongod: EmbeddedMongo, tmp_path: Path) -> None:
    name = f"asleep_{secrets.token_hex(4)}"

    async def started() -> Running:
        config = Config(var_dir=tmp_path, http=Http(port=0, drain_s=1), limits=PLENTY, mongodb=Mongodb(database=name))
        running = Gateway(config)
        await running.start(mongod.uri, listening(config))
        return Running(running.services.settings.own_url, running.services, running)

    client, _ = connect(mongod.uri, name, timeout_s=60)
    async with aiohttp.ClientSession() as http:
        first = await started()
        tenant = await make_tenant(first, first.url, http)
        phones = [f"+1202555010{n}" for n in range(8)]
        contacts = await received(tenant, {phone: ["hello"] for phone in phones})
        for contact in contacts.values():
            (await tenant().post(f"{BASE}/conversations/{contact}/snooze/", {"until": soon(4)})).ok()
        await first.gateway.stop()
        others = await asyncio.gather(started(), started())
        owner = Client(others[0].url, tenant().credential, http)
        try:

            async def awake() -> bool:
                return not await listed(owner, snoozed="true")

            await until(awake)
            woken = [event["contact_id"] for event in await told(owner, "woken", len(contacts))]
            assert sorted(woken) == sorted(contacts.values())
        finally:
            for running in others:
                await running.gateway.stop()
            await client.drop_database(name)
            await client.close()


@pytest.mark.parametrize(
    "wrong",
    [
        "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "tomorrow", "2027-01-01T00:00:00", None,
        "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00",
    ],
)  # fmt: skip
async def test_a_time_that_will_not_do_is_refused(tenant: Tenant, wrong: str | None) -> None:
    contact = (await received(tenant, {ANN: ["one"]}))[ANN]
    refused = await tenant().post(f"{BASE}/conversations/{contact}/snooze/", {"until": wrong})
    assert list(refused.refused(400, "validation_error")) == ["until"]
    assert (await chat_of(tenant(), contact))["snoozed_until"] is None


async def test_messages_count_as_unread_again(tenant: Tenant, gateway: Running) -> None:
    contact = (await received(tenant, {ANN: ["one", "two", "three"]}))[ANN]
    newest, middle, oldest = [row["id"] for row in await rows(tenant())]
    (await tenant().post(f"{BASE}/messages/mark_multiple_as_read/", {"contact_id": contact})).ok()
    where = f"{BASE}/conversations/{contact}/mark_as_unread/"
    assert (await tenant().post(where, {})).ok()["marked_ids"] == [newest]
    chat = await chat_of(tenant(), contact)
    assert (chat["unread_count"], chat["last_message"]["is_read"]) == (1, False)
    assert (await tenant().post(where, {"message_id": middle})).ok()["marked_ids"] == [newest, middle]
    assert (await tenant().post(where, {"message_id": middle})).ok()["marked_ids"] == [newest, middle]
    assert (await chat_of(tenant(), contact))["unread_count"] == 2
    shown = (await tenant().get(f"{BASE}/messages/{middle}/")).ok()
    assert (shown["is_read"], shown["read_at"], shown["read_by_id"]) == (False, None, None)
    assert (await tenant().get(f"{BASE}/messages/{oldest}/")).ok()["is_read"] is True
    events = await told(tenant(), "marked_unread", 1)
    assert [event["data"]["unread_message_ids"] for event in events] == [[newest], [middle, newest]]
    assert events[-1]["data"]["unread_count"] == 2
    assert await listed(tenant(), unread="true") == {ANN}
    (await tenant().post(f"{BASE}/messages/mark_multiple_as_read/", {"contact_id": contact})).ok()
    assert (await chat_of(tenant(), contact))["unread_count"] == 0
    assert list((await tenant().post(where, {"message_id": "msg_x"})).refused(400, "validation_error")) == [
        "message_id"
    ]
    silent = (await tenant().post("/contacts/", {"phone": BOB})).ok(201)["id"]
    (await tenant().post(f"{BASE}/conversations/{silent}/mark_as_unread/", {})).refused(400, "invalid_state")
    agent = await add_person(gateway, tenant, "agent", "Kim")
    (await agent.client.post(where, {})).refused(404, "not_found")
