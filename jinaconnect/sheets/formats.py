"""How a workbook has numbers shown: as dates, times, per cent, with leading zeros, with signs between their digits.

Source: ECMA-376 part 1, 18.8.30 (number formats), 18.3.1.4 (cells) and 18.2.28 (from which year on days are counted).
All other formats leave a number as it is kept.
"""

from __future__ import annotations

import datetime
import posixpath
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import IO, Any
from xml.parsers.expat import ExpatError, ParserCreate

_BUILT_IN = {
    9: "0%", 10: "0.00%", **dict.fromkeys((14, 15, 16, 17, 27, 28, 29, 30, 31, 36, *range(50, 55), 57, 58), "d"),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 45, 47), "h"), 22: "d h",
}  # fmt: skip
_LITERAL = r'"([^"]*)"|\\(.)|([ ()+\-/])'
_PIECE = re.compile(rf"([0#?]+)|{_LITERAL}")
_PIECES = 40
_OF_NO_DIGITS = re.compile(r"\[[^\]]*\]|_.|\*.")  # colours, widths, what fills a cell up
_PERCENT = re.compile(r"[#,]*0(?:\.(0+))?%")
_UNSAID = re.compile(r'"[^"]*"|\\.|_.|\*.|general|am/pm|a/p|上午/下午|\.0+', re.IGNORECASE)
_MINUTES = re.compile(r"(h[^a-z]*)m+|m+(?=[^a-z]*s)")
_BRACKETED = re.compile(r"\[([^\]]*)\]")
DATE, TIME, BOTH = "date", "time", "date and time"
_DAY_0, _DAY_0_OF_1904 = datetime.datetime(1899, 12, 30), datetime.datetime(1904, 1, 1)
_ENDLESS = "########"  # what a sheet shows where a number is no time
_CHUNK = 64 * 1024

Attributes = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Shape:
    """How a number is shown: with `decimals` as per cent, its digits at the places of a pattern, or as a `moment`."""

    decimals: int | None = None
    pieces: tuple[tuple[bool, str], ...] = ()  # (places of digits, or else what stands between them)
    moment: str | None = None
    since: datetime.datetime = _DAY_0

    def at(self, value: int | float) -> datetime.datetime | str:
        """Return the time that a number of days is, or what a sheet shows where it is none."""
        try:
            early = 0 <= value < 60 and self.since == _DAY_0  # that 1900 had a 29th of February was never put right
            return self.since + datetime.timedelta(days=value + early) if value >= 0 else _ENDLESS
        except OverflowError:
            return _ENDLESS

    def said(self, value: int | float) -> str | None:
        """Return a number as it is shown, None where the pattern is none for it."""
        exact = Decimal(repr(value))
        if self.decimals is not None:
            return f"{(100 * exact).quantize(Decimal(1).scaleb(-self.decimals), ROUND_HALF_UP):f}%"
        if exact < 0 or exact != exact.to_integral_value() or exact >= 10**18:
            return None
        digits, shown = f"{exact:.0f}".lstrip("0"), []
        first = next(place for place, (is_places, _) in enumerate(self.pieces) if is_places)
        for place, (is_places, text) in reversed(list(enumerate(self.pieces))):
            if not is_places:
                shown.append(text)
                continue
            take = len(digits) if place == first else min(len(text), len(digits))
            taken, digits = digits[len(digits) - take :], digits[: len(digits) - take]
            shown.append("0" * max(0, text.count("0") - len(taken)) + taken)
        return "".join(reversed(shown))


def _moment(code: str) -> str | None:
    """Return what a format shows of a time, None where it shows none, or the hours of a span."""
    bracketed = [each.lower() for each in _BRACKETED.findall(code)]
    if any(set(each) <= set("hms") or each[:1] in ("<", ">", "=") for each in bracketed):
        return None
    said = _UNSAID.sub("", _BRACKETED.sub("", code.partition(";")[0])).lower()
    if set(said) & set("0#?"):
        return None
    timed = _MINUTES.sub(r"\1", said)
    dated, timed_too = bool(set(timed) & set("ydmge")), bool(set(said) & set("hs"))
    return BOTH if dated and timed_too else DATE if dated else TIME if timed_too else None


