"""Numbers as carriers write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinaconnect.actions.trunks.targets import home_of
from jinaconnect.telephony.trunks.numbers import NumberFormat, caller, dialled, read

GERMAN = NumberFormat(dial="national", caller="e164_digits", country="49")
AMERICAN = NumberFormat(dial="national", country="1", trunk_prefix="", international_prefix="011")


@pytest.mark.parametrize(
    ("form", "number", "written"),
    [
        (NumberFormat(), "+4930123456", "+4930123456"),
        (NumberFormat(dial="e164_digits"), "+4930123456", "4930123456"),
        (GERMAN, "+4930123456", "030123456"),
        (GERMAN, "+912233445566", "00912233445566"),
        (AMERICAN, "+12025550101", "2025550101"),
        (AMERICAN, "+4930123456", "0114930123456"),
        (NumberFormat(dial="national"), "+4930123456", "004930123456"),
    ],
)
def test_a_number_is_dialled_as_the_trunk_wants_it(form: NumberFormat, number: str, written: str) -> None:
    assert dialled(number, form) == written


def test_the_caller_is_written_in_its_own_style() -> None:
    assert caller("+4930123456", GERMAN) == "4930123456"


@pytest.mark.parametrize(
    "number",
    ["4930123456", "+0301234567", "+49 30 123", "+49", "", "+49301234567890123", "+4930a", "+４９30123456"],
)
def test_what_is_not_e164_is_not_dialled(number: str) -> None:
    with pytest.raises(ValueError, match=r"E\.164"):
        dialled(number, NumberFormat())


@pytest.mark.parametrize(
    ("form", "sent", "number"),
    [
        (NumberFormat(), "+4930123456", "+4930123456"),
        (NumberFormat(), "4930123456", "+4930123456"),
        (NumberFormat(), "004930123456", "+4930123456"),
        (NumberFormat(), " +49 (30) 123-456 ", "+4930123456"),
        (GERMAN, "030123456", "+4930123456"),
        (GERMAN, "30123456", "+4930123456"),
        (GERMAN, "4930123456", "+4930123456"),
        (NumberFormat(country="91"), "09876543210", "+919876543210"),
        (NumberFormat(), "anonymous", None),
        (NumberFormat(), "600", None),
        (NumberFormat(), "", None),
        (NumberFormat(), "+49+30123456", None),
        (NumberFormat(), "٤٩٣٠١٢٣٤٥٦", None),
    ],
)
def test_a_number_is_read_as_the_carrier_meant_it(form: NumberFormat, sent: str, number: str | None) -> None:
    assert read(sent, form) == number


NATIONAL = {country: NumberFormat(dial="national", country=country) for country in ("1", "39", "44", "49", "91")}


@pytest.mark.parametrize(
    ("form", "sent", "number"),
    [
        # The country alone suffices, whatever the style.
        (NumberFormat(country="1"), "2025550123", "+12025550123"),
        (NumberFormat(country="1"), "12025550123", "+12025550123"),
        (NumberFormat(country="1", dial="e164_digits", caller="e164_digits"), "2025550123", "+12025550123"),
        (NumberFormat(country="1", dial="e164_digits", caller="e164_digits"), "3612345678", "+13612345678"),
        (NumberFormat(country="1"), "0114930123456", "+4930123456"),
        (NumberFormat(country="1"), "4930123456", "+4930123456"),
        (NumberFormat(country="44", dial="e164_digits"), "442079460123", "+442079460123"),
        # Numbers that begin like a country's code, their own or another's.
        (NATIONAL["91"], "9123456789", "+919123456789"),
        (NATIONAL["91"], "919123456789", "+919123456789"),
        (NumberFormat(country="91"), "9123456789", "+919123456789"),
        (NATIONAL["39"], "3912345678", "+393912345678"),
        (NATIONAL["39"], "393912345678", "+393912345678"),
        (NATIONAL["39"], "0612345678", "+390612345678"),
        (NATIONAL["44"], "7700900123", "+447700900123"),
        (NATIONAL["49"], "4312345678", "+494312345678"),
        (NumberFormat(country="49", dial="e164_digits", caller="e164_digits"), "4312345678", "+4312345678"),
        # What is no digit of the number.
        (NumberFormat(), "+12025550123;npdi;rn=+12025550999", "+12025550123"),
        (NumberFormat(country="1"), "2025550123;npdi", "+12025550123"),
        (NumberFormat(), "+12025550123;isub=1411", "+12025550123"),
        (NumberFormat(), "+12025550123;tgrp=tg-1;trunk-context=carrier.example", "+12025550123"),
        (NumberFormat(), "2025550123;phone-context=+1", "+12025550123"),
        (NumberFormat(country="1"), "2025550123;phone-context=carrier.example", "+12025550123"),
        (NumberFormat(), "sip:+12025550123;npdi@carrier.example;user=phone", "+12025550123"),
        (NumberFormat(), '"Ann" <tel:+1-202-555-0123;ext=12>', "+12025550123"),
        (NumberFormat(), "%2B12025550123", "+12025550123"),
        (NumberFormat(country="1"), "anonymous;npdi", None),
    ],
)
def test_of_several_readings_the_one_that_is_a_number_is_taken(
    form: NumberFormat, sent: str, number: str | None
) -> None:
    assert read(sent, form) == number


def test_a_trunk_without_a_format_is_where_its_own_numbers_are() -> None:
    assert home_of(["+12025550100", "+13125550100"]) == "1"
    assert home_of(["+12025550100", "+4930123456"]) == home_of([]) == ""
    assert read("2025550123", NumberFormat(), "1") == "+12025550123"
    assert read("9123456789", NumberFormat(), "91") == "+919123456789"
    assert read("030123456", NumberFormat(country="49"), "1") == "+4930123456"


@given(
    st.from_regex(r"\+[1-9][0-9]{8,13}", fullmatch=True), st.sampled_from(["e164_plus", "e164_digits", "national"]),
    st.sampled_from(["1", "49", "91", "353"]),
)  # fmt: skip
def test_what_was_written_in_a_style_with_prefixes_is_read_back(number: str, style: str, country: str) -> None:
    form = NumberFormat.model_validate({"dial": style, "caller": style, "country": country})
    if style == "e164_digits":
        form = form.model_copy(update={"country": ""})
    written = dialled(number, form)
    # A national number that begins with another zero would read as an international one; no plan has such numbers.
    if style != "national" or not number[1:].startswith(country + "0"):
        assert read(written, form) == number
