"""Media types that files are served under: a list, so that no file of a stranger is taken for a page or a program."""

from __future__ import annotations

OTHER = "application/octet-stream"
SHOWN = frozenset({
    "image/jpeg", "image/png", "image/webp", "image/gif", "audio/aac", "audio/amr", "audio/mpeg", "audio/mp4",
    "audio/ogg", "audio/opus", "audio/wav", "video/mp4", "video/3gpp", "video/webm", "video/quicktime",
})  # fmt: skip


def media_type(told: object) -> str:
    """Return the type to serve a file under, of what its sender told; without parameters, anything else as bytes."""
    kind = str(told).partition(";")[0].strip().lower()
    return kind if kind in SHOWN else OTHER
