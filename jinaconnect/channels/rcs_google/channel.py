"""RCS through Google's RCS for Business Messaging: sending, taking back, who can be reached, files.

Source: Google's public description of the API (v1). A message's id is ours, and Google takes a second message of the
same id for the first: whether an answer was lost or not, sending again does no harm.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import orjson

from jinaconnect.channels.abilities import Reach, Written
from jinaconnect.channels.base import (
    Accepted,
    Account,
    ChannelSpec,
    Composed,
    Outcome,
    Outgoing,
    Parts,
    Refused,
    Unknown,
    Verified,
    WebhookReply,
    WebhookRequest,
    no_file,
)
from jinaconnect.channels.cards import fallback_text
from jinaconnect.channels.facts import Fact
from jinaconnect.channels.pace import Pace, wait_of
from jinaconnect.channels.rcs_google.auth import KeyRefused, NoToken, Tokens
from jinaconnect.channels.rcs_google.compose import composed
from jinaconnect.channels.rcs_google.facts import event_of, facts_of, kind_of, signed_bytes
from jinaconnect.channels.rcs_google.simulator import SimulatedRbm, customers_event
from jinaconnect.core.errors import BadSignature, CarrierFailed, Malformed
from jinaconnect.core.inbox.address import Address
from jinaconnect.core.inbox.media_type import media_type
from jinaconnect.core.messaging.rcs_price import AGENT_FIELDS
from jinaconnect.outbound import Fetched
from jinaconnect.store.blobs import Spool

SIGNATURE_HEADER = "X-Goog-Signature"
NAMES = uuid.UUID("6f1d2f0a-0f5e-4d0b-9c43-0d4ad5b5a3c1")  # below which messages of ours have their ids at Google
FETCH_S = 60.0
BATCH = (500, 10_000)  # how many numbers one question in bulk may name


def message_uuid(reference: str) -> str:
    """Return the id of a message at Google: of one of ours, always the same."""
    return str(uuid.uuid5(NAMES, reference))


def signature(client_token: str, data: bytes) -> str:
    """Return the value of `X-Goog-Signature` for an event's bytes."""
    return base64.b64encode(hmac.digest(client_token.encode(), data, hashlib.sha512)).decode()


