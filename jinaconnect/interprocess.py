"""Wake-ups between the processes of one deployment: what one has done, the others look at now and not in a second."""

from __future__ import annotations

import asyncio
from typing import Any

from jinaconnect.actions.worker import Worker
from jinaconnect.actions.writers import Writers
from jinaconnect.realtime.hub import Hub
from jinaconnect.realtime.presence import Presence
from jinaconnect.store.coordination.notifications import Kind, read, written
from jinaconnect.store.coordination.switch_commands import SwitchCommands
from jinaconnect.store.databases.redis import RedisLink
from jinaconnect.store.store import Store


class Interprocess:
    """Tells the others of what happens here, and has their notifications followed; without Redis it does nothing."""

    def __init__(
        self, link: RedisLink | None, store: Store, commands: SwitchCommands, hub: Hub, presence: Presence,
        writers: Writers, worker: Worker,
    ) -> None:  # fmt: skip
        self._link = link
        self._store = store
        self._commands = commands
        self._hub = hub
        self._presence = presence
        self._writers = writers
        self._worker = worker
        self._missed = False  # others were not told of something: have them look
        self._tasks: set[asyncio.Task[Any]] = set()
        if link is not None:
            link.heard.append(self._heard)
            link.recovered.append(hub.look)
            store.withdrawals.noted.append(lambda: self._tell(Kind.WITHDRAWN))
            commands.given.append(lambda switch: self._tell(Kind.COMMANDED, switch))

    def appended(self, scope: str, seq: int) -> None:
        """Tell that a log has grown."""
        self._tell(Kind.APPENDED, scope, str(seq))

    def look(self) -> None:
        """Look at the logs; the others are to look as well where they were not told of something."""
        healthy = self._link is not None and self._link.healthy
        if self._missed and healthy:
            self._missed = False
            self._tell(Kind.LOOK)
        self._hub.look(trusted=healthy)

    def _tell(self, kind: Kind, *words: str) -> None:
        if self._link is not None:
            self._beside(self._told(self._link, written(kind, *words)))

    async def _told(self, link: RedisLink, text: str) -> None:
        if not await link.ring(text):
            self._missed = True

    def _beside(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _take_up(self, collection: str, scope: str, id: str) -> None:
        if await self._writers.works_for(scope):
            self._worker.run_now(collection, scope, id)

    def _heard(self, text: str) -> None:
        match read(text):
            case Kind.APPENDED, [scope, seq]:
                self._store.log.heard(scope, int(seq))
                self._hub.ring(scope, int(seq))
            case Kind.LOOK, []:
                self._hub.look()
            case Kind.WITHDRAWN, []:
                self._beside(self._store.withdrawals.look())
            case Kind.PRESENT, [scope]:
                self._presence.heard(scope)
            case Kind.DUE, [collection, scope, id]:
                self._beside(self._take_up(collection, scope, id))
            case Kind.COMMANDED, [switch]:
                self._commands.ring(switch)
