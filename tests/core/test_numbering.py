"""Numbers that are taken as they stand are those that parsing would leave as they are."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinaconnect.core.numbering import plainly_possible

CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)


def parsed(text: str) -> str | None:
    """Return a number as the library writes it, None where it is not possible."""
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@settings(max_examples=1500)
@given(code=st.sampled_from(CODES), national=st.text("0123456789", min_size=2, max_size=13))
def test_what_is_taken_as_it_stands_is_left_so_by_parsing(code: int, national: str) -> None:
    text = f"+{code}{national}"
    if plainly_possible(text):
        assert parsed(text) == text


@pytest.mark.parametrize("code", CODES)
def test_an_example_of_every_country_is_taken_as_it_stands(code: int) -> None:
    number = phonenumbers.example_number(phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code][0])
    number = number or phonenumbers.example_number_for_non_geo_entity(code)
    text = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    assert not plainly_possible(text) or parsed(text) == text


def test_common_numbers_need_no_parsing() -> None:
    for text in ("+12025550101", "+442079460123", "+919876543210", "+4915123456789", "+5511987654321"):
        assert plainly_possible(text)
    for text in ("12025550101", "+1202555010", "+120255501011", "+4402079460123", "+1 202 555 0101", "+00000000", ""):
        assert not plainly_possible(text)
