"""`Idempotency-Key`: the same key and request get the first answer, a different request under it a conflict.

The key is claimed before the operation runs, with the time and seed its ids are made from; an operation interrupted by
a crash is run again with the same ids once its claim has gone stale (draft-ietf-httpapi-idempotency-key-header).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pymongo.errors import DuplicateKeyError

from jinaconnect.core.clock import Clock
from jinaconnect.core.errors import Conflict
from jinaconnect.store.mongo import Database, guarded

KEEP = timedelta(hours=24)
STALE = timedelta(seconds=30)  # longer than any request may run


@dataclass(frozen=True, slots=True)
class Ticket:
    """A claimed key: run the operation with ids from (`first_at`, `seed`)."""

    id: str
    first_at: datetime
    seed: bytes


@dataclass(frozen=True, slots=True)
class Replay:
    """The stored first answer of a key."""

    status: int
    body: Any
    cursor: str | None


class Idempotency:
    """Claims keys and keeps first answers."""

    def __init__(self, database: Database, clock: Clock, key: bytes) -> None:
        self._rows = database["idempotency"]
        self._clock = clock
        self._key = key

    async def prepare(self) -> None:
        """Create the expiry index."""
        await self._rows.create_index([("at", 1)], name="expiry", expireAfterSeconds=int(KEEP.total_seconds()))

    def _seed(self, id: str) -> bytes:
        return hmac.digest(self._key, id.encode(), hashlib.sha256)

    @guarded
    async def claim(self, scope: str, principal: str, key: str, request: bytes) -> Ticket | Replay:
        """Claim a key for a request.

        Raises Conflict with code `idempotency_mismatch` for another request under the key, or
        `idempotency_in_progress` while the first is still running.
        """
        id = hashlib.sha256(f"{scope}\0{principal}\0{key}".encode()).hexdigest()
        fingerprint = hashlib.sha256(request).hexdigest()
        now = self._clock()
        try:
            await self._rows.insert_one({"_id": id, "scope": scope, "at": now, "tried": now, "request": fingerprint})
            return Ticket(id, now, self._seed(id))
        except DuplicateKeyError:
            row = await self._rows.find_one({"_id": id})
        if row is None:  # expired between the two; the caller's retry starts afresh
            raise Conflict("The first request with this key is ending.", code="idempotency_in_progress", retry_after=1)
        if row["request"] != fingerprint:
            raise Conflict("This Idempotency-Key was used for a different request.", code="idempotency_mismatch")
        if "status" in row:
            return Replay(row["status"], row["body"], row.get("cursor"))
        if row["tried"] > now - STALE:
            raise Conflict(
                "The first request with this key is still running.", code="idempotency_in_progress", retry_after=1
            )
        stale = await self._rows.update_one(
            {"_id": id, "tried": row["tried"], "status": {"$exists": False}},
            {"$set": {"tried": now}},
        )
        if stale.modified_count:
            return Ticket(id, row["at"], self._seed(id))
        raise Conflict(
            "The first request with this key is still running.", code="idempotency_in_progress", retry_after=1
        )

    @guarded
    async def keep(self, ticket: Ticket, status: int, body: Any, cursor: str | None) -> None:
        """Keep the answer of a key."""
        await self._rows.update_one({"_id": ticket.id}, {"$set": {"status": status, "body": body, "cursor": cursor}})

    @guarded
    async def release(self, ticket: Ticket) -> None:
        """Give a key back after a request that changed nothing (a refusal)."""
        await self._rows.delete_one({"_id": ticket.id, "status": {"$exists": False}})

    @guarded
    async def interrupted(self, ticket: Ticket) -> None:
        """Note that the operation broke half-way: the next try may begin at once and makes the same ids."""
        await self._rows.update_one(
            {"_id": ticket.id, "status": {"$exists": False}}, {"$set": {"tried": ticket.first_at - STALE * 2}}
        )
