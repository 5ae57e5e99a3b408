"""What outbound webhooks have to write down, gathered: deliveries and places are two writes a quarter of a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from jinaconnect.core.errors import Unavailable
from jinaconnect.store.webhook_queue import Attempted, Save, WebhookQueue

FLUSH_S = 0.25
MOST_HELD = 20_000  # attempts kept while the database is away

logger = structlog.get_logger(__name__)
Key = tuple[str, str]  # a scope, and a position in it


class Saving:
    """Writes attempts, and how far positions are that have moved.

    `snapshot` returns what is to be kept of a position, None where it is not led any more; `lost` is told of those that
    are another's by now.
    """

    def __init__(
        self, queue: WebhookQueue, snapshot: Callable[[Key], Save | None], lost: Callable[[Key], Awaitable[None]]
    ) -> None:
        self._queue = queue
        self._snapshot = snapshot
        self._lost = lost
        self._moved: set[Key] = set()
        self._attempts: list[Attempted] = []
        self._turn = asyncio.Lock()

    def moved(self, key: Key) -> None:
        """Take note that a position is not where it was."""
        self._moved.add(key)

    def record(self, attempt: Attempted) -> None:
        """Take an attempt for the log of deliveries."""
        self._attempts.append(attempt)

    async def run(self) -> None:
        """Write again and again."""
        while True:
            await asyncio.sleep(FLUSH_S)
            try:
                await self.flush()
            except Unavailable:
                continue
            except Exception as error:  # whatever it was, the next flush may do better
                logger.error("webhooks.flush_broken", exc_info=error)

    async def flush(self, last: Sequence[Save] = ()) -> None:
        """Write what came of deliveries, then how far that is: never the other way round. Raises Unavailable.

        `last` are positions as they are left.
        """
        async with self._turn:
            moved, self._moved = self._moved, set()
            attempts, self._attempts = self._attempts, []
            left = {save.id for save in last}
            saves = {key: save for key in moved if (save := self._snapshot(key)) is not None and save.id not in left}
            try:
                await self._queue.record(attempts)
                attempts = []
                lost = await self._queue.save([*saves.values(), *last])
            except Unavailable:
                self._moved |= moved
                self._attempts = [*attempts, *self._attempts][-MOST_HELD:]
                raise
        for key, save in saves.items():
            if save.id in lost:
                await self._lost(key)
