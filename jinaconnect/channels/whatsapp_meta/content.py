"""Inbox content as a WhatsApp message: what the team writes in the inbox's words, in the carrier's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.core.errors import Invalid

_MEDIA = ("image", "video", "audio", "document", "sticker")


def send_fields(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a WhatsApp send for checked inbox content; raises Invalid for what WhatsApp cannot show."""
    kind = content["type"]
    buttons = content.get("buttons") or []
    if buttons or content.get("header") or content.get("footer"):
        return _interactive(content, buttons)
    if kind == "text":
        return {"message_type": "TEXT", "text": content["body"]["text"]}
    if kind in _MEDIA:
        part = content[kind]
        fields = {"message_type": kind.upper(), "media_url": part["url"], "media_caption": part.get("caption")}
        return {**fields, "media_filename": part.get("filename")}
    raise Invalid.field("content.type", f"'{kind}' cannot be sent over WhatsApp")


def _interactive(content: Mapping[str, Any], buttons: list[Mapping[str, Any]]) -> dict[str, Any]:
    text = (content.get("body") or {}).get("text")
    if not text:
        raise Invalid.field("content.body.text", "is required with header, footer or buttons")
    if not buttons:
        raise Invalid.field("content.buttons", "WhatsApp shows header and footer only with buttons")
    shown: dict[str, Any] = {"body": {"text": text}}
    header = _header(content)
    if header is not None:
        shown["header"] = header
    if content.get("footer"):
        shown["footer"] = {"text": content["footer"]["text"]}
    kinds = {button["type"] for button in buttons}
    if kinds == {"quick_reply"}:
        replies = [
            {"type": "reply", "reply": {"id": f"button-{place}", "title": button["text"]}}
            for place, button in enumerate(buttons, 1)
        ]
        shown.update(type="button", action={"buttons": replies})
        return {"message_type": "INTERACTIVE", "interactive": shown}
    if kinds == {"url"} and len(buttons) == 1:
        parameters = {"display_text": buttons[0]["text"], "url": buttons[0]["url"]}
        action = {"name": "cta_url", "parameters": parameters}
        return {"message_type": "INTERACTIVE", "interactive": {"type": "cta_url", **shown, "action": action}}
    raise Invalid.field("content.buttons", "WhatsApp takes up to three quick replies, or one link")


def _header(content: Mapping[str, Any]) -> dict[str, Any] | None:
    kind = content["type"]
    if kind in ("image", "video", "document"):
        return {"type": kind, kind: {"link": content[kind]["url"]}}
    header = content.get("header")
    if not header:
        return None
    if header.get("text"):
        return {"type": "text", "text": header["text"]}
    found = next(name for name in ("image", "video", "document") if header.get(name))
    return {"type": found, found: {"link": header[found]["url"]}}
