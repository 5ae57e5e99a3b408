"""Templates as the Cloud API takes them, and its words for what became of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.core.messaging.templates import placeholders

REPORTED = {
    "APPROVED": "APPROVED", "REJECTED": "REJECTED", "FAILED": "REJECTED", "PENDING": "PENDING", "DISABLED": "DISABLED",
    "PAUSED": "PAUSED", "IN_APPEAL": "IN_APPEAL", "PENDING_DELETION": "PENDING_DELETION", "DELETED": "DELETED",
    "LIMIT_EXCEEDED": "LIMIT_EXCEEDED", "ARCHIVED": "ARCHIVED", "LOCKED": "LOCKED",
    # Flagged ones may be sent until they are paused; the others are as they were before.
    "FLAGGED": "APPROVED", "REINSTATED": "APPROVED", "UNARCHIVED": "APPROVED", "UNLOCKED": "APPROVED",
    "UNPAUSED": "APPROVED",
}  # fmt: skip


def is_named(doc: Mapping[str, Any]) -> bool:
    """Tell whether a template's places have names: then none has a number."""
    return any(not name.isdigit() for name in placeholders(doc["content"] or ""))


def components(doc: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the Cloud API components of a template, with an example for every placeholder."""
    parts: list[dict[str, Any]] = []
    if doc["template_type"] != "TEXT":
        parts.append({"type": "HEADER", "format": doc["template_type"]})
    elif doc["header"]:
        parts.append({"type": "HEADER", "format": "TEXT", "text": doc["header"]})
    body: dict[str, Any] = {"type": "BODY", "text": doc["content"]}
    names = placeholders(doc["content"])
    if names:
        given = doc["example_body"] or []
        samples = list(given.values()) if isinstance(given, Mapping) else list(given)
        shown = [*samples, *("sample" for _ in names)][: len(names)]
        if is_named(doc):
            of_names = given if isinstance(given, Mapping) else dict(zip(names, shown, strict=True))
            body["example"] = {
                "body_text_named_params": [
                    {"param_name": name, "example": str(of_names.get(name, "sample"))} for name in names
                ]
            }
        else:
            body["example"] = {"body_text": [shown]}
    parts.append(body)
    if doc["footer"]:
        parts.append({"type": "FOOTER", "text": doc["footer"]})
    if doc["buttons"]:
        parts.append({"type": "BUTTONS", "buttons": doc["buttons"]})
    return parts


_HEADERS = ("TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION")
_OF_BUTTON = ("type", "text", "url", "phone_number", "example")


def fields_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return a template as the Cloud API lists it by the names we keep it under, or with a `fault` why we cannot."""
    told = item.get("rejected_reason")
    fields: dict[str, Any] = {
        "element_name": str(item.get("name") or "")[:512], "language_code": str(item.get("language") or ""),
        "category": str(item.get("category") or ""), "status": REPORTED.get(str(item.get("status")), "PENDING"),
        "meta_template_id": str(item.get("id") or "") or None, "template_type": "TEXT", "content": None, "header": None,
        "footer": None, "buttons": None, "rejection_reason": None if told in (None, "NONE") else str(told)[:500],
    }  # fmt: skip
    for part in item.get("components") or ():
        fault = _part(part if isinstance(part, Mapping) else {}, fields)
        if fault is not None:
            return {**fields, "fault": fault}
    missing = [name for name in ("element_name", "language_code", "category", "content") if not fields[name]]
    return {**fields, "fault": f"it has no {missing[0]}"} if missing else fields


def _part(part: Mapping[str, Any], fields: dict[str, Any]) -> str | None:
    """Read a component into the fields; return why that cannot be."""
    kind, text = part.get("type"), part.get("text")
    if kind == "HEADER":
        if part.get("format") not in _HEADERS:
            return f"headers of the format {part.get('format')} are not known here"
        fields.update(template_type=part["format"], header=text if part["format"] == "TEXT" else None)
    elif kind in ("BODY", "FOOTER"):
        fields["content" if kind == "BODY" else "footer"] = text
    elif kind == "BUTTONS":
        buttons = [button for button in part.get("buttons") or () if isinstance(button, Mapping)]
        fields["buttons"] = [
            {name: button.get(name) for name in _OF_BUTTON} for button in buttons if button.get("text")
        ] or None
    else:
        return f"parts of the type {kind} are not known here"
    return None
