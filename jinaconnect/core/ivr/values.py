"""Variables of an IVR: their form, `{{name}}` in texts, and comparisons."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

Scalar = str | int | float | bool | None
Variables = Mapping[str, Scalar]

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]{0,63})\s*\}\}")

MAX_TEXT = 4_096
MAX_VALUE = 1_024
MAX_VARIABLES = 200


def text_of(value: Any) -> str:
    """Return a value as it reads in a prompt: nothing for None, `true`/`false`, JSON for what is not a scalar.

    JSON nested too deep to be written reads as nothing.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
    except RecursionError:
        return ""


def scalar(value: Any) -> Scalar:
    """Return a value as a variable keeps it: scalars as they are, others as JSON text, at most 1,024 characters.

    NaN and infinity, which JSON lacks, become texts.
    """
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return text_of(value)[:MAX_VALUE]


def initial(variables: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return the variables a call begins with; what has no name that could be asked for is left out."""
    kept = {name: scalar(value) for name, value in variables.items() if NAME.fullmatch(name)}
    return dict(list(kept.items())[:MAX_VARIABLES])


def assign(variables: Variables, name: str, value: Any) -> dict[str, Scalar]:
    """Return the variables with one set; a new name beyond the 200th is dropped."""
    if name not in variables and len(variables) >= MAX_VARIABLES:
        return dict(variables)
    return {**variables, name: scalar(value)}


def render(text: str, variables: Variables, escape: Callable[[str], str] = str) -> str:
    """Return the text with its placeholders replaced, missing ones by nothing; at most 4,096 characters."""
    return PLACEHOLDER.sub(lambda found: escape(text_of(variables.get(found[1]))), text)[:MAX_TEXT]


def render_url(url: str, variables: Variables) -> str:
    """Return a URL with its placeholders replaced by percent-encoded values (RFC 3986 §2.1)."""
    return render(url, variables, lambda value: quote(value, safe=""))


def render_within(value: Any, variables: Variables) -> Any:
    """Return a JSON value with the placeholders of every text inside replaced; keys stay as they are."""
    if isinstance(value, str):
        return render(value, variables)
    if isinstance(value, list):
        return [render_within(item, variables) for item in value]
    if isinstance(value, Mapping):
        return {key: render_within(item, variables) for key, item in value.items()}
    return value


def bad_placeholders(text: str) -> list[str]:
    """Return the beginnings of what opens with `{{` and is no placeholder."""
    return [
        text[place.start() : place.start() + 20]
        for place in re.finditer(r"\{\{", text)
        if not PLACEHOLDER.match(text, place.start())
    ]


def number_of(value: Any) -> Decimal | None:
    """Return the number a value reads as, or None."""
    try:
        number = Decimal(text_of(value).strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
