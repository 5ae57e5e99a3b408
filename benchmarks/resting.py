"""What the program costs while nothing happens: memory of all of it, and processor time with many tenants present."""

from __future__ import annotations

import hashlib
import os
import resource
import time
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks.load import PONG, Crowd
from benchmarks.processes import Gateway, cpu_seconds, family, gateway, proportional_kb, settle
from benchmarks.rows import Row

TENANTS = 10_000
HEARTBEAT_S = 25


def idle_memory(quick: bool) -> list[Row]:
    """Add up the processes of a gateway with its embedded database, one subscriber connected."""
    with gateway(pinned=False) as running:
        crowd = Crowd(running.port, 1, running.key)
        settle(running.pid)
        parts = {Path(f"/proc/{pid}/comm").read_text().strip(): proportional_kb(pid) / 1024
                 for pid in family(running.pid)}  # fmt: skip
        crowd.close()
    total = sum(parts.values())
    shown = " + ".join(f"{name} {size:.0f}" for name, size in parts.items())
    return [Row("memory of all processes, idle", total, " MB", f"{total:.0f} MB ({shown})", "", 350, 280)]


def idle_tenants(quick: bool) -> list[Row]:
    """Measure the processor time of tenants who each have one inbox open while nobody writes; heartbeats included."""
    count, seconds = (2_000, HEARTBEAT_S) if quick else (TENANTS, 2 * HEARTBEAT_S)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with gateway() as running:
        crowd = Crowd(running.port, count, *_tenants(running, count))
        settle(running.pid)
        used, begun = cpu_seconds(running.pid), time.monotonic()
        each = -(-count // (HEARTBEAT_S * 10))
        for turn in range(seconds * 10):  # every client answers once a heartbeat, as libraries do
            place = turn * each % count
            for client in crowd.clients[place : place + each]:
                client.send(PONG)
                crowd.heard(client.fileno())
            time.sleep(max(0.0, begun + (turn + 1) / 10 - time.monotonic()))
        share = (cpu_seconds(running.pid) - used) / (time.monotonic() - begun) * 100
        crowd.close()
    return [Row(f"idle: {count:,} tenants with one open socket each, CPU", share, " %", f"{share:.1f} % of a core", "",
                5, 1)]  # fmt: skip


def _tenants(running: Gateway, count: int) -> list[str]:
    """Make copies of the demo organisation with one key each, straight in the database; returns the keys."""
    with MongoClient[dict[str, Any]](running.mongodb) as client:
        database = client["jinaconnect"]
        key = database["api_keys"].find_one({"hashes": hashlib.sha256(running.key.encode()).hexdigest()})
        assert key is not None
        tenant = database["tenants"].find_one({"_id": key["scope"]})
        role = database["roles"].find_one({"_id": key["role"]})
        assert tenant is not None
        assert role is not None
        run = os.urandom(4).hex()
        names = [f"{run}{place:06d}" for place in range(count)]
        secrets = [f"jc_live_bench{name}" for name in names]
        hashes = [hashlib.sha256(secret.encode()).hexdigest() for secret in secrets]
        database["tenants"].insert_many([{**tenant, "_id": f"ten_{name}"} for name in names])
        database["roles"].insert_many(
            [{**role, "_id": f"rol_{name}", "scope": f"ten_{name}", "pending": []} for name in names]
        )
        database["api_keys"].insert_many([
            {**key, "_id": f"key_{name}", "scope": f"ten_{name}", "role": f"rol_{name}", "hashes": [hash],
             "pending": []}
            for name, hash in zip(names, hashes, strict=True)
        ])  # fmt: skip
    return secrets
