"""What a process holds of hosted calls, so that a webhook is answered after one write and no look.

A call is held as this process wrote it last. That may not be what it is now, for any process writes it: so what is held
is good for being written alone, where the write finds out (`rev`), never for an answer without one. Its account, its
graph and its prompts are kept for a minute at most and read again behind the answer; what this process changes of them
it forgets at once.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from jinaconnect.actions.context import Services
from jinaconnect.actions.worker import Worker, retry_while_unavailable
from jinaconnect.core.calls.document import ended
from jinaconnect.core.errors import Unavailable
from jinaconnect.core.events.catalogue import CATALOGUE
from jinaconnect.core.principal import parse_scope
from jinaconnect.store.databases.mongo import Document

CALLS, KEPT = 2_000, 5_000
FRESH_S = 1.0  # what was read so lately is not read again
STALE_S = 60.0  # what was read longer ago is not used any more

T = TypeVar("T")


class Held:
    """Holds calls and what goes with them (`Holder` of the journal)."""

    def __init__(self, services: Services, worker: Worker) -> None:
        self._services = services
        self._worker = worker
        self._calls: OrderedDict[str, Document] = OrderedDict()
        self._untold: dict[str, list[dict[str, Any]]] = {}
        self._arrived: dict[tuple[str, str], str] = {}
        self._kept: OrderedDict[str, tuple[float, Any]] = OrderedDict()
        self._reading: dict[str, asyncio.Task[bool]] = {}
        self._changes = 0

    # ---- calls

    def call(self, id: str, scope: str, turn: int | None) -> Document | None:
        """Return a call as this process wrote it last, None where it did not, or `turn` shows that it went on since.

        A callback of another turn than the one held is a repetition or comes from another process's document.
        """
        doc = self._calls.get(id)
        if doc is None or doc["scope"] != scope:
            return None
        at = -1 if doc["ivr"] is None else doc["ivr"]["state"]["turn"]
        return doc if turn is None or doc["ivr"] is None or turn == at else None

    def arrived(self, account: str, id: str) -> Document | None:
        """Return the call that came in under a carrier's id, as `call` does."""
        return self._calls.get(self._arrived.get((account, id), ""))

    def hold(self, doc: Document) -> None:
        """Remember a call as it has just been written; one that has ended is let go."""
        known = self._calls.get(doc["_id"])
        if known is not None and known["rev"] > doc["rev"]:
            return  # written by another request of this process meanwhile
        if ended(doc):
            self._let_go(doc["_id"])
            return
        self._calls[doc["_id"]] = doc
        self._calls.move_to_end(doc["_id"])
        if (name := doc["hosted"].get("arrived")) is not None:
            self._arrived[doc["provider_config"], name] = doc["_id"]
        if len(self._calls) > CALLS:
            self._let_go(next(iter(self._calls)))

    def _let_go(self, id: str) -> None:
        if (doc := self._calls.pop(id, None)) is not None:
            self._arrived.pop((doc["provider_config"], doc["hosted"].get("arrived")), None)

    def tell(self, doc: Document) -> None:
        """Bring what a call has pending to the log behind its writer; after a crash the sweep does."""
        if not doc["pending"]:
            return
        id = doc["_id"]
        going_on = self._untold.get(id)
        if going_on is not None:
            known = {row["_id"] for row in going_on}
            going_on += [row for row in doc["pending"] if row["_id"] not in known]
            return
        self._untold[id] = list(doc["pending"])
        self._worker.run(self._tell(id, doc["scope"]))

    async def _tell(self, id: str, scope: str) -> None:
        store, rows = self._services.store.within(scope), self._untold[id]
        try:
            while batch := tuple(rows):
                told = {"_id": id, "scope": scope, "pending": batch}
                await retry_while_unavailable(functools.partial(store.tell, "calls", [told]))
                del rows[: len(batch)]
        finally:
            del self._untold[id]

    # ---- what is read for them

    async def read(self, key: str, read: Callable[[], Awaitable[T]], stale_s: float = STALE_S) -> T:
        """Return what `read` found under a key a while ago, or finds now; what is not fresh is read again behind."""
        kept, now = self._kept.get(key), time.monotonic()
        if kept is None or now - kept[0] > stale_s:
            return await self._read(key, read)
        if now - kept[0] > FRESH_S and key not in self._reading:
            task = self._reading[key] = self._worker.run(self._again(key, read))
            task.add_done_callback(lambda done: self._reading.pop(key, None))
        found: T = kept[1]
        return found

    async def _again(self, key: str, read: Callable[[], Awaitable[Any]]) -> None:
        try:
            await self._read(key, read)
        except Unavailable:
            raise
        except Exception:  # who asks next is told
            self._kept.pop(key, None)

    async def _read(self, key: str, read: Callable[[], Awaitable[T]]) -> T:
        changes = self._changes
        found = await read()
        if found is not None and changes == self._changes:  # else it may be of before the change
            self._kept[key] = (time.monotonic(), found)
            self._kept.move_to_end(key)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        elif found is None:
            self._kept.pop(key, None)
        return found

    def changed(self, scope: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Forget what an event tells may have changed (a listener of the log): accounts, numbers, graphs, prompts."""
        changed = [row["subject"] for row in rows if CATALOGUE[row["type"]].topic == "trunks"]
        if not changed:
            return
        self._changes += 1
        for subject in changed:
            self._kept.pop(subject, None)
        tenant = f"{parse_scope(scope)[0]}:"  # both modes: they share the voice app
        for key in [key for key in self._kept if key.startswith(tenant)]:
            del self._kept[key]
