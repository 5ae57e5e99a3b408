"""Tables that carriers write: rows of a CSV file by the names of the columns that are wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from jinaconnect.core.contacts.sheet import SheetRefused, decoded, delimiter_of, meant, records, unreadable

Row = tuple[int, dict[str, str]]  # its line, and its cells by field


def table(data: bytes, columns: Mapping[str, Sequence[str]], needed: Sequence[str], most: int) -> list[Row]:
    """Return the rows of a file with a header; blank cells are left out.

    `columns` are the names that each field's column may have, whatever their case. Raises SheetRefused for a file that
    lacks the column of a `needed` field, has more rows than `most`, or a cell that cannot be read.
    """
    text, _ = decoded(data)
    rows = records(text, delimiter_of(text))
    try:
        _, header = next(rows)
    except StopIteration as error:
        raise SheetRefused("has no header") from error
    names = [_plain(cell) for cell in header]
    places = {
        field: next(names.index(_plain(each)) for each in known if _plain(each) in names)
        for field, known in columns.items() if any(_plain(each) in names for each in known)
    }  # fmt: skip
    for field in needed:
        if field not in places:
            raise SheetRefused(f"has no column {columns[field][0]}")
    return list(_read(rows, places, most))


def _read(rows: Iterator[tuple[int, list[str]]], places: Mapping[str, int], most: int) -> Iterator[Row]:
    for number, (line, cells) in enumerate(rows):
        if number >= most:
            raise SheetRefused(f"has more than {most} rows")
        found = {}
        for field, place in places.items():
            cell = meant(cells[place]).strip() if place < len(cells) else ""
            if cell and (wrong := unreadable(cell)) is not None:
                raise SheetRefused(f"line {line}: {field} {wrong}")
            if cell:
                found[field] = cell
        yield line, found


def _plain(name: str) -> str:
    return "".join(each for each in name.casefold() if each.isalnum())
