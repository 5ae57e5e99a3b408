"""Rating: prefixes, increments, rounding, validity."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinaconnect.core.calls.rating import RateCard, rate

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def card(
    prefix: str, price: str = "0.015", increment: int = 60, start: datetime = NOW - DAY, **more: object
) -> RateCard:
    return RateCard(f"{prefix}/{price}", prefix, Decimal(price), start, billing_increment_seconds=increment, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("increment", "amount", "billable"), [(60, "0.030000", 120), (1, "0.015250", 61), (0, "0.015250", 61)]
)
def test_started_increments(increment: int, amount: str, billable: int) -> None:
    cost = rate("+919800000000", 61, [card("+91", increment=increment)], NOW)
    assert cost is not None
    assert (str(cost.amount), cost.billable_seconds, cost.currency) == (amount, billable, "USD")


def test_the_longest_prefix_wins_with_and_without_plus() -> None:
    cards = [card("+"), card("91"), card("+9180"), card("+1")]
    for number in ("+918012345678", "918012345678", "00918012345678"):
        cost = rate(number, 10, cards, NOW)
        assert cost is not None
        assert cost.card == "+9180/0.015"
    other = rate("+442000000000", 10, cards, NOW)
    assert other is not None
    assert other.card == "+/0.015"


def test_no_card_is_unrated_and_no_answer_costs_nothing() -> None:
    assert rate("+442000000000", 10, [card("+1")], NOW) is None
    for duration in (0, None):
        cost = rate("+442000000000", duration, [], NOW, "INR")
        assert cost is not None
        assert (str(cost.amount), cost.currency, cost.card) == ("0.000000", "INR", None)


def test_validity_includes_both_ends_and_the_later_card_counts() -> None:
    old = card("+1", "0.01", start=NOW - 9 * DAY, valid_to=NOW)
    new = card("+1", "0.02", start=NOW)
    prices = {
        at: found.card if (found := rate("+12025550101", 1, [old, new], at)) else None
        for at in (NOW - 10 * DAY, NOW - 9 * DAY, NOW, NOW + DAY)
    }
    assert list(prices.values()) == [None, "+1/0.01", "+1/0.02", "+1/0.02"]


def test_half_a_millionth_rounds_up() -> None:
    cost = rate("+1", 1, [card("+1", "0.000030", increment=1)], NOW)
    assert cost is not None
    assert str(cost.amount) == "0.000001"


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 100_000), st.integers(1, 600), st.decimals("0", "99999999.999999", places=6))
def test_the_amount_is_exact(duration: int, increment: int, price: Decimal) -> None:
    cost = rate("+1", duration, [card("+1", str(price), increment)], NOW)
    assert cost is not None
    assert duration <= cost.billable_seconds < duration + increment
    assert cost.billable_seconds % increment == 0
    assert abs(cost.amount * 60 - price * cost.billable_seconds) <= Decimal("0.00003")
