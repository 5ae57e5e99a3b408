"""What WhatsApp is sent: inbox content, or the carrier's own interactive object, as a Cloud API message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.channels.base import Composed, Outgoing
from jinaconnect.channels.whatsapp.interactive import METAS
from jinaconnect.channels.whatsapp.using import used
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.address import PHONE, Address

MEDIA = ("image", "video", "audio", "document", "sticker")
UNCAPTIONED = ("audio", "sticker")
LONGEST_LABEL = 20


def composed(message: Outgoing) -> Composed:
    """Return the type-specific part of a Cloud API send; raises Invalid naming the field WhatsApp cannot show."""
    content = message.content
    if message.template is not None:
        part, shown = used(message.template)
        return _shaped("template", part, message, shown)
    if message.native is not None:
        kind = str(message.native.get("type"))
        return _shaped("interactive", {**message.native, "type": METAS.get(kind, kind)}, message, content)
    if "reaction_to" in content:
        emoji = content["body"]["text"]
        return Composed(
            {"type": "reaction", "reaction": {"message_id": message.reply_to, "emoji": emoji}}, content, "REACTION"
        )
    if content.get("buttons") or content.get("header") or content.get("footer"):
        return _shaped("interactive", _interactive(content), message, content)
    kind = content["type"]
    if kind == "text":
        preview = bool(message.options.get("preview_url"))
        return _shaped("text", {"body": content["body"]["text"], "preview_url": preview}, message, content)
    if kind in MEDIA:
        return _shaped(kind, _media(kind, content[kind]), message, content)
    if kind == "location":
        fields = ("latitude", "longitude", "name", "address")
        place = {name: content["location"][name] for name in fields if name in content["location"]}
        return _shaped("location", place, message, content)
    if kind == "contact" and content.get("contacts"):
        return _shaped("contacts", content["contacts"], message, content)
    raise Invalid.field("content.type", f"'{kind}' cannot be sent over WhatsApp")


def recipient(to: Address) -> dict[str, str]:
    """Return how a send names who gets it: Meta accepts an id that is no number in `to`, and drops the message."""
    value = str(to.value)
    return {"to": value.lstrip("+")} if to.field == PHONE else {"recipient": value}


def _shaped(kind: str, part: Any, message: Outgoing, content: Mapping[str, Any]) -> Composed:
    wire: dict[str, Any] = {"type": kind, kind: part}
    if message.reply_to is not None:
        wire["context"] = {"message_id": message.reply_to}
    return Composed(wire, content, kind.upper())


def _media(kind: str, part: Mapping[str, Any]) -> dict[str, Any]:
    sent = {"id": part["id"]} if part.get("id") else {"link": _link(kind, part)}
    if part.get("caption") and kind not in UNCAPTIONED:
        sent["caption"] = part["caption"]
    if part.get("filename") and kind == "document":
        sent["filename"] = part["filename"]
    return sent


def _link(path: str, part: Mapping[str, Any]) -> str:
    """Return the address of a file, which the carrier fetches itself."""
    url = str(part.get("url") or "")
    if not url.startswith(("https://", "http://")):
        raise Invalid.field(f"content.{path}.url", "must be an address that WhatsApp can fetch, http or https")
    return url


def _interactive(content: Mapping[str, Any]) -> dict[str, Any]:
    buttons = content.get("buttons") or []
    text = (content.get("body") or {}).get("text")
    if not text:
        raise Invalid.field("content.body.text", "is required with header, footer or buttons")
    if not buttons:
        raise Invalid.field("content.buttons", "WhatsApp shows header and footer only with buttons")
    if len(text) > 1024:
        raise Invalid.field("content.body.text", "at most 1024 characters with buttons")
    for place, button in enumerate(buttons):
        if len(button["text"]) > LONGEST_LABEL:
            raise Invalid.field(f"content.buttons.{place}.text", f"at most {LONGEST_LABEL} characters over WhatsApp")
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
        return {"type": "button", **shown, "action": {"buttons": replies}}
    if kinds == {"url"} and len(buttons) == 1:
        parameters = {"display_text": buttons[0]["text"], "url": buttons[0]["url"]}
        return {"type": "cta_url", **shown, "action": {"name": "cta_url", "parameters": parameters}}
    raise Invalid.field("content.buttons", "WhatsApp takes up to three quick replies, or one link")


def _header(content: Mapping[str, Any]) -> dict[str, Any] | None:
    kind = content["type"]
    if kind in ("image", "video", "document"):
        return {"type": kind, kind: {"link": _link(kind, content[kind])}}
    header = content.get("header")
    if not header:
        return None
    if header.get("text"):
        return {"type": "text", "text": header["text"]}
    found = next(name for name in ("image", "video", "document") if header.get(name))
    return {"type": found, found: {"link": _link(f"header.{found}", header[found])}}
