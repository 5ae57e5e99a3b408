"""What the assumed contract is sent: texts, with quick replies below, files and places, in the Graph API's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.channels.base import Composed, Outgoing
from jinaconnect.channels.cards import words_of
from jinaconnect.core.errors import Invalid
from jinaconnect.core.messaging.templates import given_values, render

MAX_TEXT, MAX_LABEL, MAX_BUTTONS = 3072, 25, 11
_FILES = ("image", "video", "audio", "document")


def composed(message: Outgoing) -> Composed:
    """Return the type and its object; raises Invalid naming the field that nothing is assumed of."""
    content, use = message.content, message.template
    if use is not None:
        text = render(use.content, given_values(use.content, use.body, "template_params.body"))
        content = {"type": "text", "body": {"text": text}, "template": use.name}
    kind = str(content["type"])
    if kind == "text":
        text = words_of(content)
        if not text.strip():
            raise Invalid.field("content.body.text", "is required")
        if len(text) > MAX_TEXT:
            raise Invalid.field("content.body.text", f"at most {MAX_TEXT} characters over RCS, with header and footer")
        if content.get("buttons"):
            return _made(message, content, "interactive", _buttons(text, content["buttons"]), "TEXT")
        return _made(message, content, "text", {"body": text}, "TEXT")
    if content.get("buttons"):
        raise Invalid.field("content.buttons", "stand below a text alone with this provider")
    if kind in _FILES:
        return _made(message, content, kind, _file(kind, content[kind], words_of(content)), "MEDIA")
    if kind == "location":
        names = ("latitude", "longitude", "name", "address")
        place = {name: content["location"][name] for name in names if name in content["location"]}
        return _made(message, content, "location", place, "LOCATION")
    raise Invalid.field("content.type", f"'{kind}' has no form with this provider")


def _made(message: Outgoing, content: Mapping[str, Any], kind: str, part: Any, type: str) -> Composed:
    wire: dict[str, Any] = {"type": kind, kind: part}
    if message.reply_to is not None:
        wire["context"] = {"message_id": message.reply_to}
    return Composed(wire, content, type)


def _file(kind: str, part: Mapping[str, Any], words: str) -> dict[str, Any]:
    url = str(part.get("url") or "")
    if not url.startswith(("https://", "http://")):
        raise Invalid.field(f"content.{kind}.url", "must be an address that can be fetched, http or https")
    caption = "\n\n".join(each for each in (part.get("caption"), words) if each)
    if caption and kind == "audio":
        raise Invalid.field("content.audio.caption", "RCS shows no words with a sound")
    name = {"filename": part["filename"]} if part.get("filename") and kind == "document" else {}
    return {"link": url, **({"caption": caption} if caption else {}), **name}


def _buttons(text: str, buttons: Any) -> dict[str, Any]:
    if len(buttons) > MAX_BUTTONS:
        raise Invalid.field("content.buttons", f"at most {MAX_BUTTONS} over RCS")
    replies = []
    for place, button in enumerate(buttons):
        if button["type"] != "quick_reply":
            raise Invalid.field(f"content.buttons.{place}.type", f"'{button['type']}' has no form with this provider")
        if not 1 <= len(str(button["text"])) <= MAX_LABEL:
            raise Invalid.field(f"content.buttons.{place}.text", f"1 to {MAX_LABEL} characters over RCS")
        id = str(button.get("payload") or button["text"])
        replies.append({"type": "reply", "reply": {"id": id, "title": button["text"]}})
    return {"type": "button", "body": {"text": text}, "action": {"buttons": replies}}
