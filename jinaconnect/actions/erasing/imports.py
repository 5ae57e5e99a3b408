"""Erasing what imports keep of a person: rows of files that were not taken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change

IMPORTS, ROWS = "contact_imports", "contact_import_rows"
PAGE = 500


async def erase_rows(ctx: Context, contact: str, words: Sequence[str], until: datetime | None) -> None:
    """Remove the rows that are about a contact or name one of its addresses, and what imports say of them.

    With `until` that of imports begun after that moment stays: the address was somebody else's by then.
    """
    within: dict[str, Any] = {} if until is None else {"created_at": {"$lte": until}}
    last = within
    while rows := await ctx.data.select(ROWS, last, sort=[("_id", -1)], limit=PAGE):
        for row in rows:
            if row["contact"] == contact or _names(row["phone"], words):
                await ctx.data.remove(ROWS, row["_id"])
        last = {**within, "_id": {"$lt": rows[-1]["_id"]}}
    last = within
    while imports := await ctx.data.select(IMPORTS, last, sort=[("_id", -1)], limit=PAGE):
        for doc in imports:
            if any(_names(error["phone"], words) for error in doc["errors"]):
                await ctx.data.change(IMPORTS, doc["_id"], lambda held: Change(set={"errors": _left(held, words)}))
        last = {**within, "_id": {"$lt": imports[-1]["_id"]}}


def _left(doc: Document, words: Sequence[str]) -> list[Any]:
    return [error for error in doc["errors"] if not _names(error["phone"], words)]


def _names(text: str, words: Sequence[str]) -> bool:
    plain = "".join(char for char in text if char.isalnum())
    return any(word in plain for word in words)
