"""Keeping the last figures in `benchmarks/README.md`."""

from __future__ import annotations

import os
import platform
import re
from datetime import date
from pathlib import Path

from benchmarks.rows import HEAD, Row, table

FILE = Path(__file__).resolve().parent / "README.md"
_TABLE = re.compile(r"(?<=<!-- figures -->\n).*(?=<!-- end -->)", re.DOTALL)


def write(rows: dict[str, list[Row]]) -> None:
    """Replace the lines of the rows that were run; the others stay as they were."""
    text = FILE.read_text()
    found = _TABLE.search(text)
    kept = found[0].splitlines() if found else []
    held = {line.split("|")[1].strip(): line for line in kept if line.startswith("| ") and line.count("|") > 6}
    told = {row.name: table([row]).splitlines()[-1] for group in rows.values() for row in group}
    lines = {**held, **told}
    for head in (HEAD[0], "---"):
        lines.pop(head, None)
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    stamp = f"Last run: {date.today().isoformat()}; {machine}."
    whole = "\n".join([stamp, "", *table([]).splitlines(), *lines.values(), ""])
    FILE.write_text(_TABLE.sub(lambda _: whole, text))
