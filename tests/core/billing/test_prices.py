"""Prices: which row counts, what it is in the wallet's currency, and that sums are exact."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinaconnect.core.billing.money import MICRO, exact, exchanged, micros
from jinaconnect.core.billing.prices import Exchange, NoExchangeRate, PriceList, Rate, country, price_list
from jinaconnect.core.billing.purse import InsufficientBalance, Purse, credited, returned

DAY = date(2026, 3, 1)


def rate(channel: str, destination: str, category: str, price: str, since: date = date(2026, 1, 1)) -> Rate:
    return Rate(channel=channel, destination=destination, category=category, price=price, currency="USD",
                valid_from=since, source="the test")  # fmt: skip


def listed(*rates: Rate, margin: str = "0") -> PriceList:
    rupees = Exchange(currency="USD", to="INR", rate="80", valid_from=date(2026, 1, 1), source="the test")
    return PriceList(rates, [rupees], Decimal(margin))


def test_the_most_specific_row_counts_and_of_two_the_newer() -> None:
    prices = listed(
        rate("*", "*", "*", "1"), rate("SMS", "*", "*", "2"), rate("SMS", "*", "UTILITY", "3"),
        rate("SMS", "IN", "*", "4"), rate("SMS", "IN", "UTILITY", "5"),
        rate("SMS", "IN", "UTILITY", "6", date(2026, 2, 1)), rate("SMS", "IN", "UTILITY", "7", date(2026, 4, 1)),
    )  # fmt: skip
    for asked, amount in (
        (("RCS", "US", "MARKETING"), 1), (("SMS", "US", "MARKETING"), 2), (("SMS", "US", "UTILITY"), 3),
        (("SMS", "IN", "MARKETING"), 4), (("SMS", "IN", "UTILITY"), 6),
    ):  # fmt: skip
        assert prices.price(*asked, DAY, "USD").amount == amount * MICRO, asked


@pytest.mark.parametrize(
    ("day", "amount"), [(date(2025, 12, 31), None), (date(2026, 1, 1), 2), (date(2026, 2, 28), 2), (DAY, None)]
)
def test_a_row_holds_from_its_first_day_to_its_last(day: date, amount: int | None) -> None:
    row = rate("SMS", "IN", "*", "2").model_copy(update={"valid_to": date(2026, 2, 28)})
    if amount is None:
        with pytest.raises(LookupError):
            listed(row).price("SMS", "IN", "UTILITY", day, "USD")
    else:
        assert listed(row).price("SMS", "IN", "UTILITY", day, "USD").amount == amount * MICRO


def test_margin_and_exchange_round_once_half_up() -> None:
    prices = listed(rate("SMS", "*", "*", "0.0000005"), margin="15")
    assert prices.price("SMS", "US", "UTILITY", DAY, "USD").amount == 1
    assert prices.price("SMS", "US", "UTILITY", DAY, "INR").amount == 46
    assert prices.changed(80 * MICRO, "INR", "USD", DAY) == MICRO
    with pytest.raises(NoExchangeRate):
        prices.exchange("EUR", "USD", DAY)
    with pytest.raises(LookupError):
        prices.price("SMS", "US", "UTILITY", DAY, "EUR")


def test_the_rows_that_come_along_are_good_and_an_operators_own_win(tmp_path: Path) -> None:
    own = tmp_path / "rates.yaml"
    own.write_text("rates:\n  - {channel: '*', destination: '*', category: '*', price: 0.2, currency: USD,"
                   " valid_from: 2025-07-01, source: ours}\n")  # fmt: skip
    assert price_list(None, Decimal(15)).price("SMS", "US", "UTILITY", DAY, "USD").amount == 115_000
    assert price_list(own, Decimal(15)).price("SMS", "US", "UTILITY", DAY, "USD").amount == 230_000
    assert price_list(None, Decimal(0)).price("WHATSAPP", "IN", "MARKETING", DAY, "INR").amount == 784_600
    own.write_text("rates:\n  - {channel: SMS, destination: '*', category: '*', price: -1, currency: USD,"
                   " valid_from: 2025-07-01, source: ours}\n")  # fmt: skip
    with pytest.raises(ValueError, match="price"):
        price_list(own, Decimal(15))


@pytest.mark.parametrize(
    ("phone", "code"), [("+12025550111", "US"), ("+919812345678", "IN"), ("+447400123456", "GB"), ("junk", "ZZ"),
                        (None, "ZZ"), ("+80012345678", "ZZ")],
)  # fmt: skip
def test_a_number_belongs_to_a_country(phone: str | None, code: str) -> None:
    assert country(phone) == code


@given(st.integers(-(10**15), 10**15))
def test_millionths_are_exact(amount: int) -> None:
    assert micros(exact(amount)) == amount == exchanged(amount, Decimal(1))


@given(
    st.integers(0, 10**9), st.integers(0, 10**9),
    st.lists(st.tuples(st.sampled_from(["reserve", "settle", "charge", "credit", "refund"]), st.integers(0, 10**9))),
)  # fmt: skip
def test_no_order_of_postings_goes_below_the_credit_line(balance: int, line: int, steps: list[tuple[str, int]]) -> None:
    purse = Purse("USD", balance, 0, line)
    for what, amount in steps:
        held = min(purse.reserved, amount)
        try:
            made = {
                "reserve": lambda a=amount, p=purse: p.reserve(a), "charge": lambda a=amount, p=purse: p.charge(a),
                "settle": lambda a=amount, h=held, p=purse: p.settle(a, h), "credit": lambda a=amount: credited(a),
                "refund": lambda h=held: returned(h),
            }[what]()  # fmt: skip
        except InsufficientBalance:
            assert what == "reserve"
            assert amount > purse.available
            continue
        before, purse = purse, purse.after(made)
        assert purse.available >= 0
        assert purse.reserved >= 0
        paid = {"charge": amount, "settle": amount}.get(what, 0) - made.short
        put = amount if what == "credit" else 0
        assert purse.balance + purse.reserved == before.balance + before.reserved - paid + put
