"""Blobs read whole, as tests want them."""

from __future__ import annotations

from jinaconnect.store.blobs import Blobs


async def whole(blobs: Blobs, scope: str, name: str) -> bytes | None:
    """Return a blob, None where there is none."""
    size = await blobs.size(scope, name)
    return None if size is None else await part(blobs, scope, name, 0, size)


async def part(blobs: Blobs, scope: str, name: str, start: int, end: int) -> bytes:
    """Return a part of a blob."""
    return b"".join([piece async for piece in blobs.pieces(scope, name, start, end)])
