"""What Telegram is sent: inbox content as a method of the Bot API and its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.channels.base import Composed, Outgoing
from jinaconnect.channels.telegram.ids import message_number
from jinaconnect.core.errors import Invalid
from jinaconnect.core.messaging.templates import given_values, render

MAX_TEXT, MAX_CAPTION, MAX_DATA, MAX_COPIED = 4096, 1024, 64, 256
# Kinds of files: the method, its parameter, and the type in REST.
_FILES = {
    "image": ("sendPhoto", "photo", "PHOTO"), "video": ("sendVideo", "video", "VIDEO"),
    "audio": ("sendAudio", "audio", "AUDIO"), "voice": ("sendVoice", "voice", "VOICE"),
    "document": ("sendDocument", "document", "DOCUMENT"), "file": ("sendDocument", "document", "DOCUMENT"),
    "sticker": ("sendSticker", "sticker", "STICKER"),
}  # fmt: skip
_OPTIONS = ("parse_mode", "disable_notification", "protect_content")


def composed(message: Outgoing) -> Composed:
    """Return a message as `{method, params}`; raises Invalid naming the field that Telegram cannot show."""
    content = message.content
    if message.template is not None:
        use = message.template
        text = render(use.content, given_values(use.content, use.body, "template_params"))
        shown = {"type": "text", "body": {"text": text}, "template": use.name}
        return _made("sendMessage", {"text": _text(shown, "template_params")}, "TEMPLATE", message, shown)
    if "reaction_to" in content:
        return _reaction(content, message)
    kind = str(content["type"])
    if kind == "text":
        return _made("sendMessage", {"text": _text(content, "content.body.text")}, "TEXT", message, content)
    if kind in _FILES:
        voiced = kind == "audio" and bool(content[kind].get("voice"))
        method, name, type = _FILES["voice" if voiced else kind]
        return _made(method, {name: _file(kind, content[kind]), **_caption(kind, content)}, type, message, content)
    if kind == "location":
        return _located(content.get("location"), message)
    if kind == "contact" and content.get("contacts"):
        return _made("sendContact", _card(content["contacts"]), "CONTACT", message, content)
    raise Invalid.field("content.type", f"'{kind}' cannot be sent over Telegram")


def _made(
    method: str, params: Mapping[str, Any], kind: str, message: Outgoing, content: Mapping[str, Any]
) -> Composed:
    made: dict[str, Any] = {**params}
    options = {name: message.options[name] for name in _OPTIONS if message.options.get(name)}
    if "text" not in params and "caption" not in params:
        options.pop("parse_mode", None)
    made.update(options)
    markup = message.native or keyboard(content.get("buttons") or [])
    if markup:
        made["reply_markup"] = dict(markup)
    if message.reply_to is not None:
        made["reply_parameters"] = {
            "message_id": message_number(message.reply_to), "allow_sending_without_reply": True,
        }  # fmt: skip
    return Composed({"method": method, "params": made}, content, kind)


def keyboard(buttons: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the inline keyboard of an inbox message's buttons, one each row; None without any."""
    rows = [[_button(button)] for button in buttons]
    return {"inline_keyboard": rows} if rows else None


def _button(button: Mapping[str, Any]) -> dict[str, Any]:
    """Return one button. Telegram calls nobody: a number to call, as a code, is copied when it is pressed."""
    label, kind = button["text"], button["type"]
    if kind == "url":
        return {"text": label, "url": button["url"]}
    if kind == "call":
        return {"text": label, "copy_text": {"text": button["phone"]}}
    if kind == "copy":
        return {"text": label, "copy_text": {"text": button["code"]}}
    return {"text": label, "callback_data": cut(str(button.get("payload") or label), MAX_DATA)}


def cut(text: str, most: int) -> str:
    """Return as many whole characters of a text as have at most so many bytes."""
    return text.encode()[:most].decode("utf-8", "ignore")


def _words(content: Mapping[str, Any]) -> str:
    """Return header, text and footer, which Telegram shows as one text."""
    header = (content.get("header") or {}).get("text")
    body = (content.get("body") or {}).get("text")
    footer = (content.get("footer") or {}).get("text")
    return "\n\n".join(part for part in (header, body, footer) if part)


def _text(content: Mapping[str, Any], field: str) -> str:
    header = content.get("header") or {}
    if any(header.get(name) for name in ("image", "video", "document")):
        raise Invalid.field("content.header", "Telegram shows a file above a text as that file's caption")
    words = _words(content)
    if not words.strip():
        raise Invalid.field(field, "is required")
    if len(words) > MAX_TEXT:
        raise Invalid.field(field, f"at most {MAX_TEXT} characters over Telegram, with header and footer")
    return words


def _caption(kind: str, content: Mapping[str, Any]) -> dict[str, str]:
    words = "\n\n".join(part for part in (content[kind].get("caption"), _words(content)) if part)
    if len(words) > MAX_CAPTION:
        raise Invalid.field(f"content.{kind}.caption", f"at most {MAX_CAPTION} characters over Telegram, with the text")
    if words and kind == "sticker":
        raise Invalid.field("content.body", "Telegram shows no words with a sticker")
    return {"caption": words} if words else {}


def _file(path: str, part: Mapping[str, Any]) -> str:
    """Return the id Telegram knows a file by, or the address it fetches it from."""
    if part.get("id"):
        return str(part["id"])
    url = str(part.get("url") or "")
    if not url.startswith(("https://", "http://")):
        raise Invalid.field(f"content.{path}.url", "must be an address that Telegram can fetch, http or https")
    return url


def _located(location: Any, message: Outgoing) -> Composed:
    place = location if isinstance(location, Mapping) else {}
    where: dict[str, float] = {}
    for name, most in (("latitude", 90), ("longitude", 180)):
        value = place.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= most:
            raise Invalid.field(f"content.location.{name}", f"must be a number from -{most} to {most}")
        where[name] = value
    if place.get("name") and place.get("address"):
        venue = {**where, "title": str(place["name"]), "address": str(place["address"])}
        return _made("sendVenue", venue, "LOCATION", message, message.content)
    return _made("sendLocation", where, "LOCATION", message, message.content)


def _card(cards: Any) -> dict[str, str]:
    card = cards[0] if isinstance(cards, list) and cards and isinstance(cards[0], Mapping) else {}
    phones = card.get("phones")
    phone = phones[0].get("phone") if isinstance(phones, list) and phones and isinstance(phones[0], Mapping) else None
    named = card.get("name")
    name = named if isinstance(named, Mapping) else {}
    first = name.get("first_name") or name.get("formatted_name")
    if not isinstance(phone, str) or not phone or not isinstance(first, str) or not first:
        raise Invalid.field("content.contacts.0", "Telegram sends one contact with a name and a phone number")
    last = name.get("last_name")
    return {"phone_number": phone, "first_name": first, **({"last_name": str(last)} if last else {})}


def _reaction(content: Mapping[str, Any], message: Outgoing) -> Composed:
    emoji = (content.get("body") or {}).get("text")
    if message.reply_to is None:
        raise Invalid.field("reply_to", "the message reacted to is required")
    reaction = [{"type": "emoji", "emoji": emoji}] if emoji else []
    params = {"message_id": message_number(message.reply_to), "reaction": reaction}
    return Composed({"method": "setMessageReaction", "params": params}, content, "REACTION")
