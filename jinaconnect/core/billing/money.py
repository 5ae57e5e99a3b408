"""Money: whole numbers of a millionth of the currency's unit, so that sums are exact; shown as decimal numbers."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation

MICRO = 1_000_000
MOST = 10**15  # a thousand million units: sums of what is stored stay far below 64 bits
# Wide enough that only the last step rounds.
_EXACT = Context(prec=60, rounding=ROUND_HALF_UP)


def micros(amount: Decimal) -> int:
    """Return an amount in millionths, half up."""
    return int(_EXACT.multiply(amount, Decimal(MICRO)).quantize(Decimal(1), context=_EXACT))


def exact(amount: int) -> Decimal:
    """Return millionths as an amount with six decimals."""
    return Decimal(amount).scaleb(-6, context=_EXACT)


def shown(amount: int) -> float:
    """Return millionths as the number that answers and events carry."""
    return amount / MICRO


def exchanged(amount: int, rate: Decimal) -> int:
    """Return millionths of one currency in another, of which `rate` units are worth one of the first."""
    return int(_EXACT.multiply(Decimal(amount), rate).quantize(Decimal(1), context=_EXACT))


MOST_ASKED = 10**9
AMOUNT = {"type": "number", "minimum": -MOST_ASKED, "maximum": MOST_ASKED}


def parse_amount(text: str) -> int:
    """Read an amount, as millionths; raises ValueError."""
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise ValueError("must be a number") from error
    if not amount.is_finite() or abs(amount) > MOST_ASKED:
        raise ValueError("must be a number of at most a thousand million")
    return micros(amount)
