"""Who looks at what and who types: the latest value per session, never in the log.

Leases end after `LEASE_S` without a word, typing after `TYPING_S`. With several processes the table lives in Redis;
without it everyone sees the sessions of their own process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from jinaconnect.core.clock import Clock, iso
from jinaconnect.core.principal import Principal

if TYPE_CHECKING:
    from jinaconnect.store.redis import RedisLink

LEASE_S = 45.0
TYPING_S = 6.0

Members = list[dict[str, Any]]


class Presence:
    """The present sessions of every scope this process serves."""

    def __init__(self, clock: Clock, link: RedisLink | None = None) -> None:
        self._clock = clock
        self._link = link
        self._here: dict[str, dict[str, dict[str, Any]]] = {}
        self._there: dict[str, dict[str, dict[str, Any]]] = {}
        self._watchers: dict[str, dict[str, Callable[[], None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def join(self, scope: str, session: str, told: Callable[[], None]) -> None:
        """Call `told` whenever the scope's presence changes."""
        self._watchers.setdefault(scope, {})[session] = told

    def leave(self, scope: str, session: str) -> None:
        """Forget a session that closed."""
        watchers = self._watchers.get(scope, {})
        watchers.pop(session, None)
        if not watchers:
            self._watchers.pop(scope, None)
        here = self._here.get(scope, {})
        if here.pop(session, None) is not None:
            if self._link is not None:
                self._run(self._drop(scope, session))
            self._tell(scope)
        if not here:
            self._here.pop(scope, None)

    def say(self, principal: Principal, session: str, viewing: str | None, typing: bool) -> None:
        """Note what a session looks at and whether it types."""
        now = self._clock()
        table = self._here.setdefault(principal.scope, {})
        before = table.get(session)
        since = before["since"] if before and before["viewing"] == viewing else iso(now)
        table[session] = {
            "user_id": principal.id, "name": principal.name, "viewing": viewing, "since": since,
            "typing_until": now.timestamp() + TYPING_S if typing else 0.0, "until": now.timestamp() + LEASE_S,
        }  # fmt: skip
        if self._link is not None:
            self._run(self._share(principal.scope, session, table[session]))
        if typing:
            asyncio.get_running_loop().call_later(TYPING_S + 0.05, self._tell, principal.scope)
        self._tell(principal.scope)

    def keep(self, scope: str, session: str) -> None:
        """Renew a session's lease (any word from the client does)."""
        held = self._here.get(scope, {}).get(session)
        if held is not None:
            held["until"] = self._clock().timestamp() + LEASE_S

    def members(self, principal: Principal, session: str) -> Members:
        """Return who is present, as one session may see it.

        Someone with row scoping learns what others look at only for the conversation they look at themselves.
        """
        now = self._clock().timestamp()
        table = {**self._there.get(principal.scope, {}), **self._here.get(principal.scope, {})}
        own = table.get(session, {}).get("viewing")
        members = []
        for _, held in sorted(table.items()):
            if held["until"] < now:
                continue
            hidden = principal.assigned_only and held["user_id"] != principal.id and held["viewing"] != own
            members.append({
                "user_id": held["user_id"], "name": held["name"], "viewing": None if hidden else held["viewing"],
                "typing": not hidden and held["typing_until"] > now, "since": held["since"],
            })  # fmt: skip
        return members

    def sweep(self) -> None:
        """End the leases that have run out and renew the shared ones."""
        now: datetime = self._clock()
        for scope, table in list(self._here.items()):
            ended = [session for session, held in table.items() if held["until"] < now.timestamp()]
            for session in ended:
                del table[session]
            if ended:
                self._tell(scope)
            if self._link is not None:
                for session, held in table.items():
                    self._run(self._share(scope, session, held, quiet=True))

    async def refresh(self, scope: str) -> None:
        """Read what other processes share of a scope."""
        if self._link is None or scope not in self._watchers:
            return
        shared = await self._link.all(f"jc:presence:{scope}")
        if shared is None:
            return
        here = self._here.get(scope, {})
        self._there[scope] = {key: orjson.loads(value) for key, value in shared.items() if key not in here}
        self._notify(scope)

    def _run(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _share(self, scope: str, session: str, held: dict[str, Any], *, quiet: bool = False) -> None:
        assert self._link is not None
        await self._link.hold(f"jc:presence:{scope}", session, orjson.dumps(held).decode(), int(LEASE_S) * 2)
        if not quiet:
            await self._link.ring(f"?{scope}")

    async def _drop(self, scope: str, session: str) -> None:
        assert self._link is not None
        await self._link.drop(f"jc:presence:{scope}", session)
        await self._link.ring(f"?{scope}")

    def _tell(self, scope: str) -> None:
        self._notify(scope)

    def _notify(self, scope: str) -> None:
        for told in list(self._watchers.get(scope, {}).values()):
            told()
