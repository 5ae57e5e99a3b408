"""Numbers as carriers write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
