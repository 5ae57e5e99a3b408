"""WhatsApp's webhooks: their signature, and what they tell in the inbox's words."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from zlib import crc32

from jinaconnect.channels.base import Account, Verified, WebhookReply, WebhookRequest
from jinaconnect.core.errors import BadSignature
from jinaconnect.core.lenient import storable
from jinaconnect.core.schema import unkept

SIGNATURE_HEADER = "X-Hub-Signature-256"
OBJECT = "whatsapp_business_account"
MEDIA = ("image", "video", "audio", "document", "sticker")
MAX_TEXT = 6_000  # WhatsApp's texts have at most 4,096
_WORDS = frozenset({
    "body", "caption", "description", "emoji", "filename", "label", "message", "name", "question", "text", "title",
})  # fmt: skip
MAX_CONTENT = 32 * 1024  # it travels in events of at most 64 KiB


def signature(secret: str, body: bytes) -> str:
    """Return the value of `X-Hub-Signature-256` for a body: hex HMAC-SHA256 of the raw bytes."""
    return "sha256=" + hmac.digest(secret.encode(), body, hashlib.sha256).hex()


def signed_by(secrets: Iterable[str], header: str | None, body: bytes) -> frozenset[str]:
    """Return those of the secrets that made this signature; each is compared in constant time."""
    given = (header or "").encode("latin-1", "replace")
    return frozenset(
        secret for secret in secrets if secret and hmac.compare_digest(signature(secret, body).encode(), given)
    )


def verified(accounts: Sequence[Account], hook: WebhookRequest) -> Verified:
    """Return whose a webhook is; raises BadSignature, Malformed."""
    secrets = {account.secrets.get("app_secret", "") for account in accounts}
    good = signed_by(secrets, hook.headers.get(SIGNATURE_HEADER.lower()), hook.body)
    if not good:
        raise BadSignature("The signature does not fit the body.")
    payload = hook.json
    if not isinstance(payload, dict) or payload.get("object") != OBJECT:
        return Verified((), reason="not a WhatsApp business account event")
    trusted = [account for account in accounts if account.secrets.get("app_secret") in good]
    if not _addressed(payload, trusted):
        return Verified((), reason="no account with this phone number id or business account id")
    return Verified(tuple(account.id for account in trusted), _kind(payload), _lane(payload))


def challenge(accounts: Sequence[Account], hook: WebhookRequest) -> WebhookReply | None:
    """Return the answer to Meta's handshake where its verify token is one of the accounts'."""
    given = hook.query.get("hub.verify_token", "").encode()
    tokens = [account.secrets["verify_token"].encode() for account in accounts if account.secrets.get("verify_token")]
    held = [hmac.compare_digest(token, given) for token in tokens]
    if hook.query.get("hub.mode") != "subscribe" or not any(held):
        return None
    return WebhookReply(hook.query.get("hub.challenge", ""))


def _addressed(payload: Mapping[str, Any], accounts: Iterable[Account]) -> bool:
    businesses = {account.business for account in accounts}
    addresses = {account.address for account in accounts}
    for entry in payload.get("entry") or () if isinstance(payload.get("entry"), list) else ():
        if not isinstance(entry, Mapping):
            continue
        if str(entry.get("id", "")) in businesses:
            return True
        for change in entry.get("changes") or () if isinstance(entry.get("changes"), list) else ():
            value = change.get("value") if isinstance(change, Mapping) else None
            metadata = value.get("metadata") if isinstance(value, Mapping) else None
            if isinstance(metadata, Mapping) and str(metadata.get("phone_number_id", "")) in addresses:
                return True
    return False


def _lane(payload: Mapping[str, Any]) -> int:
    """Return a number of the customer a body speaks of first, as writer of a message or receiver of ours."""
    try:
        value = payload["entry"][0]["changes"][0]["value"]
        customer = value["messages"][0]["from"] if value.get("messages") else value["statuses"][0]["recipient_id"]
        return crc32(str(customer).encode())
    except (LookupError, TypeError, AttributeError, UnicodeError):
        return 0


def _kind(payload: Mapping[str, Any]) -> str:
    kinds = {
        "messages": "MESSAGE", "message_template_status_update": "TEMPLATE", "template_category_update": "TEMPLATE",
        "account_update": "ACCOUNT", "account_alerts": "ACCOUNT", "billing": "BILLING",
    }  # fmt: skip
    try:
        change = payload["entry"][0]["changes"][0]
        if change["field"] == "messages" and not change["value"].get("messages"):
            return "STATUS"
        return kinds.get(change["field"], "UNKNOWN")
    except (LookupError, TypeError, AttributeError):
        return "UNKNOWN"


def content_of(item: Mapping[str, Any]) -> tuple[str, dict[str, Any], Mapping[str, Any] | None]:
    """Return (message type, inbox content, media handle) of one entry of `value.messages`.

    What has no form of its own, or is too large, becomes text that names its type and says what of it can be read: no
    message is dropped for being new to us, and none stands in the way of others.
    """
    type, content, media = _content_of(item)
    content = storable(content)
    if unkept(content, "", MAX_CONTENT):
        kind = content["type"]
        content = {"type": kind, kind: {"url": None}} if kind in MEDIA else _text(f"[{kind} message]")
    return type, content, media


def unread_content(item: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """Return the content of a message that could not be read."""
    told = {"type": str(item.get("type", "unknown"))[:64], "code": None, "title": None, "details": reason[:500]}
    return {**_text("[a message that could not be read]"), "unsupported": storable(told)}


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
    return "UNSUPPORTED", _unsupported(item, kind, part), None


def _unsupported(item: Mapping[str, Any], kind: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a message of another type says of itself: which type, why it has no content, its words."""
    errors = item.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], Mapping) else {}
    more = first.get("error_data")
    details = more.get("details") if isinstance(more, Mapping) else None
    shown = str(part.get("type") or kind) if kind == "unsupported" else kind
    told = {
        "type": shown[:64],
        "code": None if first.get("code") is None else str(first["code"])[:64],
        "title": _short(first.get("title")),
        "details": _short(details or first.get("message")),
    }
    reason = told["details"] or told["title"]
    if reason is not None and told["code"] is not None:
        reason = f"{reason} ({told['code']})"
    words = [*([reason] if reason is not None else []), *words_of(part if kind != "unsupported" else {})]
    return {**_text(" ".join([f"[{shown[:64]} message]", *words])), "unsupported": told}


def _short(value: Any) -> str | None:
    return None if value is None else str(value)[:500]


def words_of(part: Any, left: int = 8) -> Iterator[str]:
    """Yield what a person would read in an object of a type that is not known here."""
    if isinstance(part, list) and left:
        for each in part:
            yield from words_of(each, left - 1)
    elif isinstance(part, Mapping) and left:
        for name, each in part.items():
            if isinstance(each, str) and name in _WORDS and each.strip():
                yield each.strip()
            elif isinstance(each, Mapping | list):
                yield from words_of(each, left - 1)


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
