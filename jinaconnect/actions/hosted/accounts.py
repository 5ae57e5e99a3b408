"""Accounts at HTTP voice carriers, opened for use, and the adapters that speak for them."""

from __future__ import annotations

import hmac

from jinaconnect.actions.context import Services
from jinaconnect.actions.trunks.accounts import HIDDEN, credentials_context
from jinaconnect.outbound import Outbound
from jinaconnect.store.databases.mongo import Document
from jinaconnect.telephony.provider import Abilities, VoiceAccount, VoiceProvider, abilities
from jinaconnect.telephony.simulator.hosted import SIMULATED_PROVIDERS, SimulatedCarriers, simulated_credentials
from jinaconnect.telephony.table import PROVIDERS


def is_test(scope: str) -> bool:
    """Tell whether what is done in a scope is done in test mode."""
    return scope.endswith(":test")


class Providers:
    """The adapters of the table, each made when it is first needed; in test mode their carriers are simulated."""

    def __init__(self, services: Services, loopback: Outbound) -> None:
        self._services = services
        self._made: dict[tuple[str, bool], VoiceProvider] = {}
        self._can: dict[tuple[str, bool], Abilities] = {}
        self.simulated = SimulatedCarriers(loopback, services.settings.own_url, self._secret)

    def _secret(self, account: str) -> str:
        """Return what an account at a simulated carrier signs with."""
        return hmac.digest(self._services.secrets.derive("voice sandbox"), account.encode(), "sha256").hex()

    def get(self, name: str, scope: str) -> VoiceProvider | None:
        """Return the adapter of a provider for what is done in a scope, None where there is none."""
        row, test = PROVIDERS.get(name), is_test(scope)
        if row is None or row.make is None or (test and name not in SIMULATED_PROVIDERS):
            return None
        if (name, test) not in self._made:
            self._made[name, test] = row.make(self.simulated if test else self._services.outbound)
        return self._made[name, test]

    def can(self, name: str, scope: str) -> Abilities:
        """Return what the adapter that `get` gives is besides."""
        key = (name, is_test(scope))
        if key not in self._can:
            self._can[key] = abilities(self._made[key])
        return self._can[key]

    def opened(self, trunk: Document) -> VoiceAccount:
        """Return a provider config with its credentials in the clear."""
        secrets, id = self._services.secrets, trunk["_id"]
        token = secrets.open(trunk[HIDDEN], f"{credentials_context(id)}/{HIDDEN}") if trunk[HIDDEN] else ""
        if is_test(trunk["scope"]):
            credentials = simulated_credentials(trunk["provider"], id, self._secret(id))
        else:
            credentials = secrets.open(trunk["credentials"], credentials_context(id)) if trunk["credentials"] else {}
        return VoiceAccount(id, trunk["scope"], credentials, token)
