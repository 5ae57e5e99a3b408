"""What RBM is sent: inbox content as the `contentMessage` of an agent's message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.channels.base import Composed, Outgoing
from jinaconnect.channels.cards import of_inbox, words_of
from jinaconnect.core.errors import Invalid
from jinaconnect.core.messaging.templates import given_values, render

MAX_TEXT, MAX_TITLE, MAX_DESCRIPTION, MAX_LABEL, MAX_DATA = 3072, 200, 2000, 25, 2048
MAX_SUGGESTIONS, MAX_CARD_SUGGESTIONS = 11, 4
_FILES = ("image", "video", "audio", "document", "file")
_OPTIONS = {"traffic_type": "messageTrafficType", "ttl": "ttl"}


def composed(message: Outgoing) -> Composed:
    """Return a message as RBM takes it; raises Invalid naming the field RCS cannot show."""
    content = message.content
    if message.template is not None:
        use = message.template
        text = render(use.content, given_values(use.content, use.body, "template_params"))
        shown = {"type": "text", "body": {"text": text}, "template": use.name}
        return _made({"text": _text(shown)}, "TEXT", message, shown)
    kind = str(content["type"])
    if kind == "text":
        return _made({"text": _text(content)}, "TEXT", message, content)
    if kind == "rcs_rich_card":
        return _made({"richCard": {"standaloneCard": _standalone(content.get(kind))}}, "RICH_CARD", message, content)
    if kind == "cards":
        return _made({"richCard": {"carouselCard": _carousel(content)}}, "CAROUSEL", message, content)
    if kind in _FILES:
        return _file(kind, content, message)
    if kind == "location":
        return _made(_place(content), "LOCATION", message, content)
    raise Invalid.field("content.type", f"'{kind}' cannot be sent over RCS")


def _made(part: Mapping[str, Any], kind: str, message: Outgoing, content: Mapping[str, Any]) -> Composed:
    suggestions = [*part.get("suggestions", ()), *suggested(content.get("buttons") or (), "content.buttons")]
    if len(suggestions) > MAX_SUGGESTIONS:
        raise Invalid.field("content.buttons", f"at most {MAX_SUGGESTIONS} over RCS")
    wire: dict[str, Any] = {"contentMessage": {**part, **({"suggestions": suggestions} if suggestions else {})}}
    wire.update({told: message.options[name] for name, told in _OPTIONS.items() if message.options.get(name)})
    return Composed(wire, content, kind)


def suggested(buttons: Sequence[Mapping[str, Any]], path: str) -> list[dict[str, Any]]:
    """Return an inbox message's buttons as suggestions."""
    return [_suggestion(button, f"{path}.{place}") for place, button in enumerate(buttons)]


def _suggestion(button: Mapping[str, Any], path: str) -> dict[str, Any]:
    label, kind = str(button.get("text", "")), button["type"]
    if not 1 <= len(label) <= MAX_LABEL:
        raise Invalid.field(f"{path}.text", f"1 to {MAX_LABEL} characters over RCS")
    data = str(button.get("payload") or label)
    if len(data) > MAX_DATA:
        raise Invalid.field(f"{path}.payload", f"at most {MAX_DATA} characters")
    named = {"text": label, "postbackData": data}
    if kind == "quick_reply":
        return {"reply": named}
    if kind == "url":
        return {"action": {**named, "openUrlAction": {"url": button["url"]}}}
    if kind == "call":
        return {"action": {**named, "dialAction": {"phoneNumber": button["phone"]}}}
    if kind == "location":
        where = {"latitude": button["latitude"], "longitude": button["longitude"]}
        label_of = {"label": button["label"]} if button.get("label") else {}
        return {"action": {**named, "viewLocationAction": {"latLong": where, **label_of}}}
    if kind == "share_location":
        return {"action": {**named, "shareLocationAction": {}}}
    if kind == "calendar":
        names = {"start_time": "startTime", "end_time": "endTime", "title": "title", "description": "description"}
        event = {told: button[name] for name, told in names.items() if button.get(name)}
        return {"action": {**named, "createCalendarEventAction": event}}
    raise Invalid.field(f"{path}.type", f"'{kind}' is no suggestion of RCS")


