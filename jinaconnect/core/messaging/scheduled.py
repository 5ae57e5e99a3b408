"""Messages to be sent later: what one can be, when it is due, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from jinaconnect.core.broadcasts.states import missed
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import GatewayError, Invalid

SCHEDULED, SENT, CANCELLED, MISSED, FAILED = "SCHEDULED", "SENT", "CANCELLED", "MISSED", "FAILED"
STATUSES = (SCHEDULED, SENT, CANCELLED, MISSED, FAILED)
CHANGEABLE = (SCHEDULED, MISSED, FAILED)
FURTHEST = timedelta(days=366)


def time_of(given: datetime, zone: tzinfo, now: datetime) -> datetime:
    """Return when a message is due, in UTC; a time without an offset is one of the organisation's `zone`.

    Raises Invalid for a time that is past, more than a year away, or that clocks put forward leave out.
    """
    local = given if given.tzinfo is not None else given.replace(tzinfo=zone)
    try:
        moment = local.astimezone(UTC)
        same = moment.astimezone(local.tzinfo).replace(tzinfo=None) == local.replace(tzinfo=None)
    except OverflowError as error:
        raise Invalid.field("scheduled_time", "is out of range") from error
    if not same:
        raise Invalid.field("scheduled_time", f"there is no such time in {zone}: clocks are put forward then")
    if moment <= now:
        raise Invalid.field("scheduled_time", "must be in the future")
    if moment > now + FURTHEST:
        raise Invalid.field("scheduled_time", "must be within a year")
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def is_missed(doc: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether a message comes too late to be sent without being asked: a restored backup sends nothing."""
    return missed(doc["scheduled_time"], now)


def refusal(error: GatewayError) -> dict[str, str]:
    """Return why a message was not sent, as it is kept."""
    detail = error.detail
    text = detail if isinstance(detail, str) else "; ".join(f"{name}: {said[0]}" for name, said in detail.items())
    return {"code": error.code, "detail": text[:1000]}


def render_scheduled(doc: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message to be sent later as REST and events show it."""
    names = (
        "contact", "platform", "content", "template", "channel_app_id", "reply_to", "status", "error", "created_by",
        "updated_by",
    )  # fmt: skip
    author = doc["author"]
    return {
        "id": doc["_id"], **{name: doc[name] for name in names}, "scheduled_time": iso(doc["scheduled_time"]),
        "message_id": doc["message"] if doc["status"] == SENT else None,
        "tenant_user": author["id"] if author["kind"] == "user" else None,
        "created_at": iso(doc["created_at"]), "updated_at": iso(doc["updated_at"]),
    }  # fmt: skip
