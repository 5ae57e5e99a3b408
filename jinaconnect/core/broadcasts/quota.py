"""How many new people an account may write to in a day, by the tier its carrier has given it, and what a send costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from jinaconnect.core.billing.money import exact, shown
from jinaconnect.core.errors import GatewayError
from jinaconnect.core.numbering import country_name

WINDOW = timedelta(hours=24)
BREAKDOWN_KEPT = timedelta(minutes=5)  # how long what a send costs can be asked for
NEAR = 0.8  # of a tier, from where on a warning is due
# A tier that nobody has told of holds nobody back: the carrier's own answers do.
TIERS = {"TIER_50": 50, "TIER_250": 250, "TIER_1K": 1_000, "TIER_10K": 10_000, "TIER_100K": 100_000}


class QuotaExceeded(GatewayError):
    """More new people than the account's tier takes in a day."""

    status = 400
    code = "quota_exceeded"

    def __init__(self, quota: Quota, new: int, *, exact: bool) -> None:
        left = quota.remaining or 0
        super().__init__(
            {"recipients": [
                f"{'' if exact else 'more than '}{new} of them would be written to first; "
                f"the account's tier of {quota.tier} people a day takes {left} more"
            ]},
            extra={"quota_details": {
                "tier_limit": quota.tier, "max_allowed_new_contacts": left, "unique_new_contacts": new,
                "effective_remaining": left, "overflow_by": new - left, "count_exact": exact,
            }},
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of a tier around a time; a `tier` of None has no end."""

    tier: int | None
    used: int

    @property
    def remaining(self) -> int | None:
        """How many more people may be written to first."""
        return None if self.tier is None else max(0, self.tier - self.used)

    def within(self, count: int) -> bool:
        """Tell whether so many more are within it."""
        return self.tier is None or count <= self.tier - self.used

    def near(self, count: int) -> bool:
        """Tell whether so many more come near its end."""
        return self.tier is not None and self.used + count > NEAR * self.tier

    def rendered(self) -> dict[str, Any]:
        """Return it as it is answered."""
        return {
            "tier": self.tier, "used_quota": self.used, "remaining_quota": self.remaining,
            "is_unlimited": self.tier is None,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Priced:
    """A recipient's part of a charge: where they are, whether they have written lately, what it costs in millionths."""

    country: str
    is_open: bool
    price: int


def breakdown(
    priced: Iterable[Priced], quota: Quota, currency: str, margin: Callable[[str], Decimal]
) -> dict[str, Any]:
    """Return what a send costs by country, apart for people who have written lately and those who have not.

    `margin` is what a country's prices have on top of the carrier's, in per cent.
    """
    rows: dict[str, dict[bool, list[int]]] = defaultdict(lambda: {True: [], False: []})
    for each in priced:
        rows[each.country][each.is_open].append(each.price)
    countries = []
    for code in sorted(rows):
        fresh, held = _part(rows[code][False]), _part(rows[code][True])
        total = sum(rows[code][False]) + sum(rows[code][True])
        countries.append({
            "country": code, "country_name": country_name(code) or "Unknown", "new_initiations": fresh,
            "open_session": held, "margin_percent": float(margin(code)), "total_cost": _amount(total),
        })  # fmt: skip
    new = sum(len(parts[False]) for parts in rows.values())
    held_open = sum(len(parts[True]) for parts in rows.values())
    total = sum(sum(prices) for parts in rows.values() for prices in parts.values())
    left = None if quota.remaining is None else quota.remaining - new
    return {
        "contact_summary": {"total_contacts": new + held_open, "new_initiations": new, "open_sessions": held_open},
        "country_breakdown": countries,
        "summary": {
            "total_countries": len(rows), "total_new_initiations": new, "total_open_sessions": held_open,
            "estimated_total_cost": _amount(total), "wallet_currency": currency,
        },
        "quota_impact": {
            "daily_limit": quota.tier, "already_used": quota.used, "remaining_before": quota.remaining,
            "new_initiations_needed": new, "remaining_after": left, "within_limit": quota.within(new),
            "is_unlimited": quota.tier is None,
        },
        "notes": ["What is written within 24 hours of a customer's message is free where its category is."],
    }  # fmt: skip


def _amount(millionths: int) -> str:
    """Return an amount as a decimal number with six places, in words of digits: nothing is rounded on its way."""
    return f"{exact(millionths):.6f}"


def _part(prices: list[int]) -> dict[str, Any]:
    rate = max(prices, default=0)
    return {"count": len(prices), "rate": _amount(rate), "cost": _amount(sum(prices))}


def balances(wallet: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what there is to pay with, as it is answered; nothing where nobody pays."""
    if wallet is None:
        return {}
    available = wallet["balance"] + wallet["credit_line"]
    return {
        "available_balance": shown(available), "balance": shown(wallet["balance"]),
        "credit_line": shown(wallet["credit_line"]), "currency": wallet["currency"],
    }  # fmt: skip
