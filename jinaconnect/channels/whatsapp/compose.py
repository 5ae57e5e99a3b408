"""What WhatsApp is sent: inbox content, or the carrier's own interactive object, as a Cloud API message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.channels.base import Composed, Outgoing
from jinaconnect.channels.whatsapp.using import used
from jinaconnect.core.errors import Invalid
from jinaconnect.core.inbox.address import PHONE, Address

MEDIA = ("image", "video", "audio", "document", "sticker")
UNCAPTIONED = ("audio", "sticker")
LONGEST_LABEL = 20
INTERACTIVE = (
    "button",
    "list",
    "cta_url",
    "flow",
    "product",
    "product_list",
    "location_request_message",
    "order_details",
    "order_status",
    "location_request",
)
METAS = {"location_request": "location_request_message"}  # what Meta calls those that have another name here


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


def seen_of(interactive: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the team sees of a Cloud API interactive object: its words, and those buttons that have a form."""
    content: dict[str, Any] = {"type": "text", "body": {"text": str(_part(interactive, "body").get("text", ""))}}
    if text := _part(interactive, "header").get("text"):
        content["header"] = {"text": str(text)}
    if text := _part(interactive, "footer").get("text"):
        content["footer"] = {"text": str(text)}
    action = _part(interactive, "action")
    given = _part(action, "parameters")
    if interactive.get("type") == "button":
        content["buttons"] = [
            {"type": "quick_reply", "text": str(button["reply"]["title"])} for button in action["buttons"]
        ]
    elif interactive.get("type") == "cta_url" and given.get("url"):
        content["buttons"] = [{"type": "url", "text": str(given.get("display_text", "")), "url": str(given["url"])}]
    return content


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = value.get(name)
    return part if isinstance(part, Mapping) else {}


def interactive_faults(value: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what is wrong with an `interactive` object, by field (limits of the Cloud API)."""
    faults: dict[str, list[str]] = {}
    kind = value.get("type")
    action = value.get("action")
    action = action if isinstance(action, Mapping) else {}
    body = value.get("body")
    text = body.get("text") if isinstance(body, Mapping) else None
    if kind not in INTERACTIVE:
        faults["interactive.type"] = [f"must be one of {', '.join(INTERACTIVE)}"]
    if not isinstance(text, str) or not 1 <= len(text) <= (4096 if kind == "list" else 1024):
        faults["interactive.body.text"] = ["is required, at most 1024 characters (list: 4096)"]
    for part in ("header", "footer"):
        piece = value.get(part)
        if isinstance(piece, Mapping) and len(str(piece.get("text", ""))) > 60:
            faults[f"interactive.{part}.text"] = ["at most 60 characters"]
    if kind == "button":
        faults.update(_button_faults(action.get("buttons")))
    if kind == "list":
        faults.update(_list_faults(action))
    return faults


def _button_faults(buttons: Any) -> dict[str, list[str]]:
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= 3:
        return {"interactive.action.buttons": ["1 to 3 buttons are needed"]}
    for place, button in enumerate(buttons):
        reply = button.get("reply") if isinstance(button, Mapping) else None
        if not isinstance(reply, Mapping) or not 1 <= len(str(reply.get("id", ""))) <= 256:
            return {f"interactive.action.buttons.{place}.reply.id": ["1 to 256 characters"]}
        if not 1 <= len(str(reply.get("title", ""))) <= 20:
            return {f"interactive.action.buttons.{place}.reply.title": ["1 to 20 characters"]}
    return {}


def _list_faults(action: Mapping[str, Any]) -> dict[str, list[str]]:
    faults: dict[str, list[str]] = {}
    if not 1 <= len(str(action.get("button", ""))) <= 20:
        faults["interactive.action.button"] = ["1 to 20 characters"]
    sections = action.get("sections")
    if not isinstance(sections, list) or not sections or not all(isinstance(s, Mapping) for s in sections):
        return {**faults, "interactive.action.sections": ["at least one section is needed"]}
    rows = [row for section in sections for row in (section.get("rows") or []) if isinstance(row, Mapping)]
    if not 1 <= len(rows) <= 10:
        faults["interactive.action.sections"] = ["1 to 10 rows in total"]
    for row in rows:
        if not 1 <= len(str(row.get("id", ""))) <= 200 or not 1 <= len(str(row.get("title", ""))) <= 24:
            faults["interactive.action.sections.rows"] = ["each row needs id (≤ 200) and title (≤ 24)"]
        if len(str(row.get("description", ""))) > 72:
            faults["interactive.action.sections.rows"] = ["descriptions have at most 72 characters"]
    if any(len(str(section.get("title", ""))) > 24 for section in sections):
        faults["interactive.action.sections.title"] = ["at most 24 characters"]
    return faults
