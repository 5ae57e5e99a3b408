"""Links of broadcasts that are followed: where they are in what is said, how they are kept, and who it was that came.

A link is one recipient's and one address's. What is said to them carries its code in place of the address.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from jinaconnect.core.broadcasts.values import said
from jinaconnect.core.clock import iso, iso_or_none
from jinaconnect.core.errors import Invalid
from jinaconnect.core.messaging.templates import PLACEHOLDER, placeholders

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
CODE_LENGTH = 8  # 2·10¹⁴ of them
CODE = re.compile(rf"[A-Za-z0-9]{{{CODE_LENGTH}}}")
ANY_CODE = "0" * CODE_LENGTH  # stands for one where it only matters how long it is
LONGEST = 2_000
BUTTONS = 10  # of a template, or of one of its cards, at most
MOST_CLICKS = 1_000  # kept of one link; further ones are counted
KEPT_AGENT, KEPT_REFERER = 512, 2048
HUMAN, SUSPECT, BOT = "HUMAN", "SUSPECT", "BOT"
KINDS = (HUMAN, SUSPECT, BOT)
PREVIEW_WITHIN = timedelta(seconds=5)  # after a message was delivered
LOOKED_AFTER = timedelta(seconds=60)  # within which a HEAD says that what came before it was no person
# Programs of telephones that fetch an address to show what is there; known crawlers are bots whenever they come.
_PREVIEWERS = ("CFNetwork/", "Dalvik/", "GoogleMessages", "ImgProxy", "Signal-")
_URL = re.compile(r"https?://[^\s<>\"'{}|\\^`]+", re.IGNORECASE)
_AFTER = ".,;:!?)]"  # what stands after an address rather than in it


@dataclass(frozen=True, slots=True)
class Wanted:
    """An address that a recipient is to be followed to: its place among those of the message, and its button.

    `card_index` is whose of a carousel's cards. One that is not `followed` is noted, and not led to by us: its button
    was approved with an address of its own.
    """

    place: int
    url: str
    button_index: int | None = None
    button_text: str = ""
    followed: bool = True
    card_index: int | None = None


def destination(url: str) -> str | None:
    """Return an address as a link may lead to it, None for one that it may not."""
    if len(url) > LONGEST or not url.isprintable() or any(letter.isspace() for letter in url):
        return None
    try:
        parts = urlsplit(url)
        named = parts.scheme.lower() in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return None
    return url if named else None


def public_url(base: str, code: str) -> str:
    """Return the address that a recipient sees."""
    return f"{base}/r/{code}/"


def urls_in(text: str) -> list[str]:
    """Return the addresses in a text, each once, in their order."""
    found = (match[0].rstrip(_AFTER) for match in _URL.finditer(text))
    return list(dict.fromkeys(url for url in found if destination(url)))


def replaced(text: str, addresses: Mapping[str, str]) -> str:
    """Return a text with addresses replaced by others."""

    def other(match: re.Match[str]) -> str:
        url = match[0].rstrip(_AFTER)
        return addresses.get(url, url) + match[0][len(url) :]

    return _URL.sub(other, text)


def links_in(text: str, base: str) -> list[Wanted]:
    """Return the addresses in a text that recipients are followed to; our own links are none."""
    ours = f"{base}/r/"
    found = [url for url in urls_in(text) if not url.startswith(ours)]
    return [Wanted(place, url) for place, url in enumerate(found)]


def links_of_template(form: Mapping[str, Any], base: str, values: Mapping[str, str]) -> list[Wanted]:
    """Return where the buttons of a template and of its cards lead that have a place in their address.

    One that was approved as a link of ours leads to a value, `button_0_url` of the first, `card_0_button_0_url` of the
    first on the first card, or the one its place names; raises Invalid on it where that is no address. The others lead
    where they say.
    """
    found = _of_buttons(form.get("buttons") or (), base, values)
    for card, each in enumerate(form.get("cards") or ()):
        found += _of_buttons(each.get("buttons") or (), base, values, card)
    return found


def place_at(index: int, card: int | None = None) -> int:
    """Return the place among a template's links of a button, which may be on a card."""
    return index if card is None else BUTTONS * (card + 1) + index


