"""One log, many doors: from any cursor, REST, long poll, SSE and WebSocket give the same tail."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.client import Client
from tests.tenants import Tenant


async def by_sse(client: Client, after: str, count: int, **query: str) -> list[dict[str, Any]]:
    """Read events from the stream until there are `count`."""
    found: list[dict[str, Any]] = []
    async with (
        asyncio.timeout(20),
        client.session.get(
            f"{client.url}/events/stream/", params={"after": after, **query}, headers=client.headers()
        ) as stream,
    ):
        assert stream.status == 200
        assert stream.headers["Content-Type"] == "text/event-stream"
        while len(found) < count:
            line = (await stream.content.readline()).decode()
            if line.startswith("data: "):
                found.append(json.loads(line[6:]))
    return found


async def by_socket(client: Client, after: str, count: int, **fields: Any) -> list[dict[str, Any]]:
    async with client.socket() as socket:
        await socket.ready()
        await socket.subscribe(after=after, **fields)
        if count:
            await socket.until(lambda seen: len(seen) >= count)
        return socket.events


async def test_every_door_gives_the_same_tail_from_any_cursor(tenant: Tenant) -> None:
    for number in range(6):
        await tenant.receives(f"+1202555013{number % 3}", f"m{number}")
    owner = tenant()
    everything = await owner.wait_for_events(lambda seen: sum(e["type"] == "message.received" for e in seen) == 6)
    cursor = "start"
    for place in range(0, len(everything), 3):
        wanted = everything[place:]
        assert await owner.events(cursor) == wanted
        assert await by_sse(owner, cursor, len(wanted)) == wanted
        assert await by_socket(owner, cursor, len(wanted)) == wanted
        cursor = (await owner.get("/events/", params={"after": cursor, "limit": 3})).ok()["cursor"]


async def test_live_and_replay_show_the_same_under_a_filter(tenant: Tenant) -> None:
    owner = tenant()
    await tenant.receives("+12025550141", "one")
    begun = await owner.wait_for_events(lambda seen: any(e["type"] == "message.received" for e in seen))
    contact = begun[0]["contact_id"]
    async with owner.socket() as live:
        await live.ready()
        await live.subscribe(topics=["inbox"], filter={"contact": contact}, after="start")
        for number in range(5):
            await tenant.receives("+12025550142", f"elsewhere {number}")
            await tenant.receives("+12025550141", f"here {number}")
        await live.until(lambda seen: sum(e["type"] == "message.received" for e in seen) == 6)
        heard = live.events
    assert {event["contact_id"] for event in heard} == {contact}
    assert await owner.events(contact=contact) == heard
    assert await by_sse(owner, "start", len(heard), contact=contact) == heard
    assert await by_socket(owner, "start", len(heard), filter={"conversation": heard[0]["conversation_id"]}) == heard


async def test_a_long_poll_is_answered_by_the_event(tenant: Tenant) -> None:
    owner = tenant()
    before = (await owner.get("/events/")).ok()
    assert before["events"] == []
    waiting = asyncio.create_task(owner.get("/events/", params={"after": before["cursor"], "wait": 30}))
    await tenant.receives("+12025550143", "hello")
    answer = (await waiting).ok()
    assert answer["events"][0]["seq"] == 1
    assert answer["cursor"] != before["cursor"]


async def test_snapshot_and_stream_join_without_a_gap(tenant: Tenant) -> None:
    owner = tenant()

    async def write() -> None:
        for number in range(30):
            await tenant.receives(f"+120255501{50 + number % 5}", f"m{number}")

    writing = asyncio.create_task(write())
    snapshot = (await owner.get("/wa/v1/messages/", params={"page_size": 1000})).ok()
    async with owner.socket() as socket:
        await socket.ready()
        await socket.subscribe(after=snapshot["cursor"])
        await writing
        known = {row["id"] for row in snapshot["results"]}

        def complete(seen: list[dict[str, Any]]) -> bool:
            told = {event["subject"]["id"] for event in seen if event["type"] == "message.received"}
            return len(known | told) == 30

        await socket.until(complete)
