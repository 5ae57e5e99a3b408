"""A database of an earlier version works after one start, however long its indexes take to build."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from jinaconnect.app import Gateway
from jinaconnect.config import Config, Http, Mongodb
from jinaconnect.core.clock import system_clock
from jinaconnect.core.ids import Ids
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.contact import new_contact
from jinaconnect.core.inbox.message import new_message
from jinaconnect.serve import listening
from jinaconnect.store.collections import COLLECTIONS
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.databases.indexes import Built, settle, unhurried
from jinaconnect.store.databases.mongo import Database, connect

TEXT, NUMBER = {"$type": "string"}, {"$type": "number"}
# What differed in the first version: collection, keys below the partition, unique, filter.
FIRST: list[tuple[str, list[tuple[str, int]], bool, dict[str, Any]]] = [
    ("contacts", [("phone", 1)], True, {"phone": TEXT}),
    ("contacts", [("telegram_chat_id", 1)], True, {"telegram_chat_id": NUMBER}),
    ("messages", [("platform", 1), ("carrier_id", 1)], True, {"carrier_id": TEXT}),
    ("messages", [("number", -1)], False, {"number": NUMBER}),
    ("numbers", [("provider_config", 1), ("number", 1)], True, {"number": TEXT}),
    ("calls", [("parent_call", 1), ("_id", -1)], False, {"parent_call": TEXT}),
]


def _name(keys: list[tuple[str, int]]) -> str:
    return "_".join(["scope", *(key + ("" if way == 1 else "_desc") for key, way in keys)])


async def _first_version(database: Database, scope: str, messages: int) -> None:
    """Write what the first version left: its indexes, contacts and messages."""
    ids, now = Ids(system_clock, secrets.token_bytes), system_clock()
    for collection, keys, unique, only in FIRST:
        await database[collection].create_index(
            [("scope", 1), *keys], name=_name(keys), unique=unique, partialFilterExpression=only
        )
    stored = {"scope": scope, "rev": 1, "pending": [], "created_at": now, "updated_at": now}
    contacts = [
        {**new_contact(ids.new("cnt"), source="WHATSAPP", by=None, phone=f"+1202{place:07}"), **stored}
        for place in range(messages // 10)
    ]
    await database["contacts"].insert_many(contacts, ordered=False)
    for start in range(0, messages, 10_000):
        rows = [
            {
                **new_message(
                    ids.new("msg"), contact=contacts[place // 10]["_id"], platform="WHATSAPP", direction="INCOMING",
                    type="TEXT", content={"type": "text", "body": {"text": f"message {place}"}}, author="CONTACT",
                    app=None, timestamp=now, status=status.RECEIVED, carrier_id=f"wamid.{place}", number=place + 1,
                ),
                **stored,
            }
            for place in range(start, min(messages, start + 10_000))
        ]  # fmt: skip
        await database["messages"].insert_many(rows, ordered=False)


@pytest.mark.parametrize(
    ("messages", "timeout_s"), [(5_000, 2.0), pytest.param(300_000, 0.5, marks=[pytest.mark.long])]
)
async def test_the_first_versions_database_works_after_one_start(
    mongod: EmbeddedMongo, tmp_path: Path, messages: int, timeout_s: float
) -> None:
    name = f"first_{messages}"
    config = Config(var_dir=tmp_path, http=Http(port=0, drain_s=1), mongodb=Mongodb(database=name, timeout_s=timeout_s))
    client, database = connect(mongod.uri, name, timeout_s=60)
    gateway = Gateway(config)
    try:
        await _first_version(database, "ten_first:live", messages)
        await gateway.start(mongod.uri, listening(config))
        try:
            held = {
                collection: {info["name"] for info in await (await database[collection].list_indexes()).to_list()}
                for collection in COLLECTIONS
            }
            for collection, keys, _, _ in FIRST:
                assert _name(keys) not in held[collection]
                assert f"{_name(keys)}_given" in held[collection]
            for collection, declared in COLLECTIONS.items():
                assert {index.name for index in declared.built()} <= held[collection]
            for collection, query in (
                ("contacts", {"phone": "+12020000007"}),
                ("messages", {"platform": "WHATSAPP", "carrier_id": {"$in": ["wamid.7", "wamid.none"]}}),
                ("messages", {"number": {"$in": [7]}}),
            ):
                plan = await database[collection].find({"scope": "ten_first:live", **query}).explain()
                assert plan["executionStats"]["totalDocsExamined"] == plan["executionStats"]["nReturned"] == 1
            with pytest.raises(OperationFailure):  # addresses stay unique
                await database["contacts"].insert_one({"scope": "ten_first:live", "phone": "+12020000007"})
        finally:
            await gateway.stop()
        again = Gateway(config)
        await again.start(mongod.uri, listening(config))
        await again.stop()
    finally:
        with unhurried():
            await client.drop_database(name)
        await client.close()


def test_every_index_has_a_name_of_its_own() -> None:
    for collection in COLLECTIONS.values():
        names = [index.name for index in collection.built()]
        assert len(set(names)) == len(names)


async def test_what_was_allowed_twice_keeps_no_gateway_from_starting(mongod: EmbeddedMongo) -> None:
    client, database = connect(mongod.uri, f"twice_{secrets.token_hex(4)}", timeout_s=5)
    rows = database["rows"]
    await rows.insert_many([{"sender": "ACME"}, {"sender": "ACME"}])
    wanted = [
        Built("scope_sender", (("sender", 1),), {"unique": True}), Built("scope_other", (("other", 1),)),
    ]  # fmt: skip
    try:
        await settle(rows, wanted)
        assert set(await rows.index_information()) == {"_id_", "scope_other"}
        await rows.delete_one({"sender": "ACME"})
        await settle(rows, wanted)
        assert set(await rows.index_information()) == {"_id_", "scope_other", "scope_sender"}
    finally:
        await client.drop_database(database.name)
        await client.close()
