"""The open doors of this process as a whole: admission, heartbeats, access looked at again, drain.

A door is whatever stays open for somebody: a socket, a stream of server-sent events, a long poll that waits.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from jinaconnect.core.clock import Clock
from jinaconnect.core.cursor import Cursors, Position
from jinaconnect.core.principal import Principal
from jinaconnect.realtime import protocol
from jinaconnect.realtime.hub import Hub
from jinaconnect.realtime.outlet import Outlet
from jinaconnect.realtime.presence import Presence
from jinaconnect.store.log import Log


class Door(Protocol):
    """What is open for a principal; `counted` is kept by `Live`."""

    counted: Principal | None

    def recheck(self) -> None:
        """Look again at the token, role and permissions it stands on."""

    def beat(self, silent_since: float) -> None:
        """Give a sign of life, and close if the client has given none since the loop's time `silent_since`."""

    def close(self, code: int) -> None:
        """End it, for one of our reasons."""


T = TypeVar("T")
LOOKS_AT_ONCE = 32

Authenticate = Callable[[str, str], Awaitable[Principal]]


class Live:
    """What every session shares."""

    def __init__(
        self, log: Log, cursors: Cursors, hub: Hub, presence: Presence, clock: Clock, authenticate: Authenticate,
        again: Authenticate, *, per_tenant: int, per_principal: int,
    ) -> None:  # fmt: skip
        self.log = log
        self.cursors = cursors
        self.hub = hub
        self.presence = presence
        self.clock = clock
        self.authenticate = authenticate
        self._again = again
        self._looks = asyncio.Semaphore(LOOKS_AT_ONCE)
        self._per_tenant = per_tenant
        self._per_principal = per_principal
        self._doors: dict[str, set[Door]] = {}
        self._principals: Counter[str] = Counter()
        self.outlets: set[Outlet] = set()
        self.unsure: set[Door] = set()
        self._carried: set[asyncio.Task[Any]] = set()

    async def again(self, token: str, ip: str) -> Principal:
        """Return who a token stands for now; few at once, so that many doors leave the database to others too."""
        async with self._looks:
            return await self._again(token, ip)

    def admit(self, door: Door, principal: Principal) -> bool:
        """Count a door in, or over to another principal; False when the tenant or the principal has too many."""
        if door.counted is not None and (door.counted.tenant, door.counted.id) == (principal.tenant, principal.id):
            return True
        self.forget(door)
        doors = self._doors.setdefault(principal.tenant, set())
        if len(doors) >= self._per_tenant or self._principals[principal.id] >= self._per_principal:
            if not doors:
                del self._doors[principal.tenant]
            return False
        doors.add(door)
        door.counted = principal
        self._principals[principal.id] += 1
        return True

    def forget(self, door: Door) -> None:
        """Count a door out."""
        self.unsure.discard(door)
        principal, door.counted = door.counted, None
        if principal is None:
            return
        doors = self._doors[principal.tenant]
        doors.discard(door)
        if not doors:
            del self._doors[principal.tenant]
        self._principals[principal.id] -= 1
        if self._principals[principal.id] <= 0:
            del self._principals[principal.id]

    async def head_cursor(self, scope: str) -> str:
        """Return the cursor of a log's present head."""
        return self.cursors.write(scope, Position(self.log.epoch, await self.log.head(scope)))

    def access_changed(self, tenant: str | None) -> None:
        """Have every door of a tenant (None: of everybody) look again at its token, role and permissions."""
        for each in (tenant,) if tenant is not None else tuple(self._doors):
            for door in tuple(self._doors.get(each, ())):
                door.recheck()

    def beat(self) -> None:
        """Ping every socket and close those that have been silent for two heartbeats."""
        limit = asyncio.get_running_loop().time() - 2 * protocol.HEARTBEAT_S
        for door in self._all():
            door.beat(limit)

    def tick(self) -> None:
        """Cut off whoever has not taken a frame for too long, and look again where the database was away."""
        now = asyncio.get_running_loop().time()
        for outlet in tuple(self.outlets):
            outlet.check(now)
        unsure, self.unsure = self.unsure, set()
        for door in unsure:
            door.recheck()

    def close_all(self, code: int) -> None:
        """Close every door."""
        for door in self._all():
            door.close(code)

    def _all(self) -> list[Door]:
        return [door for doors in self._doors.values() for door in doors]

    async def carried_through(self, work: Coroutine[Any, Any, T]) -> T:
        """Run work to its end, also where whoever asked for it is gone by then."""
        task = asyncio.create_task(work)
        self._carried.add(task)
        task.add_done_callback(self._carried.discard)
        return await asyncio.shield(task)

    async def settle(self, within_s: float) -> None:
        """Wait for what is carried through, for a while."""
        if self._carried:
            await asyncio.wait(tuple(self._carried), timeout=within_s)

    @property
    def count(self) -> int:
        """How many doors are open."""
        return sum(map(len, self._doors.values()))
