"""Many conversations at once: each is moved by itself, and the answer says of each what came of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from pydantic import Field

from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox.conversations import (
    Assign,
    WithReason,
    assign_conversation,
    assignee,
    close_conversation,
    reopen_conversation,
)
from jinaconnect.core.errors import Conflict, InvalidState, NotFound
from jinaconnect.core.inbox.profile import Note
from jinaconnect.core.schema import Id, Request, example, sample_id

MOST = 100

Ids = Annotated[list[Id], Field(min_length=1, max_length=MOST)]
Move = Callable[[str], Awaitable[dict[str, Any]]]


class AssignMany(
    Assign,
    json_schema_extra=example(
        contact_ids=[sample_id("cnt")], assigned_to_type="USER", assigned_to_id=sample_id("usr"), if_unassigned=True
    ),
):
    """Whose conversations somebody shall hold; with `if_unassigned` only those that nobody does."""

    contact_ids: Ids


class MoveMany(Request, json_schema_extra=example(contact_ids=[sample_id("cnt")], reason="The parcels have arrived.")):
    """Whose conversations are closed or go on, and why."""

    contact_ids: Ids
    reason: Note | None = None


async def assign_many(ctx: Context, body: AssignMany) -> dict[str, Any]:
    """Give conversations to somebody; raises Invalid, and changes nothing, where there is no such member."""
    await assignee(ctx, body.assigned_to_type, body.assigned_to_id)
    return await _each(ctx, body.contact_ids, lambda id: assign_conversation(ctx, id, body))


async def close_many(ctx: Context, body: MoveMany) -> dict[str, Any]:
    """End conversations for now."""
    return await _each(ctx, body.contact_ids, lambda id: close_conversation(ctx, id, WithReason(reason=body.reason)))


async def reopen_many(ctx: Context, body: MoveMany) -> dict[str, Any]:
    """Go on with closed conversations."""
    return await _each(ctx, body.contact_ids, lambda id: reopen_conversation(ctx, id, WithReason(reason=body.reason)))


async def _each(ctx: Context, ids: list[str], move: Move) -> dict[str, Any]:
    # One after the other, so that a request that is run again gives each event the id it had.
    done: list[str] = []
    refused: list[dict[str, Any]] = []
    for id in dict.fromkeys(ids):
        try:
            await move(id)
            done.append(id)
        except (Conflict, InvalidState, NotFound) as error:
            refused.append({"contact_id": id, "code": error.code, "detail": error.detail})
    return {"status": "success", "changed_ids": done, "refused": refused}
