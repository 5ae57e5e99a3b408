"""Whether requests can be served: asked of the database a few times a second, however often of us."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection

from jinaconnect.actions.context import Services
from jinaconnect.actions.trunks.health import standing
from jinaconnect.core.errors import Unavailable
from jinaconnect.store.databases.mongo import ping
from jinaconnect.store.databases.redis import RedisLink

LOOKS_PER_S = 5

Checks = dict[str, str]


class SharedReadiness:
    """Looks at what requests stand on; what was found last serves whoever asks more often than `LOOKS_PER_S`."""

    def __init__(self, services: Services, link: RedisLink | None, asterisks: Collection[str]) -> None:
        self._services = services
        self._link = link
        self._asterisks = asterisks
        self._looking: asyncio.Task[Checks] | None = None
        self._second = 0.0
        self._looks = 0

    async def checks(self) -> Checks:
        """Return what answers and what does not; raises Unavailable without the database."""
        found = await asyncio.shield(self._look())
        link = self._link
        return {**found, "redis": "none" if link is None else "up" if link.healthy else "down"}

    def _look(self) -> asyncio.Task[Checks]:
        now = time.monotonic()
        if now - self._second >= 1.0:
            self._second, self._looks = now, 0
        held = self._looking
        if held is None or (held.done() and self._looks < LOOKS_PER_S):
            self._looks += 1
            held = self._looking = asyncio.create_task(self._ask())
        return held

    async def _ask(self) -> Checks:
        try:
            await ping(self._services.store.database)
            return {"database": "up", "asterisk": await self._asterisk()}
        except Unavailable as error:
            raise Unavailable("The database is not answering.", extra={"checks": {"database": "down"}}) from error

    async def _asterisk(self) -> str:
        """Tell whether calls can be placed on any Asterisk, as their owners reported last."""
        names = self._asterisks
        if not names:
            return "none"
        rows = await self._services.switch_status.all()
        now = self._services.clock()
        return "up" if any(row["_id"] in names and standing(row, now) for row in rows) else "down"
