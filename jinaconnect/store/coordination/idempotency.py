"""`Idempotency-Key`: the same key and request get the first answer, a different request under it a conflict.

The key is claimed before the operation runs, with the time and seed its ids and secrets are made from. The claim is
renewed for as long as the operation runs, however long that is; one interrupted by a crash is run again with the same
ids once its claim has gone stale (draft-ietf-httpapi-idempotency-key-header). Answers are kept sealed, since some hold
what is shown once, and requests as a keyed hash, since some hold passwords.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from pymongo.errors import DuplicateKeyError

from jinaconnect.core.clock import Clock
from jinaconnect.core.errors import Conflict, Unavailable
from jinaconnect.store.databases.mongo import Database, guarded
from jinaconnect.store.ending import ended
from jinaconnect.store.secrets.sealing import Secrets

KEEP = timedelta(hours=24)
STALE = timedelta(seconds=30)
RENEW_S = 8.0  # so that a claim outlives three renewals that failed


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

    def __init__(self, database: Database, clock: Clock, secrets: Secrets) -> None:
        self._rows = database["idempotency"]
        self._clock = clock
        self._secrets = secrets
        self._key = secrets.derive("idempotency")

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
        fingerprint = hmac.digest(self._key, request, hashlib.sha256).hex()
        now = self._clock()
        try:
            await self._rows.insert_one({"_id": id, "scope": scope, "at": now, "tried": now, "request": fingerprint})
            return Ticket(id, now, self._seed(id))
        except DuplicateKeyError:
            row = await self._rows.find_one({"_id": id})
        if row is None:  # expired between the two; the caller's retry starts afresh
            raise Conflict("The first request with this key is ending.", code="idempotency_in_progress", retry_after=1)
        if row["request"] not in (fingerprint, hashlib.sha256(request).hexdigest()):  # unkeyed in earlier versions
            raise Conflict("This Idempotency-Key was used for a different request.", code="idempotency_mismatch")
        if "status" in row:
            kept = self._secrets.open(row["sealed"], _place(id)) if "sealed" in row else row["body"]
            return Replay(row["status"], kept, row.get("cursor"))
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

    @asynccontextmanager
    async def held(self, ticket: Ticket) -> AsyncIterator[None]:
        """Keep a claim from going stale while its operation runs."""
        renewing = asyncio.create_task(self._renew(ticket))
        try:
            yield
        finally:
            await ended([renewing])

    async def _renew(self, ticket: Ticket) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            with contextlib.suppress(Unavailable):  # the next one may succeed
                await self._set_tried(ticket, self._clock())

    @guarded
    async def _set_tried(self, ticket: Ticket, at: datetime) -> None:
        await self._rows.update_one({"_id": ticket.id, "status": {"$exists": False}}, {"$set": {"tried": at}})

    @guarded
    async def keep(self, ticket: Ticket, status: int, body: Any, cursor: str | None) -> None:
        """Keep the answer of a key; `body` is JSON, as a value or encoded."""
        value = orjson.Fragment(body) if isinstance(body, bytes) else body
        sealed = self._secrets.seal(value, _place(ticket.id))
        await self._rows.update_one(
            {"_id": ticket.id}, {"$set": {"status": status, "sealed": sealed, "cursor": cursor}}
        )

    @guarded
    async def release(self, ticket: Ticket) -> None:
        """Give a key back after a request that changed nothing (a refusal)."""
        await self._rows.delete_one({"_id": ticket.id, "status": {"$exists": False}})

    async def interrupted(self, ticket: Ticket) -> None:
        """Note that the operation broke half-way: the next try may begin at once and makes the same ids."""
        await self._set_tried(ticket, ticket.first_at - STALE * 2)


def _place(id: str) -> str:
    return f"idempotency/{id}"
