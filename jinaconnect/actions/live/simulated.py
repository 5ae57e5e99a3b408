"""The sandbox's switch as its owner has it: always there, with nothing pushed to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinaconnect.actions.live.driver import SwitchKeeper, Work
from jinaconnect.actions.trunks.pushing import Pusher
from jinaconnect.core.errors import Unavailable
from jinaconnect.store.coordination.leases import RENEW_S
from jinaconnect.telephony.simulator import SimulatedSwitch
from jinaconnect.telephony.switch import Break


class SimulatedDriver:
    """Drives the simulator."""

    def __init__(self, switch: SimulatedSwitch) -> None:
        self.switch = switch

    @property
    def pusher(self) -> Pusher | None:
        """Nothing: it takes whatever is dialled."""
        return None

    def work(self, keeper: SwitchKeeper, lasts: Callable[[], bool]) -> Sequence[Work]:
        """Hear what it tells; what an earlier process was simulating is gone."""
        return [self._hear(keeper)]

    async def _hear(self, keeper: SwitchKeeper) -> None:
        self.switch.on_signal = keeper.hear
        while True:
            try:
                await keeper.connected(self.switch.snapshot(), Break("start", 0, True))
                break
            except Unavailable:
                await asyncio.sleep(RENEW_S)
        await asyncio.Event().wait()

    def let_go(self) -> None:
        """Do nothing: who has it next is heard by `work`."""

    def report(self, keeper: SwitchKeeper) -> Mapping[str, Any]:
        """Tell nothing besides."""
        return {}

    def poke(self, trunk: str) -> None:
        """Do nothing: no carrier is asked."""

    def call_in(self, called: str, caller: str, endpoint: str, digits: str) -> str:
        """Have a customer call."""
        return self.switch.call_in(called, caller, endpoint, digits)

    async def device_state(self, device: str) -> str:
        """No telephone registers in the sandbox."""
        return "unknown"

    async def close(self) -> None:
        """Forget everything."""
        await self.switch.close()
