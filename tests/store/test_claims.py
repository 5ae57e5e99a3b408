"""Due work is taken by one process each, also where many ask for much at one moment."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

from pymongo.errors import OperationFailure

from jinaconnect.actions.shares import Shares
from jinaconnect.actions.worker import Worker
from jinaconnect.core.clock import system_clock
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import LEASE, Claim, Due, due_at
from tests.client import until
from tests.conftest import Running
from tests.tenants import Tenant

COUNT = 40


def job(tenant: Tenant, number: int, **due: Any) -> Document:
    block = {**due_at(system_clock() - timedelta(seconds=1)), **due}
    return {"_id": f"job_{tenant.id}_{number:03d}", "scope": f"{tenant.id}:live", "kind": "nobody", "due": block}


def processes(gateway: Running, count: int) -> list[Due]:
    database = gateway.services.store.database
    return [Due(database, system_clock, f"elsewhere/{number}:1:{number}") for number in range(count)]


async def test_each_is_taken_once_whoever_asks_at_once(gateway: Running, tenant: Tenant) -> None:
    jobs, rows = gateway.services.store.raw("claimed"), [job(tenant, number) for number in range(COUNT)]
    rows[0]["due"]["by"], rows[1]["due"]["tries"] = "somebody/who:died:0", 3
    rows[2]["due"]["at"] += timedelta(hours=1)
    await jobs.insert_many(rows)
    dues = processes(gateway, 3)
    asked = [(due, row) for row in rows for due in dues]
    claims = await asyncio.gather(*(due.claim("claimed", row["scope"], row["_id"]) for due, row in asked))
    taken = [(due, claim) for (due, _), claim in zip(asked, claims, strict=True) if claim is not None]
    assert Counter(claim.doc["_id"] for _, claim in taken) == {row["_id"]: 1 for row in rows if row is not rows[2]}
    told = {claim.doc["_id"]: (claim.tries, claim.abandoned) for _, claim in taken}
    assert told.pop(rows[0]["_id"]) == (1, True)
    assert told.pop(rows[1]["_id"]) == (4, False)
    assert set(told.values()) == {(1, False)}
    for due, claim in taken:
        held = await jobs.find_one({"_id": claim.doc["_id"]})
        assert held is not None
        assert (held["due"]["by"], held["due"]["tries"]) == (due.process, claim.tries)
        assert claim.doc["due"]["at"] + LEASE < held["due"]["at"], "the document as it was before"
    assert await jobs.find_one({"_id": rows[2]["_id"]}) == {**rows[2], "due": held_as(rows[2])}


def held_as(row: Document) -> Document:
    at = row["due"]["at"]
    return {**row["due"], "at": at.replace(microsecond=at.microsecond // 1000 * 1000)}


async def test_what_is_asked_for_together_goes_together(gateway: Running, tenant: Tenant) -> None:
    database, rows = gateway.services.store.database, [job(tenant, number) for number in range(COUNT)]
    await database["claimed"].insert_many(rows)
    [due] = processes(gateway, 1)
    await database.command("profile", 2, filter={"ns": f"{database.name}.claimed"})
    try:
        wanted = [*rows, *rows]  # asked twice at once, it is taken once
        claims = await asyncio.gather(*(due.claim("claimed", row["scope"], row["_id"]) for row in wanted))
    finally:
        await database.command("profile", 0)
    profiled = await database["system.profile"].find({"op": {"$in": ["query", "command"]}}).to_list()
    await database.drop_collection("system.profile")
    assert len([claim for claim in claims if claim is not None]) == COUNT
    assert len(profiled) <= COUNT // 4, "reads, one for each of the batches that gathered, more where one was slow"


async def test_a_claim_that_cannot_be_written_fails_alone(gateway: Running, tenant: Tenant) -> None:
    rows = [job(tenant, number) for number in range(3)]
    rows[1]["due"]["tries"] = "many"  # which nothing can be added to
    await gateway.services.store.raw("claimed").insert_many(rows)
    [due] = processes(gateway, 1)
    results = await asyncio.gather(
        *(due.claim("claimed", row["scope"], row["_id"]) for row in (rows[0], *rows)), return_exceptions=True
    )
    assert [type(result).__name__ for result in results].count("Claim") == 2
    assert any(isinstance(result, OperationFailure | TypeError) for result in results)


async def test_what_changes_meanwhile_is_claimed_as_it_is_then(gateway: Running, tenant: Tenant) -> None:
    """The work is done on what the document says when it is claimed, not on what was read a moment before."""
    jobs, rows = gateway.services.store.raw("claimed"), [{**job(tenant, n), "rev": 1} for n in range(COUNT)]
    await jobs.insert_many(rows)
    [due] = processes(gateway, 1)

    async def change(row: Document) -> None:
        await jobs.update_one({"_id": row["_id"]}, {"$set": {"text": "new"}, "$inc": {"rev": 1}})

    claims = asyncio.gather(*(due.claim("claimed", row["scope"], row["_id"]) for row in rows))
    await asyncio.gather(*map(change, rows))
    for claim in await claims:
        assert claim is not None, "nobody else has it"
        held = await jobs.find_one({"_id": claim.doc["_id"]})
        assert held is not None
        assert held["due"]["tries"] == 1
        assert claim.doc.get("text") == "new" or claim.doc["rev"] == 1


async def test_work_that_was_written_claimed_is_done_without_another_claim(gateway: Running, tenant: Tenant) -> None:
    jobs, rows = gateway.services.store.raw("claimed"), [job(tenant, number) for number in range(5)]
    [due] = processes(gateway, 1)
    worker = Worker(due, system_clock, lambda *_: None, active=True, processes=1)
    going, done = asyncio.Event(), []

    async def handle(claim: Claim) -> None:
        await going.wait()
        done.append((claim.doc["_id"], claim.tries, claim.abandoned))

    worker.handle("claimed", handle)
    worker._shares["claimed"] = Shares(1, 1, line=2)  # room for one, and one behind it
    for row in rows:
        row["due"] = worker.taken()
    await jobs.insert_many(rows)
    worker.run_taken("claimed", rows[0])
    worker.run_taken("claimed", rows[0])  # told of again meanwhile
    worker.run_taken("claimed", rows[1])
    worker.run_taken("claimed", rows[2])

    async def given_back() -> bool:  # what there is no room for is anybody's
        held = await jobs.find_one({"_id": rows[2]["_id"]})
        return held is not None and held["due"]["by"] is None and held["due"]["at"] <= system_clock()

    async def all_done() -> bool:
        return len(done) == 2

    await until(given_back)
    going.set()
    await until(all_done)
    assert done == [(rows[0]["_id"], 1, False), (rows[1]["_id"], 1, False)]
    claim = await due.claim("claimed", rows[2]["scope"], rows[2]["_id"])
    assert claim is not None
    assert (claim.tries, claim.abandoned) == (1, False)
    await worker.stop(10)
    assert worker.taken()["by"] is None, "a process that stops does nothing at once"
    worker.run_taken("claimed", rows[3])

    async def left_to_others() -> bool:
        held = await jobs.find_one({"_id": rows[3]["_id"]})
        return held is not None and held["due"]["by"] is None

    await until(left_to_others)
