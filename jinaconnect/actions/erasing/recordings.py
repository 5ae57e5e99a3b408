"""The end of a recording: its audio, what was written down of it, its row, and what its call shows of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinaconnect.actions.context import Services
from jinaconnect.core.calls.document import seen_of
from jinaconnect.core.events.event import Event
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.tenant import Change, Leaving, Step


def words_blob(row: Mapping[str, Any]) -> str:
    """Return where the words of a recording are kept, each with its times."""
    return f"{row['blob']}.words.json"


async def remove_recording(services: Services, scope: str, row: Document, actor: Mapping[str, str]) -> None:
    """Remove a recording: its audio and its words, then its row with what its call shows of it.

    Its time is over from the first step on, so that retention goes on where this is cut off.
    """
    store, now = services.store.within(scope), services.clock()
    if row["retention_expires_at"] > now:
        await store.change("recordings", row["_id"], lambda doc: Change(set={"retention_expires_at": now}))
    for blob in (row["blob"], words_blob(row)):
        await services.blobs.delete(scope, blob)
    steps: list[Step] = []
    call = await store.find("calls", row["call"])
    if call is not None:
        event = Event(
            id="evt_" + row["_id"].partition("_")[2], type="recording.deleted", occurred_at=now,
            actor=actor, subject=row["_id"], data={"id": row["_id"], "call": row["call"]}, contact=call["contact"],
            call=call["_id"], channel="VOICE", seen=seen_of(call),
        )  # fmt: skip
        blank = {"recording_url": "", "recording_duration_seconds": None}

        def decide(doc: Document) -> Change:
            return Change(set=blank if doc["recording_url"] == row["blob"] else {}, events=[event])

        steps.append(Step("calls", call["_id"], decide))
    await store.change_together(steps, [Leaving("recordings", row["_id"])])
    await services.blobs.delete(scope, words_blob(row))  # which may have been written down meanwhile
