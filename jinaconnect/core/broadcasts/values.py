"""What a broadcast says to one recipient: the values of its places, for text and for a carrier's template."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from jinaconnect.core.inbox.contact import full_name
from jinaconnect.core.messaging.templates import PLACEHOLDER, missing_value, placeholders, render

RESERVED = {
    "first_name": "The contact's first name.", "last_name": "The contact's last name.",
    "full_name": "The contact's whole name.",
    "contact_name": "The contact's whole name, \"Customer\" where there is none.",
    "phone": "The contact's phone number.", "email": "The contact's e-mail address.",
    "company_name": "The contact's attribute company_name.", "tenant_name": "The organisation's name.",
    "today_date": "The day it is sent, as November 05, 2025.", "current_time": "The time it is sent, as 02:30 PM.",
    "current_year": "The year it is sent.", "broadcast_name": "The broadcast's name.",
}  # fmt: skip
TEXT_KEYS = ("message", "text", "body")


def text_of(data: Mapping[str, Any]) -> str:
    """Return the text of a broadcast's values, empty where it has none."""
    return next((str(data[name]) for name in TEXT_KEYS if data.get(name)), "")


def values_for(
    contact: Mapping[str, Any], given: Mapping[str, Any], *, tenant: str, broadcast: str, now: datetime, zone: tzinfo
) -> dict[str, str]:
    """Return the value of every place for a contact: what is known of them goes before what was given.

    `attributes.<name>` are the contact's attributes.
    """
    local = now.astimezone(zone)
    named = f"{contact['first_name']} {contact['last_name']}".strip()
    attributes = contact.get("attributes") or {}
    known = {
        "first_name": contact["first_name"], "last_name": contact["last_name"], "full_name": full_name(contact),
        "contact_name": named or "Customer", "name": named or "Customer", "phone": contact.get("phone"),
        "email": contact.get("email"), "company_name": attributes.get("company_name"), "tenant_name": tenant,
        "today_date": local.strftime("%B %d, %Y"), "current_time": local.strftime("%I:%M %p"),
        "current_year": local.strftime("%Y"), "broadcast_name": broadcast,
    }  # fmt: skip
    scalars = {name: str(value) for name, value in given.items() if isinstance(value, str | int | float)}
    return {
        **scalars, **{name: str(value) for name, value in attributes.items() if name not in scalars},
        **{name: str(value) for name, value in known.items() if value},
    }  # fmt: skip


def said(text: str, values: Mapping[str, str]) -> str:
    """Return a text with every place filled in; no raw braces go to a carrier."""
    return render(text, values, values["contact_name"])


def template_parameters(content: str, values: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the parameters of a template's body, in the order of its places."""
    filled = {name: values.get(name) or missing_value(name, values["contact_name"]) for name in placeholders(content)}
    return [
        {"type": "text", "text": text, **({} if name.isdigit() else {"parameter_name": name})}
        for name, text in filled.items()
    ]


def has_places(text: str) -> bool:
    """Tell whether a text has places to fill in."""
    return PLACEHOLDER.search(text) is not None
