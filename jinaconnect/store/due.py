"""Work to be done later, kept on the documents it belongs to.

A document with a `due` block `{at, by, tries}` wants attention at `at`. Claiming moves `at` to the end of a lease and
writes the claimant into `by`; whoever finishes removes the block or sets a new time. While the work goes on the lease
is renewed. A block whose `at` has passed and that names a claimant was left behind by a process that died in the
middle: the new claimant is told so. `waits` counts what was no try, since something of ours was away.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError
from pymongo.read_concern import ReadConcern

from jinaconnect.core.clock import Clock
from jinaconnect.core.errors import Unavailable
from jinaconnect.store.commit import GroupCommit
from jinaconnect.store.coordination.holding import holding
from jinaconnect.store.databases.mongo import (
    BY_ID,
    IMMUTABLE_FIELD,
    Database,
    Document,
    fault_error,
    guarded,
    or_fail,
)

DUE_COLLECTIONS = (
    "messages", "jobs", "inbound", "calls", "media", "broadcasts", "contact_imports", "contacts", "recordings",
    "scheduled_messages",
)  # fmt: skip
_RELEASED = ("jobs", "inbound", "media", "contact_imports", "contacts", "recordings", "scheduled_messages")
_REVISED = ("broadcasts",)  # whose claim is a change like any other: what was decided before it is decided again
LEASE = timedelta(seconds=60)
CLAIMED_AT_ONCE = 100


def process_name() -> str:
    """Return a name for this process that tells others where it runs and under which id.

    The namespace goes with the id, so that nobody takes a process of another container for a dead one; so does which
    start of which machine it is, since machines made of one image are alike in everything else.
    """
    namespace = os.stat("/proc/self/ns/pid").st_ino
    return f"{socket.gethostname()}/{_machine()}/{namespace}:{os.getpid()}:{secrets.token_hex(4)}"


def _machine() -> str:
    told = [Path("/proc/sys/kernel/random/boot_id"), Path("/etc/machine-id")]
    known = "".join(path.read_text().strip() for path in told if path.exists())
    return hashlib.sha256(known.encode()).hexdigest()[:12]


def due_at(moment: datetime) -> Document:
    """Return the block of work that nobody has begun."""
    return {"at": moment, "by": None, "tries": 0}


@dataclass(slots=True)
class Lease:
    """How long a claim stands, as far as its holder knows; `lost` says that the document is no longer theirs."""

    until: datetime
    lost: bool = False

    def lasts(self, moment: datetime) -> bool:
        """Tell whether nobody else can have taken the document by a moment."""
        return not self.lost and moment < self.until


@dataclass(frozen=True, slots=True)
class Claim:
    """A document taken for work; `abandoned` tells that an earlier attempt never reported back."""

    doc: Document
    tries: int
    abandoned: bool
    lease: Lease

    @property
    def waits(self) -> int:
        """How often it was put off since the last try for what is no fault of it: those are no tries."""
        return int(self.doc["due"].get("waits", 0))


@dataclass(frozen=True, slots=True)
class Step:
    """What came of an attempt, to be put on a list of its document that holds so many at most, the first ones."""

    name: str
    step: Document
    most: int

    def pushed(self) -> Document:
        """Return what an update pushes."""
        return {self.name: {"$each": [self.step], "$slice": self.most}}


def _claim_of(before: Document, now: datetime) -> Claim:
    due = before["due"]
    return Claim(before, due["tries"] + 1, due["by"] is not None, Lease(now + LEASE))


def _as_read(doc: Document) -> Document:
    """Return the query that finds a document if it is as it was read: pure work has no revision."""
    due = doc["due"]
    return {"_id": doc["_id"], "scope": doc["scope"], "rev": doc.get("rev"), "due.at": due["at"], "due.by": due["by"]}


class Due:
    """Finds and claims due documents; any number of processes may."""

    def __init__(self, database: Database, clock: Clock, process: str) -> None:
        self._database = database
        self._clock = clock
        self._claims: dict[str, GroupCommit[tuple[str, str], Claim | None]] = {}
        self._finished: dict[str, GroupCommit[str, None]] = {}
        self.process = process

    async def prepare(self) -> None:
        """Create the indexes by time."""
        for name in DUE_COLLECTIONS:
            await self._database[name].create_index(
                [("due.at", 1)], name="due", partialFilterExpression={"due.at": {"$type": "date"}}
            )

    def taken(self, lease: timedelta) -> Document:
        """Return the block of a document that is written already claimed by this process."""
        return {"at": self._clock() + lease, "by": self.process, "tries": 1}

    async def having(self, collections: Sequence[str]) -> list[str]:
        """Return those collections in which something is due now."""
        return await holding(self._database, collections, {"due.at": {"$type": "date", "$lte": self._clock()}})

    @guarded
    async def waiting(self, collection: str, limit: int) -> list[tuple[str, str]]:
        """Return (scope, id) of what is due now, oldest first."""
        rows = self._database[collection].find(
            {"due.at": {"$lte": self._clock()}}, {"scope": 1}, sort=[("due.at", 1)], limit=limit, hint="due"
        )
        return [(row["scope"], row["_id"]) async for row in rows]

    async def claim(self, collection: str, scope: str, id: str) -> Claim | None:
        """Take a due document, or return None when another was first; what is due at one moment is taken together."""
        claims = self._claims.get(collection)
        if claims is None:

            async def take(batch: list[tuple[str, str]]) -> list[Claim | Exception | None]:
                if len(batch) == 1:
                    return [await self._claim(collection, *batch[0])]
                return await self._claim_several(collection, batch)

            claims = self._claims[collection] = GroupCommit(take, limit=CLAIMED_AT_ONCE, lanes=2)
        return await claims.put((scope, id))

    @guarded
    async def _claim(self, collection: str, scope: str, id: str) -> Claim | None:
        now = self._clock()
        before = await self._database[collection].find_one_and_update(
            {"_id": id, "scope": scope, "due.at": {"$lte": now}},
            self._claiming(collection, now), return_document=ReturnDocument.BEFORE,
        )  # fmt: skip
        return None if before is None else _claim_of(before, now)

    @guarded
    async def _claim_several(
        self, collection: str, wanted: Sequence[tuple[str, str]]
    ) -> list[Claim | Exception | None]:  # fmt: skip
        """Take several: read as the primary has them, each is claimed if it is still so, else by itself."""
        now, rows = self._clock(), self._database[collection]
        latest = rows.with_options(read_concern=ReadConcern("local"))
        query = {"_id": {"$in": [id for _, id in wanted]}, "due.at": {"$lte": now}}
        found = {(row["scope"], row["_id"]): row for row in await latest.find(query, hint=BY_ID).to_list()}
        there = [key for key in dict.fromkeys(wanted) if key in found]
        claiming = or_fail(self._claiming(collection, now))
        operations = [UpdateOne(_as_read(found[key]), claiming, upsert=True, hint=BY_ID) for key in there]
        taken: dict[tuple[str, str], Claim | Exception | None] = {key: _claim_of(found[key], now) for key in there}
        try:
            if operations:
                await rows.bulk_write(operations, ordered=False)
        except BulkWriteError as error:
            if error.details["writeConcernErrors"]:
                raise Unavailable("The database is not answering.") from error
            for fault in error.details["writeErrors"]:  # what "not now" is said of fails alone: the others are taken
                key = there[fault["index"]]
                if fault["code"] == IMMUTABLE_FIELD:
                    try:
                        taken[key] = await self._claim(collection, *key)
                    except Unavailable as away:
                        taken[key] = away
                else:
                    taken[key] = fault_error(fault)
        return [taken.pop(key, None) for key in wanted]

    def _claiming(self, collection: str, now: datetime) -> Document:
        revised = {"rev": 1} if collection in _REVISED else {}
        return {"$set": {"due.at": now + LEASE, "due.by": self.process}, "$inc": {"due.tries": 1, **revised}}

    @guarded
    async def renew(self, collection: str, id: str, lease: Lease) -> None:
        """Have a claim of this process stand longer, or note that it is lost."""
        until = self._clock() + LEASE
        mine = {"_id": id, "due.by": self.process}
        result = await self._database[collection].update_one(mine, {"$max": {"due.at": until}}, hint=BY_ID)
        if result.matched_count:
            lease.until = until
        else:
            lease.lost = True

    @guarded
    async def postpone(
        self, collection: str, scope: str, id: str, until: datetime, step: Step | None = None, *,
        afresh: bool = False, waits: bool = False,
    ) -> None:  # fmt: skip
        """Give a document this process has claimed back, to be taken again at `until`.

        `step` is what came of this attempt. `afresh` says that it went well, and what comes next is no further try;
        `waits` that this was none: something of ours was away.
        """
        update: Document = {"$set": {"due.at": until, "due.by": None, **({"due.tries": 0} if afresh else {})}}
        if waits:
            update["$inc"] = {"due.tries": -1, "due.waits": 1}
        else:
            update["$unset"] = {"due.waits": ""}
        if step is not None:
            update |= {"$push": step.pushed(), "$inc": {**update.get("$inc", {}), "rev": 1}}
        await self._database[collection].update_one({"_id": id, "scope": scope, "due.by": self.process}, update)

    @guarded
    async def give_back(
        self, collection: str, scope: str, id: str, until: datetime, turn: int, step: Step | None = None
    ) -> None:
        """Give a document this process has claimed back, as if untried, to be taken again at `until`.

        `turn` stays on its block: how far its wait for a turn has come; `step` is what came of asking all the same.
        """
        given: Document = {"$set": {"due.at": until, "due.by": None, "due.turn": turn}, "$inc": {"due.tries": -1}}
        if step is not None:
            given |= {"$push": step.pushed(), "$inc": {"due.tries": -1, "rev": 1}}
        await self._database[collection].update_one({"_id": id, "scope": scope, "due.by": self.process}, given)

    @guarded
    async def hasten(self, collection: str, scope: str, id: str) -> None:
        """Let a document that waits be due now; one that somebody has claimed stays theirs."""
        now = self._clock()
        waiting = {"_id": id, "scope": scope, "due.by": None, "due.at": {"$gt": now}}
        await self._database[collection].update_one(waiting, {"$set": {"due.at": now}})

    @guarded
    async def put_back(self, collection: str, ids: list[str], until: datetime) -> None:
        """Let due documents wait behind others, as they are."""
        await self._database[collection].update_many(
            {"_id": {"$in": ids}, "due.at": {"$lte": self._clock()}}, {"$set": {"due.at": until}}
        )

    @guarded
    async def add(self, collection: str, docs: Sequence[Document]) -> None:
        """Store documents of pure work (jobs); an id that is there stays as it is."""
        operations = [
            UpdateOne({"_id": doc["_id"]}, {"$setOnInsert": {k: v for k, v in doc.items() if k != "_id"}}, upsert=True)
            for doc in docs
        ]
        if operations:
            await self._database[collection].bulk_write(operations, ordered=False)

    async def finish(self, collection: str, ids: Sequence[str]) -> None:
        """Remove documents of pure work; what is finished at one moment goes in one round trip."""
        finished = self._finished.get(collection)
        if finished is None:

            async def remove(batch: list[str]) -> list[Exception | None]:
                return await self._remove(collection, batch)

            finished = self._finished[collection] = GroupCommit(remove)
        await finished.put_many(ids)

    @guarded
    async def _remove(self, collection: str, ids: list[str]) -> list[Exception | None]:
        await self._database[collection].delete_many({"_id": {"$in": ids}})
        return [None] * len(ids)

    @guarded
    async def inherit(self) -> int:
        """End the leases of processes that died on this machine, so nobody waits for them; returns how many.

        The claimant stays named: whoever takes the work next knows that it had been begun.
        """
        ended = 0
        leased = {"due.at": {"$type": "date", "$gt": self._clock()}}
        for name in await holding(self._database, DUE_COLLECTIONS, leased):
            held: list[Document] = [{"$match": {"due.at": {"$gt": self._clock()}}}, {"$group": {"_id": "$due.by"}}]
            rows = await self._database[name].aggregate(held, hint="due")  # which nothing but a hint makes it use
            claimants = [row["_id"] for row in await rows.to_list()]
            dead = [claimant for claimant in claimants if claimant and self.died(claimant)]
            if dead:
                result = await self._database[name].update_many(
                    {"due.by": {"$in": dead}, "due.at": {"$gt": self._clock()}}, {"$set": {"due.at": self._clock()}},
                    hint="due",
                )
                ended += result.modified_count
        return ended

    def died(self, claimant: str) -> bool:
        """Tell whether a process of this machine and namespace is gone; False for those of other machines."""
        place, _, rest = claimant.partition(":")
        id = rest.partition(":")[0]
        if place != self.process.partition(":")[0] or not id.isdigit():
            return False
        if int(id) == os.getpid():
            return claimant != self.process
        try:
            os.kill(int(id), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    @guarded
    async def release(self) -> int:
        """Give back what this process holds and another may begin again (at a drain); returns how many."""
        released = 0
        for name in _RELEASED:
            result = await self._database[name].update_many(
                {"due.by": self.process}, {"$set": {"due.at": self._clock(), "due.by": None}}
            )
            released += result.modified_count
        return released
