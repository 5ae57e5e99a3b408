"""Who looks at what and who types: the latest value per session, never in the log.

Leases end after `LEASE_S` without a word, typing after `TYPING_S`. With several processes the table lives in Redis;
without it everyone sees the sessions of their own process.

What is told is bounded, however many are present: a list names at most `MOST` sessions, first those that look at the
same conversation, and a scope's lists share `BYTES_PER_S`. Whoever looks at what has changed is told first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
import structlog

from jinaconnect.core.clock import Clock, iso
from jinaconnect.core.principal import Principal
from jinaconnect.realtime.protocol import frame
from jinaconnect.store.coordination.notifications import Kind, written
from jinaconnect.store.databases.redis import RedisLink

LEASE_S = 45.0
TYPING_S = 6.0
MOST = 50
BYTES_PER_S = 750_000  # of one scope in this process, for each of the two rounds
PAUSE_S = 0.2  # between two rounds of one kind
SLICE = 100  # watchers told before the loop may do something else
SHARE_AGAIN_S = LEASE_S / 3
FIELDS_AT_ONCE = 500

logger = structlog.get_logger(__name__)


class Watcher(Protocol):
    """A session that is told who is present."""

    id: str
    principal: Principal | None

    def send(self, data: bytes) -> None:
        """Send one frame."""


@dataclass(slots=True)
class Held:
    """What one session has said last."""

    user_id: str
    name: str
    viewing: str | None
    since: str
    typing_until: float
    until: float
    shared_at: float = 0.0
    shared_until: float = 0.0

    def told(self) -> str:
        """Return this as other processes read it."""
        kept = {name: getattr(self, name) for name in _SHARED}
        return orjson.dumps(kept).decode()


_SHARED = ("user_id", "name", "viewing", "since", "typing_until", "until")


@dataclass(slots=True)
class _Round:
    """When lists of one kind may go out again, and whether they are under way."""

    next_at: float = 0.0
    running: asyncio.Task[None] | None = None


@dataclass(slots=True)
class _Room:
    """One scope: who is present here and in other processes, and whom to tell."""

    here: dict[str, Held] = field(default_factory=dict)
    there: dict[str, Held] = field(default_factory=dict)
    watchers: dict[str, Watcher] = field(default_factory=dict)
    near: set[str] = field(default_factory=set)  # sessions whose own conversation has changed
    far: bool = False  # something has changed for everybody
    sent: dict[str, int] = field(default_factory=dict)  # the hash of what a session was told last
    rounds: tuple[_Round, _Round] = field(default_factory=lambda: (_Round(), _Round()))

    def find(self, session: str) -> Held | None:
        return self.here.get(session) or self.there.get(session)


class Presence:
    """The present sessions of every scope this process serves."""

    def __init__(self, clock: Clock, link: RedisLink | None = None) -> None:
        self._clock = clock
        self._link = link
        self._rooms: dict[str, _Room] = {}
        self._peopled: set[str] = set()  # scopes where somebody is present; most have watchers only
        self._tasks: set[asyncio.Task[None]] = set()
        self._unshared: dict[str, set[str]] = {}  # sessions whose latest word Redis does not have, by scope
        self._sharing: asyncio.Task[None] | None = None
        self._stale: set[str] = set()
        self._reading: set[str] = set()
        self._looked_at = 0.0

    # --- what sessions do ----------------------------------------------------------------------------------------

    def join(self, scope: str, watcher: Watcher) -> None:
        """Tell a session who is present, now and whenever that changes."""
        room = self._rooms.setdefault(scope, _Room())
        first = not room.watchers
        room.watchers[watcher.id] = watcher
        if room.here or room.there:
            self._changed(scope, {watcher.id}, everybody=False)
        elif first:
            self._read_soon(scope)

    def leave(self, scope: str, session: str) -> None:
        """Forget a session that closed."""
        room = self._rooms.get(scope)
        if room is None:
            return
        room.watchers.pop(session, None)
        room.sent.pop(session, None)
        held = room.here.pop(session, None)
        if held is not None:
            self._share_soon(scope, session)
            self._changed(scope, _looking_at(room, held.viewing))
        if not room.watchers and not room.here:
            del self._rooms[scope]

    def say(self, principal: Principal, session: str, viewing: str | None, typing: bool) -> None:
        """Note what a session looks at and whether it types."""
        scope, now = principal.scope, self._clock()
        room = self._rooms.setdefault(scope, _Room())
        before = room.here.get(session)
        since = before.since if before and before.viewing == viewing else iso(now)
        near = _looking_at(room, viewing) | {session}
        if before is not None:
            near |= _looking_at(room, before.viewing)
        self._peopled.add(scope)
        room.here[session] = Held(
            user_id=principal.id, name=principal.name, viewing=viewing, since=since,
            typing_until=now.timestamp() + TYPING_S if typing else 0.0, until=now.timestamp() + LEASE_S,
        )  # fmt: skip
        self._share_soon(scope, session)
        self._changed(scope, near)
        if typing:
            asyncio.get_running_loop().call_later(TYPING_S + 0.05, self._typing_over, scope, viewing)

    def _typing_over(self, scope: str, viewing: str | None) -> None:
        room = self._rooms.get(scope)
        if room is not None:
            self._changed(scope, _looking_at(room, viewing))

    def keep(self, scope: str, session: str) -> None:
        """Renew a session's lease (any word from the client does)."""
        room = self._rooms.get(scope)
        held = room.here.get(session) if room else None
        if held is not None:
            held.until = self._clock().timestamp() + LEASE_S

    # --- telling --------------------------------------------------------------------------------------------------

    def _changed(self, scope: str, near: Iterable[str], *, everybody: bool = True) -> None:
        room = self._rooms[scope]
        room.near |= room.watchers.keys() & set(near)
        room.far = room.far or everybody
        for place, due in enumerate((bool(room.near), room.far)):
            each = room.rounds[place]
            if due and each.running is None:
                each.running = self._run(self._round(scope, room, place))

    async def _round(self, scope: str, room: _Room, place: int) -> None:
        loop = asyncio.get_running_loop()
        each = room.rounds[place]
        try:
            while (room.far if place else bool(room.near)) and room.watchers:
                await asyncio.sleep(max(0.0, each.next_at - loop.time()))
                if place:
                    sessions, room.far = list(room.watchers), False
                    room.near.clear()
                else:
                    sessions, room.near = list(room.near), set()
                sent = await self._tell(room, sessions)
                each.next_at = loop.time() + max(PAUSE_S, sent / BYTES_PER_S)
        finally:
            each.running = None

    async def _tell(self, room: _Room, sessions: list[str]) -> int:
        lists = _Lists(room, self._clock().timestamp())
        sent = 0
        for told, session in enumerate(sessions, 1):
            watcher = room.watchers.get(session)
            if watcher is None or watcher.principal is None or not watcher.principal.may("inbox.view"):
                continue
            data, mark = lists.frame(watcher.principal, session)
            if room.sent.get(session) != mark:
                room.sent[session] = mark
                watcher.send(data)
                sent += len(data)
            if told % SLICE == 0:
                await asyncio.sleep(0)
        return sent

    # --- leases and other processes -------------------------------------------------------------------------------

    def sweep(self) -> None:
        """End the leases that have run out, and renew the shared ones."""
        now = self._clock().timestamp()
        for scope in list(self._peopled):
            room = self._rooms.get(scope)
            if room is None or not (room.here or room.there):
                self._peopled.discard(scope)
                continue
            for held in room.there.values():
                if 0 < held.typing_until < now:
                    held.typing_until = 0.0
                    self._changed(scope, _looking_at(room, held.viewing))
            for table in (room.here, room.there):
                ended = [session for session, held in table.items() if held.until < now]
                for session in ended:
                    held = table.pop(session)
                    if table is room.here:
                        self._share_soon(scope, session)
                    self._changed(scope, _looking_at(room, held.viewing))
            if self._link is not None:
                for session, held in room.here.items():
                    if now - held.shared_at >= SHARE_AGAIN_S and held.until > held.shared_until:
                        self._share_soon(scope, session)
            if not room.watchers and not room.here:
                del self._rooms[scope]
        if self._link is not None and now - self._looked_at >= SHARE_AGAIN_S:
            self._looked_at = now
            for scope in self._peopled:  # in case a bell was missed
                self.heard(scope)

    def _share_soon(self, scope: str, session: str) -> None:
        if self._link is None:
            return
        self._unshared.setdefault(scope, set()).add(session)
        if self._sharing is None:
            self._sharing = self._run(self._share())

    async def _share(self) -> None:
        try:
            while self._unshared:
                unshared, self._unshared = self._unshared, {}
                for scope, sessions in unshared.items():
                    await self._share_scope(scope, list(sessions))
        finally:
            self._sharing = None

    async def _share_scope(self, scope: str, sessions: list[str]) -> None:
        assert self._link is not None
        room, key = self._rooms.get(scope), f"jc:presence:{scope}"
        held = {session: room.here[session] for session in sessions if room and session in room.here}
        now = self._clock().timestamp()
        gone = [session for session in sessions if session not in held]
        for start in range(0, len(held), FIELDS_AT_ONCE):
            part = dict(list(held.items())[start : start + FIELDS_AT_ONCE])
            if not await self._link.hold(key, {name: each.told() for name, each in part.items()}, int(LEASE_S) * 2):
                return  # Redis is away: what is renewed later brings it
            for each in part.values():
                each.shared_at, each.shared_until = now, each.until
        for start in range(0, len(gone), FIELDS_AT_ONCE):
            await self._link.drop(key, gone[start : start + FIELDS_AT_ONCE])
        await self._link.ring(written(Kind.PRESENT, scope))

    def heard(self, scope: str) -> None:
        """Note that another process shares something new of a scope."""
        room = self._rooms.get(scope)
        if room is not None and room.watchers:
            self._read_soon(scope)

    def _read_soon(self, scope: str) -> None:
        if self._link is None:
            return
        self._stale.add(scope)
        if scope not in self._reading:
            self._reading.add(scope)
            self._run(self._read(scope))

    async def _read(self, scope: str) -> None:
        try:
            while scope in self._stale:
                self._stale.discard(scope)
                count = await self._read_once(scope)
                await asyncio.sleep(PAUSE_S / 2 + count / 1_000)  # what is rung for meanwhile is read together
        finally:
            self._reading.discard(scope)

    async def _read_once(self, scope: str) -> int:
        assert self._link is not None
        key = f"jc:presence:{scope}"
        shared = await self._link.all(key)
        room = self._rooms.get(scope)
        if shared is None or room is None:
            return 0
        now = self._clock().timestamp()
        found = {name: Held(**orjson.loads(text)) for name, text in shared.items() if name not in room.here}
        dead = [name for name, held in found.items() if held.until < now - LEASE_S]
        if dead:  # their process has ended without taking them away
            await self._link.drop(key, dead[:FIELDS_AT_ONCE])
        before, room.there = room.there, {name: held for name, held in found.items() if held.until >= now}
        if room.there:
            self._peopled.add(scope)
        changed = {
            held.viewing
            for name in before.keys() | room.there.keys()
            for held in (before.get(name), room.there.get(name))
            if held is not None and not _same(before.get(name), room.there.get(name))
        }
        if changed and self._rooms.get(scope) is room:
            self._changed(scope, {session for viewing in changed for session in _looking_at(room, viewing)})
        return len(shared)

    def _run(self, work: Any) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("presence.broken", exc_info=task.exception())


