"""Keeps secrets out of the program's log."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

_NAMES = ("password", "secret", "token", "authorization", "api_key", "credentials", "master_key")
_PATTERNS = (
    re.compile(r"\bjc_(live|test)_[A-Za-z0-9_-]{8,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"),
    re.compile(r"(?i)\bbearer\s+\S+"),
    re.compile(r"://[^/@\s]+:[^/@\s]+@"),
)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        for pattern in _PATTERNS:
            value = pattern.sub("[redacted]", value)
        return value
    if isinstance(value, dict):
        return {key: "[redacted]" if _secret(str(key)) else _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return value


def _secret(name: str) -> bool:
    return any(part in name.lower() for part in _NAMES)


def redact(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace secrets by name and by shape; a structlog processor."""
    for key in list(event):
        event[key] = "[redacted]" if _secret(key) else _clean(event[key])
    return event
