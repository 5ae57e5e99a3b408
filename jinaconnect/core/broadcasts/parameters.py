"""The parameters of a template's buttons for one recipient, in the form that carriers describe them in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.core.broadcasts.links import is_ours, place_of
from jinaconnect.core.broadcasts.values import said
from jinaconnect.core.errors import Invalid
from jinaconnect.core.messaging.templates import PLACEHOLDER

COUPON = ("coupon_code", "otp_code", "code", "otp")  # by which names a code to copy is given


def button_parameters(
    buttons: Sequence[Mapping[str, Any]], values: Mapping[str, str], codes: Mapping[int, str], base: str
) -> list[dict[str, Any]]:
    """Return the parameters of those buttons that take one; raises Invalid on the value that is missing.

    A link of ours takes the recipient's code, another address the rest of it, a code to copy what it is.
    """
    found: list[dict[str, Any]] = []
    for index, button in enumerate(buttons):
        kind, url = button["type"], str(button.get("url") or "")
        if kind == "URL" and PLACEHOLDER.search(url) is not None:
            given = codes[index] if is_ours(url, base) else _rest(index, url, values)
            found.append(_parameter("url", index, {"type": "text", "text": given}))
        elif kind == "COPY_CODE":
            found.append(_parameter("copy_code", index, {"type": "coupon_code", "coupon_code": _code(button, values)}))
        elif kind == "OTP":
            found.append(_parameter("url", index, {"type": "text", "text": _code(button, values)}))
    return found


def _parameter(kind: str, index: int, value: Mapping[str, str]) -> dict[str, Any]:
    return {"type": "button", "sub_type": kind, "index": str(index), "parameters": [dict(value)]}


def _rest(index: int, url: str, values: Mapping[str, str]) -> str:
    """Return what stands in the place of an address."""
    name = place_of(index, url)
    if not values.get(name):
        raise Invalid.field(f"placeholder_data.{name}", "is required: the rest of the button's address")
    return said(values[name], values)


def _code(button: Mapping[str, Any], values: Mapping[str, str]) -> str:
    example = button.get("example")
    shown = example[0] if isinstance(example, list) and example else example
    given = next((values[name] for name in COUPON if values.get(name)), None) or shown
    if not given:
        raise Invalid.field("placeholder_data.coupon_code", "is required: the code that the button copies")
    return str(given)
