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
