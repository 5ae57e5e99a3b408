"""WhatsApp through Meta's Cloud API: sending, signatures, webhooks.

Source: Meta's WhatsApp Business Platform OpenAPI description (v23.0) and its documented error codes.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

import orjson
import structlog

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
    Unreadable,
)
from jinaconnect.channels.whatsapp_meta.hooks import MAX_CONTENT, content_of
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.status import Report
from jinaconnect.core.schema import unkept
from jinaconnect.outbound import Ambiguous, Blocked, Fetched, NotSent, TooLarge

SIGNATURE_HEADER = "X-Hub-Signature-256"
OBJECT = "whatsapp_business_account"
MAX_ID = 512

# Classified by `error.code`, whatever the HTTP status says.
RATE_LIMITED = frozenset({4, 80007, 130429, 131048, 131056, 131064, 133016})
RETRYABLE = frozenset({1, 2, 131000, 131016, 131057, 133004})
# Answers that say by their status alone that the request was not acted on: it belongs elsewhere, or is refused.
_ELSEWHERE = (301, 307, 308)
_REQUEST_TIMEOUT = 408
LONGEST_WAIT_S = 3600.0  # a carrier that asks for more is asked again after this

logger = structlog.get_logger(__name__)

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
            return outcome(await self.call(account, "POST", f"{account.address}/messages", json=body))
        except NotSent as error:
            return Refused("unreachable", str(error), again=True)
        except Blocked as error:
            return Refused("blocked", str(error))
        except (Ambiguous, TooLarge) as error:
            return Unknown(str(error))
        except Exception as error:  # whatever it is, the carrier may have the message
            logger.error("send.broken", message=message["_id"], exc_info=error)
            return Unknown(f"the answer could not be read: {type(error).__name__}")

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
    """Return what an answer to a send means.

    Only the carrier's own word that it did not take the message is a refusal: an error object with a code, or 429. A
    5xx without one may come from whatever stands before the carrier, after the message was taken.
    """
    try:
        data = orjson.loads(answer.body)
    except ValueError:
        data = None
    data = data if isinstance(data, dict) else {}
    if answer.status in (200, 201):
        messages = _objects(data.get("messages"))
        if messages and isinstance(messages[0].get("id"), str) and messages[0]["id"]:
            return Accepted(messages[0]["id"])
        return Unknown("the carrier accepted without naming the message")
    error = data.get("error")
    error = error if isinstance(error, dict) else {}
    code = error.get("code") if type(error.get("code")) is int else None
    again = answer.status == 429 or code in RATE_LIMITED or code in RETRYABLE
    refused = again or answer.status in _ELSEWHERE or (400 <= answer.status < 500 and answer.status != _REQUEST_TIMEOUT)
    if not refused:
        return Unknown(f"the carrier answered {answer.status} without a result")
    details = error.get("error_data")
    details = details.get("details") if isinstance(details, dict) else None
    text = str(details or error.get("message") or f"HTTP {answer.status}")[:500]
    return Refused(str(answer.status if code is None else code), text, again, _wait(answer))


def _wait(answer: Fetched) -> float | None:
    """Return the seconds a carrier asks to be left alone, within bounds."""
    text = answer.headers.get("retry-after", "").strip()
    return min(float(text), LONGEST_WAIT_S) if text.isascii() and text.isdigit() else None


def _objects(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _word(value: Any) -> str | None:
    return None if value is None else str(value)[:500]


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
                str(value.get("message_template_language", "")), _word(value.get("event")),
                _word(value.get("reason")), _word(value.get("new_category")),
            )
        ]  # fmt: skip
    metadata = value.get("metadata")
    address = str(metadata.get("phone_number_id", "")) if isinstance(metadata, Mapping) else ""
    names = {str(contact.get("wa_id", "")): _name(contact) for contact in _objects(value.get("contacts"))}
    facts: list[Fact] = []
    for item in _objects(value.get("messages")):
        if item.get("id") and item.get("from"):
            facts.append(_read(address, partial(_message, address, names, item)))
    for item in _objects(value.get("statuses")):
        told = _STATUSES.get(str(item.get("status")))
        if told is not None and item.get("id"):
            facts.append(_read(address, partial(_status, address, told, item)))
    return facts


def _read(address: str, read: Callable[[], Fact]) -> Fact:
    """Return what an item says; an item of another shape than described harms none of its neighbours."""
    try:
        return read()
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        return Unreadable(address, f"{type(error).__name__}: {error}")


def _name(contact: Mapping[str, Any]) -> str:
    profile = contact.get("profile")
    return str(profile.get("name") or "") if isinstance(profile, Mapping) else ""


def _message(address: str, names: Mapping[str, str], item: Mapping[str, Any]) -> Fact:
    id, sender, at = str(item["id"])[:MAX_ID], str(item["from"])[:MAX_ID], _moment(item.get("timestamp"))
    reaction = item.get("reaction")
    if item.get("type") == "reaction" and isinstance(reaction, Mapping):
        return Reaction(
            address, id, str(reaction.get("message_id", ""))[:MAX_ID], sender, str(reaction.get("emoji") or "")[:64], at
        )
    kind, content, media = content_of(item)
    context = item.get("context")
    reply_to = str(context["id"])[:MAX_ID] if isinstance(context, Mapping) and context.get("id") else None
    referral = _object(item.get("referral"))
    extra = {"referral": referral} if referral and not unkept(referral, "", MAX_CONTENT) else {}
    return Inbound(address, id, sender, names.get(sender, ""), at, kind, content, reply_to, media, extra)


def _status(address: str, told: str, item: Mapping[str, Any]) -> Status:
    errors = _objects(item.get("errors"))
    first = errors[0] if errors else {}
    details = (first.get("error_data") or {}).get("details") if isinstance(first.get("error_data"), Mapping) else None
    report = Report(
        told, _moment(item.get("timestamp")), str(first["code"])[:64] if "code" in first else None,
        str(details or first.get("title") or "")[:500] or None,
    )  # fmt: skip
    reference = item.get("biz_opaque_callback_data")
    return Status(address, str(item["id"])[:MAX_ID], reference if isinstance(reference, str) else None, report)
