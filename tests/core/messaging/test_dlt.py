"""Registered texts: what fits, where the first difference is, and the operators' codes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinaconnect.core.messaging.dlt import Differs, Fits, compare, normalised, scrub_codes, scrubbed
from jinaconnect.core.messaging.keywords import keyword
from jinaconnect.core.messaging.templates import placeholders, render

PIECES = st.lists(st.text("ab -", max_size=4), min_size=2, max_size=4)


def fits(registered: str, text: str) -> bool:
    """Tell whether a text is a registered one, as a regular expression says it."""
    parts = re.split(r"\{\{\w+\}\}", registered)
    return re.fullmatch(".{1,30}".join(map(re.escape, parts)), text, re.DOTALL) is not None


@given(PIECES, st.data())
def test_what_is_filled_fits_with_values_that_fill_it_again(pieces: list[str], data: st.DataObject) -> None:
    values = [data.draw(st.text("abc-", min_size=1, max_size=30)) for _ in pieces[1:]]
    registered = pieces[0] + "".join(f"{{{{{n}}}}}{piece}" for n, piece in enumerate(pieces[1:], 1))
    text = pieces[0] + "".join(value + piece for value, piece in zip(values, pieces[1:], strict=True))
    found = compare(registered, text)
    assert isinstance(found, Fits)
    assert render(registered, dict(zip(placeholders(registered), found.values, strict=True))) == text


@given(PIECES, st.text("abc -", max_size=40))
def test_a_difference_is_named_where_it_stands(pieces: list[str], text: str) -> None:
    registered = pieces[0] + "".join(f"{{{{{n}}}}}{piece}" for n, piece in enumerate(pieces[1:], 1))
    found = compare(registered, text)
    assert isinstance(found, Fits) == fits(registered, text)
    if isinstance(found, Differs):
        assert found.found == text[found.position : found.position + 1]
        assert found.said


@given(st.text("abc ", min_size=3, max_size=30), st.data())
def test_one_wrong_character_in_a_fixed_text_is_the_one_named(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text) - 1))
    found = compare(text, f"{text[:place]}X{text[place + 1 :]}")
    assert found == Differs(place, "X", f"'{text[place]}'")


def test_places_are_read_in_every_notation() -> None:
    assert normalised("a {#var#} b ##name## c {{ 7 }} d {#numeric#}") == "a {{1}} b {{name}} c {{7}} d {{4}}"
    assert normalised("##VAR1## and ##VAR2##") == "{{VAR1}} and {{VAR2}}"


def test_every_code_of_the_operators_says_whose_matter_it_is_and_who_must_act() -> None:
    about = {code: row.about for code, row in scrub_codes().items()}
    assert {code for code, row in about.items() if row == "entity"} == {"600", "601", "602", "603", "604", "605"}
    assert {"610", "611", "612"} <= {code for code, row in about.items() if row == "telemarketer"}
    assert about["651"] == "hours"
    assert all(row.words.endswith(".") and row.act for row in scrub_codes().values())


@pytest.mark.parametrize(
    ("told", "code"),
    [(("DLT 633",), "633"), (("REJECTED", "err:605"), "605"), (("16050",), None), ((None, ""), None)],
)
def test_a_code_is_found_in_a_carriers_words(told: tuple[str | None, ...], code: str | None) -> None:
    found = scrubbed(*told)
    assert (found.code if found is not None else None) == code


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("STOP", "STOP"), ("  Stop!! ", "STOP"), ("opt-out", "STOP"), ("Opt  Out", "STOP"), ("ARRÊT", "STOP"),
        ("arre\u0302t", "STOP"), ("बंद", "STOP"), ("Start", "START"), ("unstop", "START"), ("help?", "HELP"),
        ("INFO", "HELP"), ("don't stop", None), ("stop sending", None), ("", None), ("🛑", None), ("👍 stop", "STOP"),
    ],
)  # fmt: skip
def test_words_alone_are_orders(text: str, meaning: str | None) -> None:
    assert keyword(text) == meaning
