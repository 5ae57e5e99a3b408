"""Prices as dated rows: by channel, destination and category, the most specific row that is valid counts.

A row says since when it holds and where it was found. What a tenant pays is the row's price in the wallet's currency
plus a margin: the most specific row of those, else the deployment's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import phonenumbers
import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from jinaconnect.core.billing.money import exchanged, micros

ANY = "*"
UNKNOWN_COUNTRY = "ZZ"

_Number = Annotated[Decimal, BeforeValidator(str), Field(ge=0, max_digits=18, decimal_places=9)]
_Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rate(_Row):
    """What one unit (a message, a segment) costs at the carrier; `destination` is a country (ISO 3166-1) or `*`.

    `valid_to` is the last day it holds.
    """

    channel: str
    destination: str = Field(pattern=r"^([A-Z]{2}|\*)$")
    category: str
    price: _Number
    currency: _Currency
    valid_from: date
    valid_to: date | None = None
    source: str

    def fits(self, channel: str, destination: str, category: str, day: date) -> bool:
        """Tell whether the row is about this and valid on a day."""
        return (
            self.channel in (channel, ANY) and self.destination in (destination, ANY)
            and self.category in (category, ANY) and self.valid_from <= day
            and (self.valid_to is None or day <= self.valid_to)
        )  # fmt: skip

    @property
    def weight(self) -> tuple[int, date]:
        """What decides between rows that fit: destination before category before channel, then the newer."""
        exactness = 4 * (self.destination != ANY) + 2 * (self.category != ANY) + (self.channel != ANY)
        return exactness, self.valid_from


class Margin(_Row):
    """What is taken on top of a price, in per cent: of an organisation, a country and a category, or of any of them."""

    id: str
    tenant: str | None = None
    country: str = ANY
    category: str = ANY
    percent: Decimal
    valid_from: date
    valid_to: date | None = None

    def fits(self, tenant: str, country: str, category: str, day: date) -> bool:
        """Tell whether the row is about this and valid on a day."""
        return (
            self.tenant in (tenant, None) and self.country in (country, ANY) and self.category in (category, ANY)
            and self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)
        )  # fmt: skip

    @property
    def weight(self) -> tuple[int, date, str]:
        """What decides between rows that fit: organisation before country before category, then the newer."""
        exactness = 4 * (self.tenant is not None) + 2 * (self.country != ANY) + (self.category != ANY)
        return exactness, self.valid_from, self.id


class Exchange(_Row):
    """How many units of `to` one unit of `currency` is worth since a day."""

    currency: _Currency
    to: _Currency
    rate: Annotated[_Number, Field(gt=0)]
    valid_from: date
    source: str


class _File(_Row):
    rates: tuple[Rate, ...] = ()
    exchange: tuple[Exchange, ...] = ()


@dataclass(frozen=True, slots=True)
class Price:
    """What a tenant pays for one unit, in millionths of the wallet's currency, and the row it was made of."""

    amount: int
    currency: str
    rate: Rate


class NoExchangeRate(LookupError):
    """Nobody has said what a currency is worth in another."""


class PriceList:
    """All rows, and the margin (per cent) on top of them."""

    def __init__(self, rates: Sequence[Rate], exchanges: Sequence[Exchange], margin: Decimal) -> None:
        self.rates, self._exchanges = tuple(rates), tuple(exchanges)
        self.margin = margin

    def price(
        self, channel: str, destination: str, category: str, day: date, currency: str, margin: Decimal | None = None
    ) -> Price:
        """Return the price of one unit, with the deployment's margin unless another is given. Raises LookupError.

        A row whose currency cannot be changed does not count.
        """
        factor = 1 + (self.margin if margin is None else margin) / 100
        fitting = [rate for rate in self.rates if rate.fits(channel, destination, category, day)]
        for rate in sorted(fitting, key=lambda each: each.weight, reverse=True):
            try:
                worth = self.exchange(rate.currency, currency, day)
            except NoExchangeRate:
                continue
            return Price(micros(rate.price * worth * factor), currency, rate)
        raise LookupError(f"no price of {channel} {category} to {destination} on {day} in {currency}")

    def exchange(self, currency: str, to: str, day: date) -> Decimal:
        """Return how many units of `to` one of `currency` is worth on a day, read either way; raises NoExchangeRate."""
        if currency == to:
            return Decimal(1)
        known = [row for row in self._exchanges if row.valid_from <= day and {row.currency, row.to} == {currency, to}]
        if not known:
            raise NoExchangeRate(f"nobody has said what {currency} is worth in {to}")
        newest = max(known, key=lambda row: row.valid_from)
        return newest.rate if newest.to == to else 1 / newest.rate

    def changed(self, amount: int, currency: str, to: str, day: date) -> int:
        """Return millionths of one currency in another; raises NoExchangeRate."""
        return exchanged(amount, self.exchange(currency, to, day))


def margin_of(margins: Sequence[Margin], tenant: str, country: str, category: str, day: date) -> Decimal | None:
    """Return the margin of the most specific row that is valid on a day, None where there is none."""
    fitting = [each for each in margins if each.fits(tenant, country, category, day)]
    return max(fitting, key=lambda each: each.weight).percent if fitting else None


def country(phone: str | None) -> str:
    """Return the country a number belongs to, `ZZ` where it has none."""
    if phone is None:
        return UNKNOWN_COUNTRY
    try:
        parsed = phonenumbers.parse(phone, None)
    except phonenumbers.NumberParseException:
        return UNKNOWN_COUNTRY
    code = parsed.country_code or 0
    region = phonenumbers.region_code_for_number(parsed) or phonenumbers.region_code_for_country_code(code)
    return UNKNOWN_COUNTRY if region in (None, "", "001", "ZZ") else str(region)


def price_list(own: Path | None, margin: Decimal) -> PriceList:
    """Return the rows that came along and those of an operator's file, which win over them where they are as specific.

    Raises ValueError for a file that is faulty, OSError for one that is not there.
    """
    texts = [(files(__package__) / "rates.yaml").read_text("utf-8")]
    if own is not None:
        texts.insert(0, own.read_text("utf-8"))
    read = [_File.model_validate(yaml.safe_load(text) or {}) for text in texts]
    return PriceList(
        [rate for file in read for rate in file.rates], [row for file in read for row in file.exchange], margin
    )
