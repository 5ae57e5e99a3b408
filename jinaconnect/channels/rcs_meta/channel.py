"""RCS by way of Meta, as it is assumed to be: Meta has published no API for it, and none was found.

The contract is that of its WhatsApp API with another product's name: `POST /{sender}/messages`, a bearer token, signed
webhooks, the same handshake. It is off unless an operator turns it on, and was never run against a live service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from jinaconnect.channels.abilities import Written
from jinaconnect.channels.base import (
    Account,
    ChannelSpec,
    Composed,
    FileRefused,
    Outcome,
    Outgoing,
    Parts,
    Refused,
    Verified,
    WebhookReply,
    WebhookRequest,
    no_file,
)
from jinaconnect.channels.cards import fallback_text
from jinaconnect.channels.facts import Fact
from jinaconnect.channels.graph import SIGNATURE_HEADER, challenge, outcome, signature, signed_by
from jinaconnect.channels.pace import Pace
from jinaconnect.channels.rcs_meta.compose import composed
from jinaconnect.channels.rcs_meta.simulator import SimulatedMetaRcs, customers_body
from jinaconnect.channels.whatsapp.envelope import kind_of, lane_of
from jinaconnect.channels.whatsapp.facts import facts_of
from jinaconnect.core.errors import BadSignature
from jinaconnect.core.inbox.address import Address
from jinaconnect.core.inbox.media_type import media_type
from jinaconnect.core.messaging.rcs_price import AGENT_FIELDS
from jinaconnect.outbound import Fetched
from jinaconnect.store.blobs import Spool

FETCH_S = 60.0
UNREACHABLE = ("131026", "131047")  # assumed: of a number that is not on RCS
OFF = "is off here: Meta has published no API for RCS, and the contract is assumed (setting rcs.meta.enabled)"


class RcsMeta:
    """The assumed API."""

    spec = ChannelSpec(
        name="rcs_meta", platform="RCS", provider="META_RCS", label="RCS",
        secrets={"access_token": 16, "app_secret": 16, "client_token": 16}, presented=("access_token",),
        settings=("phone_number_id", "base_url"), account_address="_id",
        fields=AGENT_FIELDS,
        webhook_path="/rcs/v1/webhooks/{account}/", pace=Pace(account_per_s=5),
    )  # fmt: skip

    falls_back_to = "SMS"

    def __init__(self, parts: Parts) -> None:
        self._settings = parts.settings.get(self.spec.name, {})
        self._outside = parts.outbound
        self._simulator = SimulatedMetaRcs(parts)
        self.off = None if self._settings.get("enabled") else OFF

    async def _call(self, account: Account, method: str, path: str, json: Any = None) -> Fetched:
        base = (account.settings.get("base_url") or self._settings["base_url"]).rstrip("/")
        headers = {"Authorization": f"Bearer {account.secrets.get('access_token', '')}"}
        url = f"{base}/{self._settings['api_version']}/{path}"
        return await self._outside.request(method, url, headers=headers, json=json)

    # --- sending -------------------------------------------------------------------------------------------------

    def compose(self, account: Account, message: Outgoing) -> Composed:
        """Return the type-specific part of a send."""
        return composed(message)

    def fallback_text(self, content: Mapping[str, Any]) -> str:
        """Return what a text message says in place of a message."""
        return fallback_text(content)

    async def send(self, account: Account, to: Address, wire: Mapping[str, Any], reference: str) -> Outcome:
        """Send one message; nothing is sent of accounts that stayed when the channel was turned off."""
        if self.off is not None:
            return Refused("off", f"Meta RCS {self.off}.")
        body = {
            "messaging_product": "rcs", "to": str(to.value).lstrip("+"), **wire, "biz_opaque_callback_data": reference,
        }  # fmt: skip
        if account.simulated:
            answer = await self._simulator.send(account, body, reference)
        else:
            sender = quote(account.settings.get("phone_number_id", ""), safe="")
            answer = await self._call(account, "POST", f"{sender}/messages", body)
        told = outcome(answer)
        unreached = isinstance(told, Refused) and told.code in UNREACHABLE
        return replace(told, cause="unreachable") if isinstance(told, Refused) and unreached else told

    # --- webhooks ------------------------------------------------------------------------------------------------

    def verify(self, accounts: Sequence[Account], hook: WebhookRequest) -> Verified:
        """Return whose a webhook is: its address names the account, whose app secret signed it."""
        named = [account for account in accounts if account.id == hook.part(-1)]
        if not named or self.off is not None:
            return Verified((), reason="no app of this name")
        secrets = [named[0].secrets.get("app_secret", "")]
        if not signed_by(secrets, hook.headers.get(SIGNATURE_HEADER.lower()), hook.body):
            raise BadSignature("The signature does not fit the body.")
        body = hook.json
        if not isinstance(body, dict):
            return Verified((), reason="no event")
        return Verified((named[0].id,), kind_of(body), lane_of(body))

    def parse(self, hook: WebhookRequest) -> list[Fact]:
        """Return the facts of a webhook, in its order."""
        return facts_of(hook.json, hook.part(-1))

    def greet(self, accounts: Sequence[Account], hook: WebhookRequest) -> WebhookReply | None:
        """Answer the handshake with its challenge, where it has the account's client token."""
        named = [account for account in accounts if account.id == hook.part(-1)]
        return None if self.off is not None else challenge(named, hook, "client_token")

    # --- files ---------------------------------------------------------------------------------------------------

    async def fetch(self, account: Account, handle: Mapping[str, Any], into: Spool, limit: int) -> str | None:
        """Fetch a customer's file by the address that its message names; the token does not go there."""
        if not handle.get("url"):
            raise FileRefused("the message names no address of its file")
        url = str(handle["url"])
        file = await self._outside.request("GET", url, follow=True, limit=limit, timeout_s=FETCH_S, into=into)
        if file.status != 200:
            raise no_file(file.status, f"the carrier answered {file.status} for a file")
        return media_type(handle.get("mime_type") or file.headers.get("content-type"))

    # --- the simulated carrier -----------------------------------------------------------------------------------

    def simulated_account(self, number: str, secret: Callable[[str], str]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the fields and credentials of a simulated account."""
        fields = {"agent_id": f"sandbox_{number}", "agent_name": "Sandbox"}
        return fields, {"app_secret": secret("app secret"), "client_token": secret("client token")}

    def customer_writes(
        self, account: Account, sender: str, name: str, text: str | None, media_url: str | None, id: str, at: datetime
    ) -> Written:
        """Return the signed webhook of a customer's message."""
        number, body = customers_body(sender, name, text, media_url, id, at)
        return Written(self._signed(account, body), number)

    def reported(self, account: Account, data: Mapping[str, Any]) -> WebhookRequest:
        """Return the signed webhook of a planned report or answer."""
        return self._signed(account, data["body"].encode())

    def _signed(self, account: Account, body: bytes) -> WebhookRequest:
        made = signature(account.secrets.get("app_secret", ""), body)
        headers = {"content-type": "application/json", SIGNATURE_HEADER.lower(): made}
        return WebhookRequest(body, url=self.spec.path(account.tenant, account.id), headers=headers)
