"""The MongoDB connection: durable by default, every wait bounded, driver errors turned into ours."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, ParamSpec, TypeVar

from bson import encode
from bson.codec_options import CodecOptions
from bson.errors import InvalidDocument
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from jinaconnect.core.errors import Invalid, Unavailable

Document = dict[str, Any]
Database = AsyncDatabase[Document]
P = ParamSpec("P")
T = TypeVar("T")

DUPLICATE_KEY = 11000
IMMUTABLE_FIELD = 66  # as error_codes.yml has it
NOBODY = "\x00"  # an id no document has
BY_ID = {"_id": 1}  # named, since the partition in the query makes each of a collection's indexes a candidate
# Codes a server gives while it has no primary, is shutting down, loses a connection or a cursor on the way, or runs out
# of time (MongoDB's error_codes.yml: its categories of retriable, shutdown, network, cursor and interruption errors).
PASSING_CODES = frozenset({
    6, 7, 24, 43, 46, 50, 64, 89, 91, 112, 133, 134, 150, 175, 189, 202, 234, 237, 239, 246, 251, 262, 279, 290, 9001,
    10107, 11600, 11601, 11602, 13388, 13435, 13436,
})  # fmt: skip
_PASSING_LABELS = ("RetryableWriteError", "TransientTransactionError", "UnknownTransactionCommitResult")
# Codes of a document the server will not hold: nested too deep, grown beyond 16 MiB.
_UNKEPT_CODES = frozenset({15, 10334, 17280, 17419, 17420})
MAX_DOCUMENT = 15 * 1024 * 1024  # what a caller may write at once; the server holds 16 MiB
AWAY = (ConnectionFailure, NetworkTimeout, NotPrimaryError, ExecutionTimeout, WTimeoutError)


def connect(uri: str, name: str, *, timeout_s: float) -> tuple[AsyncMongoClient[Document], Database]:
    """Return a client and its database with majority and journalled writes and a deadline on every operation."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(
        uri,
        tz_aware=True,
        timeoutMS=int(timeout_s * 1000),
        serverSelectionTimeoutMS=int(timeout_s * 1000),
        connectTimeoutMS=int(timeout_s * 1000),
        maxPoolSize=64,
        maxConnecting=8,  # a database that becomes slow wants more of them at once
        retryWrites=True,
        retryReads=True,
        appname="jinaconnect",
    )
    database = client.get_database(
        name,
        codec_options=CodecOptions(tz_aware=True),
        write_concern=WriteConcern(w="majority", j=True),
        read_concern=ReadConcern("majority"),
    )
    return client, database


def _passing(error: PyMongoError) -> bool:
    """Tell whether an error of the driver says "not now"; others are bugs."""
    if isinstance(error, AWAY):
        return True
    if isinstance(error, OperationFailure):
        return error.code in PASSING_CODES or any(error.has_error_label(label) for label in _PASSING_LABELS)
    return error.timeout


@asynccontextmanager
async def answering() -> AsyncIterator[None]:
    """Turn the driver's "not now" into Unavailable; other driver errors pass."""
    try:
        yield
    except PyMongoError as error:
        if not _passing(error):
            raise
        raise Unavailable("The database is not answering.") from error


def guarded(call: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Have a coroutine function do as `answering` does."""

    @functools.wraps(call)
    async def inner(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await call(*args, **kwargs)
        except PyMongoError as error:
            if not _passing(error):
                raise
            raise Unavailable("The database is not answering.") from error

    return inner


def faults_of(error: BulkWriteError) -> list[Document]:
    """Return what failed of a bulk write, each with `index` and `code`; raises Unavailable where it was "not now"."""
    faults: list[Document] = list(error.details["writeErrors"])
    if error.details["writeConcernErrors"] or any(fault["code"] in PASSING_CODES for fault in faults):
        raise Unavailable("The database is not answering.") from error
    return faults


def fault_error(fault: Mapping[str, Any]) -> Exception:
    """Return what one failed write of several raises in its own caller."""
    if fault["code"] in PASSING_CODES:
        return Unavailable("The database is not answering.")
    if fault["code"] in _UNKEPT_CODES:
        return Invalid(f"This cannot be stored: {fault.get('errmsg', '')}"[:300])
    return OperationFailure(str(fault.get("errmsg", "")), fault["code"], dict(fault))


def key_name(fault: Mapping[str, Any]) -> str:
    """Return which unique key a write has hurt, from what the server says of it."""
    pattern = fault.get("keyPattern") or {}
    return ", ".join(key for key in pattern if key not in ("scope", "_id")) or "id"


def or_fail(update: Mapping[str, Any]) -> Document:
    """Return an update for several that travel together, each an upsert that fails with IMMUTABLE_FIELD by itself.

    A bulk write tells how many documents matched, not which. As an upsert whose insert cannot be done, an update that
    matches nothing fails, and faults are told one by one.
    """
    return {**update, "$setOnInsert": {"_id": NOBODY}}


def check_storable(document: Mapping[str, Any]) -> bytes:
    """Raise Invalid for a document that MongoDB cannot hold, before it travels with others; returns it encoded."""
    try:
        encoded = encode(document)
    except (InvalidDocument, OverflowError, UnicodeEncodeError, RecursionError) as error:
        raise Invalid(f"This cannot be stored: {error}"[:300]) from error
    if len(encoded) > MAX_DOCUMENT:
        raise Invalid(f"This cannot be stored: it is larger than {MAX_DOCUMENT} bytes.")
    return encoded


async def ping(database: Database) -> None:
    """Ask the server for a sign of life; raises Unavailable."""
    async with answering():
        await database.command("ping")
