"""What the documents name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
_PATH = re.compile(r"`((?:jinaconnect|tests|docs|requirements)/[\w./]*|config\.yaml|pyproject\.toml)`")


@pytest.mark.parametrize("name", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_file_a_document_names_is_there(name: str) -> None:
    named = _PATH.findall((ROOT / name).read_text())
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
