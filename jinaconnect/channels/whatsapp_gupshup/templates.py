"""Templates as Gupshup takes them for review."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from jinaconnect.channels.whatsapp.templates import OF_FLOW, shopping
from jinaconnect.core.messaging.template_form import FILES
from jinaconnect.core.messaging.templates import placeholders, render


def fields_of(doc: Mapping[str, Any]) -> dict[str, str]:
    """Return the form fields of a template, with an example of what it makes."""
    fields = {
        "elementName": doc["element_name"], "languageCode": doc["language_code"], "category": doc["category"],
        "templateType": doc["template_type"], "vertical": doc.get("vertical") or doc["name"] or doc["element_name"],
        "content": doc["content"] or "", "example": _shown(doc["content"], doc["example_body"]),
        "enableSample": "true", "allowTemplateCategoryChange": "false",
    }  # fmt: skip
    if doc["header"] and doc["template_type"] == "TEXT":
        fields |= {"header": doc["header"], "exampleHeader": doc["header"]}
    if doc.get("is_lto"):
        ends = "true" if doc.get("lto_has_expiration") else "false"
        fields |= {"isLTO": "true", "limitedOfferText": doc["lto_text"], "hasExpiration": ends}
    if doc["footer"]:
        fields["footer"] = doc["footer"]
    if buttons := doc["buttons"] or shopping(doc):
        fields["buttons"] = orjson.dumps([_button(button) for button in buttons]).decode()
    if doc["template_type"] in FILES:
        told = {"exampleMedia": doc.get("media_handle"), "mediaUrl": doc.get("example_media_url")}
        fields |= {name: value for name, value in told.items() if value}
    if doc.get("cards"):
        fields["cards"] = orjson.dumps([_card(card) for card in doc["cards"]]).decode()
    return fields


def _shown(text: str | None, given: Any) -> str:
    """Return a text with examples in its places."""
    names, given = placeholders(text or ""), given or []
    samples = list(given.values()) if isinstance(given, Mapping) else list(given)
    return render(text or "", dict(zip(names, [*samples, *("sample" for _ in names)], strict=False)))


def _card(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card; Gupshup makes the handle of a file of which it has the address alone."""
    return {
        "headerType": card["headerType"], "mediaUrl": card.get("media_url"), "mediaId": None,
        "exampleMedia": card.get("media_handle"), "body": card.get("body") or "",
        "sampleText": _shown(card.get("body"), card.get("example_body")),
        "buttons": [_button(button) for button in card.get("buttons") or ()],
    }  # fmt: skip


def _button(button: Mapping[str, Any]) -> dict[str, Any]:
    """Return a button; a link with a place has an example of it."""
    made = {name: button[name] for name in ("type", "text", "url", "phone_number", *OF_FLOW) if button.get(name)}
    if button.get("example") is not None:
        made["example"] = button["example"] if isinstance(button["example"], list) else [str(button["example"])]
    return made
