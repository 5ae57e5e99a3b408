"""`/team-inbox/api/conversations/bulk-…/`: many conversations assigned, closed or reopened at once."""

from __future__ import annotations

from typing import Any, Literal

from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox import bulk
from jinaconnect.actions.inbox.bulk import AssignMany, MoveMany
from jinaconnect.core.schema import Answer, example, sample_id
from jinaconnect.handlers.edge.operation import operation

_BASE = "/team-inbox/api/conversations"
_RESOLVE = "inbox.resolve|contact.edit"


class NotMoved(Answer):
    """A conversation that is not as asked, with the code and text a request for it alone would have had."""

    contact_id: str
    code: str
    detail: str


class MovedMany(
    Answer,
    json_schema_extra=example(
        status="success", changed_ids=[sample_id("cnt")],
        refused=[{
            "contact_id": "cnt_01kc8x2v7m4q9r5t1w3y6z8a0c", "code": "conflict",
            "detail": "The conversation is assigned to Sam Roe.",
        }],
    ),
):  # fmt: skip
    """What came of each: those that are as asked, and the others."""

    status: Literal["success"]
    changed_ids: list[str]
    refused: list[NotMoved]


@operation(
    "POST", f"{_BASE}/bulk-assign/", id="inbox.conversations.assign_many", permission="inbox.assign|contact.edit",
    body=AssignMany, returns=MovedMany, effect=True,
)  # fmt: skip
async def assign_many(ctx: Context, body: AssignMany) -> dict[str, Any]:
    """Assign up to a hundred conversations to somebody, or to nobody, each by itself."""
    return await bulk.assign_many(ctx, body)


@operation(
    "POST", f"{_BASE}/bulk-close/", id="inbox.conversations.close_many", permission=_RESOLVE, body=MoveMany,
    returns=MovedMany, effect=True,
)  # fmt: skip
async def close_many(ctx: Context, body: MoveMany) -> dict[str, Any]:
    """Close up to a hundred conversations, each by itself; one that is closed is refused."""
    return await bulk.close_many(ctx, body)


@operation(
    "POST", f"{_BASE}/bulk-reopen/", id="inbox.conversations.reopen_many", permission=_RESOLVE, body=MoveMany,
    returns=MovedMany, effect=True,
)  # fmt: skip
async def reopen_many(ctx: Context, body: MoveMany) -> dict[str, Any]:
    """Reopen up to a hundred conversations, each by itself; one that is open is refused."""
    return await bulk.reopen_many(ctx, body)
