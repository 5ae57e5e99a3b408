"""Single-use tickets that let a browser open a socket without putting a token into a URL."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Any

from jinaconnect.core.clock import Clock
from jinaconnect.store.databases.mongo import Database, guarded

LIFETIME = timedelta(seconds=60)


class Tickets:
    """Issues tickets and redeems each of them once, in whichever process it arrives."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._rows = database["tickets"]
        self._clock = clock

    async def prepare(self) -> None:
        """Create the expiry index."""
        await self._rows.create_index("expires_at", expireAfterSeconds=0)

    @guarded
    async def issue(self, credential: str, expires_at: datetime | None, door: str | None = None) -> tuple[str, int]:
        """Return (ticket, seconds) standing for a sealed credential, at one door alone (None: those of the feed)."""
        ticket = secrets.token_urlsafe(24)
        now = self._clock()
        until = now + LIFETIME if expires_at is None else min(now + LIFETIME, expires_at)
        row = {"_id": _digest(ticket), "credential": credential, "expires_at": until}
        await self._rows.insert_one(row if door is None else {**row, "door": door})
        return ticket, max(0, round((until - now).total_seconds()))

    @guarded
    async def redeem(self, ticket: str, door: str | None = None) -> str | None:
        """Return the credential of a ticket and end it; None when it is unknown, used, late or of another door."""
        row: dict[str, Any] | None = await self._rows.find_one_and_delete({"_id": _digest(ticket), "door": door})
        if row is None or row["expires_at"] < self._clock():
            return None
        return str(row["credential"])


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
