"""What a process that died in the middle of a transaction still holds keeps no other from starting."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient

from jinaconnect.store.databases.embedded import TRANSACTION_S, EmbeddedMongo
from jinaconnect.store.due import process_name
from tests.processes import GatewayProcess

NO_PROCESS = 2**22 + 1  # above what Linux gives out


async def test_a_gateway_starts_beside_an_open_transaction(mongod: EmbeddedMongo, tmp_path: Path) -> None:
    name = f"open_{secrets.token_hex(4)}"
    place = process_name().partition(":")[0]
    job = {
        "_id": "job_held", "scope": "ten_none:live", "kind": "none", "data": {},
        "due": {"at": datetime.now(UTC) + timedelta(hours=1), "by": f"{place}:{NO_PROCESS}:dead"},
    }  # fmt: skip
    gateway = GatewayProcess(tmp_path, {"JC_MONGODB__URI": mongod.uri, "JC_MONGODB__DATABASE": name})
    await gateway.start()
    await gateway.kill()
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongod.uri, tz_aware=True)
    async with client, client.start_session() as session:
        jobs = client[name]["jobs"]
        await client.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=60)  # as elsewhere by default
        await jobs.insert_one(job)
        await session.start_transaction()
        await jobs.update_one({"_id": "job_held"}, {"$set": {"begun": True}}, session=session)
        await gateway.start()
        await gateway.kill()
        await session.abort_transaction()
        await client.admin.command("setParameter", 1, transactionLifetimeLimitSeconds=TRANSACTION_S)
        await client.drop_database(name)
