"""What a live call stands on, described below who implements it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from jinaconnect.store.databases.mongo import Document


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
