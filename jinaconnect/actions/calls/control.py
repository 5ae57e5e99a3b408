"""What carries a call: a control of ours for its switch, or for its HTTP carrier."""

from __future__ import annotations

from jinaconnect.actions.ports import CallControl
from jinaconnect.core.errors import NotSupported
from jinaconnect.store.databases.mongo import Document
from jinaconnect.telephony.simulator.hosted import SIMULATED_PROVIDERS
from jinaconnect.telephony.table import row


class Controls:
    """Which control carries what: looked up by the provider's row for what is to be placed."""

    def __init__(self, live: CallControl, hosted: CallControl) -> None:
        self._live = live
        self._hosted = hosted

    def over(self, account: Document) -> CallControl:
        """Return what places calls over a provider config; raises NotSupported where nothing does."""
        if not row(account["provider"]).spec.hosted:
            return self._live
        if account["scope"].endswith(":test") and account["provider"] not in SIMULATED_PROVIDERS:
            raise NotSupported("In test mode calls are simulated: place them over the simulated trunk.")
        return self._hosted

    def carrying(self, call: Document) -> CallControl:
        """Return what carries a stored call."""
        return self._hosted if call.get("hosted") else self._live
