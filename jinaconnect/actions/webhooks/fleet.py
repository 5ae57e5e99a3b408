"""Who posts what: the endpoints that this process leads, and how several share them.

A scope's endpoints are led by one process at a time, by a lease it takes when there is something to post and gives back
when there is not. So nobody works for organisations that are quiet: an append, a time that has come and the
end of another's lease are what brings a scope here. What was posted and how far endpoints have got is written
every quarter of a second, together; what a crash cuts off is posted again, under the same ids.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from jinaconnect.actions.context import Services
from jinaconnect.actions.ports import Authenticator
from jinaconnect.actions.shares import Shares
from jinaconnect.actions.webhooks import notices
from jinaconnect.actions.webhooks.saving import Key, Saving
from jinaconnect.actions.webhooks.target import HookTarget
from jinaconnect.core.errors import Unavailable
from jinaconnect.core.principal import parse_scope
from jinaconnect.realtime.hub import Feed, Hub
from jinaconnect.realtime.webhooks import Run
from jinaconnect.store.coordination.leases import RENEW_S
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.ending import ended
from jinaconnect.store.webhook_queue import Save

TURN_S = 1.0
LOOK_S = 2.0  # between looks for what changed and what has come due; each of several processes looks as often
REVIEW_S = 30.0  # between looks at what owners may, besides those that a withdrawal asks for
IDLE_S = 10.0  # a scope is led this long after its last event
AT_ONCE, EACH = 512, 192  # deliveries under way in this process, and of one tenant
DUE_AT_ONCE = 500
LOOKED_AT_ONCE = 50
OVERLAP = timedelta(seconds=5)  # processes' clocks differ

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Led:
    scope: str
    generation: int
    feed: Feed
    runs: dict[str, Run] = field(default_factory=dict)
    targets: dict[str, HookTarget] = field(default_factory=dict)
    idle_since: float | None = None
    reviewed_at: float = 0.0


def _lease(scope: str) -> str:
    return f"webhooks/{scope}"


class Webhooks:
    """Posts the log to endpoints."""

    def __init__(
        self, services: Services, auth: Authenticator, hub: Hub, *, active: bool, keep: timedelta
    ) -> None:  # fmt: skip
        self._services = services
        self._auth = auth
        self._hub = hub
        self._queue = services.webhook_queue
        self._active = active
        self._keep = keep
        self._shares = Shares(AT_ONCE, EACH)
        self._known: dict[str, set[str]] = {}  # endpoints that are active, by scope
        self._mark = datetime(1970, 1, 1, tzinfo=UTC)
        self._wanted: set[str] = set()
        self._fresh: set[str] = set()
        self._changed: set[str] = set()
        self._unsure: set[str] = set()
        self._led: dict[str, _Led] = {}
        self._saving = Saving(services.webhook_queue, self._snapshot, self._lost)
        self._wake = asyncio.Event()
        self._loops: list[asyncio.Task[None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._renewed_at = self._looked_at = 0.0

    # --- what brings it to work --------------------------------------------------------------------------------------

    def offer(self, scope: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take note of what this process has appended."""
        if any(row["type"].startswith("endpoint.") for row in rows):
            self._changed.add(scope)
            self._doubt(scope)
        self.ring(scope, rows[-1]["seq"])

    def ring(self, scope: str, seq: int) -> None:
        """Take note that a scope was appended to, by whomever."""
        if scope in self._known and scope not in self._led and scope not in self._wanted:
            self._fresh.add(scope)
            self._wake.set()

    def access_changed(self, tenant: str | None) -> None:
        """Tell nothing of a tenant (None: of anybody) before it was looked at who may see it now."""
        for scope in self._led:
            if tenant is None or parse_scope(scope)[0] == tenant:
                self._doubt(scope)

    def _doubt(self, scope: str) -> None:
        """Tell nothing more of a scope before it was looked at again."""
        for target in self._led[scope].targets.values() if scope in self._led else ():
            target.doubt()
        self._unsure.add(scope)
        self._wake.set()

    def start(self) -> None:
        """Begin to lead what nobody leads."""
        if self._active:
            self._loops = [asyncio.create_task(self._turns()), asyncio.create_task(self._saving.run())]

    async def stop(self, within_s: float) -> None:
        """Finish what is under way, write down how far it got, and let others go on."""
        await ended(self._loops)
        await asyncio.gather(*(self._let_go(led, within_s) for led in tuple(self._led.values())))
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=within_s)
        try:
            await self._saving.flush()
        except Unavailable:
            logger.info("webhooks.flush_skipped")  # it is posted again

    # --- turns ---------------------------------------------------------------------------------------------------

    async def _turns(self) -> None:
        await self._begin()
        while True:
            try:
                async with asyncio.timeout(TURN_S):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self._turn()
            except Unavailable:
                continue
            except Exception as error:  # whatever it was, the next turn may do better
                logger.error("webhooks.turn_broken", exc_info=error)

    async def _begin(self) -> None:
        """Look which endpoints have something to be told: the log may have grown while nobody ran."""
        while True:
            try:
                await self._look_at_all()
                return
            except Unavailable:
                await asyncio.sleep(TURN_S)

    async def _look_at_all(self) -> None:
        await self._refresh()
        scopes = list(self._known)
        self._wanted.clear()
        for place in range(0, len(scopes), LOOKED_AT_ONCE):
            some = scopes[place : place + LOOKED_AT_ONCE]
            reached = await self._queue.reached(some)
            heads = await asyncio.gather(*(self._services.store.log.head(scope) for scope in some))
            self._wanted.update(scope for scope, head in zip(some, heads, strict=True) if reached.get(scope, 0) < head)
        self._wake.set()

    async def _turn(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._renewed_at >= RENEW_S:
            self._renewed_at = now
            await self._renew()
        if now - self._looked_at >= LOOK_S:
            self._looked_at = now
            await self._refresh()
            await self._sweep()
            self._wanted |= self._fresh
            wanted = self._wanted
        else:
            wanted = set(self._fresh)
        self._fresh.clear()
        for scope in tuple(self._changed):
            self._changed.discard(scope)
            try:
                await self._note_changed(scope)
            except Unavailable:
                self._changed.add(scope)
                raise
        unsure, self._unsure = self._unsure, set()
        for scope in unsure & self._led.keys():
            await self._review(self._led[scope])
        await self._take(wanted - self._led.keys())
        for led in tuple(self._led.values()):
            await self._tend(led, now)

    async def _renew(self) -> None:
        kept = await self._services.leases.renew([_lease(scope) for scope in self._led])
        for scope in [scope for scope in self._led if _lease(scope) not in kept]:
            logger.warning("webhooks.lease_lost", scope=scope)
            self._wanted.add(scope)
            await self._drop(self._led[scope], 0)

    async def _refresh(self) -> None:
        """Take note of endpoints that were changed, by whomever, or came with their organisation."""
        since = self._mark - OVERLAP if self._mark.year > 1970 else self._mark
        mark = self._services.clock()
        for doc in await self._services.store.changed("webhook_endpoints", since):
            self._take_note(doc)
        self._mark = mark

    def _take_note(self, doc: Document) -> None:
        scope, id = doc["scope"], doc["_id"]
        active = doc["status"] == "active"
        if active and id not in self._known.get(scope, ()):
            self._known.setdefault(scope, set()).add(id)
            self._wanted.add(scope)
        elif not active and id in self._known.get(scope, ()):
            self._known[scope].discard(id)
            if not self._known[scope]:
                del self._known[scope]
        led = self._led.get(scope)
        target = None if led is None else led.targets.get(id)
        if led is not None and (doc["rev"] != target.doc["rev"] if target is not None else active):
            self._changed.add(scope)

    async def _note_changed(self, scope: str) -> None:
        for doc in await self._services.store.within(scope).select("webhook_endpoints", {}):
            self._take_note(doc)
        if scope in self._led:
            await self._sync(self._led[scope])
        elif scope in self._wanted:
            await self._take({scope})

    async def _sweep(self) -> None:
        """Look for what has come due while nobody led it."""
        due = {"due_at": {"$lte": self._services.clock()}}
        rows = await self._services.store.across("webhook_positions", due, DUE_AT_ONCE)
        resting = []
        for row in rows:
            if row["endpoint"] in self._known.get(row["scope"], ()):
                self._wanted.add(row["scope"])
            else:
                resting.append(row["_id"])
        if resting:
            await self._queue.rest(resting)

    async def _take(self, scopes: set[str]) -> None:
        if not scopes:
            return
        free = await self._services.leases.takeable([_lease(scope) for scope in scopes])
        for scope in scopes:
            if scope not in self._known:
                self._wanted.discard(scope)
            elif _lease(scope) in free and await self._services.leases.take(_lease(scope)):
                self._wanted.discard(scope)
                await self._lead(scope)
            else:
                self._wanted.add(scope)  # until whoever leads it has given it back, or died

    async def _lead(self, scope: str) -> None:
        try:
            feed = await self._hub.enter(scope)
            led = self._led[scope] = _Led(scope, self._services.leases.generation(_lease(scope)), feed)
            await self._sync(led)
        except Unavailable:
            self._wanted.add(scope)
            if scope in self._led:
                await self._drop(self._led[scope], 0)
            raise

    async def _sync(self, led: _Led) -> None:
        """Have the runs of a scope be what its endpoints are now."""
        docs = await self._services.store.within(led.scope).select("webhook_endpoints", {"status": "active"})
        positions: dict[str, Document] = {}
        for doc in docs:
            positions[doc["_id"]] = doc
            if doc["replay"] is not None:
                positions[doc["replay"]["id"]] = doc
        for id in led.runs.keys() - positions.keys():
            await self._end(led, id)
        for id, doc in positions.items():
            if id not in led.runs:
                await self._begin_run(led, id, doc)
            elif led.targets[id].doc["rev"] != doc["rev"]:
                resumed = led.targets[id].doc["resumed_at"] != doc["resumed_at"]
                led.targets[id].take(doc)
                await self._look_again(led, id)
                if resumed:
                    led.runs[id].resume()

    async def _begin_run(self, led: _Led, id: str, doc: Document) -> None:
        kept = await self._queue.claim(led.scope, id, led.generation, self._services.clock())
        if kept is None:
            return
        target = HookTarget(
            self._services, self._auth, doc, self._shares, self._saving.record, keep=self._keep,
            ended=lambda reason: self._beside(notices.switch_off(self._services, led.scope, doc["_id"], reason)),
            missed=lambda after, oldest: self._beside(
                notices.missed(self._services, led.scope, doc["_id"], after, oldest)
            ),
            gave_up=lambda event, row, tries, status: self._beside(
                notices.gave_up(self._services, led.scope, doc["_id"], event, row, tries, status)
            ),
            replay=id if id != doc["_id"] else None,
        )  # fmt: skip
        run = Run(
            led.feed, self._queue, target, kept, now=self._services.clock, chance=random.random,
            changed=lambda: self._saving.moved((led.scope, id)),
        )  # fmt: skip
        led.runs[id], led.targets[id] = run, target
        await self._look_again(led, id)
        if kept["resumed_at"] != doc["resumed_at"]:
            run.resume()
        run.start()

    async def _review(self, led: _Led) -> None:
        led.reviewed_at = asyncio.get_running_loop().time()
        for id in tuple(led.targets):
            await self._look_again(led, id)

    async def _look_again(self, led: _Led, id: str) -> None:
        """Look at what the owner of an endpoint may see now."""
        target = led.targets[id]
        try:
            reason = await target.review()
        except Unavailable:
            self._unsure.add(led.scope)
            return
        if led.scope in self._changed:  # what was looked at meanwhile is an endpoint as it was
            target.doubt()
            self._unsure.add(led.scope)
            return
        if reason is not None:
            target.end(reason)
        led.runs[id].review()

    async def _tend(self, led: _Led, now: float) -> None:
        """See to one scope that is led here: ends of replays and of access, and whether there is nothing to do."""
        clock = self._services.clock()
        if now - led.reviewed_at > REVIEW_S or any(target.expired(clock) for target in led.targets.values()):
            await self._review(led)
        for id in [id for id, run in led.runs.items() if run.over]:
            endpoint = led.targets[id].doc["_id"]
            await self._end(led, id)
            await notices.replayed(self._services, led.scope, endpoint, id)
        if not all(run.idle for run in led.runs.values()):
            led.idle_since = None
        elif led.idle_since is None:
            led.idle_since = now
        elif now - led.idle_since > IDLE_S:
            await self._let_go(led, 0)
            if any(not run.idle for run in led.runs.values()):
                self._wanted.add(led.scope)

    async def _end(self, led: _Led, id: str) -> None:
        """End a run whose endpoint is not active, or whose replay is over; its place is kept."""
        run = led.runs[id]
        await run.stop(0)
        await self._saving.flush([self._save(led, id, due_at=None)])
        del led.runs[id], led.targets[id]

    async def _let_go(self, led: _Led, within_s: float) -> None:
        """Lead a scope no longer, and let others begin at once."""
        await self._drop(led, within_s)
        try:
            await self._saving.flush([self._save(led, id) for id in led.runs])
            await self._services.leases.give_back(_lease(led.scope))
        except Unavailable:
            logger.info("webhooks.not_given_back", scope=led.scope)  # the lease ends by itself

    async def _drop(self, led: _Led, within_s: float) -> None:
        self._led.pop(led.scope, None)
        await asyncio.gather(*(run.stop(within_s) for run in led.runs.values()))
        self._hub.exit(led.feed)

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._told(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _told(self, work: Coroutine[Any, Any, None]) -> None:
        """Tell of something once what led to it can be read."""
        try:
            await self._saving.flush()
        except Unavailable:
            logger.info("webhooks.flush_postponed")
        await notices.until_told(work)

    # --- what is kept --------------------------------------------------------------------------------------------

    def _save(self, led: _Led, id: str, **fields: object) -> Save:
        resumed = led.targets[id].doc["resumed_at"]
        return Save(id, led.generation, {**led.runs[id].kept(), "resumed_at": resumed, **fields})

    def _snapshot(self, key: Key) -> Save | None:
        led = self._led.get(key[0])
        return None if led is None or key[1] not in led.runs else self._save(led, key[1])

    async def _lost(self, key: Key) -> None:
        """End a run whose place is another's by now, or gone with its endpoint."""
        led = self._led.get(key[0])
        run = None if led is None else led.runs.pop(key[1], None)
        if led is not None and run is not None:
            led.targets.pop(key[1], None)
            await run.stop(0)
