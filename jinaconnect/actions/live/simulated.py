"""The sandbox's switch as its owner has it: always there, with nothing pushed to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jinaconnect.actions.live.driver import Work
from jinaconnect.core.errors import Unavailable
from jinaconnect.store.coordination.leases import RENEW_S
from jinaconnect.telephony.ari.link import Break
from jinaconnect.telephony.simulator import SimulatedSwitch

if TYPE_CHECKING:
    from jinaconnect.actions.live.supervisor import CallSupervisor
    from jinaconnect.actions.trunks.pushing import Pusher


class SimulatedDriver:
    """Drives the simulator."""

    def __init__(self, switch: SimulatedSwitch) -> None:
        self.switch = switch

    @property
    def pusher(self) -> Pusher | None:
        """Nothing: it takes whatever is dialled."""
        return None

    def work(self, supervisor: CallSupervisor, lasts: Callable[[], bool]) -> Sequence[Work]:
        """Hear what it tells; what an earlier process was simulating is gone."""
        return [self._hear(supervisor)]

    async def _hear(self, supervisor: CallSupervisor) -> None:
        self.switch.on_signal = supervisor.hear
        while True:
            try:
                await supervisor.connected(self.switch.snapshot(), Break("start", 0, True))
                break
            except Unavailable:
                await asyncio.sleep(RENEW_S)
        await asyncio.Event().wait()

    def let_go(self) -> None:
        """Do nothing: who has it next is heard by `work`."""

    def report(self, supervisor: CallSupervisor) -> Mapping[str, Any]:
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
