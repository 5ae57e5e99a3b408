"""What having a switch consists of: who keeps its calls, its link, its trunks, what is told of its health."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from jinaconnect.actions.live.hold import Hold
from jinaconnect.actions.trunks.pushing import Pusher
from jinaconnect.store.databases.mongo import Document
from jinaconnect.telephony.switch import Keeper, Switch

Work = Coroutine[Any, Any, None]


class SwitchKeeper(Keeper, Protocol):
    """Who keeps the calls of a switch this process owns, as a driver sees it."""

    hold: Hold
    connected_now: bool
    channels: int


class SwitchFleet(Protocol):
    """The switches of the deployment, as the keeper of one of them needs them."""

    async def push(self, name: str) -> None:
        """Push everything to an Asterisk that may have started anew."""

    async def bring(self, name: str, trunk: str | None) -> None:
        """Push what has changed to a connected Asterisk this process has, and look at the changed `trunk` anew."""

    async def trunk(self, name: str, id: str) -> Document | None:
        """Return a trunk on a switch, of whatever tenant; None where there is none."""

    def alike(self, name: str, trunk: str) -> frozenset[str]:
        """Return the trunks of a switch this process owns that a call over `trunk` could be of, itself among them."""

    def announce(
        self, name: str, type: str, scopes: Mapping[str, Sequence[str]], facts: Mapping[str, Any]
    ) -> None:
        """Tell every tenant with a trunk on a switch what happened to it; `scopes` are counted for each by key."""


class SwitchDriver(Protocol):
    """One switch as its owner needs it; one implementation for each kind of switch."""

    @property
    def switch(self) -> Switch:
        """The switch."""

    @property
    def pusher(self) -> Pusher | None:
        """What pushes trunks and telephones to it, while this process has it and it is to be told of them."""

    def work(self, keeper: SwitchKeeper, lasts: Callable[[], bool]) -> Sequence[Work]:
        """Return what goes on for as long as the switch is ours; nothing is ordered any more once `lasts` is false."""

    def let_go(self) -> None:
        """Know that the switch is not ours any more."""

    def report(self, keeper: SwitchKeeper) -> Mapping[str, Any]:
        """Return what the health answer shows of the switch beside its calls."""

    def poke(self, trunk: str) -> None:
        """Look at a changed trunk anew."""

    def call_in(self, called: str, caller: str, endpoint: str, digits: str) -> str:
        """Have a simulated customer call and return the channel; raises Conflict where nobody can be simulated."""

    async def device_state(self, device: str) -> str:
        """Return whether a softphone is registered: registered, unregistered or unknown."""

    async def close(self) -> None:
        """End what is open towards the switch."""
