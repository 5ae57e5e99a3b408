"""What a message says where only text is shown: its frame as lines above and below it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.core.errors import Invalid

MEDIA = ("image", "video", "audio", "document")


def plain_text(content: Mapping[str, Any], over: str) -> str:
    """Return the text of content, a file's caption among it; raises Invalid naming what cannot be shown `over` it."""
    kind = content["type"]
    if kind != "text" and kind not in MEDIA:
        raise Invalid.field("content.type", f"'{kind}' cannot be sent over {over}")
    if content.get("buttons"):
        raise Invalid.field("content.buttons", f"buttons cannot be shown over {over}")
    header = content.get("header") or {}
    if header and "text" not in header:
        raise Invalid.field("content.header", f"only text can stand above a message over {over}")
    body, footer, part = (content.get(name) or {} for name in ("body", "footer", kind))
    caption = part.get("caption") if kind != "text" else None
    lines = [header.get("text"), body.get("text"), caption, footer.get("text")]
    return "\n".join(line for line in lines if line)
