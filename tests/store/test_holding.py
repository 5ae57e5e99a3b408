"""One question tells which collections hold something to do."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta

from jinaconnect.core.clock import system_clock
from jinaconnect.store.coordination.switch_commands import SwitchCommands
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.databases.mongo import connect
from jinaconnect.store.due import DUE_COLLECTIONS, Due, due_at, process_name


async def test_only_collections_with_something_due_are_named_in_order(mongod: EmbeddedMongo) -> None:
    client, database = connect(mongod.uri, name := f"holding_{secrets.token_hex(4)}", timeout_s=10)
    try:
        due, now = Due(database, system_clock, process_name()), system_clock()
        await due.prepare()
        assert await due.having(DUE_COLLECTIONS) == []
        past, future = now - timedelta(seconds=5), now + timedelta(hours=1)
        await database["media"].insert_many([{"due": due_at(past)}, {"due": due_at(past)}])
        await database["jobs"].insert_one({"due": due_at(past)})
        await database["calls"].insert_one({"due": due_at(future)})
        await database["inbound"].insert_one({"due": None})
        assert await due.having(DUE_COLLECTIONS) == ["jobs", "media"]
    finally:
        await client.drop_database(name)
        await client.close()


async def test_an_order_is_taken_at_once_when_the_bell_rings(mongod: EmbeddedMongo) -> None:
    client, database = connect(mongod.uri, name := f"orders_{secrets.token_hex(4)}", timeout_s=10)
    try:
        orders = SwitchCommands(database)
        orders.given.append(orders.ring)

        async def serve() -> None:
            while (row := await orders.next("main")) is None:
                pass
            await orders.answer(row["_id"], row["order"]["n"])

        async with asyncio.TaskGroup() as group:
            group.create_task(serve())
            assert await orders.give("ord_1", "main", {"n": 7}) == 7
    finally:
        await client.drop_database(name)
        await client.close()
