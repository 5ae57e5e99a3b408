"""How texts are cut into SMS, against an independent codec and the limits of TS 23.038 and TS 23.040."""

from __future__ import annotations

import gsm0338
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jinaconnect.core.messaging.segments import GSM, UCS2, segmented

CODEC = gsm0338.Codec()
ESCAPE = 0x1B
DEFAULT = [chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000 and chr(code) not in "\x1b\xa0"]


def septets(text: str) -> bytes | None:
    """Return a text in the default alphabet as another program encodes it, None where it is not in it."""
    try:
        return bytes(CODEC.encode(text)[0])
    except UnicodeError:
        return None


def cut(text: str) -> tuple[str, list[int]]:
    """Return the alphabet and the sizes of the parts, cut as the octets of a radio network are."""
    coded = septets(text)
    if coded is not None:
        units, alone, several = [*coded], 160, 153
        glued = [unit == ESCAPE for unit in units]
    else:
        raw = text.encode("utf-16-be")
        units, alone, several = [int.from_bytes(raw[n : n + 2], "big") for n in range(0, len(raw), 2)], 70, 67
        glued = [0xD800 <= unit < 0xDC00 for unit in units]
    name = GSM if coded is not None else UCS2
    if len(units) <= alone:
        return name, [len(units)]
    sizes = []
    while units:
        size = min(several, len(units))
        size -= size < len(units) and glued[size - 1]
        sizes.append(size)
        units, glued = units[size:], glued[size:]
    return name, sizes


def size(part: str, encoding: str) -> int:
    """Return the units of a part, by the other program's encoding."""
    return len(septets(part) or b"") if encoding == GSM else len(part.encode("utf-16-be")) // 2


def test_the_default_alphabet_is_the_one_of_the_standard() -> None:
    differing = [char for char in DEFAULT if (septets(char) is not None) != (segmented(char).encoding == GSM)]
    assert differing == []
    assert [char for char in DEFAULT if (septets(char) or b"")[:1] == b"\x1b"] == sorted("\f[\\]^{|}~€")


@given(st.one_of(
    st.text(max_size=400),
    st.text("ab€[é\n", max_size=500),
    st.text("aé—😀ा", max_size=300),
))  # fmt: skip
def test_parts_are_those_that_a_network_cuts(text: str) -> None:
    text = text.replace("\x1b", "").replace("\xa0", "")  # what the codec calls the escape itself
    made = segmented(text)
    encoding, sizes = cut(text)
    assert (made.encoding, made.count) == (encoding, len(sizes))
    assert "".join(made.parts) == text, "nothing is lost and nothing is cut in half"
    assert [size(part, encoding) for part in made.parts] == ([] if text == "" else sizes)
    assert made.units == sum(sizes)
    assert made.left == (160 if encoding == GSM else 70) - sizes[0] if made.count == 1 else made.left >= 0


@given(st.text(max_size=200))
def test_what_offends_is_named_where_it_stands(text: str) -> None:
    made = segmented(text)
    assert (made.offending == ()) == (made.encoding == GSM)
    for odd in made.offending:
        assert text[odd.position] == odd.character
        assert text.count(odd.character) == odd.count
        assert segmented(odd.character).encoding == UCS2
    for part in {odd.character for odd in made.offending}:
        text = text.replace(part, "")
    assert segmented(text).encoding == GSM, "without them it is in the alphabet"


@given(st.one_of(st.text(max_size=200), st.text("“Zażółć ’—…🎉 gęślą№", max_size=200)))
def test_a_rewrite_is_in_the_alphabet_and_says_the_same(text: str) -> None:
    said = segmented(text).rewrite
    if said is not None:
        assert segmented(said).encoding == GSM
        assert segmented(said).rewrite is None
        letters = [char for char in text if char.isascii() and char.isalnum()]
        assert [char for char in letters if char not in said] == []


@pytest.mark.parametrize(
    ("text", "encoding", "count"),
    [
        ("", GSM, 1), ("a" * 160, GSM, 1), ("a" * 161, GSM, 2), ("a" * 306, GSM, 2), ("a" * 307, GSM, 3),
        ("€" * 80, GSM, 1), ("€" * 81, GSM, 2), ("a" * 152 + "€" + "b" * 152, GSM, 3), ("é" * 160, GSM, 1),
        ("ç" * 70, UCS2, 1), ("ç" * 71, UCS2, 2), ("ç" * 134, UCS2, 2), ("ç" * 135, UCS2, 3),
        ("😀" * 35, UCS2, 1), ("😀" * 36, UCS2, 2), ("😀" * 66, UCS2, 2), ("😀" * 67, UCS2, 3),
    ],
)  # fmt: skip
def test_known_lengths(text: str, encoding: str, count: int) -> None:
    made = segmented(text)
    assert (made.encoding, made.count) == (encoding, count)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("“Hello” — it’s €5…", '"Hello" - it\'s €5...'),
        ("Zażółć gęślą jaźń 🎉", "Zazolc gesla jazn "),
        ("Cafe\u0301 ☕️ at 5\u00a0pm", "Café  at 5 pm"),
        ("नमस्ते", None), ("😀", None), ("₽100", None), ("plain", None),
    ],
)  # fmt: skip
def test_known_rewrites(text: str, said: str | None) -> None:
    assert segmented(text).rewrite == said
