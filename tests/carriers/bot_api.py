"""Telegram's published description of the Bot API: what of a request, or of an update, does not fit it.

The description is found by JC_TEST_SHARED; it is no part of this project.
"""

from __future__ import annotations

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

_PLAIN: dict[str, type | tuple[type, ...]] = {
    "Integer": int, "String": str, "Boolean": bool, "Float": (int, float), "InputFile": str,
}  # fmt: skip


@cache
def description() -> dict[str, Any] | None:
    """Return the description, None where it is not at hand."""
    shared = os.environ.get("JC_TEST_SHARED")
    if shared is None:
        return None
    found: dict[str, Any] = json.loads((Path(shared) / "specs" / "telegram_bot_api.json").read_text())
    return found


def request_faults(method: str, params: dict[str, Any]) -> list[str]:
    """Return what of a request does not fit its method."""
    told = description()
    if told is None:
        return []
    if method not in told["methods"]:
        return [f"there is no method {method}"]
    return _fields(told["methods"][method].get("fields", []), params, method)


def update_faults(update: dict[str, Any]) -> list[str]:
    """Return what of an update does not fit the description."""
    return _of_type("Update", update, "update") if description() is not None else []


def _fields(fields: list[dict[str, Any]], given: dict[str, Any], path: str) -> list[str]:
    known = {field["name"]: field for field in fields}
    faults = [f"{path}.{name} is not known" for name in given if name not in known]
    faults += [f"{path}.{name} is missing" for name, field in known.items() if field["required"] and name not in given]
    for name, value in given.items():
        if name in known:
            ways = [_of_type(type, value, f"{path}.{name}") for type in known[name]["types"]]
            if all(ways):
                faults += min(ways, key=len)
    return faults


def _of_type(type: str, value: Any, path: str) -> list[str]:
    if type.startswith("Array of "):
        if not isinstance(value, list):
            return [f"{path} is no list"]
        inner = type.removeprefix("Array of ")
        return [fault for place, each in enumerate(value) for fault in _of_type(inner, each, f"{path}.{place}")]
    if type in _PLAIN:
        wrong = not isinstance(value, _PLAIN[type]) or (isinstance(value, bool) and type != "Boolean")
        return [f"{path} is no {type}"] if wrong else []
    told = description()
    assert told is not None
    kind = told["types"][type]
    if kind.get("subtypes"):
        ways = [_of_type(name, value, path) for name in kind["subtypes"]]
        return [] if not all(ways) else min(ways, key=len)
    return _fields(kind.get("fields", []), value, path) if isinstance(value, dict) else [f"{path} is no {type}"]
