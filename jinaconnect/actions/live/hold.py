"""A process's hold on a switch. It ends by itself: a process that was stopped for a while finds it gone."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(slots=True)
class Hold:
    """The lease of a switch as its holder knows it; `generation` grows with every change of the holder.

    `until` is on the loop's clock, which goes on while a process is stopped. Before every turn of a call and every
    order to a switch the hold is looked at, so timers that are found due after a long stop do nothing.
    """

    generation: int
    until: float

    @property
    def lasts(self) -> bool:
        """Whether no other process can have the switch yet."""
        return asyncio.get_running_loop().time() < self.until
