"""Conversations as PDF: a process for each, so many at once and no longer than so."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from jinaconnect import bounded
from jinaconnect.core.errors import Unavailable
from jinaconnect.core.inbox.transcript import Said, rightwards

DEADLINE_S = 90.0
AT_ONCE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """A conversation to be set: `sources` are the messages as they travel along, `pictures` the files `said` names.

    `color` is `#rrggbb`; the logo is one of the pictures.
    """

    title: str
    organisation: str
    period: str
    color: str
    logo: str | None
    said: Sequence[Said]
    sources: Sequence[Mapping[str, Any]]
    pictures: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Printed:
    """A PDF, and the characters that no font here has: `character` (U+…), `count`, `package` (Debian's, or None)."""

    pdf: bytes
    missing: Sequence[Mapping[str, Any]]


class Printer:
    """Sets pages; `fonts` are the directories in which fonts are looked for."""

    def __init__(self, fonts: Sequence[str], *, deadline_s: float = DEADLINE_S) -> None:
        self._fonts = tuple(fonts)
        self._deadline_s = deadline_s
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def set_pages(self, pages: Pages) -> Printed:
        """Return the pages as PDF; raises Unavailable where they cannot be set now."""
        async with self._slots:
            with tempfile.TemporaryDirectory(prefix="jinaconnect-pages-") as name:
                directory = Path(name)
                await asyncio.to_thread(self._write, directory, pages)
                await self._run(directory)
                return await asyncio.to_thread(_read, directory)

    def _write(self, directory: Path, pages: Pages) -> None:
        for name, data in pages.pictures.items():
            (directory / name).write_bytes(data)
        messages = [
            {**asdict(each), "source": source} for each, source in zip(pages.said, pages.sources, strict=True)
        ]
        asked = {
            "title": pages.title, "organisation": pages.organisation, "period": pages.period, "color": pages.color,
            "logo": pages.logo, "title-from-right": rightwards(pages.title), "fonts": self._fonts, "messages": messages,
        }  # fmt: skip
        (directory / "pages.json").write_text(json.dumps(asked), encoding="utf-8")

    async def _run(self, directory: Path) -> None:
        try:
            ended = await bounded.run("jinaconnect.printing.typeset", directory, self._deadline_s)
        except TimeoutError as error:
            raise Unavailable("The pages were not set in time; ask for fewer days.") from error
        if ended:
            raise Unavailable("The pages could not be set; ask for fewer days.")


def _read(directory: Path) -> Printed:
    return Printed((directory / "pages.pdf").read_bytes(), json.loads((directory / "missing.json").read_bytes()))
