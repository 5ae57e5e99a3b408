"""`/contacts/erasures/`: proofs that people were erased."""

from __future__ import annotations

from typing import Any

from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox import erasure
from jinaconnect.core.schema import Answer, example, sample_id
from jinaconnect.handlers.edge.operation import operation


class Erased(Answer, json_schema_extra=example(messages=12, files=2, calls=1, recordings=1, events=58)):
    """How many things of each kind there were."""

    messages: int
    files: int
    calls: int
    recordings: int
    events: int


class ErasureOut(
    Answer,
    json_schema_extra=example(
        id=sample_id("ers"), contact=sample_id("cnt"), requested_by="sam@example.com",
        requested_at="2026-11-24T10:00:00.123Z", completed_at="2026-11-24T10:00:01.456Z",
        erased={"messages": 12, "files": 2, "calls": 1, "recordings": 1, "events": 58},
    ),
):  # fmt: skip
    """Who had a contact erased, when that was done, and what there was; nothing of what it said."""

    id: str
    contact: str
    requested_by: str
    requested_at: str
    completed_at: str | None
    erased: Erased


@operation(
    "GET", "/contacts/erasures/", id="contacts.erasures.list", permission="contact.delete", listing=erasure.LISTING,
    returns=ErasureOut,
)  # fmt: skip
async def list_erasures(ctx: Context) -> dict[str, Any]:
    """List the erasures of contacts; one without `completed_at` goes on by itself."""
    return await erasure.list_erasures(ctx)


@operation(
    "GET", "/contacts/erasures/{id}/", id="contacts.erasures.read", permission="contact.delete", returns=ErasureOut
)
async def read_erasure(ctx: Context, id: str) -> dict[str, Any]:
    """Show the proof of one erasure."""
    return await erasure.read_erasure(ctx, id)
