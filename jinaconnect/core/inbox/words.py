"""The words by which messages and contacts are found: few per document, so that an index of them stays affordable.

A message is found by how a word of it begins; a contact by any part of a name's word or of a number, since each is kept
with what follows its first character, its second, and so on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

MOST = 32  # words of a message
LONGEST = 32  # characters of a word
MOST_PARTS = 64  # of a contact
PART = 3  # characters the shortest part within a word has
MOST_SAID = 1_000  # of a recording, in which people repeat themselves
_WORD = re.compile(r"[^\W_]+")
_CAPTIONED = ("image", "video", "document")


def split(text: str) -> list[str]:
    """Return the words of a text in small letters, long ones cut."""
    return [word[:LONGEST] for word in _WORD.findall(text.casefold())]


def key_word(text: str) -> str | None:
    """Return the word of a search that tells most, None where it has none."""
    return max(split(text), key=len, default=None)


def _distinct(words: Iterable[str], most: int) -> list[str]:
    return list(dict.fromkeys(words))[:most]


def message_words(doc: Mapping[str, Any]) -> list[str]:
    """Return the words of a message's text and captions, each once."""
    content = doc["content"]
    parts = [(content.get("body"), "text"), *((content.get(kind), "caption") for kind in _CAPTIONED)]
    texts = [part.get(name) for part, name in parts if isinstance(part, Mapping)]
    return _distinct((word for text in texts if isinstance(text, str) for word in split(text)), MOST)


def recording_words(doc: Mapping[str, Any]) -> list[str]:
    """Return the words of what was said in a recording, each once."""
    return _distinct(split(doc.get("transcription") or ""), MOST_SAID)


def contact_words(doc: Mapping[str, Any]) -> list[str]:
    """Return the words of a contact's names and number, and the parts they end with."""
    texts = [str(doc.get(name) or "") for name in ("phone", "first_name", "last_name")]
    words = [word for text in texts for word in _WORD.findall(text.casefold())]
    parts = [word[start : start + LONGEST] for word in words for start in range(1, len(word) - PART + 1)]
    return _distinct([*(word[:LONGEST] for word in words), *parts], MOST_PARTS)