def shape(code: str, since: datetime.datetime = _DAY_0) -> Shape | None:
    """Return how a format has numbers shown, None where that is how they are kept."""
    if (moment := _moment(code)) is not None:
        return Shape(moment=moment, since=since)
    code = _OF_NO_DIGITS.sub("", code.partition(";")[0]).strip()
    if (found := _PERCENT.fullmatch(code)) is not None:
        return Shape(decimals=len(found[1] or ""))
    pieces: list[tuple[bool, str]] = []
    at = 0
    while at < len(code) and len(pieces) < _PIECES:
        piece = _PIECE.match(code, at)
        if piece is None:
            return None
        text = next(part for part in piece.groups() if part is not None)
        pieces.append((piece[1] is not None, text))
        at = piece.end()
    places = [text for is_places, text in pieces if is_places]
    plain = len(pieces) == len(places) and sum(text.count("0") for text in places) < 2
    return None if at < len(code) or not places or plain else Shape(pieces=tuple(pieces))


def shapes_of(archive: zipfile.ZipFile, sheet: str) -> dict[int, dict[int, Shape]]:
    """Return how the numbers of a sheet, by its name, are shown: by row and column (from 0), where it is a matter.

    Raises ValueError for what is no workbook.
    """
    try:
        part, since = _part(archive, sheet)
        known = list(_styles(archive, since))
        if not any(known):
            return {}
        with archive.open(part) as file:
            return _shaped(file, known)
    except (ExpatError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError("is no workbook") from error


def _styles(archive: zipfile.ZipFile, since: datetime.datetime) -> Iterator[Shape | None]:
    """Yield how numbers of each style are shown."""
    codes, styles = dict(_BUILT_IN), list[int]()
    within: list[str] = []

    def start(name: str, told: Attributes) -> None:
        tag = _local(name)
        if tag == "numFmt":
            codes[_number(told.get("numFmtId"))] = told.get("formatCode", "")
        elif tag == "xf" and within and within[-1] == "cellXfs":
            styles.append(_number(told.get("numFmtId")))
        within.append(tag)

    if "xl/styles.xml" in archive.namelist():
        with archive.open("xl/styles.xml") as file:
            _parse(file, start, lambda _: within.pop())
    for style in styles:
        yield shape(codes.get(style, ""), since)


def _part(archive: zipfile.ZipFile, sheet: str) -> tuple[str, datetime.datetime]:
    """Return the part of the archive that a sheet is, and from when the days of its workbook are counted."""
    ids: dict[str, str] = {}
    targets: dict[str, str] = {}
    since = _DAY_0

    def named(name: str, told: Attributes) -> None:
        nonlocal since
        if _local(name) == "workbookPr" and told.get("date1904", "").lower() in ("1", "true", "on"):
            since = _DAY_0_OF_1904
        if _local(name) == "sheet":
            ids[told.get("name", "")] = next((told[key] for key in told if key.endswith(":id")), "")

    def related(name: str, told: Attributes) -> None:
        if _local(name) == "Relationship":
            targets[told.get("Id", "")] = told.get("Target", "")

    for part, read in (("xl/workbook.xml", named), ("xl/_rels/workbook.xml.rels", related)):
        with archive.open(part) as file:
            _parse(file, read, lambda _: None)
    target = targets[ids[sheet]]
    part = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join("xl", target))
    return part, since


def _shaped(file: IO[bytes], known: list[Shape | None]) -> dict[int, dict[int, Shape]]:
    found: dict[int, dict[int, Shape]] = {}
    row, column = -1, -1

    def start(name: str, told: Attributes) -> None:
        nonlocal row, column
        tag = _local(name)
        if tag == "row":
            row, column = (int(told["r"]) - 1 if told.get("r", "").isdigit() else row + 1), -1
        elif tag == "c":
            column = _column(told["r"]) if "r" in told else column + 1
            style = _number(told.get("s"))
            if told.get("t", "n") in ("n", "d") and 0 <= style < len(known) and (as_shown := known[style]) is not None:
                found.setdefault(row, {})[column] = as_shown

    _parse(file, start, lambda _: None)
    return found


def _parse(file: IO[bytes], start: Any, end: Any) -> None:
    parser = ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    while chunk := file.read(_CHUNK):
        parser.Parse(chunk, False)
    parser.Parse(b"", True)


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 9 else -1


def _column(reference: str) -> int:
    place = 0
    for letter in reference.rstrip("0123456789").upper():
        place = 26 * place + ord(letter) - 64
    return place - 1
