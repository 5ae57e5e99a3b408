"""A broadcast of calls: what each costs the database beside one placed by itself, and how full its lines are."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from pymongo import MongoClient

from benchmarks.broadcasts import ENDED, _ask
from benchmarks.cost import PROFILE_BYTES
from benchmarks.processes import gateway
from benchmarks.rows import Row

LINES = 20
TRUNKS, CALLS = "/voice/api/provider-configs/", "/voice/api/calls/"


def call_broadcast(quick: bool) -> list[Row]:
    """Call people over the sandbox's SIP trunk, by broadcast and one by one."""
    count = 60 if quick else 300
    with gateway() as running, MongoClient[dict[str, Any]](running.mongodb, tz_aware=True) as client:
        database, key = client["jinaconnect"], running.tenants[0]["keys"]["test"]["owner"]

        def ask(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
            return _ask(running, method, path, body, key)

        trunk = ask("GET", TRUNKS)["results"][0]["id"]
        ask("PATCH", f"{TRUNKS}{trunk}/", {"max_concurrent_calls": LINES})
        numbers = [f"+1202555{2000 + place:04}" for place in range(count)]
        for number in numbers:
            ask("POST", "/contacts/", {"phone": number, "first_name": number, "tags": ["called"]})

        def alone() -> None:
            placed: list[str] = []
            for number in numbers:
                live = {"_id": {"$in": placed}, "slot": {"$exists": True}}
                while len(placed) >= LINES and database["calls"].count_documents(live) >= LINES:
                    time.sleep(0.05)
                body = {"to_number": number, "tts_text": "Hello.", "provider_config_id": trunk}
                placed.append(ask("POST", CALLS, body)["id"])
            _over(database, {"_id": {"$in": placed}}, count)

        made: list[str] = []

        def broadcast() -> None:
            written = {
                "name": "Calls", "platform": "VOICE", "status": "QUEUED", "category": "UTILITY", "select_all": True,
                "tag_filter": ["called"], "app": trunk, "placeholder_data": {"message": "Hello."},
            }  # fmt: skip
            made.append(ask("POST", "/broadcast/", written)["id"])
            while ask("GET", f"/broadcast/{made[0]}/")["status"] not in ENDED:
                time.sleep(0.5)
            _over(database, {"broadcast": made[0]}, count)

        single, many = (_operations(database, work) / count for work in (alone, broadcast))
        calls = list(database["calls"].find({"broadcast": made[0]}, {"created_at": 1, "ended_at": 1}))
    moments = sorted((each[name], step) for each in calls for name, step in (("created_at", 1), ("ended_at", -1)))
    live = most = 0
    for _, step in moments:
        live += step
        most = max(most, live)
    return [
        Row("operations per call of a broadcast, against one by itself", many / single, "x", f"{many:.1f}",
            f"{single:.1f}", 1.3, 1.2),
        Row(f"… most calls at once over {LINES} lines", most, "", str(most), "", LINES),
    ]  # fmt: skip


def _operations(database: Any, work: Callable[[], None]) -> int:
    """Return how many operations of the gateway's some work takes, by the database's profiler."""
    database.command("profile", 0)
    database.drop_collection("system.profile")
    database.create_collection("system.profile", capped=True, size=PROFILE_BYTES)
    database.command("profile", 2)
    work()
    database.command("profile", 0)
    seen = {"appName": "jinaconnect", "ns": {"$not": {"$regex": "system.profile$"}}}
    return int(database["system.profile"].count_documents(seen))


def _over(database: Any, of_it: dict[str, Any], count: int) -> None:
    """Wait until calls have ended and what follows their ends is done."""
    ends = time.monotonic() + 300
    while database["calls"].count_documents({**of_it, "due": {"$exists": False}, "ended_at": {"$ne": None}}) < count:
        if time.monotonic() > ends:
            raise TimeoutError("calls are left over")
        time.sleep(0.2)
