"""The law of events: whatever any test makes the gateway tell fits the model of its type.

Gateways in this process are listened to as they tell it; of those that run as programs the log is read at their end.
What a test itself writes into a log, by the actor `test`, is its own affair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson
from pydantic import ValidationError
from pymongo import AsyncMongoClient

from jinaconnect.core.events.catalogue import CATALOGUE
from jinaconnect.core.events.event import recorded
from jinaconnect.store.log import Log

NEWEST = 20_000  # events of a program's log that are read
found: list[str] = []  # since the last test


def watch(log: Log) -> None:
    """Look at every event that a gateway of this process tells."""
    log.listeners.append(_heard)


def _heard(scope: str, rows: Sequence[Mapping[str, Any]]) -> None:
    for row in rows:
        told = orjson.loads(recorded(scope, row).json)
        found.extend(faults(told["type"], told["actor"], told["data"]))


def faults(type: str, actor: Mapping[str, Any], data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what does not fit in an event: its type, the path, why, and the value."""
    if actor.get("id") == "test":
        return
    try:
        CATALOGUE[type].payload.model_validate(data)
    except ValidationError as error:
        for each in error.errors(include_url=False, include_context=False):
            path = ".".join(map(str, each["loc"]))
            yield f"{type} {path}: {each['msg']}, not {each['input']!r}"[:500]


async def read_back(uri: str, database: str) -> list[str]:
    """Return what does not fit in the newest events of a database."""
    told: list[str] = []
    async with AsyncMongoClient[dict[str, Any]](uri, serverSelectionTimeoutMS=5000) as client:
        rows = client[database]["events"].find({}, {"type": 1, "actor": 1, "data": 1}).sort("$natural", -1)
        async for row in rows.limit(NEWEST):
            told.extend(faults(row["type"], row["actor"], row["data"]))
    return told
