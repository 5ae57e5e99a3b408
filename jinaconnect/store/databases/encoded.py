"""Rows of events encoded before they have their numbers: once, and in a thread."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from bson import decode_all, encode

from jinaconnect.store.databases.mongo import Database, Document

PACKED = "packed"  # the field of a batch's row with the events that wait on it
FASTEST = 1  # events of a batch say much alike: what more is won takes longer than it is worth


class Encoded(dict[str, Any]):
    """An event's row and the same as the database takes it."""

    __slots__ = ("bson",)

    def __init__(self, row: Mapping[str, Any], bson: bytes) -> None:
        super().__init__(row)
        self.bson = bson

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Encoded:
        """Return a row encoded."""
        return cls(row, encode(row))

    def ending(self, fields: Mapping[str, Any]) -> Encoded:
        """Return the row with further fields behind its own."""
        body = self.bson[4:-1] + encode(fields)[4:]  # without a length each, and one end
        more = Encoded(self, (len(body) + 4).to_bytes(4, "little") + body)
        more.update(fields)
        return more


def as_bson(row: Document) -> bytes:
    """Return a row as the database takes it."""
    return row.bson if isinstance(row, Encoded) else encode(row)


def packed(rows: Iterable[Encoded]) -> bytes:
    """Return rows as one value that is small."""
    return zlib.compress(b"".join(row.bson for row in rows), FASTEST)


def waiting_on(batch: Document, database: Database) -> list[Document]:
    """Return the events that wait on the row of a batch."""
    if PACKED not in batch:  # written by an earlier version
        return list(batch["events"])
    return list(decode_all(zlib.decompress(batch[PACKED]), database.codec_options))
