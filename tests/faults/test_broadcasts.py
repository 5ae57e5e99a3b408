"""A broadcast whose gateway is killed again and again: everybody once, or their row says that nobody knows."""

from __future__ import annotations

import itertools
import os
import secrets
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pymongo import AsyncMongoClient

from jinaconnect.actions.broadcasts.dispatch import BATCH, BATCHES
from jinaconnect.core.ids import encode
from jinaconnect.core.inbox.contact import new_contact
from jinaconnect.core.inbox.words import contact_words
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.carriers.meta import Behaviour
from tests.client import until
from tests.faults.carrier_side import Site, site
from tests.processes import GatewayProcess, redis, running


def people(scope: str, count: int) -> list[dict[str, Any]]:
    """Return contacts as the store keeps them."""
    now = datetime.now(UTC)
    docs = []
    for place in range(count):
        id = encode("cnt", int(now.timestamp() * 1000), place.to_bytes(10, "big"))
        doc = new_contact(id, source="IMPORT", by=None, phone=f"+1202{5_550_000 + place}", first_name=f"P{place}")
        doc.update(scope=scope, rev=1, pending=[], created_at=now, updated_at=now)
        docs.append({**doc, "words": contact_words(doc)})
    return docs


async def begun(here: Site, database: Any, count: int) -> str:
    """Write a broadcast to so many people and let its time have come; returns its id."""
    scope = f"{here.tenant['id']}:live"
    docs = people(scope, count)
    for start in range(0, count, 5_000):
        await database["contacts"].insert_many(docs[start : start + 5_000])
    body = {"wa_app": here.app, "element_name": "sale", "category": "UTILITY", "content": "Hello {{first_name}}."}
    template = (await here.owner.post("/wa/v1/templates/", body)).ok(201)["id"]
    await database["templates"].update_one({"_id": template}, {"$set": {"status": "APPROVED"}})
    told = {
        "name": "Sale", "status": "QUEUED", "template": template, "app": here.app, "category": "UTILITY",
        "select_all": True, "tag_filter": [],
    }  # fmt: skip
    made = (await here.owner.post("/broadcast/", told)).ok(201)
    await database["broadcasts"].update_one({"_id": made["id"]}, {"$set": {"due.at": datetime.now(UTC)}})
    return str(made["id"])


async def killed_while_sending(here: Site, kills: int) -> None:
    """Kill the gateway again and again, each time once the carrier was asked some more, and start it again.

    Odd numbers, so that it is killed at every stage of a batch: read, claimed, asked, written down.
    """
    for _, more in zip(range(kills), itertools.cycle((1, 37, 53, 99)), strict=False):
        before = len(here.carrier.asked)

        async def reached(before: int = before, more: int = more) -> bool:
            return len(here.carrier.asked) >= before + more

        await until(reached, within_s=60)
        await here.gateway.kill()
        await here.gateway.start()


async def ended(here: Site, id: str, within_s: float) -> dict[str, Any]:
    async def over() -> dict[str, Any] | None:
        try:
            shown: dict[str, Any] = (await here.owner.get(f"/broadcast/{id}/")).ok()
        except (aiohttp.ClientError, AssertionError):
            return None
        return shown if shown["status"] in ("SENT", "PARTIALLY_SENT", "FAILED") else None

    found: dict[str, Any] = await until(over, within_s)
    return found


async def everybody_once(here: Site, database: Any, id: str, count: int) -> int:
    """Hold every row against what the carrier counted; returns how many are unknown."""
    rows = await database["broadcast_rows"].find({"broadcast": id}).to_list()
    assert len(rows) == count
    asked = {"+" + body["to"].lstrip("+"): 0 for body in here.carrier.bodies.values()}
    for reference, times in here.carrier.accepted.items():
        asked["+" + here.carrier.bodies[reference]["to"].lstrip("+")] += times
    unknown = 0
    for row in rows:
        times = asked.get(row["phone"], 0)
        if row["status"] == "UNKNOWN":
            unknown += 1
            assert times <= 1
            assert row["response"], "it says why"
        else:
            assert (row["status"], times) in {("SENT", 1), ("DELIVERED", 1), ("READ", 1)}, row
    return unknown


@pytest.mark.parametrize(
    ("count", "kills"), [(1_500, 4), pytest.param(20_000, 20, marks=pytest.mark.long)], ids=["few", "many"]
)
async def test_a_killed_gateway_sends_to_everybody_once(
    mongod: EmbeddedMongo, tmp_path: Path, count: int, kills: int
) -> None:
    name = f"kills_{secrets.token_hex(4)}"
    settings = {"JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": name}
    database = AsyncMongoClient(mongod.uri, tz_aware=True)[name]
    async with site(GatewayProcess(tmp_path, settings)) as here:
        id = await begun(here, database, count)
        await killed_while_sending(here, kills)
        shown = await ended(here, id, within_s=120 + count / 50)
        unknown = await everybody_once(here, database, id, count)
        assert shown["unknown_count"] == unknown
        assert shown["pending_count"] == shown["sending_count"] == 0
        assert unknown <= kills * BATCH * (BATCHES + 1), "only of batches that were cut, and the one claimed next"
        messages = await database["messages"].count_documents({"direction": "OUTGOING"})
        assert messages == count, "each stands in the inbox once"


async def test_a_database_that_is_killed_meanwhile_loses_and_doubles_nobody(tmp_path: Path) -> None:
    async with site(GatewayProcess(tmp_path)) as here:
        port = (tmp_path / "mongo.port").read_text()
        uri = f"mongodb://127.0.0.1:{port}/?directConnection=true"
        database = AsyncMongoClient(uri, tz_aware=True)["jinaconnect"]
        id = await begun(here, database, 300)

        async def some() -> bool:
            return len(here.carrier.asked) >= 60

        await until(some, within_s=60)
        os.kill(here.gateway.mongod(), signal.SIGKILL)
        await ended(here, id, within_s=120)
        await everybody_once(here, database, id, 300)


@pytest.mark.long
async def test_of_two_processes_neither_takes_over_what_the_other_still_asks_a_slow_carrier_for(
    mongod: EmbeddedMongo, tmp_path: Path
) -> None:
    """What stands in line at the end of a slice takes longer than a claim stands by itself."""
    name = f"slow_{secrets.token_hex(4)}"
    database = AsyncMongoClient(mongod.uri, tz_aware=True)[name]
    async with redis() as bell:
        settings = {"JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": name, "JC_REDIS__URL": bell.url}
        async with site(GatewayProcess(tmp_path, settings)) as here, running(GatewayProcess(tmp_path, settings)):
            here.carrier.usual = Behaviour(delay_s=13)  # five rounds of 64: the last is asked when the lease would end
            id = await begun(here, database, 320)
            shown = await ended(here, id, within_s=300)
            assert (shown["status"], shown["sent_count"]) == ("SENT", 320)
            assert await everybody_once(here, database, id, 320) == 0
