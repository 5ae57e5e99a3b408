"""Writes that go ahead of the log: taken by the primary, and durable together with what is appended behind them.

The members of a replica set keep one line of operations, and what a majority holds of it is everything up to a place.
So a write that the primary has taken is durable as soon as an append behind it is acknowledged by a majority, if one
primary took both in one term; what it took may be lost with its term. Every answer names the term, and the commands
are given to the database once: nobody but the caller tries again.

Nobody reads such a write before it is durable, since everything is read as a majority holds it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from bson.raw_bson import RawBSONDocument

from jinaconnect.core.errors import Unavailable
from jinaconnect.store.databases.mongo import DUPLICATE_KEY, PASSING_CODES, Database, Document, fault_error, key_name

MAX_COMMAND = 8 * 1024 * 1024  # of documents in one command; the server takes 16 MiB, one document always
DURABLE: Document = {"w": "majority", "j": True}
TAKEN: Document = {"w": 1, "j": False}


class Trail:
    """The terms in which writes ahead of the log, and the append behind them, were taken."""

    __slots__ = ("_terms",)

    def __init__(self) -> None:
        self._terms: set[Any] = set()

    def note(self, term: Any) -> None:
        """Note the term of one more write, None where it is not known."""
        self._terms.add(term)

    @property
    def term(self) -> Any:
        """The one term in which all was taken, None where it was not one or is not known."""
        return next(iter(self._terms)) if len(self._terms) == 1 else None

    @property
    def unbroken(self) -> bool:
        """Whether all was taken in one term."""
        return self.term is not None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What did not work of a command's writes (each with `index` and `code`), and the term it was taken in.

    `fitted` is how many documents an update has found.
    """

    faults: Sequence[Document]
    term: Any
    fitted: int = 0

    def taken(self) -> dict[int, str]:
        """Return by place which unique key of a document was taken already; raises what else went wrong with one."""
        for fault in self.faults:
            if fault["code"] != DUPLICATE_KEY:
                raise fault_error(fault)
        return {fault["index"]: key_name(fault) for fault in self.faults}


async def insert(
    database: Database, collection: str, rows: Sequence[bytes], *, ordered: bool, concern: Document
) -> Outcome:
    """Insert encoded documents; `ordered` stops at the first that is not taken. Raises Unavailable for "not now"."""
    faults: list[Document] = []
    terms: set[Any] = set()
    for start, part in _parts(rows):
        documents = [RawBSONDocument(row) for row in part]
        done = await _run(database, {"insert": collection, "documents": documents, "ordered": ordered}, concern)
        terms.add(done.term)
        faults += [{**fault, "index": fault["index"] + start} for fault in done.faults]
        if faults and ordered:
            break
    return Outcome(faults, terms.pop() if len(terms) == 1 else None)


async def update(database: Database, collection: str, updates: Sequence[Document], *, concern: Document) -> Outcome:
    """Run updates, each an update statement of the database's command, whatever becomes of the others."""
    return await _run(database, {"update": collection, "updates": list(updates), "ordered": False}, concern)


async def _run(database: Database, command: Document, concern: Document) -> Outcome:
    reply = await database.command({**command, "writeConcern": concern})
    faults: list[Document] = reply.get("writeErrors", [])
    if "writeConcernError" in reply or any(fault["code"] in PASSING_CODES for fault in faults):
        raise Unavailable("The database is not answering.")
    return Outcome(faults, reply.get("electionId"), reply["n"])


def _parts(rows: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    start = size = 0
    for place, row in enumerate(rows):
        if place > start and size + len(row) > MAX_COMMAND:
            yield start, rows[start:place]
            start, size = place, 0
        size += len(row)
    if rows:
        yield start, rows[start:]
