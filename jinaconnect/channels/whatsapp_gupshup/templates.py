"""Templates as Gupshup takes them for review."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from jinaconnect.core.messaging.templates import placeholders, render


def fields_of(doc: Mapping[str, Any]) -> dict[str, str]:
    """Return the form fields of a template, with an example of what it makes."""
    names = placeholders(doc["content"])
    given = doc["example_body"] or []
    samples = list(given.values()) if isinstance(given, Mapping) else list(given)
    shown = render(doc["content"], dict(zip(names, [*samples, *("sample" for _ in names)], strict=False)))
    fields = {
        "elementName": doc["element_name"], "languageCode": doc["language_code"], "category": doc["category"],
        "templateType": doc["template_type"], "vertical": doc["name"] or doc["element_name"],
        "content": doc["content"], "example": shown, "enableSample": "true", "allowTemplateCategoryChange": "false",
    }  # fmt: skip
    if doc["header"] and doc["template_type"] == "TEXT":
        fields |= {"header": doc["header"], "exampleHeader": doc["header"]}
    if doc["footer"]:
        fields["footer"] = doc["footer"]
    if doc["buttons"]:
        fields["buttons"] = orjson.dumps([_button(button) for button in doc["buttons"]]).decode()
    return fields


def _button(button: Mapping[str, Any]) -> dict[str, Any]:
    """Return a button; a link with a place has an example of it."""
    made = {name: button[name] for name in ("type", "text", "url", "phone_number") if button.get(name)}
    if button.get("example") is not None:
        made["example"] = button["example"] if isinstance(button["example"], list) else [str(button["example"])]
    return made
