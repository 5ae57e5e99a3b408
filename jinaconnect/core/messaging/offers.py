"""Offers for a limited time: templates that may have a code to copy and count down to their end.

Source: Meta's page on limited-time offer templates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TYPES = ("TEXT", "IMAGE", "VIDEO")
LONGEST, LONGEST_CODE, MOST_LINKS = 600, 15, 2


def offer_faults(form: Mapping[str, Any], buttons: Sequence[str]) -> dict[str, list[str]]:
    """Return what of an offer for a limited time does not fit, and what of one stands on another template.

    One that ends has a code, copied from its first button; another may have one.
    """
    if not form.get("is_lto"):
        told = [name for name in ("lto_text", "lto_has_expiration") if form.get(name)]
        return {name: ["is of limited-time offers (is_lto)"] for name in told}
    wrong = {
        "template_type": (form["template_type"] not in TYPES, f"offers are of the types {', '.join(TYPES)}"),
        "category": (form.get("category") not in (None, "MARKETING"), "limited-time offers are MARKETING"),
        "lto_text": (not form.get("lto_text"), "is required: what stands above the offer"),
        "header": (bool(form.get("header")), "a limited-time offer has an image, a video, or none"),
        "footer": (bool(form.get("footer")), "a limited-time offer has none"),
        "content": (len(form.get("content") or "") > LONGEST, f"of offers at most {LONGEST} characters"),
    }
    faults = {name: [told] for name, (is_so, told) in wrong.items() if is_so}
    copies = buttons[:1] == ["COPY_CODE"]
    links = list(buttons[1:] if copies else buttons)
    if len(links) > MOST_LINKS or links != ["URL"] * len(links):
        faults["buttons"] = ["an offer's buttons are one of COPY_CODE, which comes first, and at most two of URL"]
    elif form.get("lto_has_expiration") and not copies:
        faults["buttons"] = ["an offer that ends has a COPY_CODE button first"]
    elif copies and not 1 <= len(example_code(form["buttons"][0])) <= LONGEST_CODE:
        faults["buttons.0.example"] = [f"is required: the code, of at most {LONGEST_CODE} characters"]
    return faults


def example_code(button: Mapping[str, Any]) -> str:
    """Return the code that a button copies unless a send names another."""
    shown = button.get("example")
    return str((shown[0] if shown else "") if isinstance(shown, list) else shown or "")
