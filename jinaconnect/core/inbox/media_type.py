"""Media types that files are served under: a list, so that no file of a stranger is taken for a page or a program."""

from __future__ import annotations

OTHER = "application/octet-stream"
SHOWN = frozenset({
    "image/jpeg", "image/png", "image/webp", "image/gif", "audio/aac", "audio/amr", "audio/mpeg", "audio/mp4",
    "audio/ogg", "audio/opus", "audio/wav", "video/mp4", "video/3gpp", "video/webm", "video/quicktime",
})  # fmt: skip


# How files of each type begin, at which place.
_BEGINNINGS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"), (0, b"\x89PNG\r\n\x1a\n", "image/png"), (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"), (0, b"OggS", "audio/ogg"), (0, b"ID3", "audio/mpeg"), (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"#!AMR", "audio/amr"), (4, b"ftypM4A", "audio/mp4"), (4, b"ftyp3g", "video/3gpp"), (4, b"ftyp", "video/mp4"),
)  # fmt: skip
_PICTURES = ("image/jpeg", "image/png")  # others go as documents


def sniffed(body: bytes) -> tuple[str, str]:
    """Return the media type a file begins like, and as what a message carries it; its name and sender do not count."""
    found = next((kind for at, sign, kind in _BEGINNINGS if body[at : at + len(sign)] == sign), OTHER)
    group = found.partition("/")[0]
    return found, group if found in _PICTURES or group in ("audio", "video") else "document"


def media_type(told: object) -> str:
    """Return the type to serve a file under, of what its sender told; without parameters, anything else as bytes."""
    kind = str(told).partition(";")[0].strip().lower()
    return kind if kind in SHOWN else OTHER
