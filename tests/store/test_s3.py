"""Blobs in a real S3-compatible store, and a gateway that keeps its recordings there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jinaconnect.app import Gateway
from jinaconnect.config import S3, Blobs, Config, Http
from jinaconnect.core.errors import Unavailable
from jinaconnect.serve import listening
from jinaconnect.store.databases.embedded import EmbeddedMongo
from jinaconnect.store.databases.s3 import Bucket, S3Blobs
from tests import payloads
from tests.client import until
from tests.conftest import PLENTY
from tests.store.reading import part, whole
from tests.store.swift import SECRET, USER, Swift, attributes_kept, swift
from tests.tenants import make_tenant

SCOPE, OTHER = "ten_one:live", "ten_two:live"


@pytest.fixture(scope="module")
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Swift]:
    """The object store."""
    folder = tmp_path_factory.mktemp("swift")
    if not attributes_kept(folder):
        pytest.skip("the temporary directory keeps no extended attributes, which the object store needs")
    async with swift(folder) as running:
        yield running


@asynccontextmanager
async def opened(bucket: Bucket) -> AsyncIterator[S3Blobs]:
    """Have the blobs of a bucket."""
    blobs = S3Blobs(bucket)
    await blobs.start()
    try:
        yield blobs
    finally:
        await blobs.stop()


async def test_what_is_put_is_there_until_it_is_deleted(store: Swift) -> None:
    data = os.urandom(1_000)
    async with opened(store.bucket()) as blobs:
        assert await whole(blobs, SCOPE, "a.wav") is None
        assert await blobs.size(SCOPE, "a.wav") is None
        assert await part(blobs, SCOPE, "a.wav", 0, 10) == b""
        await blobs.put(SCOPE, "a.wav", data)
        assert await whole(blobs, SCOPE, "a.wav") == data
        assert await blobs.size(SCOPE, "a.wav") == 1_000
        assert await part(blobs, SCOPE, "a.wav", 10, 20) == data[10:20]
        assert await part(blobs, SCOPE, "a.wav", 990, 1_000) == data[990:]
        await blobs.put(SCOPE, "a.wav", b"anew")
        assert await whole(blobs, SCOPE, "a.wav") == b"anew"
        assert await whole(blobs, OTHER, "a.wav") is None, "a scope's blobs are its own"
        await blobs.delete(OTHER, "a.wav")
        await blobs.delete(SCOPE, "a.wav")
        await blobs.delete(SCOPE, "a.wav")
        assert await whole(blobs, SCOPE, "a.wav") is None


async def test_a_long_recording_comes_back_whole(store: Swift) -> None:
    data = os.urandom(20 << 20)
    async with opened(store.bucket()) as blobs:
        await blobs.put(SCOPE, "long.wav", data)
        assert await blobs.size(SCOPE, "long.wav") == len(data)
        assert await whole(blobs, SCOPE, "long.wav") == data


async def test_a_file_that_was_written_in_pieces_is_kept_whole_or_not_at_all(store: Swift) -> None:
    parts = [os.urandom(300_000) for _ in range(4)]
    async with opened(store.bucket()) as blobs:
        async with blobs.spool() as spool:
            for piece in parts:
                await spool.write(piece)
            await blobs.keep(spool, SCOPE, "spooled")
        assert (spool.size, spool.digest) == (1_200_000, sha256(b"".join(parts)).hexdigest())
        assert await whole(blobs, SCOPE, "spooled") == b"".join(parts)
        async with blobs.spool() as spool:
            await spool.write(b"given up")
        assert await part(blobs, SCOPE, "spooled", 299_990, 300_010) == parts[0][-10:] + parts[1][:10]


async def test_a_prefix_keeps_deployments_apart(store: Swift) -> None:
    async with opened(store.bucket(prefix="one/")) as one, opened(store.bucket(prefix="/two")) as two:
        await one.put(SCOPE, "x", b"1")
        assert await whole(two, SCOPE, "x") is None
        await two.put(SCOPE, "x", b"2")
        assert await whole(one, SCOPE, "x") == b"1"


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", "x\n", "x" * 200])
async def test_what_is_no_key_is_refused(store: Swift, name: str) -> None:
    async with opened(store.bucket()) as blobs:
        for call in (whole(blobs, SCOPE, name), blobs.put(SCOPE, name, b""), blobs.delete(name, "x")):
            with pytest.raises(ValueError, match="key"):
                await call


@pytest.mark.parametrize("wrong", [{"secret_access_key": "wrong"}, {"name": "nowhere"}, {"access_key_id": "test:else"}])
async def test_a_store_that_refuses_is_unavailable_and_says_no_secret(store: Swift, wrong: dict[str, str]) -> None:
    async with opened(store.bucket(**wrong)) as blobs:
        with pytest.raises(Unavailable) as told:
            await blobs.put(SCOPE, "x", b"1")
        assert not any(secret in f"{told.value!r} {told.value.__cause__!r}" for secret in ("wrong", SECRET))


async def test_a_store_that_comes_back_is_used_again(store: Swift) -> None:
    async with opened(store.bucket()) as blobs:
        await blobs.put(SCOPE, "x", b"1")
        await store.end("proxy")
        with pytest.raises(Unavailable):
            await whole(blobs, SCOPE, "x")
        with pytest.raises(Unavailable):
            await blobs.put(SCOPE, "x", b"2")
        await store.begin("proxy")
        assert await whole(blobs, SCOPE, "x") == b"1"


async def test_a_gateway_keeps_its_recordings_there(
    store: Swift, mongod: EmbeddedMongo, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    place = S3(bucket="blobs", endpoint_url=store.url, access_key_id=USER, secret_access_key=SECRET, prefix="gw")
    config = Config(var_dir=tmp_path, http=Http(port=0, drain_s=2), limits=PLENTY, blobs=Blobs(s3=place))
    config.mongodb.database = "in_s3"
    gateway = Gateway(config)
    await gateway.start(mongod.uri, listening(config))
    payloads.watch(gateway.services.store.log)
    try:
        tenant = await make_tenant(gateway, gateway.services.settings.own_url, http)
        client = tenant("owner", "test")
        body = {"to_number": "+12025550101", "tts_text": "Hello.", "record": True}
        call = (await client.post("/voice/api/calls/", body)).ok(201)["id"]
        rows: list[dict[str, Any]] = []

        async def kept() -> bool:
            rows[:] = (await client.get(f"/voice/api/recordings/?call_id={call}")).ok()["results"]
            return bool(rows)

        await until(kept, 20)
        path = (await client.get(f"/voice/api/recordings/{rows[0]['id']}/download/")).ok()["recording_url"]
        path = path.removeprefix(client.url)
        whole = await client.get(path)
        assert (whole.status, whole.body[:4], len(whole.body)) == (200, b"RIFF", rows[0]["size_bytes"])
        part = await client.get(path, headers={"Range": "bytes=4-7"})
        assert (part.status, part.body) == (206, whole.body[4:8])
        assert not list(tmp_path.rglob("*.wav")), "nothing is kept beside the store"
        await store.end("proxy")
        (await client.get(path)).refused(503, "unavailable")
        await store.begin("proxy")
        again = await asyncio.wait_for(client.get(path), 30)
        assert again.body == whole.body
    finally:
        await gateway.stop()
