"""A customer's WhatsApp message in the inbox's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.core.schema import unkept

MEDIA = ("image", "video", "audio", "document", "sticker")
MAX_TEXT = 6_000  # WhatsApp's texts have at most 4,096
MAX_CONTENT = 32 * 1024  # it travels in events of at most 64 KiB


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
