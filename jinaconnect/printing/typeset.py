"""The process that sets a page: `python -m jinaconnect.printing.typeset <directory>`.

Reads `pages.json` in the directory, writes `pages.pdf` and `missing.json` there. It has bounds of its own on memory,
processor time and file sizes, fetches nothing, and what goes wrong in it is its end alone.
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typst
from PIL import Image, ImageOps

from jinaconnect.bounded import bound
from jinaconnect.printing import fonts

MEMORY = 1024 * 1024 * 1024  # bytes of address space; what is resident stays below 400 MB
PROCESSOR_S = 60
FILE = 128 * 1024 * 1024
PICTURE_PIXELS = 40_000_000
PICTURE_SIDE = 900  # pixels; 45 mm high on paper are 540 at 300 dpi
TEMPLATE = Path(__file__).with_name("conversation.typ")


def main(directory: Path) -> None:
    """Set the pages of a directory."""
    bound(memory=MEMORY, processor_s=PROCESSOR_S, file=FILE)
    missing = prepare(directory)
    (directory / "missing.json").write_text(json.dumps(missing), encoding="utf-8")
    (directory / "conversation.typ").write_bytes(TEMPLATE.read_bytes())
    nowhere = directory / "packages"  # nothing is imported, and could not be fetched if it were
    typst.compile(
        directory / "conversation.typ", output=directory / "pages.pdf", root=directory,
        font_paths=[directory / "fonts"], ignore_system_fonts=True, package_path=nowhere, package_cache_path=nowhere,
    )  # fmt: skip


def prepare(directory: Path) -> list[dict[str, Any]]:
    """Return what no font can draw; puts what the template takes, fonts and pictures into the directory.

    Nothing of it is kept: setting ten thousand messages takes what memory there is.
    """
    asked = json.loads((directory / "pages.json").read_bytes())
    sources = [message.pop("source") for message in asked["messages"]]
    (directory / "source.json").write_text(json.dumps(sources, ensure_ascii=False), encoding="utf-8")
    texts = [asked[name] for name in ("title", "organisation", "period")]
    texts += [message[name] or "" for message in asked["messages"] for name in ("text", "head", "day")]
    choice = fonts.choose("".join(texts), fonts.installed(asked["fonts"]))
    (directory / "fonts").mkdir()
    for file in choice.files:
        (directory / "fonts" / file.name).symlink_to(file)
    table = str.maketrans({each.character: f"[{each.code}]" for each in choice.missing})

    def drawn(text: str) -> str:
        return text.translate(table)

    messages = []
    for message in asked["messages"]:
        shown, told = _picture(directory, message["picture"])
        text = drawn(message["text"]) + told
        messages.append({**message, "head": drawn(message["head"]), "text": text, "picture": shown})
    rows = [
        f"{each.code} ×{each.times}" + (f" (Debian package {each.package})" if each.package else "")
        for each in choice.missing
    ]
    words = {name: drawn(asked[name]) for name in ("title", "organisation", "period")}
    pages = {
        **asked, **words, "messages": messages, "fonts": list(choice.families), "missing": rows,
        "logo": _picture(directory, asked["logo"])[0],
    }  # fmt: skip
    (directory / "request.json").write_text(json.dumps(pages), encoding="utf-8")
    return [{"character": each.code, "count": each.times, "package": each.package or None} for each in choice.missing]


def _picture(directory: Path, name: str | None) -> tuple[str | None, str]:
    """Return a picture as the page takes it, written anew and no larger than it is shown; else why it is not there."""
    if name is None:
        return None, ""
    Image.MAX_IMAGE_PIXELS = PICTURE_PIXELS
    shown = f"{name}.shown"
    try:
        with Image.open(directory / name) as opened:
            turned = ImageOps.exif_transpose(opened)
            turned.thumbnail((PICTURE_SIDE, PICTURE_SIDE))
            with_alpha = turned.mode in ("RGBA", "LA", "P")
            shown += ".png" if with_alpha else ".jpg"
            turned.convert("RGBA" if with_alpha else "RGB").save(directory / shown)
    except (OSError, EOFError, ValueError, SyntaxError, struct.error, zlib.error, Image.DecompressionBombError):
        return None, " (this picture cannot be shown)"
    return shown, ""


def run(arguments: Sequence[str]) -> None:
    """Take the directory from the command line."""
    main(Path(arguments[0]))


if __name__ == "__main__":
    run(sys.argv[1:])
