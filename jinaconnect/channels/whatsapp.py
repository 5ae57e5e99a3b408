"""WhatsApp through Meta's Cloud API: sending, signatures, webhooks.

Source: Meta's WhatsApp Business Platform OpenAPI description (v23.0) and its documented error codes.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from jinaconnect.channels.base import (
    Accepted,
    Account,
    Fact,
    Inbound,
    Outcome,
    Reaction,
    Refused,
    Status,
    TemplateReport,
    Unknown,
)
from jinaconnect.channels.whatsapp_inbound import content_of
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.status import Report
from jinaconnect.outbound import Ambiguous, Blocked, Fetched, NotSent, TooLarge

SIGNATURE_HEADER = "X-Hub-Signature-256"
OBJECT = "whatsapp_business_account"

# Classified by `error.code`, whatever the HTTP status says.
RATE_LIMITED = frozenset({4, 80007, 130429, 131048, 131056, 131064, 133016})
RETRYABLE = frozenset({1, 2, 131000, 131016, 131057, 133004})

_STATUSES = {
    "sent": status.SENT,
    "delivered": status.DELIVERED,
    "read": status.READ,
    "played": status.READ,
    "failed": status.FAILED,
}


class Transport(Protocol):
    """Whoever carries a request to Meta, or to the simulated Meta."""

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, json: Any = None, limit: int = ...
    ) -> Fetched:
        """Send one request and return the answer."""


def signature(secret: str, body: bytes) -> str:
    """Return the value of `X-Hub-Signature-256` for a body: hex HMAC-SHA256 of the raw bytes."""
    return "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex()


def signed_by(secrets: Iterable[str], header: str | None, body: bytes) -> frozenset[str]:
    """Return those of the secrets that made this signature; each is compared in constant time."""
    given = (header or "").encode("latin-1", "replace")
    return frozenset(
        secret for secret in secrets if secret and hmac.compare_digest(signature(secret, body).encode(), given)
    )


class Whatsapp:
    """The Cloud API adapter."""

    def __init__(self, outside: Transport, simulator: Transport) -> None:
        self._outside = outside
        self._simulator = simulator

    async def call(self, account: Account, method: str, path: str, **options: Any) -> Fetched:
        """Ask the Graph API for `path` below the version; raises what the transport raises."""
        transport = self._simulator if account.simulated else self._outside
        url = f"{account.base_url.rstrip('/')}/{account.version}/{path}"
        headers = {"Authorization": f"Bearer {account.secrets.get('access_token', '')}"}
        return await transport.request(method, url, headers=headers, **options)

    async def send(self, account: Account, to: str, message: Mapping[str, Any]) -> Outcome:
        """Send one message (`POST /{phone_number_id}/messages`)."""
        body = {
            "messaging_product": "whatsapp", "recipient_type": "individual", "to": to, **message["request"],
            "biz_opaque_callback_data": message["_id"],
        }  # fmt: skip
        try:
            answer = await self.call(account, "POST", f"{account.address}/messages", json=body)
        except NotSent as error:
            return Refused("unreachable", str(error), again=True)
        except Blocked as error:
            return Refused("blocked", str(error))
        except (Ambiguous, TooLarge) as error:
            return Unknown(str(error))
        return outcome(answer)

    def parse(self, payload: Mapping[str, Any]) -> list[Fact]:
        """Return the facts of a webhook body, in its order."""
        facts: list[Fact] = []
        for entry in _objects(payload.get("entry")):
            for change in _objects(entry.get("changes")):
                value = change.get("value")
                if isinstance(value, Mapping):
                    facts.extend(_facts(str(entry.get("id", "")), str(change.get("field", "")), value))
        return facts


def outcome(answer: Fetched) -> Outcome:
    """Return what an answer to a send means."""
    try:
        data = orjson.loads(answer.body)
    except ValueError:
        data = None
    if answer.status in (200, 201) and isinstance(data, dict):
        messages = data.get("messages")
        if isinstance(messages, list) and messages and isinstance(messages[0], dict) and messages[0].get("id"):
            return Accepted(str(messages[0]["id"]))
        return Unknown("the carrier accepted without naming the message")
    if answer.status < 300 or answer.status == 504:
        return Unknown(f"the carrier answered {answer.status} without a result")
    error = data.get("error") if isinstance(data, dict) else None
    error = error if isinstance(error, dict) else {}
    code = error.get("code")
    text = str((error.get("error_data") or {}).get("details") or error.get("message") or f"HTTP {answer.status}")[:500]
    again = answer.status >= 500 or answer.status == 429 or code in RATE_LIMITED or code in RETRYABLE
    wait = answer.headers.get("retry-after", "")
    return Refused(
        str(code if code is not None else answer.status), text, again, float(wait) if wait.isdigit() else None
    )


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _moment(text: Any) -> datetime:
    """Read seconds or milliseconds since 1970; an unreadable time is the epoch."""
    try:
        number = float(text)
        return datetime.fromtimestamp(number / 1000 if number > 1e11 else number, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def _facts(business: str, field: str, value: Mapping[str, Any]) -> list[Fact]:
    if field in ("message_template_status_update", "template_category_update"):
        return [
            TemplateReport(
                business, str(value.get("message_template_id", "")), str(value.get("message_template_name", "")),
                str(value.get("message_template_language", "")), value.get("event"), value.get("reason"),
                value.get("new_category"),
            )
        ]  # fmt: skip
    metadata = value.get("metadata")
    address = str(metadata.get("phone_number_id", "")) if isinstance(metadata, Mapping) else ""
    names = {
        str(contact.get("wa_id", "")): str((contact.get("profile") or {}).get("name") or "")
        for contact in _objects(value.get("contacts"))
    }
    facts: list[Fact] = []
    for item in _objects(value.get("messages")):
        if item.get("id") and item.get("from"):
            facts.append(_message(address, names, item))
    for item in _objects(value.get("statuses")):
        told = _STATUSES.get(str(item.get("status")))
        if told is not None and item.get("id"):
            facts.append(_status(address, told, item))
    return facts


def _message(address: str, names: Mapping[str, str], item: Mapping[str, Any]) -> Fact:
    sender, at = str(item["from"]), _moment(item.get("timestamp"))
    reaction = item.get("reaction")
    if item.get("type") == "reaction" and isinstance(reaction, Mapping):
        return Reaction(
            address, str(item["id"]), str(reaction.get("message_id", "")), sender, str(reaction.get("emoji") or ""), at
        )
    kind, content, media = content_of(item)
    context = item.get("context")
    reply_to = str(context["id"]) if isinstance(context, Mapping) and context.get("id") else None
    extra = {"referral": item["referral"]} if isinstance(item.get("referral"), Mapping) else {}
    return Inbound(address, str(item["id"]), sender, names.get(sender, ""), at, kind, content, reply_to, media, extra)


def _status(address: str, told: str, item: Mapping[str, Any]) -> Status:
    errors = _objects(item.get("errors"))
    first = errors[0] if errors else {}
    details = (first.get("error_data") or {}).get("details") if isinstance(first.get("error_data"), Mapping) else None
    report = Report(
        told, _moment(item.get("timestamp")), str(first["code"]) if "code" in first else None,
        str(details or first.get("title") or "")[:500] or None,
    )  # fmt: skip
    reference = item.get("biz_opaque_callback_data")
    return Status(address, str(item["id"]), reference if isinstance(reference, str) else None, report)
