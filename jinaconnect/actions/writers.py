"""Which process is a tenant's usual writer, and handing it what others took in.

Any process may write any tenant's log: its unique index keeps the numbers right. But processes that write to one log
at once collide and write in small batches. So one process at a time holds a tenant's soft lease, and the others
hand it the webhook bodies they take in. Nothing depends on it: where the holder does not answer, Redis is away or
there is one process alone, a process does its own work.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from functools import partial
from typing import Any

import orjson

from jinaconnect.core.principal import parse_scope
from jinaconnect.store.commit import GroupCommit
from jinaconnect.store.coordination.notifications import Kind, written
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.databases.redis import RedisLink

LEASE_S = 15
RENEW_S = 5.0  # how long a holder goes by its own lease before it renews it
TRUST_S = 2.0  # how long others go by what they have heard of the holder
ANSWER_S = 2.0  # a holder that has not answered by then is stopped, or very busy: the work is done here as well
BATCH = 50
KEPT = 10_000  # tenants whose holder is remembered
CARRIED_BYTES = 64 * 1024  # larger bodies are applied where they came in

Apply = Callable[[Document], Awaitable[bool]]


class Writers:
    """The soft leases of this process, and what goes between it and the holders of others."""

    def __init__(self, link: RedisLink | None, process: str, *, works: bool) -> None:
        self._link = link
        self._process = process
        self._works = works
        self._holders: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._letters: dict[str, GroupCommit[Document, bool]] = {}
        self._answers: dict[str, asyncio.Future[bool]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, apply: Apply) -> None:
        """Begin to listen: `apply` brings a body into the inbox that another process took in and tells whether it
        did."""
        if self._link is not None:
            self._link.addressed.append(partial(self._addressed, apply))

    async def holder(self, tenant: str) -> str:
        """Return the process that usually writes to a tenant's logs; this one where no other is known to."""
        if self._link is None or not self._works:
            return self._process
        now = asyncio.get_running_loop().time()
        kept = self._holders.get(tenant)
        if kept is not None and kept[0] > now:
            return kept[1]
        holder = await self._link.claim(_lease(tenant), self._process, LEASE_S) or self._process
        self._holders[tenant] = (now + (RENEW_S if holder == self._process else TRUST_S), holder)
        self._holders.move_to_end(tenant)
        while len(self._holders) > KEPT:
            self._holders.popitem(last=False)
        return holder

    # --- webhook bodies ------------------------------------------------------------------------------------------

    async def hand(self, holder: str, row: Document) -> bool:
        """Have a webhook body applied by its tenant's writer; False when that did not happen in time."""
        if len(row["body"]) > CARRIED_BYTES or not _is_text(row["body"]):
            return False
        letters = self._letters.get(holder)
        if letters is None:

            async def send(batch: list[Document]) -> list[bool | Exception]:
                return list(await self._send(holder, batch))

            letters = self._letters[holder] = GroupCommit(send, limit=BATCH)
        answer = self._answers[row["_id"]] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(ANSWER_S):
                if await letters.put(row) and await answer:
                    return True
        except TimeoutError:
            pass  # stopped or very busy: its lease ends, and the next body finds another holder
        finally:
            del self._answers[row["_id"]]
        await self._dismiss(holder, row["scope"])
        return False

    async def _send(self, holder: str, batch: list[Document]) -> list[bool]:
        assert self._link is not None
        rows = [{**{key: row[key] for key in _CARRIED if key in row}, "body": row["body"].decode()} for row in batch]
        letter = orjson.dumps({"from": self._process, "rows": rows})
        return [await self._link.tell(holder, letter.decode())] * len(batch)

    async def _dismiss(self, holder: str, tenant: str) -> None:
        assert self._link is not None
        self._letters.pop(holder, None)
        kept = self._holders.get(tenant)
        if kept is not None and kept[1] == holder:
            del self._holders[tenant]
        await self._link.end_claim(_lease(tenant), holder)

    def _addressed(self, apply: Apply, text: str) -> None:
        letter = orjson.loads(text)
        if "rows" in letter:
            self._beside(self._take(apply, letter["from"], letter["rows"]))
            return
        for id, done in letter["applied"].items():
            answer = self._answers.get(id)
            if answer is not None and not answer.done():
                answer.set_result(done)

    async def _take(self, apply: Apply, sender: str, rows: list[Document]) -> None:
        assert self._link is not None
        bodies = [_received(row) for row in rows]
        results = await asyncio.gather(*map(apply, bodies))
        applied = {row["_id"]: done for row, done in zip(rows, results, strict=True)}
        await self._link.tell(sender, orjson.dumps({"applied": applied}).decode())

    # --- work of a process that does none ------------------------------------------------------------------------

    def announce(self, collection: str, scope: str, id: str) -> None:
        """Tell the processes that work of a document that is due; without Redis their next look finds it."""
        if self._link is not None:
            self._beside(self._link.ring(written(Kind.DUE, collection, scope, id)))

    async def works_for(self, scope: str) -> bool:
        """Tell whether what is due in a scope is this process's to do: its tenant's writer does it."""
        return self._works and await self.holder(parse_scope(scope)[0]) == self._process

    def _beside(self, work: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_CARRIED = ("_id", "scope", "channel", "accounts", "lane", "received_at", "method", "url", "headers", "query")


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _received(row: Document) -> Document:
    return {**row, "body": row["body"].encode(), "received_at": datetime.fromisoformat(row["received_at"])}


def _lease(tenant: str) -> str:
    return f"jc:writer:{tenant}"
