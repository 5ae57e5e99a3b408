"""`/notifications/`: what people are notified of; they hear of it on the socket too (topic `notifications`)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from jinaconnect.actions.context import Context
from jinaconnect.actions.office import notifications
from jinaconnect.core.events.payloads.office import NotificationData
from jinaconnect.core.office.notices import TYPES
from jinaconnect.core.paging import Filter, Listing, between, bool_filter, one_of, parse_int, parse_or_fault
from jinaconnect.core.schema import Answer
from jinaconnect.handlers.edge.operation import AUTHENTICATED, operation
from jinaconnect.handlers.edge.schemas import Parameter

MOST = 100


def _type(text: str) -> str:
    if text not in TYPES:
        raise ValueError(f"must be one of {', '.join(TYPES)}")
    return text


_LISTING = Listing(
    filters={"is_read": bool_filter("is_read"), "type": Filter("type", _type, ("",), one_of(*TYPES))}
)


class NotificationOut(NotificationData):
    """A notice to the caller."""


class LatestNotifications(Answer):
    """The newest notices."""

    notifications: list[NotificationOut]
    total_count: int
    unread_count: int


class Marked(Answer):
    """How many notices were marked as read."""

    updated: int


class Unread(Answer):
    """How many notices are not read; a count above one thousand is made in the background."""

    unread_count: int = Field(ge=0)


@operation(
    "GET", "/notifications/", id="notifications.list", permission=AUTHENTICATED, listing=_LISTING,
    returns=NotificationOut,
)  # fmt: skip
async def list_notifications(ctx: Context) -> dict[str, Any]:
    """List one's own notices, newest first; they are kept for 90 days. An API key has none."""
    return await notifications.list_notifications(ctx, _LISTING)


@operation(
    "GET", "/notifications/unread-count/", id="notifications.unread", permission=AUTHENTICATED, returns=Unread
)
async def unread_count(ctx: Context) -> dict[str, Any]:
    """Count the notices one has not read."""
    return {"unread_count": await notifications.unread(ctx)}


@operation(
    "PATCH", "/notifications/mark-all-read/", id="notifications.mark_all", permission=AUTHENTICATED, returns=Marked,
    effect=True,
)  # fmt: skip
async def mark_all(ctx: Context) -> dict[str, Any]:
    """Mark all of one's notices as read."""
    return {"updated": await notifications.mark_all_read(ctx)}


@operation(
    "GET", "/notifications/{id}/", id="notifications.read", permission=AUTHENTICATED, returns=NotificationOut
)
async def read_notification(ctx: Context, id: str) -> dict[str, Any]:
    """Show one of one's notices; looking at it does not mark it."""
    return await notifications.read_notification(ctx, id)


@operation(
    "POST", "/notifications/{id}/read/", id="notifications.mark", permission=AUTHENTICATED, returns=NotificationOut,
    effect=True,
)  # fmt: skip
async def mark(ctx: Context, id: str) -> dict[str, Any]:
    """Mark one of one's notices as read; others' marks stay as they are."""
    return await notifications.mark_read(ctx, id)


@operation(
    "GET", "/tenants/notifications/", id="notifications.latest", permission=AUTHENTICATED, returns=LatestNotifications,
    query={"limit": Parameter("How many.", between(1, MOST, 10))},
)  # fmt: skip
async def latest(ctx: Context) -> dict[str, Any]:
    """Show one's newest notices, with how many there are."""
    limit = parse_or_fault("limit", _limit, ctx.caller.query.get("limit", "10"))
    return await notifications.latest(ctx, limit)


def _limit(text: str) -> int:
    if not 1 <= (number := parse_int(text)) <= MOST:
        raise ValueError(f"must be between 1 and {MOST}")
    return number
