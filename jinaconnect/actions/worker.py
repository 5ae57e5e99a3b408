"""The process's hands: takes due work at once when it arises here, and sweeps for what others left.

Work is named by the collection it lies in: `messages` (sends), `inbound` (webhook bodies), `media` (files to be
fetched), `calls`, `jobs` (everything else by kind). Each has slots of its own, of which a tenant has a share. A
handler that raises Unavailable is tried again until that passes, which counts as no try; any other error is logged and
retried as well. The pauses grow. The claim of what takes long is renewed, so that no other process takes it for
abandoned.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, TypeVar

import structlog

from jinaconnect.actions.shares import Shares
from jinaconnect.core.clock import Clock
from jinaconnect.core.errors import GatewayError, Unavailable
from jinaconnect.core.principal import parse_scope
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import LEASE, Claim, Due, Lease, due_at
from jinaconnect.store.ending import ended

SWEEP_EVERY_S = 1.0  # for all processes together: each of them looks that much more seldom
FIRST_WITHIN_S = 10.0  # after the start: what is done each hour is done once before the first one
AGAIN_BUSY_S = 0.05  # between two looks while there is more than one look brings
BATCH = 100
AGAIN_S = 0.5  # between two tries at a database that is away
RENEWED_AFTER = timedelta(seconds=10)  # how old a claim is at least when it is renewed: most work is done long before
# Pieces of work in progress in one process: in all and for one tenant, by the collection they lie in.
AT_ONCE = {"messages": (256, 32), "media": (16, 4)}
OTHERS_AT_ONCE = (64, 16)
BEHIND = timedelta(seconds=2)  # how long work waits whose tenant has more than its share waiting
MAX_TRIES = 8
MAX_PAUSE = timedelta(minutes=10)
MAX_WAITS = 4_000  # a month of them: what is away for so long (a switch, a provider) was taken out

logger = structlog.get_logger(__name__)
Handler = Callable[[Claim], Awaitable[None]]
T = TypeVar("T")
Job = Callable[[str, dict[str, Any]], Awaitable[None]]


async def retry_while_unavailable(write: Callable[[], Awaitable[Any]]) -> None:
    """Write what may not get lost, again and again while the database is away; raises Unavailable after a lease."""
    ends = asyncio.get_running_loop().time() + LEASE.total_seconds()
    while True:
        try:
            await write()
            return
        except Unavailable:
            if asyncio.get_running_loop().time() > ends:
                raise
        await asyncio.sleep(AGAIN_S)


def _tenant(scope: str) -> str:
    return parse_scope(scope)[0]


class Worker:
    """Runs due work until told to stop."""

    def __init__(
        self, due: Due, clock: Clock, announce: Callable[[str, str, str], None], *, active: bool, processes: int
    ) -> None:  # fmt: skip
        self._due = due
        self._clock = clock
        self._announce = announce
        self._active = active
        self._sweep_every_s = SWEEP_EVERY_S * processes
        self._handlers: dict[str, Handler] = {"jobs": self._run_job}
        self._jobs: dict[str, Job] = {}
        self._lasting: set[str] = set()
        self._shares: defaultdict[str, Shares] = defaultdict(lambda: Shares(*OTHERS_AT_ONCE))
        self._shares.update({name: Shares(*sizes) for name, sizes in AT_ONCE.items()})
        self._tasks: set[asyncio.Task[Any]] = set()
        self._running: set[tuple[str, str]] = set()
        self._held: dict[tuple[str, str], Lease] = {}
        self._periodic: list[tuple[float, Callable[[], Awaitable[Any]]]] = []
        self._loops: list[asyncio.Task[None]] = []
        self._renewing: list[asyncio.Task[None]] = []
        self._stopping = False
        self._left = False
        self._wake = asyncio.Event()

    @property
    def active(self) -> bool:
        """Whether this process does work at all (roles `all` and `worker`)."""
        return self._active and not self._stopping

    def now(self) -> datetime:
        """Return the present, by which work is due."""
        return self._clock()

    def handle(self, collection: str, handler: Handler, at_once: tuple[int, int] | None = None) -> None:
        """Name who does the work of a collection, and how much of it at once: in all and for one tenant."""
        self._handlers[collection] = handler
        if at_once is not None:
            self._shares[collection] = Shares(*at_once)

    def handle_job(self, kind: str, job: Job, *, lasting: bool = False) -> None:
        """Name who does the jobs of a kind; called with (scope, data). A `lasting` kind is tried until it is done."""
        self._jobs[kind] = job
        if lasting:
            self._lasting.add(kind)

    def every(self, seconds: float, call: Callable[[], Awaitable[Any]]) -> None:
        """Call something again and again."""
        self._periodic.append((seconds, call))

    def start(self) -> None:
        """Begin to sweep."""
        if self._active:
            self._renewing = [asyncio.create_task(self._renew())]
            self._loops = [asyncio.create_task(self._sweep())]
            self._loops += [asyncio.create_task(self._repeat(seconds, call)) for seconds, call in self._periodic]

    async def stop(self, within_s: float) -> None:
        """Take nothing new, finish what runs, give back what is not finished."""
        self._stopping = True
        await ended(self._loops)
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=within_s)
        await ended((*self._tasks, *self._renewing))
        try:
            await self._due.release()
        except Unavailable:
            logger.info("worker.release_skipped")  # the leases end by themselves

    def run_now(self, collection: str, scope: str, id: str) -> None:
        """Do a piece of work now; a process that does none tells those that do."""
        if not self._active:
            self._announce(collection, scope, id)
        if not self.active or (collection, id) in self._running:
            return
        shares, tenant = self._shares[collection], _tenant(scope)
        if shares.crowded(tenant):
            self._left = True  # what a tenant has too much of is taken up when something of it is done
        else:
            self._running.add((collection, id))
            self._spawn(self._work(collection, scope, id, shares.join(tenant)))

    def taken(self) -> Document:
        """Return the `due` block of a document for work that this process does at once: see `run_taken`."""
        return self._due.taken(LEASE) if self.active else due_at(self._clock())

    def run_taken(self, collection: str, doc: Document) -> None:
        """Do what a document has just been written claimed for; what there is no room for waits to be claimed."""
        scope, id = doc["scope"], doc["_id"]
        if doc["due"]["by"] != self._due.process:
            self.run_now(collection, scope, id)
        elif not self.active or self._shares[collection].crowded(_tenant(scope)):
            self._left = True
            self.run(self._due.postpone(collection, scope, id, self._clock(), afresh=True))
        elif (collection, id) not in self._running:
            self._running.add((collection, id))
            claim = Claim(doc, doc["due"]["tries"], abandoned=False, lease=Lease(doc["due"]["at"]))
            self._spawn(self._work(collection, scope, id, self._shares[collection].join(_tenant(scope)), claim))

    def run(self, work: Any) -> asyncio.Task[bool]:
        """Run a coroutine of this process that a stop waits for; the task tells whether it was done."""
        return self._spawn(self._watched(work))

    async def _watched(self, work: Any) -> bool:
        try:
            await work
        except Unavailable:
            logger.info("work.waits")  # its lease brings it back
        except Exception as error:
            logger.error("work.broken", exc_info=error)
        else:
            return True
        return False

    def accounted(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a task of this process that a stop waits for; its errors are its caller's."""
        return self._spawn(work)

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _work(
        self, collection: str, scope: str, id: str, slot: AbstractAsyncContextManager[None], claim: Claim | None = None
    ) -> None:
        try:
            async with slot:
                claim = claim or await self._due.claim(collection, scope, id)
                if claim is not None:
                    self._held[collection, id] = claim.lease
                    await self._attempt(collection, scope, id, claim)
        except Unavailable:
            logger.info("work.waits", collection=collection, id=id)  # its lease brings it back
        finally:
            self._held.pop((collection, id), None)
            self._running.discard((collection, id))
            if self._left:
                self._left = False
                self._wake.set()

    async def _attempt(self, collection: str, scope: str, id: str, claim: Claim) -> None:
        try:
            await self._handlers[collection](claim)
        except Exception as error:
            if not isinstance(error, GatewayError):
                logger.error("work.broken", collection=collection, id=id, tries=claim.tries, exc_info=error)
            ours = isinstance(error, Unavailable)
            pause = min(MAX_PAUSE, timedelta(seconds=2 ** min(claim.tries + (claim.waits if ours else 0), 10)))
            await retry_while_unavailable(
                lambda: self._due.postpone(collection, scope, id, self._clock() + pause, waits=ours)
            )

    async def _renew(self) -> None:
        """Renew the claims of what takes long."""
        while True:
            await asyncio.sleep(AGAIN_S)
            ages = self._clock() + LEASE - RENEWED_AFTER
            for (collection, id), lease in list(self._held.items()):
                if lease.lost or lease.until > ages:
                    continue
                try:
                    await self._due.renew(collection, id, lease)
                except Unavailable:
                    break  # it is tried again
                except Exception as error:  # whatever it was, the next look may do better
                    logger.error("renewal.broken", collection=collection, id=id, exc_info=error)

    async def _run_job(self, claim: Claim) -> None:
        doc = claim.doc
        job = self._jobs.get(doc["kind"])
        if job is None:
            raise LookupError(f"nobody does jobs of kind '{doc['kind']}'")
        over = claim.tries > MAX_TRIES or claim.waits > MAX_WAITS
        if over and doc["kind"] not in self._lasting:
            logger.error("job.given_up", kind=doc["kind"], id=doc["_id"])
        else:
            await job(doc["scope"], doc["data"])
        await self._due.finish("jobs", [doc["_id"]])

    async def _sweep(self) -> None:
        while True:
            busy = False
            for collection in await self._having():
                try:
                    busy = await self._look(collection) or busy
                except Unavailable:
                    continue
                except Exception as error:  # whatever it was, the next look may do better
                    logger.error("sweep.broken", collection=collection, exc_info=error)
                    continue
            self._wake.clear()
            try:
                async with asyncio.timeout(AGAIN_BUSY_S if busy else self._sweep_every_s):
                    await self._wake.wait()
            except TimeoutError:
                pass  # time to look again

    async def _having(self) -> list[str]:
        """Return the collections in which something is due: mostly none, which is one question."""
        try:
            return await self._due.having(list(self._handlers))
        except Unavailable:
            return []
        except Exception as error:  # whatever it was, the next look may do better
            logger.error("sweep.broken", exc_info=error)
            return []

    async def _look(self, collection: str) -> bool:
        """Begin what is due; what its tenant has no room for goes behind the others'. Tells whether there is more."""
        shares = self._shares[collection]
        limit = BATCH + shares.users  # what waits for a slot here is still due
        rows = await self._due.waiting(collection, limit)
        behind = []
        for scope, id in rows:
            if (collection, id) in self._running:
                continue
            if shares.crowded(_tenant(scope)):
                behind.append(id)
            else:
                self.run_now(collection, scope, id)
        if behind:
            await self._due.put_back(collection, behind, self._clock() + BEHIND)
        return len(rows) == limit

    def run_at(self, collection: str, scope: str, id: str, seconds: float) -> None:
        """Do a piece of work of this process when its time comes, sooner than a sweep would find it."""
        if self.active:
            asyncio.get_running_loop().call_later(max(0.0, seconds), self.run_now, collection, scope, id)

    async def add_jobs(self, jobs: Sequence[Document]) -> None:
        """Store jobs, each done when its time comes; an id that is there stays as it is."""
        await self._due.add("jobs", jobs)
        for job in jobs:
            self.run_job(job)

    def run_job(self, job: Document) -> None:
        """Do a stored job of this process when its time comes."""
        left = (job["due"]["at"] - self._clock()).total_seconds()
        self.run_at("jobs", job["scope"], job["_id"], left)

    async def _repeat(self, seconds: float, call: Callable[[], Awaitable[Any]]) -> None:
        pause = random.uniform(0, min(seconds, FIRST_WITHIN_S))  # a process that is restarted each hour does it as well
        while True:
            await asyncio.sleep(pause)
            pause = seconds
            try:
                await call()
            except Unavailable:
                continue
            except Exception as error:
                logger.error("periodic.broken", call=getattr(call, "__qualname__", str(call)), exc_info=error)
