"""A CSV file as somebody's program wrote it, or a workbook made one: its encoding, what separates its cells, its rows.

What cannot be told is refused, or left in its cell where the row it stands in is refused alone: a byte that is no
character of the file's encoding becomes a lone surrogate.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence

from charset_normalizer import from_bytes

MOST_BYTES = 10 * 1024 * 1024
MOST_ROWS = 100_000
MOST_COLUMNS = 200
MOST_CELL = 10_000
LOST = "\N{REPLACEMENT CHARACTER}"
DELIMITERS = (",", ";", "\t", "|")

_SAMPLE = 64 * 1024
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_BAD = re.compile("[\udc80-\udcff]")
_UNSHOWABLE = re.compile("[\x00\ud800-\udfff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f\udc80-\udcff]")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_USUAL = "cp1252"
# What spreadsheets write; the encodings of mainframes and of old Macintoshes look like anything.
_ENCODINGS = [
    _USUAL, "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp874", "gb18030", "big5",
    "shift_jis", "euc_jp", "euc_kr",
]  # fmt: skip
_ACTS = ("=", "+", "-", "@", "\t", "\r")


class SheetRefused(ValueError):
    """The file cannot be read as a table."""


def decoded(data: bytes, encoding: str | None = None) -> tuple[str, str]:
    """Return the text of a file and the encoding it is in, the one given or the likeliest; raises SheetRefused."""
    if data.startswith(b"PK\x03\x04"):
        raise SheetRefused("is a ZIP archive or a workbook, not CSV: name it .xlsx, or save it as CSV")
    if encoding is not None:
        return _decoded_as(data, encoding)
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _decoded_as(data, name)
    text = data.decode("utf-8", "surrogateescape")
    bad = _BAD.subn("", text)[1]
    # Where most of what is not ASCII is well-formed UTF-8, the rest is rows pasted in from elsewhere.
    if not bad or _BEYOND_ASCII.subn("", text)[1] >= bad:
        return text, "utf-8"
    telling = b"\n".join(line for line in data.split(b"\n") if not line.isascii())[:_SAMPLE]
    best = from_bytes(telling, cp_isolation=_ENCODINGS).best()
    if best is None:
        raise SheetRefused("is no text in an encoding that is known; save it as UTF-8")
    return _decoded_as(data, _USUAL if _USUAL in best.could_be_from_charset else best.encoding)


def _decoded_as(data: bytes, encoding: str) -> tuple[str, str]:
    try:
        name = codecs.lookup(encoding).name
        text = data.decode(name, "surrogateescape" if "16" not in name and "32" not in name else "strict")
    except (LookupError, ValueError) as error:
        raise SheetRefused(f"cannot be read as {encoding[:40]}") from error
    if not isinstance(text, str):
        raise SheetRefused(f"cannot be read as {encoding[:40]}")
    return text, name


def delimiter_of(text: str) -> str:
    """Return what separates the cells of the header: that of the usual ones which makes the most of them."""
    return max(DELIMITERS, key=lambda each: len(header_of(text[:_SAMPLE], each)[1]))


def records(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each row that says something with the number of its line; raises SheetRefused where it cannot go on.

    Rows without text and those that begin with `#` say nothing. Without a delimiter they are the rows of a workbook,
    which are counted as such, however many lines of text their cells have.
    """
    reader, line = csv.reader((found[0] for found in _LINE.finditer(text)), delimiter=delimiter or ","), 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells) and not cells[0].lstrip().startswith("#"):
                yield line, cells
            line = reader.line_num + 1 if delimiter else line + 1
    except csv.Error as error:
        raise SheetRefused(f"line {line}: {error}") from error


def header_of(text: str, delimiter: str) -> tuple[int, list[str]]:
    """Return the line and the cells of the first row; none in a file that has none."""
    try:
        return next(records(text, delimiter), (1, []))
    except SheetRefused:
        return 1, []


def unreadable(cell: str) -> str | None:
    """Return why a cell cannot be taken, None where it can."""
    if len(cell) > MOST_CELL:
        return f"has more than {MOST_CELL} characters"
    if "\x00" in cell:
        return "holds a NUL"
    if _BAD.search(cell):
        return "holds bytes that are no text in the file's encoding"
    if LOST in cell:
        return "holds characters that were lost"
    return None


def shown(cell: str) -> str:
    """Return a cell as it can be stored and answered; what was broken stays recognizable."""
    return _UNSHOWABLE.sub(LOST, cell[: MOST_CELL + 1])


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_ACTS) else cell


def meant(cell: str) -> str:
    """Return a cell without the apostrophe that made it harmless."""
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_ACTS) else cell


def written(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as CSV that is safe to open in a spreadsheet."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows([harmless(cell) for cell in row] for row in rows)
    return out.getvalue()
