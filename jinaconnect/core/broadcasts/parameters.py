"""The parameters of a template's buttons for one recipient, in the form that carriers describe them in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinaconnect.core.broadcasts.links import is_ours, place_of
from jinaconnect.core.broadcasts.values import said, template_parameters
from jinaconnect.core.errors import Invalid
from jinaconnect.core.messaging.offers import offer_ending
from jinaconnect.core.messaging.templates import PLACEHOLDER
from jinaconnect.core.paging import parse_moment, parse_or_fault

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


def offer_parameters(form: Mapping[str, Any], values: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what says when a template's offer ends, the value `offer_ends_at`; raises Invalid where it is missing."""
    if not form.get("lto_has_expiration"):
        return []
    ends = parse_or_fault("placeholder_data.offer_ends_at", parse_moment, values.get("offer_ends_at", ""))
    return [offer_ending(int(ends.timestamp() * 1000))]


def card_parameters(
    cards: Sequence[Mapping[str, Any]], values: Mapping[str, str]
) -> dict[int, dict[str, Any]]:
    """Return the parameters of a carousel's cards by their places; raises Invalid on the value that is missing.

    The rest of a button's address is the value `card_0_button_0_url` of the first button of the first card, or that of
    the name that its place has.
    """
    found: dict[int, dict[str, Any]] = {}
    for place, card in enumerate(cards):
        buttons = []
        for index, button in enumerate(card.get("buttons") or ()):
            url = str(button.get("url") or "")
            if button["type"] == "URL" and PLACEHOLDER.search(url) is not None:
                rest = _rest(index, url, values, f"card_{place}_")
                buttons.append(_parameter("url", index, {"type": "text", "text": rest}))
        found[place] = {"body": template_parameters(card.get("body") or "", values), "buttons": buttons}
    return found


def _parameter(kind: str, index: int, value: Mapping[str, str]) -> dict[str, Any]:
    return {"type": "button", "sub_type": kind, "index": str(index), "parameters": [dict(value)]}


def _rest(index: int, url: str, values: Mapping[str, str], within: str = "") -> str:
    """Return what stands in the place of an address."""
    name = place_of(index, url)
    if name == f"button_{index}_url":
        name = within + name
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
