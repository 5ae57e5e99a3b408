"""Large things by key: media, prompts and recordings, in a directory (or in S3: `store/s3.py`).

A key is `<scope>/<name>`; the scope is the reader's partition, so a key from elsewhere cannot be formed. Files are
written whole or not at all.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from pathlib import Path
from typing import Protocol

from jinaconnect.core.errors import Unavailable

_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.:-]{0,120}")


def checked_key(scope: str, name: str) -> tuple[str, str]:
    """Return a key's parts as they are stored; raises ValueError for what is no key."""
    for part in (scope, name):
        if not _PART.fullmatch(part):
            raise ValueError("not a blob key")
    return scope.replace(":", "-"), name


class Blobs(Protocol):
    """Keeps blobs; every method raises Unavailable when they cannot be reached."""

    async def start(self) -> None:
        """Get ready."""

    async def stop(self) -> None:
        """Close what is open."""

    async def put(self, scope: str, name: str, data: bytes) -> None:
        """Store a blob durably, whole or not at all."""

    async def get(self, scope: str, name: str) -> bytes | None:
        """Return a blob, or None."""

    async def size(self, scope: str, name: str) -> int | None:
        """Return how many bytes a blob has, None where there is none."""

    async def read(self, scope: str, name: str, start: int, end: int) -> bytes | None:
        """Return the bytes from `start` up to, not including, `end`; None where there is no such blob."""

    async def delete(self, scope: str, name: str) -> None:
        """Remove a blob; nothing to do where there is none."""


class DirectoryBlobs:
    """Keeps blobs under one directory (`Blobs`)."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def start(self) -> None:
        """Nothing to open."""

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

    @staticmethod
    def _write(path: Path, data: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with partial.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    async def get(self, scope: str, name: str) -> bytes | None:
        """Return a blob, or None."""
        try:
            return await asyncio.to_thread(self._path(scope, name).read_bytes)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable("The file cannot be read now.") from error

    async def size(self, scope: str, name: str) -> int | None:
        """Return how many bytes a blob has, None where there is none."""
        try:
            return (await asyncio.to_thread(self._path(scope, name).stat)).st_size
        except FileNotFoundError:
            return None

    async def read(self, scope: str, name: str, start: int, end: int) -> bytes | None:
        """Return a part of a blob, or None."""
        try:
            return await asyncio.to_thread(self._part, self._path(scope, name), start, end)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable("The file cannot be read now.") from error

    @staticmethod
    def _part(path: Path, start: int, end: int) -> bytes:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(end - start)

    async def delete(self, scope: str, name: str) -> None:
        """Remove a blob."""
        try:
            await asyncio.to_thread(self._path(scope, name).unlink, True)
        except OSError as error:
            raise Unavailable("The file cannot be removed now.") from error
