"""Blobs in an S3-compatible object store, by aioboto3."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aioboto3
from aiohttp import ClientError as HttpError
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from jinaconnect.core.errors import Unavailable
from jinaconnect.store.blobs import PIECE, Spool, checked_key

_ABSENT = ("404", "NoSuchKey", "NotFound")
TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where blobs go: `endpoint_url` empty is Amazon's own; `prefix` stands before every key."""

    name: str
    endpoint_url: str = ""
    region: str = "us-east-1"
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)
    prefix: str = ""


class S3Blobs:
    """Keeps blobs in one bucket (`store.blobs.Blobs`)."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._open = AsyncExitStack()
        self._client: Any = None

    async def start(self) -> None:
        """Open the connection pool; the bucket itself is looked at with the first request."""
        bucket = self._bucket
        session = aioboto3.Session(
            aws_access_key_id=bucket.access_key_id or None, aws_secret_access_key=bucket.secret_access_key or None,
            region_name=bucket.region,
        )  # fmt: skip
        settings = Config(
            connect_timeout=5, read_timeout=TIMEOUT_S, retries={"max_attempts": 3, "mode": "standard"},
            s3={"addressing_style": "path" if bucket.endpoint_url else "auto"},
            # Stores other than Amazon's seldom know the newer checksum trailers.
            request_checksum_calculation="when_required", response_checksum_validation="when_required",
        )  # fmt: skip
        self._client = await self._open.enter_async_context(
            session.client("s3", endpoint_url=bucket.endpoint_url or None, config=settings)
        )

    async def stop(self) -> None:
        """Close the connections."""
        await self._open.aclose()

    def _key(self, scope: str, name: str) -> str:
        return "/".join(part for part in (self._bucket.prefix.strip("/"), *checked_key(scope, name)) if part)

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError, HttpError, OSError) as error:
            raise Unavailable("The object store does not take the file now.") from error

    async def put(self, scope: str, name: str, data: bytes) -> None:
        """Store a blob."""
        async with self._asking():
            await self._client.put_object(Bucket=self._bucket.name, Key=self._key(scope, name), Body=data)

    @asynccontextmanager
    async def spool(self) -> AsyncIterator[Spool]:
        """Open a file of this machine, nameless, so that nothing is left of it."""
        with tempfile.TemporaryFile() as file:
            yield Spool(file)

    async def keep(self, spool: Spool, scope: str, name: str) -> None:
        """Send a spooled file."""
        spool.file.seek(0)
        async with self._asking():
            await self._client.put_object(
                Bucket=self._bucket.name, Key=self._key(scope, name), Body=spool.file, ContentLength=spool.size
            )

    async def pieces(self, scope: str, name: str, start: int, end: int) -> AsyncIterator[bytes]:
        """Give a part of a blob as it comes from the store."""
        if start >= end:
            return
        async with self._asking():
            try:
                answer = await self._client.get_object(
                    Bucket=self._bucket.name, Key=self._key(scope, name), Range=f"bytes={start}-{end - 1}"
                )
            except ClientError as error:
                if error.response["Error"]["Code"] in _ABSENT:
                    return
                raise
        async with answer["Body"] as body:
            while True:
                async with self._asking():
                    piece: bytes = await body.content.read(PIECE)
                if not piece:
                    return
                yield piece

    async def size(self, scope: str, name: str) -> int | None:
        """Return how many bytes a blob has, None where there is none."""
        async with self._asking():
            try:
                answer = await self._client.head_object(Bucket=self._bucket.name, Key=self._key(scope, name))
            except ClientError as error:
                if error.response["Error"]["Code"] in _ABSENT:
                    return None
                raise
            return int(answer["ContentLength"])

    async def names(self, scope: str) -> AsyncIterator[str]:
        """Give the names of a scope's blobs."""
        place = self._key(scope, "any").removesuffix("any")
        async with self._asking():
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket.name, Prefix=place)
            async for page in pages:
                for each in page.get("Contents", ()):
                    yield each["Key"].removeprefix(place)

    async def delete(self, scope: str, name: str) -> None:
        """Remove a blob."""
        async with self._asking():
            await self._client.delete_object(Bucket=self._bucket.name, Key=self._key(scope, name))
