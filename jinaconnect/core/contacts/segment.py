"""A segment: contacts that carry its name (static), or those a filter of the list of contacts finds (dynamic)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.core.clock import iso
from jinaconnect.core.contacts.listing import CONTACTS
from jinaconnect.core.errors import Invalid

STATIC, DYNAMIC = TYPES = ("static", "dynamic")
MOST_FILTERS = 20
_NO_FILTERS = ("ordering",)


def render_segment(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return a segment as events show it."""
    return {
        "id": doc["_id"], "name": doc["name"], "description": doc["description"], "type": doc["type"],
        "filter": doc["filter"], "created_at": iso(doc["created_at"]), "updated_at": iso(doc["updated_at"]),
        "created_by": doc["created_by"], "updated_by": doc["updated_by"],
    }  # fmt: skip


def check_segment(doc: Mapping[str, Any]) -> None:
    """Raise Invalid for a segment whose filter does not fit its type, or is none."""
    if doc["type"] == STATIC:
        if doc["filter"] is not None:
            raise Invalid.field("filter", "is for dynamic segments; who is in a static one says so in its segments")
    elif not doc["filter"]:
        raise Invalid.field("filter", "is required for a dynamic segment")
    else:
        condition_of(doc["filter"])


def condition_of(filter: Mapping[str, Any]) -> dict[str, Any]:
    """Return the condition of contacts that a filter finds; raises Invalid naming what of it is none."""
    if len(filter) > MOST_FILTERS:
        raise Invalid.field("filter", f"at most {MOST_FILTERS} filters")
    known = CONTACTS.parameters()
    for name in filter:
        if (name not in known or name in _NO_FILTERS) and not name.startswith(f"{CONTACTS.keyed}."):
            raise Invalid.field(f"filter.{name[:80]}", "is no filter of the list of contacts")
    try:
        return CONTACTS.condition({name: _text(value) for name, value in filter.items()})
    except Invalid as error:
        told = error.detail if isinstance(error.detail, dict) else {}
        raise Invalid({f"filter.{name}": reasons for name, reasons in told.items()}) from error


def members(segment: Mapping[str, Any]) -> dict[str, Any]:
    """Return the condition of a segment's contacts."""
    return {"segments": segment["name"]} if segment["type"] == STATIC else condition_of(segment["filter"])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)
