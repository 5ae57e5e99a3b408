"""The operation table as a lookup by path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinaconnect.handlers.edge.operation import OPERATIONS, Operation

_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Match:
    """The operations of a path and the parameters found in it."""

    methods: Mapping[str, Operation]
    path: Mapping[str, str]


class Routes:
    """The operation table as a lookup: exact paths by dictionary, parametrised ones by segment."""

    def __init__(self) -> None:
        self._tree: dict[str, Any] = {}
        for item in OPERATIONS.values():
            node = self._tree
            for part in item.path.strip("/").split("/"):
                node = node.setdefault("{}" if _PARAMETER.fullmatch(part) else part, {})
            methods: dict[str, Operation] = node.setdefault("", {})
            if item.method in methods:
                raise ValueError(f"{item.method} {item.path} is declared twice")
            methods[item.method] = item

    def find(self, path: str) -> Match | None:
        """Return the operations at a path, with or without its trailing slash."""
        parts = path.strip("/").split("/")
        node, found = self._tree, []
        for part in parts:
            following = node.get(part) if part else None
            if following is None or part == "{}":
                following = node.get("{}")
                if following is None or not part:
                    return self._root() if path == "/" else None
                found.append(part)
            node = following
        methods = node.get("")
        if not methods:
            return None
        item = next(iter(methods.values()))
        return Match(methods, dict(zip(_PARAMETER.findall(item.path), found, strict=True)))

    def _root(self) -> Match | None:
        methods = self._tree.get("", {}).get("")
        return Match(methods, {}) if methods else None
