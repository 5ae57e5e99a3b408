"""What waits for a call's turn: signals, orders, timers that ran out and side work that is done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from jinaconnect.telephony import switch as telephony

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CallCommand:
    """What somebody wants done with the call; the answer goes to `answer`."""

    action: str
    body: Mapping[str, Any]
    actor: Mapping[str, str]
    answer: asyncio.Future[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Due:
    """Something of the call's own: a timer ran out, or side work is done."""

    run: Callable[[], Awaitable[None]]


Item = telephony.Signal | CallCommand | Due


class CallQueue:
    """A call's inbox, its timers and its side work; all of it reaches the call one after the other."""

    def __init__(self, call: str) -> None:
        self._call = call
        self._inbox: asyncio.Queue[Item] = asyncio.Queue()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._work: set[asyncio.Task[None]] = set()

    def put(self, item: Item) -> None:
        """Let something wait for its turn."""
        self._inbox.put_nowait(item)

    async def next(self) -> Item:
        """Return what is next, waiting for it."""
        return await self._inbox.get()

    def enqueue(self, run: Callable[[], Awaitable[None]]) -> None:
        """Do something in the call's next turn."""
        self.put(Due(run))

    def start_timer(self, name: str, seconds: float, run: Callable[[], Awaitable[None]]) -> None:
        """Do something later, in a turn of its own; a second timer of the same name replaces the first."""
        self.cancel_timer(name)
        self._timers[name] = asyncio.get_running_loop().call_later(max(0.0, seconds), self.put, Due(run))

    def cancel_timer(self, name: str) -> None:
        """Forget a timer."""
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def run_in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Do slow work beside the call's turns; it reports back through `enqueue`."""
        task = asyncio.create_task(self._guard(work))
        self._work.add(task)
        task.add_done_callback(self._work.discard)

    def close(self) -> list[CallCommand]:
        """Forget all of it; returns the commands that had no turn."""
        for timer in self._timers.values():
            timer.cancel()
        for task in self._work:
            task.cancel()
        left = [self._inbox.get_nowait() for _ in range(self._inbox.qsize())]
        return [item for item in left if isinstance(item, CallCommand)]

    async def _guard(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:
            logger.error("call.side_work_broken", call=self._call, exc_info=error)
