"""Orders to the process that owns a switch, given by another: left as rows, taken by the owner, answered on the row.

How old an order is, is told by the database's clock alone: the processes' own may differ.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from pymongo.errors import DuplicateKeyError

from jinaconnect.core.errors import OutcomeUnknown, Unavailable
from jinaconnect.store.databases.mongo import Database, Document, check_storable, guarded

WAIT_S = 10.0
CARRIED_S = 60.0  # since it was given: a switch that does not answer is waited for several times
LOOK_S, LATE_LOOK_S = 0.05, 0.5
# How often an owner looks for orders: seldom, unless there have been some lately. A bell makes it look at once.
QUIET_S, BUSY_S, BUSY_FOR_S = 1.0, 0.2, 60.0


class SwitchCommands:
    """Leaves, takes and answers orders."""

    def __init__(self, database: Database) -> None:
        self._rows = database["switch_orders"]
        self._bells: dict[str, asyncio.Event] = {}
        self._busy_until: dict[str, float] = {}
        self.given: list[Callable[[str], None]] = []  # told the switch an order was left for

    async def prepare(self) -> None:
        """Create the indexes: what waits for a switch, and the end of rows nobody came back for."""
        waiting = [("switch", 1), ("_id", 1)]
        await self._rows.create_index(waiting, name="waiting", partialFilterExpression={"new": True})
        await self._rows.create_index([("at", 1)], name="kept", expireAfterSeconds=3600)

    async def give(self, id: str, switch: str, order: Mapping[str, Any]) -> Any:
        """Leave an order and return its answer.

        An order nobody has taken in time is withdrawn, and Unavailable is raised: it is carried out now or never. One
        that is being carried out is waited for, and OutcomeUnknown raised in the end. An order that was given before
        under the same id is not carried out once more; only one that was refused is.
        """
        await self._insert(id, switch, order)
        for given in self.given:
            given(switch)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        while loop.time() < begun + CARRIED_S:
            row = await self._read(id)
            if row is not None and "answer" in row:
                return row["answer"]
            late = loop.time() > begun + WAIT_S
            if late and (row is None or await self._withdraw(id)):
                raise Unavailable("The process that holds this call does not answer.", retry_after=2)
            await asyncio.sleep(LATE_LOOK_S if late else LOOK_S)
        raise OutcomeUnknown("The order is being carried out, and its outcome is not known yet.")

    @guarded
    async def _insert(self, id: str, switch: str, order: Mapping[str, Any]) -> None:
        check_storable({"order": order})
        row = {"_id": {"$literal": id}, "switch": {"$literal": switch}, "at": "$$NOW", "new": True}
        full = {**row, "order": {"$literal": dict(order)}}
        again = {"_id": id, "$or": [{"switch": None}, {"answer.refused": {"$exists": True}}]}
        with contextlib.suppress(DuplicateKeyError):
            await self._rows.update_one(again, [{"$replaceWith": full}], upsert=True)

    @guarded
    async def _read(self, id: str) -> Document | None:
        return await self._rows.find_one({"_id": id})

    @guarded
    async def _withdraw(self, id: str) -> bool:
        return bool((await self._rows.delete_one({"_id": id, "new": True})).deleted_count)

    def ring(self, switch: str) -> None:
        """Have the owner of a switch, if it is this process, look for orders now."""
        self._bells.setdefault(switch, asyncio.Event()).set()

    async def next(self, switch: str) -> Document | None:
        """Take the oldest order of a switch (see `take`), or wait until it is time to look again and return None."""
        bell, loop = self._bells.setdefault(switch, asyncio.Event()), asyncio.get_running_loop()
        bell.clear()
        row: Document | None = None
        with contextlib.suppress(Unavailable):
            row = await self.take(switch)
        if row is not None:
            self._busy_until[switch] = loop.time() + BUSY_FOR_S
            return row
        busy = loop.time() < self._busy_until.get(switch, 0.0)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BUSY_S if busy else QUIET_S):
                await bell.wait()
        return None

    @guarded
    async def take(self, switch: str) -> Document | None:
        """Return the oldest order that waits for a switch, now taken, or None; one past its time is passed over."""
        fresh = {"$gt": ["$at", {"$subtract": ["$$NOW", int(WAIT_S * 1000)]}]}
        return await self._rows.find_one_and_update(
            {"switch": switch, "new": True, "$expr": fresh}, {"$unset": {"new": ""}}, sort=[("_id", 1)]
        )

    @guarded
    async def answer(self, id: str, answer: Any) -> None:
        """Write the answer for whoever waits."""
        await self._rows.update_one({"_id": id}, {"$set": {"answer": answer}})
