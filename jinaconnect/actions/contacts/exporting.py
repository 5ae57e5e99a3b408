"""Contacts as a CSV file, written while they are read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from jinaconnect.actions.contacts.contacts import list_contacts
from jinaconnect.actions.context import Context
from jinaconnect.core.contacts.sheet import written
from jinaconnect.core.paging import MAX_PAGE_SIZE

COLUMNS = ("phone", "first_name", "last_name", "tag", "source", "created_at")
_OF_PAGES = ("page", "page_size", "cursor", "ordering")


async def export(ctx: Context) -> AsyncIterator[bytes]:
    """Return the contacts the list would answer, the newest first, as pieces of a file.

    What is asked for wrongly is refused before the first of them.
    """
    first = await _page(ctx, "")

    async def pieces() -> AsyncIterator[bytes]:
        page = first
        yield written([COLUMNS]).encode()
        while True:
            yield written([[row[name] or "" for name in COLUMNS] for row in page["results"]]).encode()
            if page["next_cursor"] is None:
                return
            page = await _page(ctx, page["next_cursor"])

    return pieces()


async def _page(ctx: Context, cursor: str) -> dict[str, Any]:
    asked = {name: text for name, text in ctx.caller.query.items() if name not in _OF_PAGES}
    query = {**asked, "page_size": str(MAX_PAGE_SIZE), "cursor": cursor}
    ctx.caller = replace(ctx.caller, query=query)
    return await list_contacts(ctx)