def url_buttons(form: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return all buttons of a template that have a place in their address, those of its cards too."""
    parts = (form, *(form.get("cards") or ()))
    buttons = (button for part in parts for button in part.get("buttons") or ())
    return [button for button in buttons if PLACEHOLDER.search(str(button.get("url") or ""))]


def _of_buttons(
    buttons: Sequence[Mapping[str, Any]], base: str, values: Mapping[str, str], card: int | None = None
) -> list[Wanted]:
    found = []
    for index, button in enumerate(buttons):
        url = str(button.get("url") or "")
        if button["type"] != "URL" or PLACEHOLDER.search(url) is None:
            continue
        name = place_of(index, url, card)
        value = values.get(name) or ""
        if ours := is_ours(url, base):
            to = destination(said(value, values))
            if to is None:
                raise Invalid.field(f"placeholder_data.{name}", "is required: http(s) address that the button leads to")
        else:
            to = destination(said(url, {**values, **{each: value for each in placeholders(url)}}))
        if to is not None:
            found.append(Wanted(place_at(index, card), to, index, button["text"], ours, card))
    return found


def place_of(index: int, url: str, card: int | None = None) -> str:
    """Return by which name the value for a button's address is given: its place's, where that is no number."""
    name, within = placeholders(url)[0], "" if card is None else f"card_{card}_"
    return f"{within}button_{index}_url" if name.isdigit() else name


def is_ours(url: str, base: str) -> bool:
    """Tell whether a button's address was approved as a link of ours."""
    return PLACEHOLDER.sub("{}", url).rstrip("/") == f"{base}/r/{{}}"


def new_link(
    id: str, wanted: Wanted, row: Mapping[str, Any], code: str | None, base: str, now: datetime
) -> dict[str, Any]:
    """Return the link of a broadcast's recipient, whose row it names."""
    return {
        "_id": id, "code": code, "original_url": wanted.url,
        "tracked_url": wanted.url if code is None else public_url(base, code), "place": wanted.place,
        "button_index": wanted.button_index, "button_text": wanted.button_text, "broadcast": row["broadcast"],
        "card_index": wanted.card_index,
        "platform": row["platform"], "row": row["_id"], "key": row["key"], "contact": row["contact"],
        "clicked": False, "click_count": 0, "suspect_count": 0, "bot_count": 0, "first_clicked_at": None,
        "last_clicked_at": None, "last_click": None, "created_at": now, "updated_at": now,
    }  # fmt: skip


def kind_of(agent: str, *, crawler: bool, first: bool, delivered_at: datetime | None, now: datetime) -> str:
    """Return who has come: a person, a program, or what may be either."""
    if crawler or not agent.strip():
        return BOT
    early = delivered_at is not None and now - delivered_at <= PREVIEW_WITHIN
    return SUSPECT if first and early and any(name in agent for name in _PREVIEWERS) else HUMAN


def clicked(link: Mapping[str, Any], click: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a link after somebody has come."""
    if click["kind"] != HUMAN:
        name = f"{click['kind'].lower()}_count"
        return {name: link[name] + 1}
    at = click["clicked_at"]
    # Two at one moment may be written in the other order than they came.
    first, last = link["first_clicked_at"] or at, link["last_clicked_at"] or at
    fields = {"clicked": True, "click_count": link["click_count"] + 1, "first_clicked_at": min(first, at)}
    if at < last:
        return fields
    return {**fields, "last_clicked_at": at, "last_click": {"id": click["_id"], "ip": click["ip_address"]}}


def doubted(link: Mapping[str, Any], ip: str, now: datetime) -> dict[str, Any] | None:
    """Return the fields of a link whose last click was a program's after all: it has come again with a HEAD."""
    last = link["last_click"]
    if last is None or last["ip"] != ip or now - link["last_clicked_at"] > LOOKED_AFTER:
        return None
    count = link["click_count"] - 1
    fields = {"click_count": count, "suspect_count": link["suspect_count"] + 1, "last_click": None}
    return fields if count else {**fields, "clicked": False, "first_clicked_at": None, "last_clicked_at": None}


def render_link(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return a link as events show it; REST says besides who the contact is."""
    return {
        "id": doc["_id"], "code": doc["code"], "original_url": doc["original_url"], "tracked_url": doc["tracked_url"],
        "button_index": doc["button_index"], "button_text": doc["button_text"], "card_index": doc.get("card_index"),
        "click_count": doc["click_count"],
        "suspect_count": doc["suspect_count"], "bot_count": doc["bot_count"],
        "first_clicked_at": iso_or_none(doc["first_clicked_at"]),
        "last_clicked_at": iso_or_none(doc["last_clicked_at"]), "contact": doc["contact"],
        "broadcast": doc["broadcast"], "broadcast_message": doc["row"], "created_at": iso(doc["created_at"]),
    }  # fmt: skip


def render_click(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return a click as REST shows it."""
    return {
        "id": doc["_id"], "clicked_at": iso(doc["clicked_at"]), "kind": doc["kind"], "ip_address": doc["ip_address"],
        "user_agent": doc["user_agent"], "referer": doc["referer"],
    }  # fmt: skip


def figures(groups: Sequence[Mapping[str, Any]], people: int, exact: bool) -> dict[str, Any]:
    """Return the figures of a broadcast's links, of groups by place; addresses differ where recipients' own do."""
    return {
        "total_tracked_urls": sum(group["links"] for group in groups),
        "total_clicks": sum(group["click_count"] for group in groups),
        "suspect_clicks": sum(group["suspect_count"] for group in groups),
        "bot_clicks": sum(group["bot_count"] for group in groups), "unique_contacts_clicked": people,
        "count_exact": exact,
        "buttons": [
            {
                "button_index": group["_id"]["button_index"], "button_text": group["_id"]["button_text"],
                "card_index": group["_id"].get("card_index"),
                "original_url": group["original_url"], "total_clicks": group["click_count"],
                "unique_clickers": group["people"], "first_click": iso_or_none(group["first_click"]),
                "last_click": iso_or_none(group["last_click"]),
            }
            for group in sorted(groups, key=lambda group: int(group["_id"]["place"]))
        ],
    }  # fmt: skip
