"""The console's files: whose they are, what they weigh, what they may not do, how they are served."""

from __future__ import annotations

import gzip
import hashlib
import re
from importlib.resources import files
from pathlib import Path

import aiohttp
import pytest

from jinaconnect.handlers.edge.console import POLICY, version
from tests.conftest import Running

CONSOLE = Path(str(files("jinaconnect").joinpath("console")))
SERVED = [path for path in CONSOLE.rglob("*") if path.suffix in (".js", ".css", ".html", ".svg")]
MAKES_CODE = re.compile(r"\bnew Function\b|\bFunction\(|\beval\(|setTimeout\(\s*[\"'`]|javascript:")
MAKES_MARKUP = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|unsafeHTML|unsafeSVG|DOMParser")
INLINE = re.compile(r"<script(?![^>]*\bsrc=)|\bstyle=|\son\w+=\"|<style")
ELSEWHERE = re.compile(r"""(?:from|import\(?)\s*(["'])(?!\.{1,2}/)[\w@][^"'\s]*\1|src="https?:|<link[^>]+https?:""")
AT_FIRST = ("sign_in.js", "shell.js", "main.js")
IMPORT = re.compile(r"""(?:from|import)\s*["'](\.{1,2}/[^"']+)["']""")


def packed(path: Path) -> int:
    return len(gzip.compress(path.read_bytes(), 9))


def test_files_of_others_are_the_ones_listed() -> None:
    folder = CONSOLE / "vendored"
    listed = dict(re.findall(r"\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|", (folder / "README.md").read_text()))
    assert {file.name for file in folder.iterdir() if file.suffix in (".js", ".css")} == set(listed)
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
        assert (folder / f"{name.partition('-')[0]}.LICENSE").is_file()


@pytest.mark.parametrize("path", SERVED, ids=lambda path: str(path.relative_to(CONSOLE)))
def test_nothing_makes_code_of_text(path: Path) -> None:
    text = path.read_text()
    assert MAKES_CODE.search(text) is None
    assert ELSEWHERE.search(text) is None
    if "vendored" not in path.parts:
        assert MAKES_MARKUP.search(text) is None
        assert len(text.splitlines()) < 400
    if path.suffix == ".html":
        assert INLINE.search(text) is None


def reached(start: Path) -> set[Path]:
    """Return the files that come with a module; what it asks for later does not."""
    found, waiting = set(), [start]
    while waiting:
        path = waiting.pop().resolve()
        if path not in found:
            found.add(path)
            if path.parent.name == "vendored":
                continue  # each is whole
            waiting += [path.parent / name for name in IMPORT.findall(path.read_text())]
    return found


def test_it_is_light() -> None:
    beside = [CONSOLE / name for name in ("index.html", "icon.svg", "style.css", "inbox.css")]
    inbox = {*reached(CONSOLE / "main.js"), *reached(CONSOLE / "inbox" / "page.js"), *beside}
    first = sum(packed(path) for path in inbox)
    everything = sum(packed(path) for path in SERVED)
    assert first <= 120_000
    assert everything <= 250_000


async def test_the_page_may_load_nothing_but_itself(gateway: Running) -> None:
    assert "unsafe" not in POLICY
    async with aiohttp.ClientSession() as session:
        async with session.get(gateway.url + "/") as answer:
            page = await answer.text()
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Cache-Control"] == "no-cache"
        assert "/console/now/" not in page
        names = re.findall(r'(?:src|href)="(/console/[^"]+)"', page)
        assert names
        for name in names:
            assert name.startswith(f"/console/{version()}/")
            async with session.get(gateway.url + name) as answer:
                assert answer.status == 200
                assert "immutable" in answer.headers["Cache-Control"]
                tag = answer.headers["ETag"]
            async with session.get(gateway.url + name, headers={"If-None-Match": tag}) as answer:
                assert answer.status == 304
        for gone in ("/console/0123456789abcdef/main.js", f"/console/{version()}/index.html", "/console/main.js"):
            async with session.get(gateway.url + gone) as answer:
                assert answer.status == 404
