"""Files of the library: told by their bytes, and brought into a form that carriers take."""

from __future__ import annotations

import asyncio
import io
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import puremagic
import structlog
from pillow_heif import register_heif_opener

from jinaconnect.actions.office.pictures import PictureError, decoded, opened
from jinaconnect.core.office.formats import AMR, FORMATS, LIMITS, PARTS, SOURCES, Format, Source, ending

MOST_PARTS = 5_000
WITHIN_S = 120.0
_LIMITS = ("prlimit", "--as=2147483648", "--cpu=120", "--fsize=104857600", "--nproc=512")
_TAKEN = ("JPEG", "PNG", "HEIF", "WEBP", "GIF", "BMP", "TIFF")
_HEAD = 64 * 1024
_WRITES: dict[str, tuple[str, ...]] = {
    "mp4": ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-movflags", "+faststart",
            "-f", "mp4"),
    "mp3": ("-vn", "-c:a", "libmp3lame", "-q:a", "4", "-f", "mp3"),
}  # fmt: skip

register_heif_opener()
logger = structlog.get_logger(__name__)


class FileRefused(ValueError):
    """The file is none that the library takes."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A file as the library keeps it."""

    kind: str
    mime: str
    data: bytes
    converted: bool


def converters() -> dict[str, bool]:
    """Tell of each kind whether its files can be converted on this machine."""
    there = shutil.which("ffmpeg") is not None
    return {"image": True, "video": there, "audio": there, "document": False}


async def taken(filename: str, data: bytes, *, convert: bool) -> Kept:
    """Return a file as it is kept, converted where it has to be and may be; raises FileRefused."""
    end = ending(filename)
    known: Format | Source | None = FORMATS.get(end) or SOURCES.get(end)
    if known is None:
        raise FileRefused(f"'.{end[:16]}' is not taken; there are {', '.join(FORMATS)}")
    if not await asyncio.to_thread(_is_what_it_says, end, known.sniffed, data):
        raise FileRefused(f"is not what its name says: no .{end}")
    if isinstance(known, Format):
        if known.kind == "image":
            await asyncio.to_thread(_look, data)
        kept = Kept(known.kind, known.mime, data, converted=False)
    elif not convert:
        raise FileRefused(f"'.{end}' is only taken with auto_convert")
    elif known.kind == "image":
        kept = Kept("image", FORMATS[known.into].mime, await asyncio.to_thread(_as_jpeg, data), converted=True)
    else:
        kept = Kept(known.kind, FORMATS[known.into].mime, await _by_ffmpeg(known, data), converted=True)
    most = LIMITS[kept.kind][1]
    if len(kept.data) > most:
        raise FileRefused(f"may have at most {most} bytes, and has {len(kept.data)}")
    return kept


def _is_what_it_says(end: str, wanted: frozenset[str], data: bytes) -> bool:
    if end == "amr":
        return data.startswith(AMR)
    try:
        found = {match.mime_type for match in puremagic.magic_string(data[:_HEAD])}
    except (puremagic.PureError, ValueError):
        return False
    if not found & wanted:
        return False
    return end not in PARTS or _has_part(PARTS[end], data)


def _has_part(name: str, data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return False
    return len(names) <= MOST_PARTS and name in names


def _look(data: bytes) -> None:
    try:
        decoded(opened(data, _TAKEN))
    except PictureError as error:
        raise FileRefused(str(error)) from error


def _as_jpeg(data: bytes) -> bytes:
    out = io.BytesIO()
    try:
        decoded(opened(data, _TAKEN)).convert("RGB").save(out, "JPEG", quality=85, optimize=True)
    except PictureError as error:
        raise FileRefused(str(error)) from error
    return out.getvalue()


async def _by_ffmpeg(source: Source, data: bytes) -> bytes:
    """Convert in a program of its own with limits, which reads one file, as what its name says it is."""
    if not converters()[source.kind]:
        raise FileRefused("cannot be converted here: ffmpeg is not installed")
    with tempfile.TemporaryDirectory(prefix="jinaconnect-") as folder:
        given, made = Path(folder, "in"), Path(folder, "out")
        await asyncio.to_thread(given.write_bytes, data)
        process = await asyncio.create_subprocess_exec(
            *_LIMITS, "ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "file", "-threads", "1",
            "-f", str(source.reads_as), "-i", str(given), "-map_metadata", "-1", *_WRITES[source.into], str(made),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(WITHIN_S):
                _, told = await process.communicate()
        except TimeoutError as error:
            raise FileRefused("takes too long to convert") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode or not made.exists():
            logger.info("library.not_converted", error=told.decode(errors="replace")[-300:])
            raise FileRefused("cannot be converted: it is broken, or of a kind that is not read")
        return await asyncio.to_thread(made.read_bytes)