class RcsGoogle:
    """The RBM API."""

    spec = ChannelSpec(
        name="rcs_google", platform="RCS", provider="GOOGLE_RBM", label="RCS",
        secrets={"service_account_json": 100, "client_token": 16}, presented=("service_account_json",),
        settings=("base_url",), account_address="_id",
        fields=AGENT_FIELDS,
        webhook_path="/rcs/v1/webhooks/{account}/", pace=Pace(account_per_s=300), idempotent=True,
    )  # fmt: skip

    falls_back_to = "SMS"

    def __init__(self, parts: Parts) -> None:
        self._base_url = parts.settings.get(self.spec.name, {}).get("base_url", "")
        self._outside = parts.outbound
        self._tokens = Tokens(parts.outbound, parts.clock)
        self._simulator = SimulatedRbm(parts)

    async def _call(
        self, account: Account, method: str, path: str, query: Mapping[str, str], json: Any = None, reference: str = ""
    ) -> Fetched:
        """Ask RBM; raises KeyRefused, NoToken, what the transport raises."""
        if account.simulated:
            return await self._simulator.call(account, method, path, query, json, reference)
        named = {**query, "agentId": str(account.fields["agent_id"])}
        base = (account.settings.get("base_url") or self._base_url).rstrip("/")
        url = f"{base}/v1/{path}?" + "&".join(f"{name}={quote(value, safe='')}" for name, value in named.items())
        answer = await self._with_token(account, method, url, json)
        if answer.status == 401:  # a token that was kept may have been taken back: nothing was done with it
            answer = await self._with_token(account, method, url, json)
        return answer

    async def _with_token(self, account: Account, method: str, url: str, json: Any) -> Fetched:
        headers = {"Authorization": f"Bearer {await self._tokens.of(account)}"}
        answer = await self._outside.request(method, url, headers=headers, json=json)
        if answer.status == 401:
            self._tokens.forget(account)
        return answer

    # --- sending -------------------------------------------------------------------------------------------------

    def compose(self, account: Account, message: Outgoing) -> Composed:
        """Return a message as RBM takes it."""
        return composed(message)

    def fallback_text(self, content: Mapping[str, Any]) -> str:
        """Return what a text message says in place of a message."""
        return fallback_text(content)

    async def send(self, account: Account, to: Address, wire: Mapping[str, Any], reference: str) -> Outcome:
        """Send one message under an id of ours."""
        id = message_uuid(reference)
        try:
            answer = await self._call(
                account, "POST", f"phones/{quote(str(to.value), safe='')}/agentMessages", {"messageId": id},
                dict(wire), reference,
            )  # fmt: skip
        except KeyRefused as error:
            return Refused("401", f"Google does not take the key: {error}", cause="auth")
        except NoToken as error:
            return Refused("token", f"Google gives no token: {error}", again=True, retry_after=error.retry_after)
        return _outcome(answer, id)

    async def revoke(self, account: Account, to: Address, carrier_id: str) -> None:
        answer = await self._asked(
            account, "DELETE", f"phones/{quote(str(to.value), safe='')}/agentMessages/{carrier_id}", {}
        )
        if answer.status not in (200, 204, 404):
            raise CarrierFailed(_text(answer))

    async def _asked(
        self, account: Account, method: str, path: str, query: Mapping[str, str], json: Any = None
    ) -> Fetched:
        try:
            return await self._call(account, method, path, query, json)
        except KeyRefused as error:
            raise CarrierFailed(f"Google does not take the key: {error}") from error
        except NoToken as error:
            raise CarrierFailed(f"Google gives no token: {error}") from error

    # --- who can be reached --------------------------------------------------------------------------------------

    async def reach(self, account: Account, numbers: Sequence[str]) -> list[Reach]:
        found: list[Reach] = []
        for place in range(0, len(numbers), BATCH[1]):
            batch = numbers[place : place + BATCH[1]]
            if len(batch) < BATCH[0]:
                found += [await self._reach_one(account, number) for number in batch]
            else:
                found += await self._reach_many(account, batch)
        return found

    async def _reach_one(self, account: Account, number: str) -> Reach:
        path = f"phones/{quote(number, safe='')}/capabilities"
        answer = await self._asked(account, "GET", path, {"requestId": str(uuid.uuid4())})
        if answer.status == 404:
            return Reach(number, False)
        features = _json(answer).get("features")
        if answer.status != 200 or not isinstance(features, list):
            raise CarrierFailed(_text(answer))
        return Reach(number, True, tuple(str(feature) for feature in features))

    async def _reach_many(self, account: Account, numbers: Sequence[str]) -> list[Reach]:
        answer = await self._asked(account, "POST", "users:batchGet", {}, {"users": list(numbers)})
        users = _json(answer).get("reachableUsers")
        if answer.status != 200 or not isinstance(users, list | None):
            raise CarrierFailed(_text(answer))
        reached = set(users or ())
        return [Reach(number, number in reached) for number in numbers]

    # --- webhooks ------------------------------------------------------------------------------------------------

    def verify(self, accounts: Sequence[Account], hook: WebhookRequest) -> Verified:
        """Return whose an event is: its address names the agent, its signature is made with that one's token."""
        named = [account for account in accounts if account.id == hook.part(-1)]
        if not named:
            return Verified((), reason="no agent of this name")
        token = named[0].secrets.get("client_token", "")
        given = hook.headers.get(SIGNATURE_HEADER.lower(), "").encode("utf-8", "replace")
        if not token or not hmac.compare_digest(signature(token, signed_bytes(hook)).encode(), given):
            raise BadSignature("The signature does not fit the event.")
        event = event_of(hook)
        if not isinstance(event, Mapping):
            return Verified((), reason="no event")
        who = str(event.get("senderPhoneNumber") or event.get("phoneNumber") or "")
        return Verified((named[0].id,), kind_of(event), int(hashlib.sha256(who.encode()).hexdigest()[:8], 16))

    def parse(self, hook: WebhookRequest) -> list[Fact]:
        """Return what an event tells."""
        return facts_of(event_of(hook), hook.part(-1))

    def greet(self, accounts: Sequence[Account], hook: WebhookRequest) -> WebhookReply | None:
        """Answer Google's question whether we are there, which has the agent's client token, with its secret."""
        try:
            asked = hook.json
        except Malformed:
            return None
        if not isinstance(asked, Mapping) or not isinstance(asked.get("secret"), str):
            return None
        named = [account for account in accounts if account.id == hook.part(-1)]
        given = str(asked.get("clientToken") or "").encode()
        held = [account.secrets.get("client_token", "").encode() for account in named]
        if not any(token and hmac.compare_digest(token, given) for token in held):
            return None
        return WebhookReply(asked["secret"])

    # --- files ---------------------------------------------------------------------------------------------------

    async def fetch(self, account: Account, handle: Mapping[str, Any], into: Spool, limit: int) -> str | None:
        """Fetch a customer's file from where Google keeps it; its address is all that it takes."""
        url = str(handle["uri"])
        file = await self._outside.request("GET", url, follow=True, limit=limit, timeout_s=FETCH_S, into=into)
        if file.status != 200:
            raise no_file(file.status, f"the carrier answered {file.status} for a file")
        return media_type(handle.get("mime_type") or file.headers.get("content-type"))

    # --- the simulated carrier -----------------------------------------------------------------------------------

    def simulated_account(self, number: str, secret: Callable[[str], str]) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the fields and credentials of a simulated agent."""
        fields = {"agent_id": f"sandbox_{number}_agent", "agent_name": "Sandbox"}
        return fields, {"client_token": secret("client token")}

    def customer_writes(
        self, account: Account, sender: str, name: str, text: str | None, media_url: str | None, id: str, at: datetime
    ) -> Written:
        """Return the signed event of a customer's message; RCS tells no names."""
        number, event = customers_event(account, sender, text, media_url, id, at)
        return Written(self._signed(account, event), number)

    def reported(self, account: Account, data: Mapping[str, Any]) -> WebhookRequest:
        """Return the signed webhook of a planned event."""
        return self._signed(account, data["body"].encode())

    def _signed(self, account: Account, event: bytes) -> WebhookRequest:
        message = {"data": base64.b64encode(event).decode(), "messageId": hashlib.sha256(event).hexdigest()[:16],
                   "attributes": {"product": "RBM", "type": "event"}}  # fmt: skip
        made = signature(account.secrets["client_token"], event)
        headers = {"content-type": "application/json", SIGNATURE_HEADER.lower(): made}
        body = orjson.dumps({"message": message, "subscription": "projects/sandbox/subscriptions/rbm"})
        return WebhookRequest(body, url=self.spec.path(account.tenant, account.id), headers=headers)