def _text(content: Mapping[str, Any]) -> str:
    header = content.get("header") or {}
    if any(header.get(name) for name in ("image", "video", "document")):
        raise Invalid.field("content.header", "RCS shows a file above a text as a card: send the file with a caption")
    words = words_of(content)
    if not words.strip():
        raise Invalid.field("content.body.text", "is required")
    if len(words) > MAX_TEXT:
        raise Invalid.field("content.body.text", f"at most {MAX_TEXT} characters over RCS, with header and footer")
    return words


def _link(part: Mapping[str, Any], path: str) -> dict[str, str]:
    url = str(part.get("url") or "")
    if not url.startswith(("https://", "http://")):
        raise Invalid.field(f"{path}.url", "must be an address that Google can fetch, http or https")
    thumbnail = part.get("thumbnail_url")
    return {"fileUrl": url, **({"thumbnailUrl": str(thumbnail)} if thumbnail else {})}


def _file(kind: str, content: Mapping[str, Any], message: Outgoing) -> Composed:
    """Return a file: with words it is a card, which only pictures, films and PDFs can be."""
    part = content[kind]
    words = "\n\n".join(each for each in (part.get("caption"), words_of(content)) if each)
    if not words:
        return _made({"contentInfo": _link(part, f"content.{kind}")}, "MEDIA", message, content)
    if kind == "audio":
        raise Invalid.field("content.audio.caption", "RCS shows no words with a sound")
    card = {"description": words, "media": {"height": part.get("height") or "MEDIUM", **part}}
    made = {"cardOrientation": "VERTICAL", "cardContent": _card(card, f"content.{kind}")}
    return _made({"richCard": {"standaloneCard": made}}, "MEDIA", message, content)


def _card(card: Any, path: str) -> dict[str, Any]:
    """Return one card: at least one of title, description and media."""
    told = card if isinstance(card, Mapping) else {}
    made: dict[str, Any] = {}
    for name, most in (("title", MAX_TITLE), ("description", MAX_DESCRIPTION)):
        words = told.get(name)
        if words is not None and (not isinstance(words, str) or len(words) > most):
            raise Invalid.field(f"{path}.{name}", f"must be text of at most {most} characters")
        if words:
            made[name] = words
    media = told.get("media")
    if isinstance(media, Mapping):
        made["media"] = {"height": media.get("height") or "MEDIUM", "contentInfo": _link(media, f"{path}.media")}
    if not made:
        raise Invalid.field(path, "a card needs a title, a description or a file")
    buttons = suggested(told.get("buttons") or (), f"{path}.buttons")
    if len(buttons) > MAX_CARD_SUGGESTIONS:
        raise Invalid.field(f"{path}.buttons", f"at most {MAX_CARD_SUGGESTIONS} on a card")
    return {**made, **({"suggestions": buttons} if buttons else {})}


def _standalone(card: Any) -> dict[str, Any]:
    told = card if isinstance(card, Mapping) else {}
    orientation = told.get("orientation") or "VERTICAL"
    if orientation not in ("VERTICAL", "HORIZONTAL"):
        raise Invalid.field("content.rcs_rich_card.orientation", "must be VERTICAL or HORIZONTAL")
    aligned = {"thumbnailImageAlignment": "LEFT"} if orientation == "HORIZONTAL" else {}
    return {"cardOrientation": orientation, **aligned, "cardContent": _card(told, "content.rcs_rich_card")}


def _carousel(content: Mapping[str, Any]) -> dict[str, Any]:
    cards = content.get("cards") or ()
    if not 2 <= len(cards) <= 10:
        raise Invalid.field("content.cards", "a carousel has 2 to 10 cards")
    made = [_card(of_inbox(card), f"content.cards.{place}") for place, card in enumerate(cards)]
    return {"cardWidth": content.get("card_width") or "MEDIUM", "cardContents": made}


def _place(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a place as a text with an action that shows it on a map."""
    place = content.get("location")
    place = place if isinstance(place, Mapping) else {}
    where: dict[str, float] = {}
    for name, most in (("latitude", 90), ("longitude", 180)):
        value = place.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= most:
            raise Invalid.field(f"content.location.{name}", f"must be a number from -{most} to {most}")
        where[name] = value
    label = str(place.get("name") or place.get("address") or "")
    shown = {"type": "location", "text": "Show on the map", "payload": "location", "label": label, **where}
    text = "\n".join(str(place[name]) for name in ("name", "address") if place.get(name))
    text = text or f"{where['latitude']}, {where['longitude']}"
    return {"text": text, "suggestions": [_suggestion(shown, "content")]}
