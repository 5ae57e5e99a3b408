"""What a customer's WhatsApp message says, in the inbox's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jinaconnect.core.lenient import storable
from jinaconnect.core.schema import unkept

MEDIA = ("image", "video", "audio", "document", "sticker")
MAX_TEXT = 6_000  # WhatsApp's texts have at most 4,096
_WORDS = frozenset({
    "body", "caption", "description", "emoji", "filename", "label", "message", "name", "question", "text", "title",
})  # fmt: skip
MAX_CONTENT = 32 * 1024  # it travels in events of at most 64 KiB


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
    named = {name: str(part.get(name) or "") for name in ("id", "mime_type", "sha256")}
    where = {"url": str(part["url"])} if part.get("url") else {}
    return kind.upper(), {"type": kind, kind: shown}, {**named, **where} if named["id"] or where else None


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
