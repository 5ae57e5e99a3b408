"""What Meta's Graph API has alike for every product: who signed a webhook, its handshake, and what its answers mean.

Source: Meta's OpenAPI description (v23.0) and its documented error codes.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from jinaconnect.channels.base import (
    Accepted,
    Account,
    Cause,
    Outcome,
    Refused,
    Unknown,
    WebhookReply,
    WebhookRequest,
)
from jinaconnect.channels.pace import wait_of
from jinaconnect.core.inbox.address import Address
from jinaconnect.outbound import Fetched

SIGNATURE_HEADER = "X-Hub-Signature-256"
# Classified by `error.code`, whatever the HTTP status says.
RATE_LIMITED = frozenset({4, 80007, 130429, 131048, 131056, 131064, 133016})
TOO_FAST = frozenset({4, 80007, 130429})  # the account as a whole
REFUSES_ACCOUNT = frozenset({0, 3, 10, 190, *range(200, 300), 368, 131005, 131031, 131042, 131044, 131045})
RETRYABLE = frozenset({1, 2, 131000, 131016, 131057, 133004})
# What refuses a message for good, even with a 5xx; what says less than that (0, 100) does not.
PERMANENT = (REFUSES_ACCOUNT - {0}) | {
    130472, 130497, 131008, 131009, 131021, 131026, 131030, 131047, 131049, 131050, 131051, 131052, 131053, 132000,
    132001, 132005, 132007, 132008, 132012, 132015, 132016, 132068, 132069, 135000,
}  # fmt: skip
# Answers that say by their status alone that the request was not acted on: it belongs elsewhere, or is refused.
_ELSEWHERE = (301, 307, 308)
_REQUEST_TIMEOUT = 408
OPTED_OUT = 131050  # the customer has stopped marketing messages


def signature(secret: str, body: bytes) -> str:
    """Return the value of `X-Hub-Signature-256` for a body: hex HMAC-SHA256 of the raw bytes."""
    return "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex()


def signed_by(secrets: Iterable[str], header: str | None, body: bytes) -> frozenset[str]:
    """Return those of the secrets that made this signature; each is compared in constant time."""
    given = (header or "").encode("latin-1", "replace")
    return frozenset(
        secret for secret in secrets if secret and hmac.compare_digest(signature(secret, body).encode(), given)
    )


def challenge(accounts: Sequence[Account], hook: WebhookRequest, name: str) -> WebhookReply | None:
    """Return the answer to Meta's handshake where its verify token is one of the accounts' secrets of that name."""
    given = hook.query.get("hub.verify_token", "").encode()
    tokens = [account.secrets[name].encode() for account in accounts if account.secrets.get(name)]
    held = [hmac.compare_digest(token, given) for token in tokens]
    if hook.query.get("hub.mode") != "subscribe" or not any(held):
        return None
    return WebhookReply(hook.query.get("hub.challenge", ""))


def outcome(answer: Fetched, address: Callable[[str], Address] | None = None) -> Outcome:
    """Return what an answer to a send means; `address` reads what else it says that the receiver is known by.

    Only the carrier's own word that it did not take the message is a refusal: an error object with a code, or 429. A
    5xx without a code that is known may come from whatever stands before the carrier, after the message was taken.
    """
    try:
        data = orjson.loads(answer.body)
    except ValueError:
        data = None
    data = data if isinstance(data, dict) else {}
    if answer.status in (200, 201):
        messages = objects(data.get("messages"))
        if messages and isinstance(messages[0].get("id"), str) and messages[0]["id"]:
            return Accepted(messages[0]["id"], _known_as(data, address))
        return Unknown("the carrier accepted without naming the message")
    error = data.get("error")
    error = error if isinstance(error, dict) else {}
    code = error.get("code") if type(error.get("code")) is int else None
    again = answer.status == 429 or code in RATE_LIMITED or code in RETRYABLE
    refused = again or code in PERMANENT or answer.status in _ELSEWHERE
    refused = refused or (400 <= answer.status < 500 and answer.status != _REQUEST_TIMEOUT)
    if not refused:
        return Unknown(f"the carrier answered {answer.status} without a result")
    details = error.get("error_data")
    details = details.get("details") if isinstance(details, dict) else None
    text = str(details or error.get("message") or f"HTTP {answer.status}")[:500]
    named = str(answer.status if code is None else code)
    cause: Cause | None = "auth" if answer.status == 401 or code in REFUSES_ACCOUNT else None
    if code in TOO_FAST:
        cause = "rate"
    return Refused(named, text, again, wait_of(answer), opted_out=code == OPTED_OUT, cause=cause)


def _known_as(data: Mapping[str, Any], address: Callable[[str], Address] | None) -> tuple[Address, ...]:
    """Return what the carrier calls whom it took a message for: their `wa_id` may differ from the number written to."""
    contacts = objects(data.get("contacts"))
    first = contacts[0] if contacts and address is not None else {}
    named = (value for name in ("wa_id", "user_id") if isinstance(value := first.get(name), str) and value)
    return () if address is None else tuple(address(value) for value in named)


def objects(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of what should be a list of them."""
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
