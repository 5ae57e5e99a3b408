"""An organisation as one file: every document it has, its log, its blobs, and a list of all that to hold it against.

A zip file whose list of contents is its end, so that one cut short is none. Documents are BSON, as they were, but for
what whoever packs and unpacks makes of each (`Made`): secrets are sealed for the way.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bson import decode_file_iter, encode
from bson.codec_options import CodecOptions
from pymongo.errors import BulkWriteError, OperationFailure

from jinaconnect.core.errors import Conflict, Invalid, Unavailable
from jinaconnect.store.blobs import Blobs
from jinaconnect.store.collections import COLLECTIONS
from jinaconnect.store.databases.mongo import DUPLICATE_KEY, Database, Document, faults_of, guarded

FORMAT = 1
SNAPSHOT_TOO_OLD = 239  # MongoDB's error_codes.yml
MANIFEST = "manifest.json"
PIECE = 1 << 20
BATCH = 500
BESIDE = ("events", "jobs", "inbound")  # what has partitions and is no collection of tenant data
# What is counted and told already comes before what is still to be: whatever happens meanwhile goes on from there.
FIRST = ("inbox_folds", "inbox_rows", "inbox_days", "events", "wallets", "ledger")
LAST = ("users", "members", "roles", "api_keys")  # by which somebody gets in: written when all else is there
# By which work comes from outside, or is done at its time: written once the organisation itself is there.
STIRRED = (
    "apps", "links", "payment_orders", "recordings", "numbers", "trunks", "devices", "webhook_endpoints",
)  # fmt: skip
Made = Callable[[str, Document], Document]
Manifest = dict[str, Any]
_CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True)


def partitions(tenant: str) -> dict[str, Any]:
    """Return the filter of all that is an organisation's."""
    return {"scope": {"$in": [tenant, f"{tenant}:live", f"{tenant}:test"]}}


async def pack(
    database: Database, blobs: Blobs, tenant: str, path: Path, about: Mapping[str, Any], made: Made
) -> Manifest:
    """Write an organisation's archive, as it is at one moment; there is a file at the end, or none.

    Raises Unavailable where the database does not remember that moment for as long as it takes.
    """
    part = path.with_name(path.name + ".part")
    contents: dict[str, dict[str, Any]] = {}
    part.touch(mode=0o600)  # it is all that the organisation has
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as file:
            async for collection, docs in _documents(database, tenant):
                name = f"documents/{collection}.bson"
                with file.open(name, "w", force_zip64=True) as out:
                    contents[name] = await _written(out, (encode(made(collection, doc)) async for doc in docs))
            for scope in (tenant, f"{tenant}:live", f"{tenant}:test"):
                async for blob in blobs.names(scope):
                    size = await blobs.size(scope, blob) or 0
                    name = f"blobs/{scope}/{blob}"
                    with file.open(name, "w", force_zip64=True) as out:
                        contents[name] = await _written(out, blobs.pieces(scope, blob, 0, size))
            manifest = {"format": FORMAT, "tenant": tenant, **about, "contents": contents}
            file.writestr(MANIFEST, json.dumps(manifest))
        part.replace(path)
    except OperationFailure as error:
        if error.code == SNAPSHOT_TOO_OLD:
            told = "It took longer than the database remembers (minSnapshotHistoryWindowInSeconds)."
            raise Unavailable(told) from error
        raise
    finally:
        part.unlink(missing_ok=True)
    return manifest


async def _written(out: Any, pieces: AsyncIterator[bytes]) -> dict[str, Any]:
    digest, count = hashlib.sha256(), 0
    async for piece in pieces:
        digest.update(piece)
        out.write(piece)
        count += 1
    return {"sha256": digest.hexdigest(), "pieces": count}


async def _documents(database: Database, tenant: str) -> AsyncIterator[tuple[str, AsyncIterator[Document]]]:
    """Yield each collection with its documents of the organisation, all as of one moment."""
    async with database.client.start_session(snapshot=True) as session:

        def found(collection: str, query: Mapping[str, Any]) -> AsyncIterator[Document]:
            rows: AsyncIterator[Document] = database[collection].find(query, session=session)
            return rows

        people = [row["user"] async for row in found("members", {"scope": tenant})]
        for collection in (*COLLECTIONS, *BESIDE):
            yield collection, found(collection, partitions(tenant))
        yield "users", found("users", {"_id": {"$in": people}})
        yield "tenants", found("tenants", {"_id": tenant})


