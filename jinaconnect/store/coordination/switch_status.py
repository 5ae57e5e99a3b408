"""How the deployment's switches are, as their owners report it; no tenant's data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.core.clock import Clock
from jinaconnect.store.databases.mongo import Database, Document, guarded


class SwitchStatus:
    """Keeps one row for each switch."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._rows = database["switch_states"]
        self._clock = clock

    @guarded
    async def put(self, name: str, fields: Mapping[str, Any]) -> None:
        """Write how a switch is now."""
        await self._rows.update_one({"_id": name}, {"$set": {"seen_at": self._clock(), **fields}}, upsert=True)

    @guarded
    async def get(self, name: str) -> Document | None:
        """Return how a switch was when its owner last reported, None for one nobody has owned."""
        return await self._rows.find_one({"_id": name})

    @guarded
    async def all(self) -> list[Document]:
        """Return every switch's row, by name."""
        return await self._rows.find({}, sort=[("_id", 1)]).to_list()
