"""A conversation as a page shows it: who said what and when, in lines that keep each message's own direction."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from jinaconnect.core.inbox.message import INCOMING, body_text

_FILES = {"image": "Image", "video": "Video", "audio": "Audio", "sticker": "Sticker"}
_ARROWS = {True: "→", False: "←"}
_BOT = "Bot"


@dataclass(frozen=True, slots=True)
class Said:
    """One message: `day` is told where it is another than the message's before, `picture` is the id of its file."""

    day: str | None
    head: str
    text: str
    outgoing: bool
    rightwards: bool
    picture: str | None


def rightwards(text: str) -> bool:
    """Tell whether a text begins at the right: its first strong character does (UAX #9, rules P2 and P3)."""
    for character in text:
        direction = unicodedata.bidirectional(character)
        if direction in ("L", "R", "AL"):
            return direction != "L"
    return False


def said(message: Mapping[str, Any]) -> str:
    """Return what a message says in words: its text, and what else it brings by its kind in brackets."""
    content = message["content"]
    kind = str(content.get("type", "text"))
    part = content.get(kind)
    part = part if isinstance(part, Mapping) else {}
    text = body_text(content)
    if kind in ("text", "note"):
        return text
    if kind in _FILES:
        return f"[{_FILES[kind]}] {text}".rstrip()
    if kind in ("document", "file"):
        return f"[Document] {part.get('filename') or ''}".rstrip() + (f"\n{text}" if text else "")
    if kind == "cards":
        cards = content.get("cards") or []
        told = [str((card.get("body") or {}).get("text") or "") for card in cards if isinstance(card, Mapping)]
        return "\n".join([f"[Cards] {text}".rstrip(), *(f"• {each}" for each in told if each)])
    if kind == "location":
        told = [str(part[name]) for name in ("name", "address", "latitude", "longitude") if part.get(name) is not None]
        return f"[Location] {', '.join(told)}".rstrip()
    return f"[{kind.replace('_', ' ').capitalize()}] {text}".rstrip()


def sender(message: Mapping[str, Any], contact: str) -> str:
    """Return who said it: a member of a group, the contact, the team's member, or a bot."""
    if message["direction"] == INCOMING:
        member = message.get("said_by")
        return str(member["name"] or member["address"].partition(":")[2]) if member else contact
    return str(message["created_by"] or _BOT)


def transcript(
    messages: Iterable[Mapping[str, Any]], contact: str, zone: tzinfo, pictures: Mapping[str, str]
) -> list[Said]:
    """Return messages, oldest first, as a page shows them.

    `contact` is the name of who was written to, `pictures` names the files that are shown by the message's id.
    """
    found: list[Said] = []
    day = None
    for message in messages:
        at = message["timestamp"].astimezone(zone)
        today = f"{at.day} {at:%B %Y}"
        outgoing = message["direction"] != INCOMING
        text = said(message)
        head = f"{_ARROWS[outgoing]} {sender(message, contact)} · {at:%H:%M}"
        begins = today if today != day else None
        found.append(Said(begins, head, text, outgoing, rightwards(text), pictures.get(message["_id"])))
        day = today
    return found
