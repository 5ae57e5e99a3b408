"""Which words a message and a contact are found by."""

from __future__ import annotations

from typing import Any

import pytest

from jinaconnect.core.inbox.words import LONGEST, MOST, MOST_PARTS, contact_words, key_word, message_words


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"type": "text", "body": {"text": "Grüße, grüsse: it's 100% BLUE_ish"}},
         ["grüsse", "it", "s", "100", "blue", "ish"]),
        ({"type": "image", "image": {"caption": "The pictures"}}, ["the", "pictures"]),
        ({"type": "text", "body": {"text": 7}}, []),
        ({"type": "text", "body": None}, []),
        ({"type": "text"}, []),
    ],
)  # fmt: skip
def test_words_of_a_message(content: dict[str, Any], words: list[str]) -> None:
    assert message_words({"content": content}) == words


def test_there_are_never_many_words() -> None:
    text = " ".join(f"{n}{'x' * 50}" for n in range(100))
    words = message_words({"content": {"type": "text", "body": {"text": text}}})
    assert len(words) == MOST
    assert max(map(len, words)) == LONGEST
    contact = {"phone": "+12025550101", "first_name": "ab" * 120, "last_name": text}
    assert len(contact_words(contact)) == MOST_PARTS


def test_a_contact_is_found_by_parts_of_its_words() -> None:
    words = contact_words({"phone": "+1202555", "first_name": "Achim", "last_name": "de"})
    assert words == ["1202555", "achim", "de", "202555", "02555", "2555", "555", "chim", "him"]
    assert contact_words({"phone": None, "first_name": "", "last_name": ""}) == []


def test_the_longest_word_of_a_search_tells_most() -> None:
    assert key_word("is the BLUE one") == "blue"
    assert key_word(".*") is None
