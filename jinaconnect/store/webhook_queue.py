"""What outbound webhooks keep: how far each endpoint has got, and what came of deliveries; written in batches.

A position is written by the process that leads its endpoint alone: each write names the generation of the lease it was
taken with, so that one that was held up writes nothing over what its successor has done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pymongo import ReturnDocument, UpdateOne

from jinaconnect.core.events.event import Recorded, recorded
from jinaconnect.store import ahead
from jinaconnect.store.databases.mongo import Database, Document, check_storable, guarded

POSITIONS, DELIVERIES = "webhook_positions", "webhook_deliveries"


@dataclass(frozen=True, slots=True)
class Save:
    """What is to be kept of a position, under the generation it was taken with."""

    id: str
    generation: int
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt at a delivery: a new row, or one more attempt of a row that is there."""

    id: str
    attempt: Mapping[str, Any]
    fields: Mapping[str, Any]
    first: Mapping[str, Any] | None = field(default=None)


class WebhookQueue:
    """Reads and writes positions and deliveries for the gateway's own work."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._positions = database[POSITIONS]
        self._deliveries = database[DELIVERIES]
        self._events = database["events"]

    async def prepare(self) -> None:
        """Create the index by which deliveries are forgotten."""
        await self._deliveries.create_index("expires_at", expireAfterSeconds=0, name="expires")

    @guarded
    async def claim(self, scope: str, id: str, generation: int, due_at: datetime) -> Document | None:
        """Take a position over under a generation; None where it is gone, or somebody later has it."""
        return await self._positions.find_one_and_update(
            {"_id": id, "scope": scope, "generation": {"$lte": generation}},
            {"$set": {"generation": generation, "due_at": due_at}},
            return_document=ReturnDocument.AFTER,
        )

    @guarded
    async def save(self, saves: Sequence[Save]) -> set[str]:
        """Write positions; returns those that are another's by now, or gone."""
        if not saves:
            return set()
        result = await self._positions.bulk_write(
            [UpdateOne({"_id": each.id, "generation": each.generation}, {"$set": dict(each.fields)}) for each in saves],
            ordered=False,
        )
        if result.matched_count == len(saves):
            return set()
        wanted = {each.id: each.generation for each in saves}
        rows = await self._positions.find({"_id": {"$in": list(wanted)}}, {"generation": 1}).to_list()
        return wanted.keys() - {row["_id"] for row in rows if row["generation"] == wanted[row["_id"]]}

    @guarded
    async def record(self, attempts: Sequence[Attempted]) -> None:
        """Write attempts into the log of deliveries; may be repeated where it is not known whether they were."""
        rows = [
            {"_id": each.id, **each.first, **each.fields, "attempts": [dict(each.attempt)]}
            for each in attempts if each.first is not None
        ]  # fmt: skip
        if rows:
            encoded = [check_storable(row) for row in rows]
            done = await ahead.insert(self._database, DELIVERIES, encoded, ordered=False, concern=ahead.DURABLE)
            done.taken()  # those are there already
        further = [
            UpdateOne({"_id": each.id}, {"$set": dict(each.fields), "$push": {"attempts": dict(each.attempt)}})
            for each in attempts if each.first is None
        ]  # fmt: skip
        if further:
            await self._deliveries.bulk_write(further, ordered=True)

    @guarded
    async def rest(self, ids: Sequence[str]) -> None:
        """Have positions wait until somebody asks for them."""
        await self._positions.update_many({"_id": {"$in": list(ids)}}, {"$set": {"due_at": None}})

    @guarded
    async def reached(self, scopes: Sequence[str]) -> dict[str, int]:
        """Return how far the endpoint has got that is least far, for each scope that has one."""
        stages: list[Document] = [
            {"$match": {"scope": {"$in": list(scopes)}}}, {"$group": {"_id": "$scope", "done": {"$min": "$done"}}}
        ]  # fmt: skip
        rows = await self._positions.aggregate(stages)
        return {row["_id"]: row["done"] for row in await rows.to_list()}

    @guarded
    async def forget(self, scope: str, endpoint: str) -> None:
        """Drop the positions of an endpoint that is gone."""
        await self._positions.delete_many({"scope": scope, "endpoint": endpoint})

    @guarded
    async def of_key(self, scope: str, key: str, first: int, last: int, limit: int) -> list[Recorded]:
        """Return events of one ordering key within a stretch of the log.

        It walks the stretch: for keys that were left behind, which are few, and not far.
        """
        alone = {"contact": None, "call": None, "subject": key}
        fits = [{"call": key}, {"contact": key, "call": None}, alone]
        rows = self._events.find(
            {"scope": scope, "seq": {"$gte": first, "$lte": last}, "$or": fits}, sort=[("seq", 1)], limit=limit
        )
        return [recorded(scope, row) for row in await rows.to_list()]

    @guarded
    async def event(self, scope: str, seq: int) -> Recorded | None:
        """Return the event with a number, None where it is no longer kept."""
        row = await self._events.find_one({"scope": scope, "seq": seq})
        return None if row is None else recorded(scope, row)
