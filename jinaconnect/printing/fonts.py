"""Which fonts a text needs, and what none of them can draw.

A script is drawn by Noto's font of it (Debian's fonts-noto-core, fonts-noto-cjk, fonts-noto-color-emoji); Latin, Greek
and Cyrillic by what comes along where Noto is not installed. Scripts and their names are Unicode's (UAX #24).
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from fontTools import unicodedata as scripts
from fontTools.ttLib import TTCollection, TTFont

CORE, CJK, EMOJI = "fonts-noto-core", "fonts-noto-cjk", "fonts-noto-color-emoji"
_EAST = ("Hani", "Hira", "Kana", "Hang", "Bopo", "Hrkt")
_COMMON = ("Zyyy", "Zinh", "Zzzz")
_ALWAYS = ("NotoSans-Regular", "NotoSans-Bold", "DejaVuSans")
_SIGNS = ("NotoColorEmoji", "NotoSansSymbols2-Regular", "NotoSansSymbols-Regular", "NotoSansMath-Regular")
# What comes along with typst: Libertinus Serif and DejaVu Sans Mono, of whose characters these are sure.
COMES_ALONG = ("Libertinus Serif", "DejaVu Sans Mono")
ALONG = frozenset(
    character
    for first, last in (
        (0x20, 0x7E), (0xA0, 0x17F), (0x391, 0x3A1), (0x3A3, 0x3C9), (0x401, 0x45F), (0x2010, 0x2015), (0x2018, 0x201F),
        (0x2022, 0x2022), (0x2026, 0x2026), (0x20AC, 0x20AC), (0x2190, 0x2193),
    )
    for character in range(first, last + 1)
)  # fmt: skip
_SHAPELESS = ("Cf", "Zs", "Zl", "Zp")  # what joins, turns and parts has no shape of its own
# Choose between the shapes of what they follow.
_SELECTORS = frozenset((*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))


@dataclass(frozen=True, slots=True)
class Missing:
    """A character that no font here has, how often it occurs, and the Debian package that would bring one."""

    character: str
    times: int
    package: str

    @property
    def code(self) -> str:
        """Its number as Unicode writes it."""
        return f"U+{ord(self.character):04X}"


@dataclass(frozen=True, slots=True)
class Choice:
    """The font files a text needs, their families in the order in which they are asked, and what they lack."""

    files: tuple[Path, ...]
    families: tuple[str, ...]
    missing: tuple[Missing, ...]


def installed(directories: Iterable[str]) -> dict[str, Path]:
    """Return font files by their name without ending; a directory that is not there has none."""
    found: dict[str, Path] = {}
    for directory in directories:
        for root, _, names in os.walk(directory):
            for name in names:
                stem, ending = os.path.splitext(name)
                if ending.lower() in (".ttf", ".otf", ".ttc"):
                    found.setdefault(stem, Path(root) / name)
    return found


def choose(text: str, files: Mapping[str, Path]) -> Choice:
    """Return which of the installed fonts draw a text."""
    counted = Counter(character for character in text if character != "\n")
    used = Counter(scripts.script(character) for character in counted)
    chosen = [files[name] for name in (*_ALWAYS, *_of_scripts(used, files), *_SIGNS) if name in files]
    families: dict[str, None] = {}
    covered = set(ALONG)
    for path in chosen:
        for family, characters in _faces(path, used):
            families[family] = None
            covered |= characters
    missing = [
        Missing(character, times, _package(character))
        for character, times in sorted(counted.items())
        if ord(character) not in covered | _SELECTORS and unicodedata.category(character) not in _SHAPELESS
    ]
    return Choice(tuple(chosen), (*families, *COMES_ALONG), tuple(missing))


def _of_scripts(used: Mapping[str, int], files: Mapping[str, Path]) -> Iterator[str]:
    if set(_EAST) & set(used):
        yield "NotoSansCJK-Regular"
    for script in sorted(set(used) - set(_EAST) - set(_COMMON)):
        name = scripts.script_name(script).replace("_", "")
        plain = f"NotoSans{name}-Regular"
        # Of Tibetan and its like there is none without serifs.
        yield plain if plain in files else f"NotoSerif{name}-Regular"


def _faces(path: Path, used: Mapping[str, int]) -> Iterator[tuple[str, set[int]]]:
    """Give the families of a file with the characters each has; of a collection for the east, the language's own."""
    if path.suffix.lower() == ".ttc":
        wanted = "JP" if {"Hira", "Kana"} & set(used) else "KR" if "Hang" in used else "SC"
        with TTCollection(path, lazy=True) as collection:
            for font in collection.fonts:
                family = font["name"].getBestFamilyName() or ""
                if family.endswith(f"Sans CJK {wanted}"):
                    yield family, set(font.getBestCmap())
        return
    with TTFont(path, lazy=True) as font:
        yield font["name"].getBestFamilyName() or "", set(font.getBestCmap())


def _package(character: str) -> str:
    """Return the Debian package that has a font for a character, empty where it is none that is drawn."""
    category = unicodedata.category(character)
    if category[0] == "C":
        return ""
    if scripts.script(character) in _EAST:
        return CJK
    return EMOJI if category == "So" else CORE
