"""What RBM tells: messages and events of customers, and what became of messages whose time was up.

The body is an envelope of Pub/Sub with the event in it, or the event by itself.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jinaconnect.channels.base import WebhookRequest
from jinaconnect.channels.facts import Fact, Inbound, Preference, Status, Unreadable
from jinaconnect.core.errors import Malformed
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.address import PHONE, Address
from jinaconnect.core.inbox.status import Report
from jinaconnect.core.lenient import read_json, storable
from jinaconnect.core.schema import unkept

MAX_TEXT = 6_000
MAX_CONTENT = 32 * 1024  # it travels in events of at most 64 KiB
_REPORTED = {"DELIVERED": status.DELIVERED, "READ": status.READ, "TTL_EXPIRATION_REVOKED": status.EXPIRED}
# Nothing becomes of these: somebody types, and a message could not be taken back, which says nothing of its delivery.
_SILENT = frozenset({"IS_TYPING", "TTL_EXPIRATION_REVOKE_FAILED"})
_PREFERENCES = {"SUBSCRIBE": False, "UNSUBSCRIBE": True}
_KINDS = ("image", "video", "audio")
_SAID = ("text", "suggestionResponse", "location", "userFile")  # what a message has one of
_ABOUT = frozenset({"senderPhoneNumber", "messageId", "sendTime", "agentId", "eventId", "eventType"})
_ODD = (LookupError, TypeError, ValueError, AttributeError)


def signed_bytes(hook: WebhookRequest) -> bytes:
    """Return the bytes that a signature is made of: the event itself, out of its envelope; raises Malformed."""
    body = hook.json
    message = body.get("message") if isinstance(body, Mapping) else None
    data = message.get("data") if isinstance(message, Mapping) else None
    if not isinstance(data, str):
        return hook.body
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("The data of the message is no base64.") from error


def event_of(hook: WebhookRequest) -> Any:
    """Return the event of a webhook; raises Malformed."""
    try:
        return read_json(signed_bytes(hook))
    except ValueError as error:
        raise Malformed("The data of the message is no JSON.") from error


def kind_of(event: Mapping[str, Any]) -> str:
    """Return an event's kind as it is told in answers and lists."""
    if event.get("eventType") in ("DELIVERED", "READ", "IS_TYPING"):
        return str(event["eventType"])
    named = {"text": "MESSAGE", "suggestionResponse": "SUGGESTION_RESPONSE", "location": "LOCATION", "userFile": "FILE"}
    return next((told for name, told in named.items() if name in event), "UNKNOWN")


def facts_of(event: Any, account: str) -> list[Fact]:
    """Return what an event tells of an account; never raises on what it does not know."""
    if not isinstance(event, Mapping):
        return [Unreadable(account, "an event is an object")]
    try:
        return _read(event, account)
    except _ODD as error:
        return _odd(event, account, f"{type(error).__name__}: {error}")


def _read(event: Mapping[str, Any], account: str) -> list[Fact]:
    kind = event.get("eventType")
    if kind in _SILENT:
        return []
    if kind in _REPORTED:
        code = "expired" if kind == "TTL_EXPIRATION_REVOKED" else None
        text = "It could not be delivered within its time." if code else None
        report = Report(_REPORTED[kind], _at(event.get("sendTime")), code, text)
        return [Status(account, str(event["messageId"]), None, report)]
    if kind in _PREFERENCES:
        sender = Address(PHONE, str(event["senderPhoneNumber"]))
        return [Preference(account, sender, "", _PREFERENCES[kind], _at(event.get("sendTime")))]
    if kind is not None and not any(name in event for name in _SAID):
        return [Unreadable(account, f"an event of the kind {str(kind)[:64]} is not known")]
    return [_message(event, account)]


def _at(text: Any) -> datetime:
    """Return a time as Google writes it; without one, the beginning of time, which stands for now."""
    if not isinstance(text, str) or not text:
        return datetime.fromtimestamp(0, UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _message(event: Mapping[str, Any], account: str, at: datetime | None = None) -> Inbound:
    sender = str(event["senderPhoneNumber"])
    kind, content, media = content_of(event)
    return Inbound(
        account, str(event["messageId"]), Address(PHONE, sender), "", _at(event.get("sendTime")) if at is None else at,
        kind, content, media=media, raw=event,
    )  # fmt: skip


def _odd(event: Mapping[str, Any], account: str, reason: str) -> list[Fact]:
    """Return a message that could not be read as such, where it says at least whose it is."""
    sender, id = event.get("senderPhoneNumber"), event.get("messageId")
    if not isinstance(sender, str) or not isinstance(id, str) or "eventType" in event:
        return [Unreadable(account, reason)]
    content = {
        "type": "text", "body": {"text": "[a message that could not be read]"}, "unsupported": _told("message"),
    }  # fmt: skip
    at = datetime.fromtimestamp(0, UTC)
    return [
        Inbound(
            account, id, Address(PHONE, sender), "", at, "UNSUPPORTED", content, raw=event, unreadable=reason,
        )
    ]  # fmt: skip


def content_of(event: Mapping[str, Any]) -> tuple[str, dict[str, Any], Mapping[str, Any] | None]:
    """Return (message type, inbox content, handle of its file) of a customer's message."""
    kind, content, media = _content_of(event)
    content = storable(content)
    if unkept(content, "", MAX_CONTENT):
        content = _unsupported(content["type"])
    return kind, content, media


def _content_of(event: Mapping[str, Any]) -> tuple[str, dict[str, Any], Mapping[str, Any] | None]:
    if isinstance(event.get("text"), str):
        return "TEXT", {"type": "text", "body": {"text": event["text"][:MAX_TEXT]}}, None
    reply = event.get("suggestionResponse")
    if isinstance(reply, Mapping):
        title, data = str(reply.get("text") or ""), str(reply.get("postbackData") or "")
        shown = {"title": title or data, "payload": data}
        return "SUGGESTION", {"type": "button_reply", "body": {"text": title or data}, "button_reply": shown}, None
    place = event.get("location")
    if isinstance(place, Mapping):
        where = {name: place[name] for name in ("latitude", "longitude") if name in place}
        return "LOCATION", {"type": "location", "location": where}, None
    file = event.get("userFile")
    if isinstance(file, Mapping) and isinstance(file.get("payload"), Mapping):
        return "MEDIA", *_file(file["payload"])
    kind = next((name for name in event if name not in _ABOUT), "empty message")
    return "UNSUPPORTED", _unsupported(kind), None


def _file(payload: Mapping[str, Any]) -> tuple[dict[str, Any], Mapping[str, Any] | None]:
    mime, uri = str(payload.get("mimeType") or ""), payload.get("fileUri")
    family = mime.partition("/")[0]
    kind = family if family in _KINDS else "document"
    part: dict[str, Any] = {"url": None, "mime_type": mime or None}
    if isinstance(payload.get("fileName"), str):
        part["filename"] = payload["fileName"]
    if type(payload.get("fileSizeBytes")) is int:
        part["size"] = payload["fileSizeBytes"]
    handle = {"uri": uri, "mime_type": mime} if isinstance(uri, str) and uri else None
    return {"type": kind, kind: part}, handle


def _told(kind: str) -> dict[str, Any]:
    return {"type": kind[:64], "code": None, "title": None, "details": None}


def _unsupported(kind: str) -> dict[str, Any]:
    return {"type": "text", "body": {"text": f"unsupported: {kind[:64]}"}, "unsupported": _told(kind)}
