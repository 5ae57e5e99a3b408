"""The files of the media library: which there are, how large they may be, and what becomes one of them."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1024 * 1024
MOST_BYTES = 100 * MB


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file by the end of its name; `sniffed` are the types its bytes may be taken for."""

    kind: str
    mime: str
    sniffed: frozenset[str]


@dataclass(frozen=True, slots=True)
class Source:
    """What becomes a file of the library: the end of its name then, and how the converter is told to read it."""

    kind: str
    into: str
    sniffed: frozenset[str]
    reads_as: str | None = None


def _types(*names: str) -> frozenset[str]:
    return frozenset(names)


_OFFICE = "application/vnd.openxmlformats-officedocument."
FORMATS: dict[str, Format] = {
    "pdf": Format("document", "application/pdf", _types("application/pdf")),
    "docx": Format("document", f"{_OFFICE}wordprocessingml.document", _types(f"{_OFFICE}wordprocessingml.document")),
    "xlsx": Format("document", f"{_OFFICE}spreadsheetml.sheet", _types(f"{_OFFICE}spreadsheetml.sheet")),
    "pptx": Format(
        "document", f"{_OFFICE}presentationml.presentation", _types(f"{_OFFICE}presentationml.presentation")
    ),
    "jpg": Format("image", "image/jpeg", _types("image/jpeg")),
    "jpeg": Format("image", "image/jpeg", _types("image/jpeg")),
    "png": Format("image", "image/png", _types("image/png")),
    "mp4": Format("video", "video/mp4", _types("video/mp4")),
    "ogg": Format("audio", "audio/ogg", _types("audio/ogg", "application/ogg")),
    "amr": Format("audio", "audio/amr", _types("audio/amr")),
    "mp3": Format("audio", "audio/mpeg", _types("audio/mpeg")),
}
# The part of an office document that says which one it is: all are archives of one kind.
PARTS = {"docx": "word/document.xml", "xlsx": "xl/workbook.xml", "pptx": "ppt/presentation.xml"}
SOURCES: dict[str, Source] = {
    "heic": Source("image", "jpg", _types("image/heif", "image/heic")),
    "heif": Source("image", "jpg", _types("image/heif", "image/heic")),
    "webp": Source("image", "jpg", _types("image/webp")),
    "gif": Source("image", "jpg", _types("image/gif")),
    "bmp": Source("image", "jpg", _types("image/bmp", "image/x-ms-bmp")),
    "tif": Source("image", "jpg", _types("image/tiff")),
    "tiff": Source("image", "jpg", _types("image/tiff")),
    "mov": Source("video", "mp4", _types("video/quicktime"), "mov"),
    "avi": Source("video", "mp4", _types("video/avi", "video/x-msvideo"), "avi"),
    "webm": Source("video", "mp4", _types("video/webm"), "matroska"),
    "wav": Source("audio", "mp3", _types("audio/wave", "audio/wav", "audio/x-wav"), "wav"),
    "flac": Source("audio", "mp3", _types("audio/flac", "audio/x-flac"), "flac"),
}
# Of each kind how large a file may be: in a template, in a message. None: not there at all.
LIMITS: dict[str, tuple[int | None, int]] = {
    "document": (100 * MB, 100 * MB), "image": (5 * MB, 16 * MB), "video": (16 * MB, 16 * MB),
    "audio": (None, 16 * MB),
}  # fmt: skip
AMR = b"#!AMR"  # which has no media type that is known to all


def ending(filename: str) -> str:
    """Return the end of a file's name, in lower case."""
    return filename.rpartition(".")[2].lower() if "." in filename else ""


def supported(template: bool) -> list[dict[str, object]]:
    """Return each kind with the ends of names it takes and how large its files may be."""
    rows: list[dict[str, object]] = []
    for kind, sizes in LIMITS.items():
        most = sizes[0 if template else 1]
        if most is not None:
            ends = [end for end, each in FORMATS.items() if each.kind == kind]
            sources = [end for end, each in SOURCES.items() if each.kind == kind]
            rows.append({"media_type": kind, "extensions": ends, "converted": sources, "max_bytes": most})
    return rows
