"""Accounts at HTTP voice carriers, opened for use, and the adapters that speak for them."""

from __future__ import annotations

from jinaconnect.actions.context import Services
from jinaconnect.actions.trunks.accounts import HIDDEN, credentials_context
from jinaconnect.store.databases.mongo import Document
from jinaconnect.telephony.provider import VoiceAccount, VoiceProvider
from jinaconnect.telephony.table import PROVIDERS


class Providers:
    """The adapters of the table, each made when it is first needed."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._made: dict[str, VoiceProvider] = {}

    def get(self, name: str) -> VoiceProvider | None:
        """Return the adapter of a provider, None where there is none."""
        row = PROVIDERS.get(name)
        if row is None or row.make is None:
            return None
        if name not in self._made:
            self._made[name] = row.make(self._services.outbound)
        return self._made[name]

    def opened(self, trunk: Document) -> VoiceAccount:
        """Return a provider config with its credentials in the clear."""
        secrets, id = self._services.secrets, trunk["_id"]
        token = secrets.open(trunk[HIDDEN], f"{credentials_context(id)}/{HIDDEN}") if trunk[HIDDEN] else ""
        credentials = secrets.open(trunk["credentials"], credentials_context(id)) if trunk["credentials"] else {}
        return VoiceAccount(id, trunk["scope"], credentials, token)
