"""The addresses a carrier finds us at: each names its call and its turn, and bears a mark only we can make."""

from __future__ import annotations

import functools
import hmac
from urllib.parse import urlencode

from jinaconnect.actions.context import Services
from jinaconnect.telephony.provider import RECORDING, STATUS, TURN, CallUrls
from jinaconnect.telephony.table import row

PATH = "/voice/webhooks/"
KINDS = (TURN, STATUS, RECORDING)
KEPT = 4_096  # addresses: each is made when it is given, and again when it is called
INBOUND = "inbound"  # the address of an account that is of no call yet: the tenant gives it to the carrier


class HookUrls:
    """Makes them, and tells ours from others."""

    def __init__(self, services: Services, *, written_down: bool) -> None:
        self._written_down = written_down
        self._settings = services.settings
        self._key = services.secrets.derive("voice hooks")
        self._made = functools.lru_cache(maxsize=KEPT)(self._make)

    def of(self, provider: str, account: str, call: str, turn: int) -> CallUrls:
        """Return what a carrier is given for a call whose turn it is."""
        asked, told, recorded = (
            self.url(provider, account, kind, call, turn if kind == TURN else 0) for kind in (TURN, STATUS, RECORDING)
        )
        return CallUrls(asked, told, recorded, recorded if self._written_down else "")

    def url(self, provider: str, account: str, kind: str, call: str, turn: int) -> str:
        """Return one address, word for word as the carrier was given it."""
        return self._made(provider, account, kind, call, turn)

    def _make(self, provider: str, account: str, kind: str, call: str, turn: int) -> str:
        base = self._settings.public_url or self._settings.own_url
        query = urlencode({"call": call, "turn": turn, "mark": self.mark(account, kind, call, turn)})
        return f"{base}{PATH}{provider}/{account}/{row(provider).spec.path(kind)}/?{query}"

    def inbound(self, provider: str, account: str) -> str:
        """Return the address at which a carrier tells of calls that come in."""
        base = self._settings.public_url or self._settings.own_url
        return f"{base}{PATH}{provider}/{account}/{INBOUND}/?mark={self.mark(account, INBOUND, '', 0)}"

    def signed(self, provider: str, account: str) -> dict[str, str]:
        """Return the addresses that a carrier's signature opens, by name."""
        base = self._settings.public_url or self._settings.own_url
        return {name: f"{base}{PATH}{provider}/{account}/{name}/" for name in row(provider).spec.paths}

    def mark(self, account: str, kind: str, call: str, turn: int) -> str:
        """Return the mark of an address."""
        return hmac.digest(self._key, f"{account}/{kind}/{call}/{turn}".encode(), "sha256")[:16].hex()
