"""What Gupshup's own API is sent: inbox content, a template or a Cloud API interactive object, in Gupshup's words.

It has a form for less than WhatsApp does; an app token sends the rest, in the Cloud API's form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.channels.base import Composed, Outgoing, TemplateUse
from jinaconnect.channels.whatsapp.compose import MEDIA, composed
from jinaconnect.channels.whatsapp.using import products, used
from jinaconnect.core.errors import Invalid

SESSION, TEMPLATE = "api/v1/msg", "api/v1/template/msg"
_CARD = {
    "name": {"formatted_name": "formattedName", "first_name": "firstName", "last_name": "lastName"},
    "phones": {"phone": "phone", "type": "type", "wa_id": "wa_id"},
    "emails": {"email": "email", "type": "type"},
    "urls": {"url": "url", "type": "type"},
    "addresses": {
        "street": "street", "city": "city", "state": "state", "zip": "zip", "country": "country",
        "country_code": "countryCode", "type": "type",
    },
    "org": {"company": "company", "department": "department", "title": "title"},
}  # fmt: skip


def in_gupshups_words(message: Outgoing) -> Composed:
    """Return the form fields of a send; raises Invalid naming what this API has no form for."""
    if message.template is not None:
        return _template(message.template)
    made = composed(message)  # what WhatsApp takes at all
    kind = str(made.wire["type"])
    told = _told(kind, made.wire[kind])
    if message.reply_to is not None and kind != "reaction":
        told["context"] = {"msgId": message.reply_to}
    wire: dict[str, Any] = {"path": SESSION, "message": told}
    if kind == "text":
        wire["disablePreview"] = "false" if made.wire["text"]["preview_url"] else "true"
    return Composed(wire, made.content, made.type)


def _told(kind: str, part: Any) -> dict[str, Any]:
    """Return a Cloud API part as Gupshup's `message`."""
    if kind == "text":
        return {"type": "text", "text": part["body"]}
    if kind in MEDIA:
        return _media(kind, part)
    if kind == "location":
        return {"type": "location", **part}
    if kind == "reaction":
        return {"type": "reaction", "msgId": part["message_id"], "emoji": part["emoji"]}
    if kind == "contacts":
        if len(part) != 1:
            raise Invalid.field("contacts", "one at a time: Gupshup's own API takes no more")
        return {"type": "contact", "contact": _card(part[0])}
    return _interactive(part)


def _media(kind: str, part: Mapping[str, Any]) -> dict[str, Any]:
    link, caption = part.get("link"), {"caption": part["caption"]} if part.get("caption") else {}
    if link is None:
        raise Invalid.field("media_id", "Gupshup's own API takes files by their address alone: give media_url")
    if kind == "image":
        return {"type": "image", "originalUrl": link, "previewUrl": link, **caption}
    if kind == "document":
        return {"type": "file", "url": link, "filename": part.get("filename") or "file", **caption}
    return {"type": kind, "url": link, **caption}


