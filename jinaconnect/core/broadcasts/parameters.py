"""The parameters of a template's buttons for one recipient, in the form that carriers describe them in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jinaconnect.core.broadcasts.links import is_ours, place_at, place_of
from jinaconnect.core.broadcasts.values import said, template_parameters
from jinaconnect.core.errors import Invalid
from jinaconnect.core.messaging.templates import PLACEHOLDER

OFFER_ENDS = "expiration_time_ms"  # by which name it is given when an offer ends
LONGEST_TIME = 15  # digits of Unix milliseconds
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


def card_parameters(
    cards: Sequence[Mapping[str, Any]], values: Mapping[str, str], codes: Mapping[int, str], base: str
) -> dict[int, dict[str, Any]]:
    """Return the parameters of a carousel's cards by their places; raises Invalid on the value that is missing.

    A link of ours takes the recipient's code. The rest of another button's address is the value `card_0_button_0_url`
    of the first button of the first card, or that of the name that its place has.
    """
    found: dict[int, dict[str, Any]] = {}
    for place, card in enumerate(cards):
        buttons = []
        for index, button in enumerate(card.get("buttons") or ()):
            url = str(button.get("url") or "")
            if button["type"] == "URL" and PLACEHOLDER.search(url) is not None:
                at = place_at(index, place)
                rest = codes[at] if is_ours(url, base) else _rest(index, url, values, place)
                buttons.append(_parameter("url", index, {"type": "text", "text": rest}))
        found[place] = {"body": template_parameters(card.get("body") or "", values), "buttons": buttons}
    return found


def offer_expires(form: Mapping[str, Any], values: Mapping[str, str], now: datetime) -> int | None:
    """Return when an offer ends, in Unix milliseconds, None of a template that counts down to nothing.

    Raises Invalid on the value that is missing, or of a time that has passed.
    """
    if not form.get("lto_has_expiration"):
        return None
    given = values.get(OFFER_ENDS, "")
    if not given.isdecimal() or len(given) > LONGEST_TIME or int(given) <= now.timestamp() * 1000:
        raise Invalid.field(f"placeholder_data.{OFFER_ENDS}", "is required: when the offer ends, in Unix milliseconds")
    return int(given)


def _parameter(kind: str, index: int, value: Mapping[str, str]) -> dict[str, Any]:
    return {"type": "button", "sub_type": kind, "index": str(index), "parameters": [dict(value)]}


def _rest(index: int, url: str, values: Mapping[str, str], card: int | None = None) -> str:
    """Return what stands in the place of an address."""
    name = place_of(index, url, card)
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
