"""What messages cost a tenant, row by row: each with the row that held before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from jinaconnect.core.billing.money import micros, shown
from jinaconnect.core.billing.prices import ANY, NoExchangeRate, PriceList, Rate
from jinaconnect.core.numbering import country_name

Margins = Callable[[str, str], Decimal]  # by destination and category


def rate_rows(
    prices: PriceList, channel: str, day: date, currency: str, margins: Margins
) -> list[dict[str, Any]]:
    """Return the rows of a channel that hold on a day, in a wallet's currency and with the margin of that day."""
    known: Mapping[tuple[str, str, str], list[Rate]] = defaultdict(list)
    for rate in prices.rates:
        if rate.channel in (channel, ANY) and rate.valid_from <= day:
            known[rate.channel, rate.destination, rate.category].append(rate)
    rows = []
    for _, rates in sorted(known.items(), key=lambda item: item[0], reverse=True):
        newest, *before = sorted(rates, key=lambda rate: rate.valid_from, reverse=True)
        if newest.valid_to is None or day <= newest.valid_to:
            margin = margins(newest.destination, newest.category)
            rows.append(_row(prices, newest, before[0] if before else None, day, currency, margin))
    return rows


def _row(
    prices: PriceList, rate: Rate, before: Rate | None, day: date, currency: str, margin: Decimal
) -> dict[str, Any]:
    country = "Any" if rate.destination == ANY else country_name(rate.destination) or rate.destination
    now = _worth(prices, rate, day, currency, margin)
    earlier = None if before is None else _worth(prices, before, day, currency, margin)
    change = None if now is None or not earlier else round(100 * (now - earlier) / earlier, 1)
    return {
        "destination_country": rate.destination, "destination_country_name": country,
        "message_type": rate.category, "channel": rate.channel, "reference_rate": None if now is None else shown(now),
        "wallet_currency": currency, "carrier_rate": float(rate.price), "carrier_currency": rate.currency,
        "margin_percent": float(margin), "effective_from": str(rate.valid_from),
        "effective_to": None if rate.valid_to is None else str(rate.valid_to),
        "previous_rate": None if earlier is None else shown(earlier),
        "rate_changed": earlier is not None and earlier != now, "rate_change_percent": change, "source": rate.source,
    }  # fmt: skip


def _worth(prices: PriceList, rate: Rate, day: date, currency: str, margin: Decimal) -> int | None:
    """Return what a tenant pays by a row in millionths, None where its currency cannot be changed."""
    try:
        return micros(rate.price * prices.exchange(rate.currency, currency, day) * (1 + margin / Decimal(100)))
    except NoExchangeRate:
        return None
