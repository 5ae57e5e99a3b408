"""Large things by key: media, prompts and recordings, in a directory (or in S3: `store/databases/s3.py`).

A key is `<scope>/<name>`; the scope is the reader's partition, so a key from elsewhere cannot be formed. Files are
written whole or not at all.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from jinaconnect.core.errors import Unavailable

PIECE = 64 * 1024  # bytes of a file in memory at a time, for each of its readers
INCOMING = ".incoming"  # no key begins with a dot
LEFT_OVER_S = 86_400  # a file on its way in for so long has lost its writer

T = TypeVar("T")

_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.:-]{0,120}")


def checked_key(scope: str, name: str) -> tuple[str, str]:
    """Return a key's parts as they are stored; raises ValueError for what is no key."""
    for part in (scope, name):
        if not _PART.fullmatch(part):
            raise ValueError("not a blob key")
    return scope.replace(":", "-"), name


class Spool:
    """A file on its way in, written in pieces; it becomes a blob (`Blobs.keep`) or nothing."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = 0
        self._digest = hashlib.sha256()

    @property
    def digest(self) -> str:
        """The SHA-256 of what is written, in hex."""
        return self._digest.hexdigest()

    async def write(self, piece: bytes) -> None:
        """Add a piece; raises Unavailable when the disk does not take it."""
        try:
            await asyncio.to_thread(self._write, piece)
        except OSError as error:
            raise Unavailable("The file cannot be stored now.") from error
        self.size += len(piece)

    def _write(self, piece: bytes) -> None:
        self.file.write(piece)
        self._digest.update(piece)

    async def read(self, look: Callable[[BinaryIO], T]) -> T:
        """Return what `look` finds in the file, which it is given from its beginning."""

        def found() -> T:
            self.file.seek(0)
            try:
                return look(self.file)
            finally:
                self.file.seek(0, os.SEEK_END)

        return await asyncio.to_thread(found)


class Blobs(Protocol):
    """Keeps blobs; every method raises Unavailable when they cannot be reached."""

    async def start(self) -> None:
        """Get ready."""

    async def stop(self) -> None:
        """Close what is open."""

    async def put(self, scope: str, name: str, data: bytes) -> None:
        """Store a blob durably, whole or not at all."""

    def spool(self) -> AbstractAsyncContextManager[Spool]:
        """Open a file to be written in pieces; at the end nothing is left of it unless it was kept."""

    async def keep(self, spool: Spool, scope: str, name: str) -> None:
        """Make a spooled file a blob, durably, whole or not at all."""

    async def size(self, scope: str, name: str) -> int | None:
        """Return how many bytes a blob has, None where there is none."""

    def pieces(self, scope: str, name: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Give the bytes from `start` up to, not including, `end` piece by piece; ends early where there are less."""

    def names(self, scope: str) -> AsyncIterator[str]:
        """Give the names of a scope's blobs."""

    async def delete(self, scope: str, name: str) -> None:
        """Remove a blob; nothing to do where there is none."""


class DirectoryBlobs:
    """Keeps blobs under one directory (`Blobs`)."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def start(self) -> None:
        """Throw away what processes that died were writing."""
        await asyncio.to_thread(self._tidy)

    def _tidy(self) -> None:
        for path in (self._root / INCOMING).glob("*"):
            with suppress(FileNotFoundError):  # another process tidies as well
                if path.stat().st_mtime < time.time() - LEFT_OVER_S:
                    path.unlink()

    async def stop(self) -> None:
        """Nothing to close."""

    def _path(self, scope: str, name: str) -> Path:
        return self._root.joinpath(*checked_key(scope, name))

    async def put(self, scope: str, name: str, data: bytes) -> None:
        """Store a blob durably; raises Unavailable when the disk does not take it."""
        try:
            await asyncio.to_thread(self._write, self._path(scope, name), data)
        except OSError as error:
            raise Unavailable("The file cannot be stored now.") from error

    def _write(self, path: Path, data: bytes) -> None:
        file = self._open()
        try:
            file.write(data)
            _settle(file, path)
        finally:
            _discard(file)

    def _open(self) -> BinaryIO:
        place = self._root / INCOMING
        place.mkdir(parents=True, exist_ok=True)
        return (place / secrets.token_hex(16)).open("x+b")

    @asynccontextmanager
    async def spool(self) -> AsyncIterator[Spool]:
        """Open a file beside the blobs."""
        try:
            file = await asyncio.to_thread(self._open)
        except OSError as error:
            raise Unavailable("The file cannot be stored now.") from error
        try:
            yield Spool(file)
        finally:
            await asyncio.to_thread(_discard, file)

    async def keep(self, spool: Spool, scope: str, name: str) -> None:
        """Move a spooled file to where it belongs."""
        try:
            await asyncio.to_thread(_settle, spool.file, self._path(scope, name))
        except OSError as error:
            raise Unavailable("The file cannot be stored now.") from error

    async def size(self, scope: str, name: str) -> int | None:
        """Return how many bytes a blob has, None where there is none."""
        try:
            return (await asyncio.to_thread(self._path(scope, name).stat)).st_size
        except FileNotFoundError:
            return None

    async def pieces(self, scope: str, name: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Give a part of a blob piece by piece."""
        path = self._path(scope, name)
        while start < end:
            try:
                piece = await asyncio.to_thread(self._part, path, start, min(end, start + PIECE))
            except OSError as error:
                raise Unavailable("The file cannot be read now.") from error
            if not piece:
                return
            yield piece
            start += len(piece)

    @staticmethod
    def _part(path: Path, start: int, end: int) -> bytes:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(end - start)

    async def names(self, scope: str) -> AsyncIterator[str]:
        """Give the names of a scope's blobs."""
        folder = self._path(scope, "any").parent
        for name in await asyncio.to_thread(lambda: sorted(each.name for each in folder.glob("*"))):
            yield name

    async def delete(self, scope: str, name: str) -> None:
        """Remove a blob."""
        try:
            await asyncio.to_thread(self._path(scope, name).unlink, True)
        except OSError as error:
            raise Unavailable("The file cannot be removed now.") from error


def _settle(file: BinaryIO, path: Path) -> None:
    """Give a written file its name, so that both outlast a power cut: a rename lives in its directory."""
    file.flush()
    os.fsync(file.fileno())
    new = not path.parent.exists()
    path.parent.mkdir(parents=True, exist_ok=True)
    Path(file.name).replace(path)
    _sync(path.parent)
    if new:
        _sync(path.parent.parent)


def _sync(directory: Path) -> None:
    place = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def _discard(file: BinaryIO) -> None:
    file.close()
    Path(file.name).unlink(missing_ok=True)
