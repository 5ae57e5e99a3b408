"""Answers that are files: whole or in ranges (RFC 9110 §14), in pieces, never a whole file in memory."""

from __future__ import annotations

import re
from collections.abc import Mapping

from jinaconnect.actions.context import Context
from jinaconnect.core.errors import GatewayError, NotFound
from jinaconnect.handlers.edge.operation import Pieces, Reply

# Of files that another upload gives another address.
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable", "Cross-Origin-Resource-Policy": "cross-origin"}
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
_MOST_DIGITS = 19  # more than any file has bytes


class RangeNotSatisfiable(GatewayError):
    """The range lies outside the file (RFC 9110 §15.5.17)."""

    status = 416
    code = "range_not_satisfiable"


async def file_reply(ctx: Context, scope: str, name: str, content_type: str, headers: Mapping[str, str]) -> Reply:
    """Answer a blob, or the part of it that is asked for; raises NotFound, RangeNotSatisfiable."""
    size = await ctx.services.blobs.size(scope, name)
    if size is None:
        raise NotFound()
    span = _span(ctx.caller.headers.get("Range"), size)
    start, end = span or (0, size)
    told = {**headers, "Accept-Ranges": "bytes"}
    if span is not None:
        told["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    body = Pieces(end - start, ctx.services.blobs.pieces(scope, name, start, end))
    return Reply(body, 200 if span is None else 206, told, content_type)


def _span(header: str | None, size: int) -> tuple[int, int] | None:
    """Return (start, end) of a range header, None for the whole; raises RangeNotSatisfiable."""
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or found.groups() == ("", ""):
        return None  # several ranges, or another unit: the whole is a fair answer
    first, last = found.groups()
    if not first:
        start, end = max(0, size - _number(last)), size
    else:
        start, end = _number(first), size if not last else min(size, _number(last) + 1)
    if start >= end:
        raise RangeNotSatisfiable(f"The file has {size} bytes.")
    return start, end


def _number(digits: str) -> int:
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= _MOST_DIGITS else int("9" * _MOST_DIGITS)