def verified(path: Path) -> Manifest:
    """Return what an archive holds after reading all of it; raises Invalid where it is not whole."""
    try:
        with zipfile.ZipFile(path) as file:
            manifest: Manifest = json.loads(file.read(MANIFEST))
            if manifest.get("format") != FORMAT:
                raise Invalid.field(str(path), "is of another version")
            names = {name for name in file.namelist() if name != MANIFEST}
            if names != manifest["contents"].keys():
                raise Invalid.field(str(path), "does not hold what it lists")
            for name, told in manifest["contents"].items():
                digest = hashlib.sha256()
                with file.open(name) as member:
                    while piece := member.read(PIECE):
                        digest.update(piece)
                if digest.hexdigest() != told["sha256"]:
                    raise Invalid.field(str(path), f"{name} is damaged")
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError, zipfile.zlib.error) as error:  # type: ignore[attr-defined]
        raise Invalid.field(str(path), f"is no whole archive: {error}") from error
    return manifest


async def unpack(database: Database, blobs: Blobs, path: Path, manifest: Manifest, made: Made) -> AsyncIterator[str]:
    """Write what an archive holds, but for the organisation and what it stirs by, yielding what is done.

    What is there stays. Raises Conflict where something of somebody else stands in the way.
    """
    with zipfile.ZipFile(path) as file:
        for name in (name for name in manifest["contents"] if name.startswith("blobs/")):
            _, scope, blob = name.split("/", 2)
            if await blobs.size(scope, blob) is None:
                with file.open(name) as member:
                    async with blobs.spool() as spool:
                        while piece := member.read(PIECE):
                            await spool.write(piece)
                        await blobs.keep(spool, scope, blob)
    held = _collections(manifest)
    others = [name for name in held if name not in (*FIRST, *LAST, *STIRRED, "tenants")]
    async for done in _unpacked(database, path, [name for name in (*FIRST, *others, *LAST) if name in held], made):
        yield done


async def unpack_stirred(database: Database, path: Path, manifest: Manifest, made: Made) -> AsyncIterator[str]:
    """Write what work comes by, as `unpack` writes the rest."""
    held = _collections(manifest)
    async for done in _unpacked(database, path, [name for name in STIRRED if name in held], made):
        yield done


def _collections(manifest: Manifest) -> list[str]:
    names = [name for name in manifest["contents"] if name.startswith("documents/")]
    return [name.removeprefix("documents/").removesuffix(".bson") for name in names]


async def _unpacked(database: Database, path: Path, collections: Sequence[str], made: Made) -> AsyncIterator[str]:
    with zipfile.ZipFile(path) as file:
        for collection in collections:
            for batch in _batches(file, collection):
                await _insert(database, collection, [made(collection, doc) for doc in batch])
            yield collection


def tenant_of(path: Path, manifest: Manifest) -> Document:
    """Return the organisation of an archive."""
    with zipfile.ZipFile(path) as file:
        return next(doc for batch in _batches(file, "tenants") for doc in batch if doc["_id"] == manifest["tenant"])


def _batches(file: zipfile.ZipFile, collection: str) -> Iterator[list[Document]]:
    batch: list[Document] = []
    with file.open(f"documents/{collection}.bson") as member:
        whole: Any = io.BufferedReader(member)  # a read of so many bytes gives so many
        for doc in decode_file_iter(whole, _CODEC):
            batch.append(doc)
            if len(batch) == BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


@guarded
async def _insert(database: Database, collection: str, docs: list[Document]) -> None:
    try:
        await database[collection].insert_many(docs, ordered=False)
    except BulkWriteError as error:
        for fault in faults_of(error):
            there = fault["code"] == DUPLICATE_KEY and set(fault.get("keyPattern", ())) == {"_id"}
            if not there:
                why = str(fault.get("errmsg", ""))[:300]
                raise Conflict(f"{collection}: something else stands in the way: {why}") from error
