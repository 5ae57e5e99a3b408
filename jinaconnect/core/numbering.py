"""Phone numbers that are E.164 as they stand, by what is known of their calling code: most are, and parsing is dear.

The names of countries are those of the same library.
"""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers

_PLAIN = re.compile(r"\+[1-9][0-9]{6,14}")


def plainly_possible(text: str) -> bool:
    """Tell whether a text is a possible number as E.164 writes it, of which parsing would take nothing off.

    Where it does not, parsing decides.
    """
    if not _PLAIN.fullmatch(text):
        return False
    for digits in (1, 2, 3):  # no calling code begins another
        if int(text[1 : 1 + digits]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            lengths, before = _known(int(text[1 : 1 + digits]))
            national = text[1 + digits :]
            return len(national) in lengths and before.match(national) is None
    return False


@lru_cache(maxsize=512)
def _known(code: int) -> tuple[frozenset[int], re.Pattern[str]]:
    """Return the lengths of a calling code's national numbers, and what may stand before one and is no part of it."""
    region = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code][0]
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, region)
    if metadata is None or metadata.general_desc is None:
        return frozenset(), re.compile("")
    before = metadata.national_prefix_for_parsing
    return frozenset(metadata.general_desc.possible_length), re.compile(f"0|{before}" if before else "0")


@lru_cache(maxsize=512)
def country_name(code: str) -> str:
    """Return a country's name in English by its ISO 3166-1 code, empty where it is not known or has no numbers."""
    number = phonenumbers.example_number(code)
    if number is None:
        return ""
    from phonenumbers import geocoder  # all places of the world: not read in by who names none

    return str(geocoder.country_name_for_number(number, "en"))
