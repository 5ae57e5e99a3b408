"""The files of messages: the address a message's content names one by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.core.ids import well_formed
from jinaconnect.core.inbox.content import MEDIA_KINDS

PATH = "/media/"


def media_url(id: str) -> str:
    """Return the address of a file."""
    return f"{PATH}{id}/"


def with_url(content: Mapping[str, Any], url: str) -> dict[str, Any]:
    """Return content whose file is at another address."""
    kind = content["type"]
    return {**content, kind: {**content[kind], "url": url}}


def media_of(message: Mapping[str, Any]) -> str | None:
    """Return the id of the file that a message's content names, None for none of ours."""
    part = message["content"].get(message["content"].get("type"))
    url = part.get("url") if isinstance(part, Mapping) and message["content"].get("type") in MEDIA_KINDS else None
    id = str(url or "").removeprefix(PATH).removesuffix("/")
    return id if well_formed(id, "med") else None
