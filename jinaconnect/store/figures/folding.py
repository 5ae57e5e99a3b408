"""The inbox in figures, kept up to date: what `core/inbox/figures.py` makes of the log, some hundred events at a time.

Rows, sums and how far the log has come are written in one transaction, so that no event counts twice, however many
processes fold and whatever is cut off. Nothing is folded for organisations that never ask: the first question begins
it, later ones bring it along. Days are those of a time zone; another one is folded anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import structlog
from pymongo import ReplaceOne, UpdateOne
from pymongo.asynchronous.client_session import AsyncClientSession

from jinaconnect.core.inbox.figures import STANDING, TYPES, Row, Tallies, fold, new_row, seed, stand, standing
from jinaconnect.store.databases.indexes import unhurried
from jinaconnect.store.databases.mongo import Database, Document, guarded
from jinaconnect.store.together import transaction

BATCH = 500
AT_ONCE = 50  # events between which others have the process
FOLDS, ROWS, DAYS = "inbox_folds", "inbox_rows", "inbox_days"
_TOLD = (
    "direction", "platform", "author", "tenant_user", "status", "assignment.assigned_to_user",
    "assignment.assigned_to_type", "assigned_to_user", "assigned_to_type", "merged_into",
)  # fmt: skip
_READ = {
    **dict.fromkeys(("seq", "type", "at", "recorded", "contact", "call", "actor.type", "seen"), 1),
    **{f"data.{name}": 1 for name in _TOLD},
}

logger = structlog.get_logger(__name__)


class _Moved(Exception):
    """Another process was first."""


class Folds:
    """Brings the figures of scopes up to their logs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._running: dict[str, asyncio.Task[None]] = {}
        self._turn = asyncio.Semaphore(2)  # one who is counted for the first time holds up nobody else

    @staticmethod
    def name(scope: str, zone: str) -> str:
        """Return the name of the figures of a scope in a time zone."""
        return f"{scope}@{zone}"

    async def reach(self, scope: str, zone: str, wait_s: float) -> bool:
        """Bring figures up to the log as it is now; returns whether that was done in time: it goes on if not.

        Raises Unavailable.
        """
        loop = asyncio.get_running_loop()
        name, until = self.name(scope, zone), loop.time() + wait_s
        while True:
            task = self._running.get(name)
            begun_now = task is None
            if task is None:
                task = self._running[name] = asyncio.create_task(self._run(scope, zone))
                task.add_done_callback(lambda done: self._ended(name, done))
            done, _ = await asyncio.wait([task], timeout=max(0.0, until - loop.time()))
            if not done:
                return False
            if begun_now:
                task.result()
                return True

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        self._running.pop(name, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.warning("figures.postponed", fold=name, error=repr(error)[:500])

    @guarded
    async def state(self, scope: str, zone: str) -> Document | None:
        """Return how far figures have come; `since` is from when on events are counted, None where from the first."""
        return await self._database[FOLDS].find_one({"_id": self.name(scope, zone), "scope": scope})

    async def begun(self, scope: str) -> list[str]:
        """Return the time zones a scope has figures in: one, as a rule."""
        return [row["zone"] for row in await self._folds(scope)]

    @guarded
    async def _folds(self, scope: str) -> list[Document]:
        return await self._database[FOLDS].find({"scope": scope}).to_list()

    async def _run(self, scope: str, zone: str) -> None:
        with unhurried():
            at = await self._open(scope, zone)
            while events := await self._events(scope, at["seq"]):
                async with self._turn:
                    at = await self._take(at, events)
            while not at["seeded"]:
                async with self._turn:
                    at = await self._seed(at)

    @guarded
    async def _open(self, scope: str, zone: str) -> Document:
        """Return how far the figures have come; those of another zone go."""
        name = self.name(scope, zone)
        for row in await self._folds(scope):
            if row["_id"] != name:
                its = {"$gte": _id(row, ""), "$lt": _id(row, "\uffff")}
                for collection in (ROWS, DAYS):
                    await self._database[collection].delete_many({"_id": its, "scope": scope})
                await self._database[FOLDS].delete_one({"_id": row["_id"], "scope": scope})
        if (held := await self.state(scope, zone)) is not None:
            return held
        first = await self._database["events"].find_one(
            {"scope": scope}, {"seq": 1, "recorded": 1}, sort=[("seq", 1)]
        )  # fmt: skip
        whole = first is None or first["seq"] == 1
        since = None if first is None or whole else first["recorded"]
        fresh = {"scope": scope, "zone": zone, "seq": 0, "since": since, "seeded": whole, "after": ""}
        await self._database[FOLDS].update_one({"_id": name}, {"$setOnInsert": fresh}, upsert=True)
        return await self.state(scope, zone) or {"_id": name, **fresh}

    @guarded
    async def _events(self, scope: str, after: int) -> list[Document]:
        query = {"scope": scope, "seq": {"$gt": after}}
        rows = self._database["events"].find(query, _READ, sort=[("seq", 1)], limit=BATCH, batch_size=BATCH + 1)
        return await rows.to_list()

    async def _take(self, at: Document, events: Sequence[Document]) -> Document:
        zone = ZoneInfo(at["zone"])
        tallies: Tallies = {}
        told = [each for each in events if each["type"] in TYPES and each["contact"] is not None]
        rows = await self._rows(at, {each["contact"] for each in told})
        for place, event in enumerate(told):
            if place % AT_ONCE == 0:
                await asyncio.sleep(0)
            fold(rows.setdefault(event["contact"], new_row()), event, zone, tallies)
        return await self._save(at, {"seq": events[-1]["seq"]}, rows, tallies)

    async def _seed(self, at: Document) -> Document:
        """Take in some of the conversations of which the log tells nothing any more, as they stand."""
        contacts = await self._contacts(at)
        if not contacts:
            return await self._save(at, {"seeded": True}, {}, {})
        rows = await self._rows(at, {each["_id"] for each in contacts})
        tallies: Tallies = {}
        for each in contacts:
            if each["deleted_at"] is None and each.get("merged_into") is None:
                row = rows.setdefault(each["_id"], new_row())
                was = standing(row)
                seed(row, each)
                stand(tallies, (STANDING,), was, standing(row))
        return await self._save(at, {"after": contacts[-1]["_id"]}, rows, tallies)

    @guarded
    async def _contacts(self, at: Document) -> list[Document]:
        query = {"scope": at["scope"], "_id": {"$gt": at["after"]}}
        fields = ("status", "assigned_to_user", "assigned_to_type", "chat.last.platform", "deleted_at", "merged_into")
        rows = self._database["contacts"].find(query, dict.fromkeys(fields, 1), sort=[("_id", 1)], limit=BATCH)
        return await rows.to_list()

    @guarded
    async def _rows(self, at: Document, contacts: set[str]) -> dict[str, Row]:
        ids = [_id(at, contact) for contact in contacts]
        found = self._database[ROWS].find({"_id": {"$in": ids}, "scope": at["scope"]})
        return {row["contact"]: row["row"] for row in await found.to_list()}

    @guarded
    async def _save(self, at: Document, fields: Document, rows: dict[str, Row], tallies: Tallies) -> Document:
        """Write all of a step, or nothing where another process has; returns how far the figures have come."""
        own = {"scope": at["scope"], "fold": at["_id"]}
        replaced = [
            ReplaceOne({"_id": _id(at, contact)}, {**own, "contact": contact, "row": row}, upsert=True)
            for contact, row in rows.items()
        ]
        added = []
        for (day, platform, person), sums in tallies.items():
            key = {**own, "day": day, "platform": platform, "person": person}
            changed = {name: count for name, count in sums.items() if count}
            if changed:
                id = _id(at, f"{day}/{platform}/{person}")
                added.append(UpdateOne({"_id": id}, {"$inc": changed, "$setOnInsert": key}, upsert=True))

        async def write(session: AsyncClientSession) -> None:
            was = {name: at[name] for name in ("_id", "scope", "seq", "after", "seeded")}
            moved = await self._database[FOLDS].update_one(was, {"$set": fields}, session=session)
            if not moved.matched_count:
                raise _Moved
            for collection, changes in ((ROWS, replaced), (DAYS, added)):
                if changes:
                    await self._database[collection].bulk_write(changes, ordered=False, session=session)

        try:
            await transaction(self._database, write)
        except _Moved:
            return await self._open(at["scope"], at["zone"])
        return {**at, **fields}


def _id(at: Document, rest: str) -> str:
    return f"{at['_id']}/{rest}"


