"""What having a switch consists of beside its calls: its link, its trunks, what is told of its health."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from jinaconnect.telephony.switch import Switch

if TYPE_CHECKING:
    from jinaconnect.actions.live.supervisor import CallSupervisor
    from jinaconnect.actions.trunks.pushing import Pusher

Work = Coroutine[Any, Any, None]


class SwitchDriver(Protocol):
    """One switch as its owner needs it; one implementation for each kind of switch."""

    @property
    def switch(self) -> Switch:
        """The switch."""

    @property
    def pusher(self) -> Pusher | None:
        """What pushes trunks and telephones to it, while this process has it and it is to be told of them."""

    def work(self, supervisor: CallSupervisor, lasts: Callable[[], bool]) -> Sequence[Work]:
        """Return what goes on for as long as the switch is ours; nothing is ordered any more once `lasts` is false."""

    def let_go(self) -> None:
        """Know that the switch is not ours any more."""

    def report(self, supervisor: CallSupervisor) -> Mapping[str, Any]:
        """Return what the health answer shows of the switch beside its calls."""

    def poke(self, trunk: str) -> None:
        """Look at a changed trunk anew."""

    def call_in(self, called: str, caller: str, endpoint: str, digits: str) -> str:
        """Have a simulated customer call and return the channel; raises Conflict where nobody can be simulated."""

    async def device_state(self, device: str) -> str:
        """Return whether a softphone is registered: registered, unregistered or unknown."""

    async def close(self) -> None:
        """End what is open towards the switch."""
