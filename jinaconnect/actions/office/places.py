"""Countries and their parts (ISO 3166), as forms offer them."""

from __future__ import annotations

from functools import cache
from typing import Any

import pycountry

Choice = dict[str, str]


@cache
def countries() -> tuple[Choice, ...]:
    """Return every country by its two letters, in the order of their names."""
    named = [{"value": each.alpha_2, "label": getattr(each, "common_name", each.name)} for each in pycountry.countries]
    return tuple(sorted(named, key=lambda each: each["label"]))


@cache
def states(country: str) -> tuple[Choice, ...]:
    """Return the parts of a country, in the order of their names."""
    everywhere: Any = pycountry.subdivisions
    found = everywhere.get(country_code=country) or ()
    rows = [{"value": each.code.partition("-")[2], "label": each.name, "type": each.type} for each in found]
    return tuple(sorted(rows, key=lambda each: (each["label"], each["value"])))


def known(country: str) -> bool:
    """Tell whether there is a country of these two letters."""
    return any(each["value"] == country for each in countries())


def searched(choices: tuple[Choice, ...], text: str) -> list[Choice]:
    """Return the choices whose value or label holds a text, in whatever case."""
    wanted = text.strip().casefold()
    return [each for each in choices if wanted in each["label"].casefold() or wanted == each["value"].casefold()]
