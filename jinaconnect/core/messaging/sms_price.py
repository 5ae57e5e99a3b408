"""What SMS accounts have of their own, and what a message costs: whole numbers of a millionth of the currency."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import phonenumbers

MICROS = 1_000_000
INDIA = "IN"
# What an SMS account has besides what all have.
ACCOUNT_FIELDS = (
    "sender_id", "is_default", "dlt_template_id", "price_per_sms", "price_per_sms_international", "fallback_app",
)  # fmt: skip


@lru_cache(maxsize=10_000)
def country(number: str) -> str | None:
    """Return the country a number is of, None for a name or a short code."""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(number, None))
    except phonenumbers.NumberParseException:
        return None


def price(account: Mapping[str, Any], to: str, segments: int) -> int | None:
    """Return the price of so many segments to a number, None where the account has none.

    What leaves the country of its sender costs the international price; a sender registered in India is at home there.
    """
    home = country(str(account.get("sender_id") or "")) or (INDIA if account.get("dlt_entity_id") else None)
    abroad = home is not None and country(to) not in (None, home)
    each: int | None = account.get("price_per_sms")
    if abroad and account.get("price_per_sms_international"):
        each = account["price_per_sms_international"]
    return each * segments if each else None