def _looking_at(room: _Room, viewing: str | None) -> set[str]:
    """Return the sessions here that look at a conversation."""
    return {session for session, held in room.here.items() if held.viewing == viewing} if viewing is not None else set()


def _same(one: Held | None, other: Held | None) -> bool:
    return one is not None and other is not None and all(
        getattr(one, name) == getattr(other, name) for name in _SHARED if name != "until"
    )  # fmt: skip


class _Lists:
    """The lists of one round; sessions that may see the same share their bytes.

    Someone with row scoping learns what others look at only for the conversation they look at themselves.
    """

    def __init__(self, room: _Room, now: float) -> None:
        self._room = room
        self._now = now
        self._all = sorted((name, held) for name, held in {**room.there, **room.here}.items() if held.until >= now)
        self._by_view: dict[str, list[int]] = {}
        for place, (_, held) in enumerate(self._all):
            if held.viewing is not None:
                self._by_view.setdefault(held.viewing, []).append(place)
        self._shown: dict[tuple[int, bool], bytes] = {}
        self._frames: dict[tuple[str | None, str | None], tuple[bytes, int]] = {}

    def frame(self, principal: Principal, session: str) -> tuple[bytes, int]:
        """Return the frame for one session, and its hash."""
        held = self._room.find(session)
        own = held.viewing if held is not None else None
        only = principal.id if principal.assigned_only else None
        found = self._frames.get((own, only))
        if found is None:
            data = frame(self._list(own, only))
            found = self._frames[own, only] = (data, hash(data))
        return found

    def _list(self, own: str | None, only: str | None) -> bytes:
        places = self._by_view.get(own, [])[:MOST] if own is not None else []
        taken = set(places)
        for place in range(len(self._all)):
            if len(taken) >= MOST:
                break
            taken.add(place)
        members = [self._member(place, own, only) for place in sorted(taken)]
        total = b'],"total":%d}' % len(self._all)
        return b'{"type":"presence","members":[' + b",".join(members) + total

    def _member(self, place: int, own: str | None, only: str | None) -> bytes:
        held = self._all[place][1]
        hidden = only is not None and held.user_id != only and held.viewing != own
        shown = self._shown.get((place, hidden))
        if shown is None:
            shown = self._shown[place, hidden] = orjson.dumps({
                "user_id": held.user_id, "name": held.name, "viewing": None if hidden else held.viewing,
                "typing": not hidden and held.typing_until > self._now, "since": held.since,
            })  # fmt: skip
        return shown
