"""What a call costs by a tenant's own rate cards: longest prefix, started increments, six decimals half-up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Context, Decimal

from jinaconnect.core.calls.numbers import plus_form

_MICRO = Decimal("0.000001")
# Wide enough that only the last step rounds: 14 digits of rate times the seconds of any call.
_EXACT = Context(prec=40, rounding=ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class RateCard:
    """A price per minute for numbers beginning with `prefix` (`+` alone means all), valid from one time to another."""

    id: str
    prefix: str
    rate_per_minute: Decimal
    valid_from: datetime
    valid_to: datetime | None = None
    currency: str = "USD"
    billing_increment_seconds: int = 60

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


def rate(
    number: str, duration_seconds: int | None, cards: Iterable[RateCard], at: datetime, currency: str = "USD"
) -> Cost | None:
    """Return the cost of a call to `number` that ended at `at`, or None when no card covers it.

    `currency` is that of the trunk, for calls that cost nothing. Of two cards with the same prefix the one valid
    since later counts.
    """
    if not duration_seconds or duration_seconds < 0:
        return Cost(Decimal(0).quantize(_MICRO), currency)
    dialled = plus_form(number)
    fitting = [card for card in cards if card.covers(dialled, at)]
    if not fitting:
        return None
    card = max(fitting, key=lambda item: (len(plus_form(item.prefix)), item.valid_from, item.id))
    increment = max(1, card.billing_increment_seconds)
    billable = -(-duration_seconds // increment) * increment
    exact = _EXACT.divide(_EXACT.multiply(card.rate_per_minute, Decimal(billable)), Decimal(60))
    return Cost(exact.quantize(_MICRO, context=_EXACT), card.currency, card.id, billable)
