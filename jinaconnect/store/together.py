"""Several documents, one decision: changed and removed in one transaction, so that no cut leaves half of it.

What is told of it waits on the changed documents, as with any other change; of a document that goes altogether, in a
row of the collection `announcements`, written with its end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from jinaconnect.core.errors import NotFound, Unavailable
from jinaconnect.store.databases.mongo import DUPLICATE_KEY, Database, Document, faults_of, guarded

ANNOUNCED = "announcements"
_PASSING = ("TransientTransactionError", "UnknownTransactionCommitResult")


@dataclass(frozen=True, slots=True)
class Planned:
    """A document as it was read, and the update it gets."""

    collection: str
    before: Document
    update: Document


Removal = tuple[str, Document]  # a collection, and the document as it was read


class _Moved(Exception):
    """A document is not as it was read any more."""


async def transaction(database: Database, write: Callable[[AsyncClientSession], Awaitable[None]]) -> None:
    """Run writes, each with the session given, as one; they may be run again. Raises Unavailable."""
    try:
        async with database.client.start_session() as session:
            await session.with_transaction(
                write, read_concern=ReadConcern("snapshot"), write_concern=WriteConcern(w="majority", j=True)
            )
    except PyMongoError as error:
        if any(error.has_error_label(label) for label in _PASSING):
            raise Unavailable("The database is not answering.") from error
        raise


@guarded
async def commit(
    database: Database, plans: Sequence[Planned], removals: Sequence[Removal], announced: Sequence[Document],
    added: Mapping[str, Sequence[Document]] = MappingProxyType({}),
) -> bool | str:  # fmt: skip
    """Do all of it or nothing; False when a document has moved or is gone, or the pattern of the unique key taken."""

    async def write(session: AsyncClientSession) -> None:
        for plan in plans:
            result = await database[plan.collection].update_one(_as_read(plan.before), plan.update, session=session)
            if not result.matched_count:
                raise _Moved
        for collection, before in removals:
            if not (await database[collection].delete_one(_as_read(before), session=session)).deleted_count:
                raise _Moved
        for row in announced:
            await announce(database, row, session)
        for collection, docs in added.items():
            await database[collection].insert_many(docs, session=session)

    try:
        await transaction(database, write)
    except _Moved:
        return False
    except DuplicateKeyError as error:
        return str((error.details or {}).get("keyPattern"))
    except BulkWriteError as error:
        faults = faults_of(error)
        if faults[0]["code"] != DUPLICATE_KEY:
            raise
        return str(faults[0].get("keyPattern"))
    return True


async def announce(database: Database, row: Document, session: AsyncClientSession) -> None:
    """Add the events of a row to those that wait under its id, in the order of the commits."""
    await database[ANNOUNCED].update_one(
        {"_id": row["_id"], "scope": row["scope"]},
        {
            "$push": {"pending": {"$each": row["pending"]}}, "$set": {"updated_at": row["updated_at"]},
            "$inc": {"rev": 1}, "$setOnInsert": {"created_at": row["created_at"]},
        },
        upsert=True, session=session,
    )  # fmt: skip


async def change_announced(
    database: Database, collection: str, query: Mapping[str, Any], fields: Mapping[str, Any],
    announcements: Callable[[Document], Sequence[Document]], jobs: Sequence[Document] = (),
) -> tuple[Document, Sequence[Document]]:  # fmt: skip
    """Change a document, tell of it in rows and leave the jobs that follow from it, all or nothing.

    A job whose id is there stays as it is, so that a request can be run again.
    """
    done: list[tuple[Document, Sequence[Document]]] = []

    async def write(session: AsyncClientSession) -> None:
        doc = await database[collection].find_one_and_update(
            dict(query), {"$set": dict(fields)}, return_document=ReturnDocument.AFTER, session=session
        )
        if doc is None:
            raise NotFound()
        rows = announcements(doc)
        for row in rows:
            await announce(database, row, session)
        for job in jobs:
            await database["jobs"].update_one(
                {"_id": job["_id"]}, {"$setOnInsert": {k: v for k, v in job.items() if k != "_id"}}, upsert=True,
                session=session,
            )  # fmt: skip
        done[:] = [(doc, rows)]

    await transaction(database, write)
    return done[0]


def _as_read(doc: Document) -> Document:
    return {name: doc[name] for name in ("_id", "scope", "rev")}
