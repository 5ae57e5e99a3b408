"""Whatever carries a call, seen by what places it, orders it about and keeps its recordings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from jinaconnect.core.errors import Conflict, NotSupported
from jinaconnect.store.databases.mongo import Document
from jinaconnect.telephony.table import dialled, row

Answer = dict[str, Any]


class Unsupported(Conflict):
    """What carries the call cannot do this."""

    code = "unsupported"


class RecordingMissing(Exception):
    """There is no such recording where the call was carried."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether a call over an account could be dialled at once; where not, `code` and `text` say what is in the way."""

    ready: bool = True
    code: str = ""
    text: str = ""
    retry_after: float = 0


class CallControl(Protocol):
    """Carries calls: on a switch of ours (`actions/live`) or at an HTTP voice carrier (`actions/hosted`).

    `account` is a provider config, `call` a stored call. Nothing above knows which of the two it is.
    """

    async def standing(self, account: Document) -> Standing:
        """Tell whether calls can be placed over an account now."""

    def place(self, call: Document) -> None:
        """Have a recorded call placed now; returns at once, what follows is told by events."""

    async def order(
        self, call: Document, action: str, body: Mapping[str, Any], actor: Mapping[str, str], id: str
    ) -> Answer:
        """Have a live call do something; raises what it raises, Conflict when it is over, Unsupported.

        `id` is the order's: given again by a request that is run again, it is carried out once.
        """

    async def recording(self, call: Document, name: str) -> bytes:
        """Return the audio of a recording that has ended; raises RecordingMissing, CarrierFailed, Unavailable."""

    async def forget_recording(self, call: Document, name: str) -> None:
        """Remove a recording that is kept from where it was made; raises CarrierFailed, Unavailable."""


class CallControls:
    """Which control carries what: looked up by the provider's row for what is to be placed."""

    def __init__(self, live: CallControl, hosted: CallControl) -> None:
        self._live = live
        self._hosted = hosted

    def over(self, account: Document) -> CallControl:
        """Return what places calls over a provider config; raises NotSupported where nothing does."""
        if not dialled(account["provider"]):
            raise NotSupported(f"Calls over {account['provider']} cannot be placed.")
        if not row(account["provider"]).spec.hosted:
            return self._live
        if account["scope"].endswith(":test"):
            raise NotSupported("In test mode calls are simulated: place them over the simulated trunk.")
        return self._hosted

    def carrying(self, call: Document) -> CallControl:
        """Return what carries a stored call."""
        return self._hosted if call.get("hosted") else self._live
