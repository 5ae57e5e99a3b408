"""Message templates: placeholders `{{name}}` or `{{1}}`, their values, and the rendered text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.core.errors import Invalid

PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
ELEMENT_NAME = re.compile(r"[a-z][a-z0-9_]{0,511}")


def element_name(text: str) -> str:
    """Return a template's name at the carrier: lower case, blanks as underscores; raises ValueError."""
    name = re.sub(r"\s+", "_", text.strip().lower())
    if not ELEMENT_NAME.fullmatch(name):
        raise ValueError("must begin with a letter and hold only a-z, 0-9 and _")
    return name


def placeholders(text: str) -> list[str]:
    """Return the placeholder names of a text, each once, in order of appearance."""
    return list(dict.fromkeys(PLACEHOLDER.findall(text)))


def missing_value(name: str, contact_name: str) -> str:
    """Return what stands for a value nobody gave: a carrier never gets raw braces."""
    if name == "1":
        return contact_name
    return "-" if name.isdigit() else name.replace("_", " ").title()


def render(text: str, values: Mapping[str, str], contact_name: str = "Customer") -> str:
    """Return the text with every placeholder replaced."""
    return PLACEHOLDER.sub(lambda found: values.get(found[1], missing_value(found[1], contact_name)), text)


def given_values(text: str, parameters: Sequence[Mapping[str, Any]], field: str) -> dict[str, str]:
    """Return the value of every placeholder of a text, from parameters in their order or by `parameter_name`.

    Raises Invalid on `field` for values that are missing, and for those that no placeholder is there for.
    """
    names = placeholders(text)
    values = {
        str(item.get("parameter_name") or names[place]): str(item.get("text", ""))
        for place, item in enumerate(parameters)
        if item.get("parameter_name") or place < len(names)
    }
    if missing := [name for name in names if name not in values]:
        raise Invalid.field(field, f"values are missing for {', '.join(missing)}")
    if parameters and not names:
        raise Invalid.field(field, "the template has no places for values")
    return values
