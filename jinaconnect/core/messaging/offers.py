"""Offers for a limited time: templates that say until when a code holds.

Source: Meta's page on limited-time offer templates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

OFFER = "limited_time_offer"  # the component of a send that says when it ends
TYPES = ("TEXT", "IMAGE", "VIDEO")
LONGEST = 600


def offer_faults(form: Mapping[str, Any], buttons: Sequence[str]) -> dict[str, list[str]]:
    """Return what of an offer for a limited time does not fit, and what of one stands on another template."""
    if not form.get("is_lto"):
        told = [name for name in ("lto_text", "lto_has_expiration") if form.get(name)]
        return {name: ["is of limited-time offers (is_lto)"] for name in told}
    wrong = {
        "template_type": (form["template_type"] not in TYPES, f"offers are of the types {', '.join(TYPES)}"),
        "category": (form.get("category") not in (None, "MARKETING"), "limited-time offers are MARKETING"),
        "lto_text": (not form.get("lto_text"), "is required of a limited-time offer"),
        "header": (bool(form.get("header")), "a limited-time offer has an image, a video, or none"),
        "footer": (bool(form.get("footer")), "a limited-time offer has none"),
        "content": (len(form.get("content") or "") > LONGEST, f"of offers at most {LONGEST} characters"),
        "buttons": (
            bool(form.get("lto_has_expiration")) and "COPY_CODE" not in buttons,
            "an offer that ends has a COPY_CODE button",
        ),
    }
    return {name: [told] for name, (is_so, told) in wrong.items() if is_so}


def offer_ending(ms: int) -> dict[str, Any]:
    """Return the component that says when an offer ends, in milliseconds since 1970."""
    return {"type": OFFER, "parameters": [{"type": OFFER, OFFER: {"expiration_time_ms": ms}}]}


def ending(components: Sequence[Mapping[str, Any]]) -> int | None:
    """Return when an offer ends, in milliseconds since 1970; None where no component says so."""
    for part in components:
        if str(part.get("type", "")).lower() == OFFER:
            told = [each.get(OFFER) for each in part.get("parameters") or () if isinstance(each, Mapping)]
            ms = told[0].get("expiration_time_ms") if told and isinstance(told[0], Mapping) else None
            return ms if isinstance(ms, int) and not isinstance(ms, bool) and ms > 0 else None
    return None
