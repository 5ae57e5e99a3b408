"""What imports what: no ring anywhere, imports for types counted, and every channel apart from the others."""

from __future__ import annotations

import tomllib
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import grimp

TOP = Path(__file__).resolve().parents[2]


def contracts() -> dict[str, dict[str, Any]]:
    """Return the contracts of imports, by name."""
    held = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return {contract["name"]: contract for contract in held}


def test_no_modules_import_each_other_in_a_ring() -> None:
    graph = grimp.build_graph("jinaconnect", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert "jinaconnect.core.clock" in imports["jinaconnect.actions.context"], "the graph is the one of this code"
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the ring


def test_imports_for_types_count() -> None:
    settings = tomllib.loads((TOP / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert not settings.get("exclude_type_checking_imports", False)


def test_every_channel_is_held_apart() -> None:
    rooms = [folder for folder in (TOP / "jinaconnect" / "channels").iterdir() if (folder / "__init__.py").exists()]
    folders = {f"jinaconnect.channels.{folder.name}" for folder in rooms}
    channels = {f"jinaconnect.channels.{folder.name}" for folder in rooms if (folder / "channel.py").exists()}
    assert set(contracts()["Channels know nothing of each other"]["modules"]) == channels
    assert set(contracts()["Only the table and its own rooms know a channel"]["forbidden_modules"]) == folders
