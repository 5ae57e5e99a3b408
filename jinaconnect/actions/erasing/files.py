"""The end of messages' files."""

from __future__ import annotations

from jinaconnect.actions.context import Services
from jinaconnect.core.inbox.media import media_of
from jinaconnect.store.databases.mongo import Document


async def erase_files(services: Services, scope: str, messages: list[Document]) -> None:
    """Remove the files of messages, and what would fetch them."""
    store = services.store.within(scope)
    for message in messages:
        id = media_of(message)
        row = await store.find("media", id) if id is not None else None
        if row is not None and row["message"] == message["_id"]:
            await services.blobs.delete(scope, row["_id"])
            await store.remove("media", row["_id"])
