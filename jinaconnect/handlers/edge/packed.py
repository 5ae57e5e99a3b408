"""Answers that are the same for everybody: packed once, named by what is in them, and not sent to who has them."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Callable
from functools import cache

from jinaconnect.actions.context import Context
from jinaconnect.core.paging import SHORT
from jinaconnect.handlers.edge.operation import Reply
from jinaconnect.handlers.edge.schemas import Parameter

KINDS = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
AGAIN = "no-cache"  # kept, and asked for again each time: what has not changed is answered by 304
FOREVER = "public, max-age=31536000, immutable"
CACHED = {"If-None-Match": Parameter("The ETag of what is held already; 304 where it has not changed.", SHORT)}


@cache
def _packed(make: Callable[[str], bytes], name: str) -> tuple[str, bytes]:
    """Return the entity tag of a file and the file as gzip; the plain form is not held in memory."""
    body = make(name)
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"', gzip.compress(body, 9, mtime=0)


async def served(
    ctx: Context, make: Callable[[str], bytes], name: str, kind: str, policy: str = "", cached: str = AGAIN
) -> Reply:
    """Return a file that is the same for everybody: packed where that is taken, and not at all where it is held."""
    tag, packed = await asyncio.to_thread(_packed, make, name)  # the first time takes a while
    headers = {"ETag": tag, "Cache-Control": cached, "Vary": "Origin, Accept-Encoding"}
    if policy:
        headers["Content-Security-Policy"] = policy
    asked = ctx.caller.headers
    held = [each.strip().removeprefix("W/") for each in asked.get("If-None-Match", "").split(",")]
    if tag in held or "*" in held:
        return Reply(status=304, headers=headers)
    if "gzip" not in asked.get("Accept-Encoding", "").lower():
        return Reply(await asyncio.to_thread(gzip.decompress, packed), headers=headers, content_type=kind)
    return Reply(packed, headers={**headers, "Content-Encoding": "gzip"}, content_type=kind)
