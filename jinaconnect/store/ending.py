"""Ending tasks for certain: a cancellation can be lost where it meets a result, so it is given again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_S = 0.5


async def ended(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until each has ended, whatever it ended with."""
    waiting = {task for task in tasks if not task.done()}
    while waiting:
        for task in waiting:
            task.cancel()
        done, waiting = await asyncio.wait(waiting, timeout=AGAIN_S)
        for task in done:
            if not task.cancelled():
                task.exception()  # seen: what it ended with matters to nobody any more