def _card(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return a contact card with Gupshup's names of its fields."""
    made: dict[str, Any] = {"birthday": card["birthday"]} if card.get("birthday") else {}
    for name, fields in _CARD.items():
        part = card.get(name)
        if isinstance(part, Mapping):
            made[name] = _renamed(part, fields)
        elif isinstance(part, list):
            made[name] = [_renamed(each, fields) for each in part if isinstance(each, Mapping)]
    return made


def _renamed(part: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    return {new: part[old] for old, new in fields.items() if old in part}


def _interactive(part: Mapping[str, Any]) -> dict[str, Any]:
    kind, action = part.get("type"), part.get("action") or {}
    header, footer = part.get("header") or {}, (part.get("footer") or {}).get("text")
    text = (part.get("body") or {}).get("text", "")
    caption = {"caption": footer} if footer else {}
    if kind == "button":
        media = header.get("type") if header.get("type") in ("image", "video", "document") else None
        content: dict[str, Any] = {"type": "text", "text": text, **caption}
        if media is not None:
            url = header[media].get("link")
            if url is None:
                raise Invalid.field(f"interactive.header.{media}.link", "is required: Gupshup's own API has no ids")
            content = {"type": "file" if media == "document" else media, "url": url, "text": text, **caption}
        elif header.get("text"):
            content["header"] = header["text"]
        options = [
            {"type": "text", "title": button["reply"]["title"], "postbackText": button["reply"]["id"]}
            for button in action.get("buttons") or ()
        ]
        return {"type": "quick_reply", "content": content, "options": options}
    if kind == "list":
        items = [
            {
                "title": section.get("title", ""),
                "options": [
                    {"type": "text", "title": row["title"], "description": row.get("description", ""),
                     "postbackText": row["id"]}
                    for row in section.get("rows") or ()
                ],
            }
            for section in action.get("sections") or ()
        ]  # fmt: skip
        button = {"type": "text", "title": action.get("button", "")}
        shown = {"title": header.get("text", ""), "body": text, **({"footer": footer} if footer else {})}
        return {"type": "list", **shown, "globalButtons": [button], "items": items}
    if kind == "cta_url":
        given = action.get("parameters") or {}
        shown = {"display_text": given.get("display_text", ""), "url": given.get("url", ""), "body": text}
        return {"type": "cta_url", **shown, **({"footer": footer} if footer else {})}
    raise Invalid.field("interactive.type", f"'{kind}' needs an app token: Gupshup's own API has no form for it")


def _template(use: TemplateUse) -> Composed:
    """Return a template's send: its id at Gupshup, and the values in the order in which they stand in it."""
    id = use.registered.get("bsp_template_id")
    if id is None:
        raise Invalid.field("template", "has no id at Gupshup: it was not handed in there")
    cloud, shown = used(use)  # what WhatsApp takes at all
    parts = {str(part["type"]): part for part in cloud.get("components") or ()}
    header: Mapping[str, Any] = next(iter(parts.get("header", {}).get("parameters") or ()), {})
    params = [*_texts([header]), *_texts(parts.get("body", {}).get("parameters") or ())]
    cards = parts.get("carousel", {}).get("cards") or ()
    postbacks = []
    pressed = [part for part in cloud.get("components") or () if part["type"] == "button"]
    valueless = ("catalog", "mpm", "flow")
    for button in (part for part in pressed if str(part.get("sub_type", "")).lower() not in valueless):
        given = [each for each in button.get("parameters") or () if isinstance(each, Mapping)]
        if button.get("sub_type") == "quick_reply":
            text = str(given[0].get("payload", "")) if given else ""
            postbacks.append({"index": int(button.get("index", 0)), "text": text})
        else:
            params += [str(each.get("text") or each.get("coupon_code") or "") for each in given]
    for card in cards:
        for part in card["components"]:
            if part["type"] != "header" and part.get("sub_type") != "quick_reply":
                params += _texts(part["parameters"])
    if use.form.get("template_type") == "CATALOG":
        params += products(use.sections)[:1]  # the product it shows a picture of stands last
    elif use.form.get("template_type") == "PRODUCT" or any("product" in _head(card) for card in cards):
        raise Invalid.field("template", "of products needs an app token: Gupshup's own API has no form for it")
    ends = {} if use.expires is None else {"expiration": use.expires}
    wire: dict[str, Any] = {"path": TEMPLATE, "template": {"id": id, "params": params, **ends}}
    kind = header.get("type")
    if kind in ("image", "video", "document", "location"):
        wire["message"] = {"type": kind, kind: header.get(kind)}
    elif cards:
        heads = [_head(card) for card in cards]
        kind = str(heads[0]["type"])
        wire["message"] = {
            "type": "carousel", "cardHeaderType": kind.upper(), "cards": [dict(head[kind]) for head in heads]
        }  # fmt: skip
    if postbacks:
        wire["postbackTexts"] = postbacks
    return Composed(wire, shown, "TEMPLATE")


def _head(card: Mapping[str, Any]) -> Mapping[str, Any]:
    head: Mapping[str, Any] = card["components"][0]["parameters"][0]
    return head


def _texts(parameters: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(each.get("text", "")) for each in parameters if each.get("type") == "text"]
