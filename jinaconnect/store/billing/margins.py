"""The margins of the deployment: rows that are only ever added and ended, so that what was sent keeps its price."""

from __future__ import annotations

import time
from datetime import date
from decimal import Decimal
from typing import Any

from jinaconnect.core.billing.prices import Margin
from jinaconnect.core.errors import NotFound
from jinaconnect.store.databases.mongo import Database, Document, guarded

KNOWN_FOR_S = 5.0  # how long another process may go by what was before
MOST = 10_000


class Margins:
    """Keeps margins, and knows them all: `rows` are what was read last."""

    def __init__(self, database: Database) -> None:
        self._rows = database["margins"]
        self._known_until = 0.0
        self.rows: tuple[Margin, ...] = ()

    async def refresh(self) -> None:
        """Read them where they were read some seconds ago."""
        if time.monotonic() >= self._known_until:
            await self.all()

    @guarded
    async def all(self) -> list[Document]:
        """Read them; returns them as they are kept, the newest first."""
        docs: list[Document] = await self._rows.find({}, sort=[("_id", -1)], limit=MOST).to_list()
        self.rows = tuple(margin(doc) for doc in docs)
        self._known_until = time.monotonic() + KNOWN_FOR_S
        return docs

    async def add(self, doc: Document) -> None:
        """Add a row; one that is there stays as it is."""
        await self._add(doc)
        await self.all()

    @guarded
    async def _add(self, doc: Document) -> None:
        await self._rows.update_one({"_id": doc["_id"]}, {"$setOnInsert": doc}, upsert=True)

    @guarded
    async def get(self, id: str) -> Document:
        """Return a row; raises NotFound."""
        doc: Document | None = await self._rows.find_one({"_id": id})
        if doc is None:
            raise NotFound()
        return doc

    async def end(self, id: str, valid_to: date) -> None:
        """Say on which day a row holds last."""
        await self._end(id, valid_to)
        await self.all()

    @guarded
    async def _end(self, id: str, valid_to: date) -> None:
        await self._rows.update_one({"_id": id}, {"$set": {"valid_to": valid_to.isoformat()}})


def margin(doc: Document) -> Margin:
    """Return a row as prices are worked out with it."""
    fields: dict[str, Any] = {name: doc[name] for name in ("tenant", "country", "category")}
    ends = doc["valid_to"]
    return Margin(
        id=doc["_id"], percent=Decimal(doc["percent"]), valid_from=date.fromisoformat(doc["valid_from"]),
        valid_to=None if ends is None else date.fromisoformat(ends), **fields,
    )  # fmt: skip
