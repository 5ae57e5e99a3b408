"""Worker, gateway and database killed at each step of a broadcast's batch: everybody once, and the books agree."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from jinaconnect.actions.broadcasts.dispatch import BATCH, BATCHES
from jinaconnect.store.databases.embedded import EmbeddedMongo
from tests.carriers.meta import Behaviour
from tests.client import until
from tests.faults.carrier_side import Site, site
from tests.faults.test_broadcasts import begun, ended, everybody_once
from tests.processes import GatewayProcess, redis, running

# What the database is seen doing at each step; the carrier's own is seen at the carrier.
STEPS: dict[str, dict[str, Any]] = {
    "fetch": {"op": "query", "ns": "jc.broadcast_rows", "command.filter.status": "PENDING"},
    "claim": {"op": "update", "ns": "jc.broadcast_rows", "command.q._id": {"$exists": True}},
    "accept": {},
    "commit": {"op": "insert", "ns": "jc.messages"},
}
VICTIMS = ("worker", "gateway", "database")


@dataclass
class Field:
    """A gateway for requests, one for work, and their database."""

    here: Site
    worker: GatewayProcess
    mongo: EmbeddedMongo
    database: Any

    async def reaches(self, step: str) -> None:
        """Return as soon as the broadcast is at a step; what comes next may have begun."""
        if step == "accept":
            before = len(self.here.carrier.asked)
            self.here.carrier.next.append(Behaviour(delay_s=0.5))

            async def taken() -> bool:
                return len(self.here.carrier.asked) > before

            await until(taken, 90)
            return
        await self._watched()
        seen = await self.database["system.profile"].count_documents(STEPS[step])

        async def done() -> bool:
            with contextlib.suppress(PyMongoError):
                return bool(await self.database["system.profile"].count_documents(STEPS[step]) > seen)
            return False

        await until(done, 90)

    async def _watched(self) -> None:
        """Have the database note what it does with recipients and messages; a new server notes nothing."""
        noted = {"ns": {"$in": ["jc.broadcast_rows", "jc.messages"]}}

        async def asked() -> bool:
            with contextlib.suppress(PyMongoError):
                await self.database.command({"profile": 0})
                await self.database.drop_collection("system.profile")
                await self.database.command({"profile": 2, "filter": noted})
                return True
            return False

        await until(asked, 60)

    async def kill(self, victim: str) -> None:
        """Kill one of them as a power cut does, and have it back."""
        if victim == "database":
            killed = self.mongo.pid
            os.kill(killed, signal.SIGKILL)

            async def back() -> bool:
                with contextlib.suppress(PyMongoError):
                    return self.mongo.pid != killed and bool(await self.database.command("ping"))
                return False

            await until(back, 60)
            return
        process = self.worker if victim == "worker" else self.here.gateway
        await process.kill()
        await process.start()


@asynccontextmanager
async def field(folder: Path) -> AsyncIterator[Field]:
    """Run all of it; requests and work are two programs, so that either can die alone."""
    mongo = await EmbeddedMongo.start(folder / "db")
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo.uri, tz_aware=True, serverSelectionTimeoutMS=1000)
    try:
        async with AsyncExitStack() as stack:
            bell = await stack.enter_async_context(redis())
            settings = {
                "JC_MONGODB__URI": mongo.uri, "JC_MONGODB__DATABASE": "jc", "JC_REDIS__URL": bell.url,
                "JC_MONGODB__TIMEOUT_S": "2",
            }  # fmt: skip
            web = GatewayProcess(folder / "var", settings, ("--role", "web"))
            worker = GatewayProcess(folder / "var", settings, ("--role", "worker"))
            here = await stack.enter_async_context(site(web))
            await stack.enter_async_context(running(worker))
            yield Field(here, worker, mongo, client["jc"])
    finally:
        await client.close()
        await mongo.stop()


@pytest.mark.long
@pytest.mark.parametrize(("count", "kills"), [(20_000, 20)])
async def test_whatever_is_killed_at_whichever_step_everybody_is_sent_to_once(
    tmp_path: Path, count: int, kills: int, capsys: pytest.CaptureFixture[str]
) -> None:
    async with field(tmp_path) as there:
        tenant = there.here.tenant["id"]
        status, told = await there.here.gateway.command(
            "wallet", tenant, "--on", "--pay-in", "100000", "--reference", "opening"
        )
        assert status == 0, told
        id = await begun(there.here, there.database, count)
        there.here.carrier.usual = Behaviour(delay_s=1.0)  # so that it is not over before the last kill
        for victim, step in itertools.islice(itertools.cycle(itertools.product(VICTIMS, STEPS)), kills):
            await there.reaches(step)
            await there.kill(victim)
            with capsys.disabled():
                print(f"{victim} killed at {step}, {len(there.here.carrier.asked)} asked for", flush=True)
            shown = await shown_by(there, id)
            assert shown["status"] == "SENDING", "it is not done while rows are left"
        there.here.carrier.usual = Behaviour()
        shown = await ended(there.here, id, within_s=300 + count / 20)
        unknown = await everybody_once(there.here, there.database, id, count)
        assert shown["unknown_count"] == unknown
        assert shown["pending_count"] == shown["sending_count"] == 0
        assert unknown <= kills * BATCH * (BATCHES + 1), "only of batches that were cut"
        assert await there.database["messages"].count_documents({"direction": "OUTGOING"}) == count
        status, told = await there.here.gateway.command("verify", tenant)
        assert status == 0, told
        with capsys.disabled():
            print(f"\n{count} recipients, {kills} kills: {count - unknown} once, {unknown} unknown; {told.strip()}")


async def shown_by(there: Field, id: str) -> dict[str, Any]:
    """Return a broadcast as the gateway shows it, once it does."""
    found: list[dict[str, Any]] = []

    async def answered() -> bool:
        with contextlib.suppress(Exception):
            found.append((await there.here.owner.get(f"/broadcast/{id}/")).ok())
        return bool(found)

    await until(answered, 60)
    return found[-1]
