"""The open sockets of this process as a whole: admission, heartbeats, access looked at again, drain."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

from jinaconnect.core.clock import Clock
from jinaconnect.core.cursor import Cursors, Position
from jinaconnect.core.principal import Principal
from jinaconnect.realtime import protocol
from jinaconnect.realtime.hub import Hub
from jinaconnect.realtime.outlet import Outlet
from jinaconnect.realtime.presence import Presence
from jinaconnect.store.log import Log

if TYPE_CHECKING:
    from jinaconnect.realtime.session import Session


class Stream(Protocol):
    """A server-sent event stream."""

    tenant: str

    def end(self) -> None:
        """End it; the client resumes by itself."""

    def recheck(self) -> None:
        """Look again at the token, role and permissions it stands on."""


Authenticate = Callable[[str, str], Awaitable[Principal]]


class Live:
    """What every session shares."""

    def __init__(
        self, log: Log, cursors: Cursors, hub: Hub, presence: Presence, clock: Clock, authenticate: Authenticate,
        *, per_tenant: int, per_principal: int,
    ) -> None:  # fmt: skip
        self.log = log
        self.cursors = cursors
        self.hub = hub
        self.presence = presence
        self.clock = clock
        self.authenticate = authenticate
        self._per_tenant = per_tenant
        self._per_principal = per_principal
        self._sessions: dict[str, set[Session]] = {}
        self._principals: Counter[str] = Counter()
        self.outlets: set[Outlet] = set()
        self.streams: set[Stream] = set()

    def admit(self, session: Session) -> bool:
        """Count a session in; False when its tenant or principal has too many."""
        principal = session.principal
        assert principal is not None
        sessions = self._sessions.setdefault(principal.tenant, set())
        if len(sessions) >= self._per_tenant or self._principals[principal.id] >= self._per_principal:
            return False
        sessions.add(session)
        self._principals[principal.id] += 1
        return True

    def forget(self, session: Session) -> None:
        """Count a session out."""
        principal = session.principal
        if principal is None or session not in self._sessions.get(principal.tenant, ()):
            return
        self._sessions[principal.tenant].discard(session)
        if not self._sessions[principal.tenant]:
            del self._sessions[principal.tenant]
        self._principals[principal.id] -= 1
        if self._principals[principal.id] <= 0:
            del self._principals[principal.id]

    async def head_cursor(self, scope: str) -> str:
        """Return the cursor of a log's present head."""
        return self.cursors.write(scope, Position(self.log.epoch, await self.log.head(scope)))

    def access_changed(self, tenant: str) -> None:
        """Have every session of a tenant look again at its token, role and permissions."""
        for session in tuple(self._sessions.get(tenant, ())):
            session.spawn(session.recheck())
        for stream in tuple(self.streams):
            if stream.tenant == tenant:
                stream.recheck()

    def recheck_all(self) -> None:
        """Have every session look again."""
        for tenant in {*self._sessions, *(stream.tenant for stream in self.streams)}:
            self.access_changed(tenant)

    def beat(self) -> None:
        """Ping every session and close those that have been silent for two heartbeats."""
        limit = asyncio.get_running_loop().time() - 2 * protocol.HEARTBEAT_S
        for sessions in tuple(self._sessions.values()):
            for session in tuple(sessions):
                if session.heard_at < limit:
                    session.close(protocol.SILENT)
                else:
                    session.send(protocol.PING)

    def tick(self) -> None:
        """Cut off whoever has not taken a frame for too long."""
        now = asyncio.get_running_loop().time()
        for outlet in tuple(self.outlets):
            outlet.check(now)

    def close_all(self, code: int) -> None:
        """Close every session and stream."""
        for stream in tuple(self.streams):
            stream.end()
        for sessions in tuple(self._sessions.values()):
            for session in tuple(sessions):
                session.close(code)

    @property
    def count(self) -> int:
        """How many sessions are open."""
        return sum(len(sessions) for sessions in self._sessions.values())
