"""Workbooks read in a process for each, one at a time."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

from jinaconnect import bounded
from jinaconnect.core.contacts.sheet import SheetRefused
from jinaconnect.core.errors import Unavailable

DEADLINE_S = 90.0


class Workbooks:
    """Reads workbooks (XLSX)."""

    def __init__(self, *, deadline_s: float = DEADLINE_S) -> None:
        self._deadline_s = deadline_s
        self._turn = asyncio.Semaphore(1)

    async def rows(self, data: bytes) -> bytes:
        """Return the first sheet that is shown as CSV in UTF-8, a record for each row of the sheet.

        Raises SheetRefused, and Unavailable where it was not read in time.
        """
        async with self._turn:
            with tempfile.TemporaryDirectory(prefix="jinaconnect-sheet-") as name:
                directory = Path(name)
                await asyncio.to_thread((directory / "book.xlsx").write_bytes, data)
                try:
                    ended = await bounded.run("jinaconnect.sheets.unpack", directory, self._deadline_s)
                except TimeoutError as error:
                    raise Unavailable("The workbook was not read in time; save it as CSV.") from error
                return await asyncio.to_thread(_read, directory, ended)


def _read(directory: Path, ended: int) -> bytes:
    if ended:
        raise SheetRefused("takes more memory or time to read than it may: it reaches too far, or is broken")
    refused = json.loads((directory / "outcome.json").read_bytes())["refused"]
    if refused is not None:
        raise SheetRefused(refused)
    return (directory / "rows.csv").read_bytes()
