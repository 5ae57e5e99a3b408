"""What a call costs by a tenant's own rate cards: longest prefix, started increments, six decimals half-up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal

from jinaconnect.core.calls.numbers import plus_form

LONGEST_PREFIX = 10
LOCAL, PROVIDER = "local_ratecard", "provider"  # who says what a call costs

_MICRO = Decimal("0.000001")
# Wide enough that only the last step rounds: 14 digits of rate times the seconds of any call.
_EXACT = Context(prec=40, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class RateCard:
    """A price per minute for numbers beginning with `prefix` (`+` alone means all), valid from one time to another.

    A call is billed by started increments, and for at least `minimum_seconds`.
    """

    id: str
    prefix: str
    rate_per_minute: Decimal
    valid_from: datetime
    valid_to: datetime | None = None
    currency: str = "USD"
    billing_increment_seconds: int = 60
    minimum_seconds: int = 0

    def covers(self, number: str, at: datetime) -> bool:
        """Tell whether the card applies to a `+` number at a time; both ends of its validity are within it."""
        if at < self.valid_from or (self.valid_to is not None and at > self.valid_to):
            return False
        return number.startswith(plus_form(self.prefix))


@dataclass(frozen=True, slots=True)
class Cost:
    """An amount with six decimals; `card` is None and the amount zero for a call that was never answered."""

    amount: Decimal
    currency: str
    card: str | None = None
    billable_seconds: int = 0


def prefixes(number: str) -> list[str]:
    """Return every prefix a card for a number can have."""
    dialled = plus_form(number)
    return [dialled[:length] for length in range(1, min(len(dialled), LONGEST_PREFIX) + 1)]


def fitting(number: str, cards: Iterable[RateCard], at: datetime) -> RateCard | None:
    """Return the card that counts for a call to a number that ends at a time, None where none covers it.

    That is the one with the longest prefix; of two with the same, the one valid since later.
    """
    dialled = plus_form(number)
    found = [card for card in cards if card.covers(dialled, at)]
    return max(found, key=lambda item: (len(plus_form(item.prefix)), item.valid_from, item.id), default=None)


def cost_by(card: RateCard, seconds: int) -> Cost:
    """Return what a call of so many seconds costs by a card."""
    increment = max(1, card.billing_increment_seconds)
    billable = -(-max(seconds, card.minimum_seconds) // increment) * increment
    exact = _EXACT.divide(_EXACT.multiply(card.rate_per_minute, Decimal(billable)), Decimal(60))
    return Cost(exact.quantize(_MICRO, context=_EXACT), card.currency, card.id, billable)


def rate(
    number: str, duration_seconds: int | None, cards: Iterable[RateCard], at: datetime, currency: str = "USD"
) -> Cost | None:
    """Return the cost of a call to `number` that ended at `at`, or None when no card covers it.

    `currency` is that of the trunk, for calls that cost nothing.
    """
    if not duration_seconds or duration_seconds < 0:
        return Cost(Decimal(0).quantize(_MICRO), currency)
    card = fitting(number, cards, at)
    return None if card is None else cost_by(card, duration_seconds)