def _json(answer: Fetched) -> Mapping[str, Any]:
    try:
        data = orjson.loads(answer.body)
    except ValueError:
        return {}
    return data if isinstance(data, Mapping) else {}


def _error(answer: Fetched) -> Mapping[str, Any]:
    told = _json(answer).get("error")
    return told if isinstance(told, Mapping) else {}


def _text(answer: Fetched) -> str:
    return f"Google answered {answer.status}: {str(_error(answer).get('message') or 'nothing of its own')[:300]}"


_UNLAUNCHED = ("launch", "content", "spam", "polic")  # of a 403: words of reasons that are not the key's


def _outcome(answer: Fetched, id: str) -> Outcome:
    """Return what an answer to a send means; what may have been taken is sent again, under the same id."""
    if answer.status == 200 or answer.status == 409:  # the latter: a message of this id is there already
        return Accepted(id)
    error = _error(answer)
    text = str(error.get("message") or f"HTTP {answer.status}")[:500]
    code = str(error.get("status") or answer.status)
    if answer.status == 429:
        return Refused(code, text, again=True, retry_after=wait_of(answer), cause="rate")
    if answer.status == 404:
        return Refused(code, text, cause="unreachable")
    if answer.status == 401 or (answer.status == 403 and not any(word in text.lower() for word in _UNLAUNCHED)):
        return Refused(code, text, cause="auth")
    if 400 <= answer.status < 500 and answer.status != 408:
        return Refused(code, text)
    return Unknown(f"the carrier answered {answer.status}: {text}")
