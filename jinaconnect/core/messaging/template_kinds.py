"""What templates can be: categories, types, and how many of which buttons each kind takes.

Source: Meta's pages on template components; platforms whose templates nobody reviews have a kind of their own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from jinaconnect.core.inbox.platform import Platform
from jinaconnect.core.paging import FLAG, Filter, parse_bool, parse_text
from jinaconnect.core.schema import Name

CATEGORIES = ("AUTHENTICATION", "MARKETING", "UTILITY")
Tags = Annotated[list[Name], Field(max_length=20)]
_LOOKUPS = ("", "in", "icontains")
TAG_FILTERS: Mapping[str, Filter] = {
    "tag": Filter("tags", parse_text, (*_LOOKUPS, "isnull")), "tag__name": Filter("tags", parse_text, _LOOKUPS),
}
TYPE = Filter("template_type", lambda text: parse_text(text).upper())
LANGUAGE = Filter("language_code", lambda text: re.compile(f"^{re.escape(parse_text(text))}$", re.I), ("", "in"))
ORDERINGS = {name: name for name in ("created_at", "updated_at", "name", "element_name", "status")}


def _having(*types: str) -> Filter:
    """Return a filter of templates that have a button of these types, or of any."""

    def read(text: str) -> dict[str, Any]:
        found = {"$elemMatch": {"type": {"$in": list(types)} if types else {"$exists": True}}}
        return found if parse_bool(text) else {"$not": found}

    return Filter("buttons", read, ("",), FLAG)


BUTTON_FILTERS: Mapping[str, Filter] = {
    "has_buttons": _having(), "has_quick_reply": _having("QUICK_REPLY"), "has_url_button": _having("URL"),
    "has_call_button": _having("PHONE_NUMBER", "VOICE_CALL", "CALL_REQUEST"),
}  # fmt: skip
REVIEWED, OWN, CARDS = "reviewed", "own", "cards"
_FILES = ("TEXT", "IMAGE", "VIDEO", "DOCUMENT")
TYPES = {
    REVIEWED: (*_FILES, "LOCATION", "CAROUSEL", "CATALOG", "PRODUCT", "ORDER_DETAILS"), OWN: _FILES,
    CARDS: (*_FILES, "RICH_CARD", "CAROUSEL"),
}  # fmt: skip
STANDARD = "STANDARD"
_CALLING = ("QUICK_REPLY", "URL", "PHONE_NUMBER", "CALL_REQUEST")


@dataclass(frozen=True, slots=True)
class ButtonRule:
    """Which buttons a kind of template takes: at most so many of these types, on each card, and one of `needed`."""

    category: str
    sub_category: str
    most: int
    types: tuple[str, ...] = ()
    needed: str | None = None
    on_each_card: int = 0

    def rendered(self) -> dict[str, Any]:
        """Return it as it is answered."""
        return {
            "category": self.category, "sub_category": self.sub_category, "max_buttons": self.most,
            "types": list(self.types), "required_type": self.needed, "max_buttons_per_card": self.on_each_card,
        }  # fmt: skip


_RULES = (
    ButtonRule("MARKETING", STANDARD, 10, _CALLING),
    ButtonRule("MARKETING", "CAROUSEL", 0, _CALLING, on_each_card=2),
    ButtonRule("MARKETING", "CATALOG", 1, ("CATALOG",), needed="CATALOG"),
    ButtonRule("MARKETING", "COUPON_CODE", 4, ("QUICK_REPLY", "URL", "COPY_CODE"), needed="COPY_CODE"),
    ButtonRule("MARKETING", "LIMITED_TIME_OFFER", 3, ("URL", "COPY_CODE"), needed="COPY_CODE"),
    ButtonRule("MARKETING", "MPM", 0),
    ButtonRule("MARKETING", "SPM", 0),
    ButtonRule("MARKETING", "PRODUCT_CARD_CAROUSEL", 0, _CALLING, on_each_card=2),
    ButtonRule("UTILITY", STANDARD, 10, (*_CALLING, "COPY_CODE", "FLOW")),
    ButtonRule("UTILITY", "ORDER_STATUS", 3, ("QUICK_REPLY", "URL", "PHONE_NUMBER")),
    ButtonRule("UTILITY", "CHECKOUT_BUTTON", 3, ("QUICK_REPLY", "URL", "PHONE_NUMBER", "ORDER_DETAILS")),
    ButtonRule("AUTHENTICATION", STANDARD, 1, ("OTP",), needed="OTP"),
)
_PLAIN = ("QUICK_REPLY", "URL", "PHONE_NUMBER")
_OWN = tuple(ButtonRule(category, STANDARD, 10, _PLAIN) for category in CATEGORIES)
_SUGGESTED = ("reply", "url", "phone", "location", "share_location", "calendar")
_ON_CARDS = tuple(
    ButtonRule(category, kind, 10, (*_PLAIN, *_SUGGESTED), on_each_card=4)
    for category in CATEGORIES for kind in ("RICH_CARD", "CAROUSEL")
)  # fmt: skip
BUTTONS: Mapping[str, tuple[ButtonRule, ...]] = {REVIEWED: _RULES, OWN: _OWN, CARDS: (*_OWN, *_ON_CARDS)}


def kind_of(platform: Platform) -> str:
    """Return of which kind a platform's templates are."""
    if platform.window is not None:
        return REVIEWED
    return CARDS if platform.cards else OWN


def named(values: tuple[str, ...]) -> list[dict[str, str]]:
    """Return values with what they are called."""
    return [{"value": value, "label": value.replace("_", " ").capitalize()} for value in values]


def button_rules(kind: str, category: str | None, sub_category: str | None) -> list[dict[str, Any]]:
    """Return the rules of a kind of templates, of one category and sub-category (in either case) where named."""
    asked = [None if text is None else text.upper() for text in (category, sub_category)]
    return [
        rule.rendered()
        for rule in BUTTONS[kind]
        if asked[0] in (None, rule.category) and asked[1] in (None, rule.sub_category)
    ]
