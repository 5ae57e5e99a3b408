"""WhatsApp's webhooks: their signature, and what they tell in the inbox's words."""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from jinaconnect.channels.base import Fact, Inbound, Reaction, Status, TemplateReport, Unreadable
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.address import PHONE, Address
from jinaconnect.core.inbox.status import Report
from jinaconnect.core.schema import e164, unkept

SIGNATURE_HEADER = "X-Hub-Signature-256"
OBJECT = "whatsapp_business_account"
MAX_ID = 512
MEDIA = ("image", "video", "audio", "document", "sticker")
MAX_TEXT = 6_000  # WhatsApp's texts have at most 4,096
MAX_CONTENT = 32 * 1024  # it travels in events of at most 64 KiB

_STATUSES = {
    "sent": status.SENT,
    "delivered": status.DELIVERED,
    "read": status.READ,
    "played": status.READ,
    "failed": status.FAILED,
}


def signature(secret: str, body: bytes) -> str:
    """Return the value of `X-Hub-Signature-256` for a body: hex HMAC-SHA256 of the raw bytes."""
    return "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex()


def signed_by(secrets: Iterable[str], header: str | None, body: bytes) -> frozenset[str]:
    """Return those of the secrets that made this signature; each is compared in constant time."""
    given = (header or "").encode("latin-1", "replace")
    return frozenset(
        secret for secret in secrets if secret and hmac.compare_digest(signature(secret, body).encode(), given)
    )


def facts_of(payload: Mapping[str, Any]) -> list[Fact]:
    """Return the facts of a webhook body, in its order."""
    facts: list[Fact] = []
    for entry in objects(payload.get("entry")):
        for change in objects(entry.get("changes")):
            value = change.get("value")
            if isinstance(value, Mapping):
                facts.extend(_facts(str(entry.get("id", "")), str(change.get("field", "")), value))
    return facts


def content_of(item: Mapping[str, Any]) -> tuple[str, dict[str, Any], Mapping[str, Any] | None]:
    """Return (message type, inbox content, media handle) of one entry of `value.messages`.

    What has no form of its own, or cannot be stored, becomes text that names its type: no message is dropped for
    being new to us, and none stands in the way of others.
    """
    type, content, media = _content_of(item)
    if unkept(content, "", MAX_CONTENT):
        kind = content["type"]
        content = {"type": kind, kind: {"url": None}} if kind in MEDIA else _text(f"[{kind} message]")
    return type, content, media


def _content_of(item: Mapping[str, Any]) -> tuple[str, dict[str, Any], Mapping[str, Any] | None]:
    kind = str(item.get("type", "unknown"))
    part = item.get(kind)
    part = part if isinstance(part, Mapping) else {}
    if kind == "text":
        return "TEXT", _text(str(part.get("body", ""))), None
    if kind in MEDIA:
        return _media(kind, part)
    if kind == "location":
        fields = {key: part[key] for key in ("latitude", "longitude", "name", "address", "url") if key in part}
        return "LOCATION", {"type": "location", "location": fields}, None
    if kind == "contacts":
        cards = item.get("contacts")
        return "CONTACTS", {"type": "contact", "contacts": list(cards) if isinstance(cards, list) else []}, None
    if kind == "button":
        return "BUTTON", _reply(str(part.get("text", "")), str(part.get("payload", ""))), None
    if kind == "interactive":
        return "INTERACTIVE", _interactive(part), None
    if kind == "order":
        return "ORDER", {"type": "order", "order": dict(part)}, None
    return "UNSUPPORTED", _text(f"[{kind} message]"), None


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "body": {"text": text[:MAX_TEXT]}}


def _media(kind: str, part: Mapping[str, Any]) -> tuple[str, dict[str, Any], Mapping[str, Any] | None]:
    shown = {
        key: part[key] for key in ("caption", "filename", "mime_type", "voice", "animated") if part.get(key) is not None
    }
    shown["url"] = None
    handle = (
        {"id": str(part["id"]), "mime_type": str(part.get("mime_type") or ""), "sha256": str(part.get("sha256") or "")}
        if part.get("id")
        else None
    )
    return kind.upper(), {"type": kind, kind: shown}, handle


def _reply(title: str, payload: str) -> dict[str, Any]:
    return {"type": "button_reply", "body": {"text": title}, "button_reply": {"title": title, "payload": payload}}


def _interactive(part: Mapping[str, Any]) -> dict[str, Any]:
    for kind in ("button_reply", "list_reply"):
        reply = part.get(kind)
        if isinstance(reply, Mapping):
            return _reply(str(reply.get("title", "")), str(reply.get("id", "")))
    reply = part.get("nfm_reply")
    if isinstance(reply, Mapping):
        return _reply(str(reply.get("body", "")), str(reply.get("response_json", "")))
    return _text("[interactive message]")


def objects(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list, none where there is no list."""
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
    names = {str(contact.get("wa_id", "")): _name(contact) for contact in objects(value.get("contacts"))}
    facts: list[Fact] = []
    for item in objects(value.get("messages")):
        if item.get("id") and item.get("from"):
            facts.append(_read(address, partial(_message, address, names, item)))
    for item in objects(value.get("statuses")):
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
    id, wa_id, at = str(item["id"])[:MAX_ID], str(item["from"])[:MAX_ID], _moment(item.get("timestamp"))
    reaction = item.get("reaction")
    if item.get("type") == "reaction" and isinstance(reaction, Mapping):
        return Reaction(
            address, id, str(reaction.get("message_id", ""))[:MAX_ID], _sender(wa_id),
            str(reaction.get("emoji") or "")[:64], at,
        )  # fmt: skip
    kind, content, media = content_of(item)
    context = item.get("context")
    reply_to = str(context["id"])[:MAX_ID] if isinstance(context, Mapping) and context.get("id") else None
    referral = _object(item.get("referral"))
    extra = {"referral": referral} if referral and not unkept(referral, "", MAX_CONTENT) else {}
    return Inbound(address, id, _sender(wa_id), names.get(wa_id, ""), at, kind, content, reply_to, media, extra)


def _status(address: str, told: str, item: Mapping[str, Any]) -> Status:
    errors = objects(item.get("errors"))
    first = errors[0] if errors else {}
    details = (first.get("error_data") or {}).get("details") if isinstance(first.get("error_data"), Mapping) else None
    report = Report(
        told, _moment(item.get("timestamp")), str(first["code"])[:64] if "code" in first else None,
        str(details or first.get("title") or "")[:500] or None,
    )  # fmt: skip
    reference = item.get("biz_opaque_callback_data")
    return Status(address, str(item["id"])[:MAX_ID], reference if isinstance(reference, str) else None, report)


@functools.lru_cache(maxsize=10_000)  # customers write again
def _sender(wa_id: str) -> Address:
    """Return who wrote; a sender that is no phone number keeps its own form, so its message is not lost."""
    try:
        return Address(PHONE, e164(wa_id))
    except ValueError:
        return Address(PHONE, "+" + wa_id.lstrip("+")[:24])
