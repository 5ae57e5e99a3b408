"""How much of something may be done in a day: a row for each thing and day, taken from by every process.

What waits at one moment in a process is counted together, and more while that is on its way: however much is sent from
an account, its row is written by one at a time. A count may be lost with a term of the database's primary.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from pymongo import ReturnDocument
from pymongo.write_concern import WriteConcern

from jinaconnect.core.clock import Clock
from jinaconnect.store.commit import GroupCommit
from jinaconnect.store.databases.mongo import Database, guarded

KEPT = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class _Taking:
    key: str
    count: int
    limit: int


class Allowances:
    """Counts what is used of a day's allowances, and gives out no more than there is."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._rows = database["allowances"].with_options(write_concern=WriteConcern(w=1))
        self._clock = clock
        self._commit = GroupCommit(self._take)

    async def prepare(self) -> None:
        """Create the expiry index."""
        await self._rows.create_index([("at", 1)], name="expiry", expireAfterSeconds=int(KEPT.total_seconds()))

    async def take(self, thing: str, day: str, count: int, limit: int) -> int:
        """Take so many of a day's, or as many as are left below the limit; returns how many those are."""
        return await self._commit.put(_Taking(_key(thing, day), count, limit))

    @guarded
    async def give_back(self, thing: str, day: str, count: int) -> None:
        """Give back what was taken and not used."""
        left = {"$max": [0, {"$subtract": [{"$ifNull": ["$used", 0]}, count]}]}
        await self._rows.update_one({"_id": _key(thing, day)}, [{"$set": {"used": left}}])

    @guarded
    async def used(self, things: Sequence[str], day: str) -> dict[str, int]:
        """Return how many of a day's are taken, by thing."""
        keys = {_key(thing, day): thing for thing in things}
        rows = await self._rows.find({"_id": {"$in": list(keys)}}).to_list()
        return {**dict.fromkeys(things, 0), **{keys[row["_id"]]: int(row["used"]) for row in rows}}

    @guarded
    async def _take(self, asked: list[_Taking]) -> list[int | Exception]:
        by_key: dict[str, list[int]] = defaultdict(list)
        for place, each in enumerate(asked):
            by_key[each.key].append(place)
        results: list[int | Exception] = [0] * len(asked)

        async def one(key: str, places: list[int]) -> None:
            limit, wanted = min(asked[place].limit for place in places), sum(asked[place].count for place in places)
            left = await self._granted(key, wanted, limit)
            for place in places:
                results[place] = given = min(left, asked[place].count)
                left -= given

        await asyncio.gather(*(one(key, places) for key, places in by_key.items()))
        return results

    async def _granted(self, key: str, wanted: int, limit: int) -> int:
        used = {"$ifNull": ["$used", 0]}
        after = {"$max": [used, {"$min": [limit, {"$add": [used, wanted]}]}]}  # none is taken away
        before = await self._rows.find_one_and_update(
            {"_id": key}, [{"$set": {"used": after, "at": {"$ifNull": ["$at", self._clock()]}}}], upsert=True,
            return_document=ReturnDocument.BEFORE,
        )  # fmt: skip
        was = 0 if before is None else int(before["used"])
        return max(0, min(wanted, limit - was))


def _key(thing: str, day: str) -> str:
    return f"{thing} {day}"
