"""Cards of the inbox on channels that show them, and the words that stand for one where nothing else can be shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def words_of(content: Mapping[str, Any]) -> str:
    """Return header, text and footer as one text."""
    parts = ((content.get(name) or {}).get("text") for name in ("header", "body", "footer"))
    return "\n\n".join(part for part in parts if part)


def of_inbox(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card of the inbox's with its picture or film as `media` and its text as the description."""
    media = card.get("image") or card.get("video")
    body = (card.get("body") or {}).get("text")
    told = {name: card[name] for name in ("title", "description", "media", "buttons") if card.get(name)}
    return {**({"media": media} if media else {}), **({"description": body} if body else {}), **told}


def fallback_text(content: Mapping[str, Any]) -> str:
    """Return what a text message says in place of a message: its words, else its cards' titles, words and files."""
    if words := words_of(content):
        return words
    kind = content.get("type", "")
    cards = content.get("cards") if kind == "cards" else [content.get(kind)]
    lines: list[str] = []
    for card in [each for each in cards or () if isinstance(each, Mapping)]:
        told = of_inbox(card)
        media = told.get("media") or (card if card.get("url") else {})
        lines += [str(each) for each in (told.get("title"), told.get("description")) if each]
        lines += [str(each) for each in (card.get("caption"), media.get("url")) if each]
    return "\n".join(dict.fromkeys(lines))
