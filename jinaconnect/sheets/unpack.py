"""The process that reads a workbook: `python -m jinaconnect.sheets.unpack <directory>`.

Reads `book.xlsx` in the directory, writes `rows.csv` and `outcome.json` (`refused`: why it cannot be read, or null)
there. What the archive says of its sizes is looked at before anything is unpacked; where it lies, the bounds of the
process hold.
"""

from __future__ import annotations

import csv
import datetime
import json
import sys
import zipfile
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum, SheetVisibleEnum

from jinaconnect.bounded import bound
from jinaconnect.sheets.formats import DATE, TIME, Shape, shapes_of

MEMORY = 1024 * 1024 * 1024  # bytes of address space; a hundred thousand rows of twenty cells take a quarter
PROCESSOR_S = 30
UNPACKED = 200 * 1024 * 1024
RATIO = 100  # of what is unpacked to what is packed
TEXT = 32 * 1024 * 1024
DIGITS = 15  # that a spreadsheet shows of a number


class _Refused(ValueError):
    """The workbook cannot be read."""


def main(directory: Path) -> None:
    """Read the workbook of a directory."""
    bound(memory=MEMORY, processor_s=PROCESSOR_S, file=TEXT + 1024 * 1024)
    refused = None
    try:
        _look(directory / "book.xlsx")
        _write(directory / "rows.csv", _rows(directory / "book.xlsx"))
    except _Refused as error:
        refused = str(error)
    (directory / "outcome.json").write_text(json.dumps({"refused": refused}), encoding="utf-8")


def _look(path: Path) -> None:
    """Raise where the archive itself says that it unpacks to more than may be."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError) as error:
        raise _Refused("is no workbook (XLSX)") from error
    if sum(part.file_size for part in parts) > UNPACKED:
        raise _Refused(f"unpacks to more than {UNPACKED // 1024 // 1024} MB")
    for part in parts:
        if part.file_size > RATIO * max(part.compress_size, 1):
            raise _Refused(f"is packed more than {RATIO} to 1: {part.filename[:80]!r}")
    if len({part.filename for part in parts}) < len(parts):
        raise _Refused("has two parts of one name")


def _rows(path: Path) -> Iterator[Sequence[str]]:
    try:
        with CalamineWorkbook.from_path(path) as book:
            shown = [
                each.name
                for each in book.sheets_metadata
                if each.visible == SheetVisibleEnum.Visible and each.typ == SheetTypeEnum.WorkSheet
            ]
            if not shown:
                raise _Refused("has no sheet that is shown")
            with zipfile.ZipFile(path) as archive:
                shapes = shapes_of(archive, shown[0])
            for number, row in enumerate(book.get_sheet_by_name(shown[0]).iter_rows()):
                special = shapes.get(number, {})
                yield [said(cell, special.get(place)) for place, cell in enumerate(row)]
    except (CalamineError, OSError, ValueError) as error:
        raise error if isinstance(error, _Refused) else _Refused("is no workbook (XLSX), or a broken one") from error


def _write(path: Path, rows: Iterator[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer, size = csv.writer(file, lineterminator="\n"), 0
        for number, row in enumerate(rows, 1):
            last = next((place for place in range(len(row), 0, -1) if row[place - 1]), 0)
            size += 4 * sum(map(len, row)) + last
            if size > TEXT and file.tell() > TEXT:
                raise _Refused(f"row {number}: has more than {TEXT // 1024 // 1024} MB of text")
            writer.writerow(row[:last])


def said(cell: Any, shape: Shape | None = None) -> str:
    """Return a cell as people see it: numbers without what floating point adds, times without parts that are nought.

    `shape` is how the sheet has a number shown. Dates are written as ISO 8601 has them, in no time zone, as in a sheet.
    """
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if shape is not None and shape.moment is not None:
        return _time(cell, shape)
    if isinstance(cell, int | float):
        return (None if shape is None else shape.said(cell)) or _number(cell)
    if isinstance(cell, datetime.datetime):
        return cell.date().isoformat() if cell.time() == datetime.time() else _whole(cell)
    if isinstance(cell, datetime.time):
        return cell.isoformat("seconds").removesuffix(":00")
    if isinstance(cell, datetime.timedelta):
        minutes, seconds = divmod(round(cell.total_seconds()), 60)
        return f"{minutes // 60:02}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")
    return str(cell)  # text, and dates


def _time(cell: Any, shape: Shape) -> str:
    """Return of a cell that is shown as a date, as a time or as both what is shown."""
    if isinstance(cell, int | float):  # what the reader takes for a number
        cell = shape.at(cell)
    if isinstance(cell, datetime.time) and shape.moment != TIME:
        day = cell.hour / 24 + cell.minute / 1440 + cell.second / 86400
        cell = shape.at(day) if shape.since.year > 1900 else cell  # no day has that name where the first one is 1
    if isinstance(cell, datetime.datetime):
        if shape.moment == DATE:
            return cell.date().isoformat()
        cell = cell.time() if shape.moment == TIME else cell
    return said(cell)


def _whole(moment: datetime.datetime) -> str:
    return moment.isoformat(" ", "seconds").removesuffix(":00")


def _number(value: int | float) -> str:
    """Return a number in as many digits as are kept of it; of a longer one the rounded form tells that it was cut."""
    text = f"{value:.{DIGITS}g}"
    if "e" not in text:
        return "0" if text == "-0" else text
    if abs(value) < 1:
        return f"{Decimal(text):f}" if abs(value) > 10**-DIGITS else text
    return text.upper()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
