"""Large things by key: media and recordings, in a directory.

A key is `<scope>/<name>`; the scope is the reader's partition, so a key from elsewhere cannot be formed. Files are
written whole or not at all.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
from pathlib import Path

from jinaconnect.core.errors import Unavailable

_PART = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.:-]{0,120}")


class Blobs:
    """Keeps blobs under one directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _path(self, scope: str, name: str) -> Path:
        for part in (scope, name):
            if not _PART.fullmatch(part):
                raise ValueError("not a blob key")
        return self._root / scope.replace(":", "-") / name

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

    async def delete(self, scope: str, name: str) -> None:
        """Remove a blob."""
        await asyncio.to_thread(self._path(scope, name).unlink, True)
