"""`/webhooks/deliveries/`: what was posted, and what came of it."""

from __future__ import annotations

from typing import Any, Literal

from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.webhooks import deliveries
from jinaconnect.core.events.payloads.base import MOMENT
from jinaconnect.core.paging import Filter, Listing, one_of
from jinaconnect.core.schema import Answer, example, sample_id
from jinaconnect.handlers.edge.operation import operation

STATUSES = ("delivered", "retrying", "failed")


def _status(text: str) -> str:
    if text not in STATUSES:
        raise ValueError(f"must be one of {', '.join(STATUSES)}")
    return text


DELIVERIES = Listing(
    filters={"endpoint": Filter("endpoint"), "event": Filter("event"),
             "status": Filter("status", _status, schema=one_of(*STATUSES))},
)  # fmt: skip


class DeliveryAttempt(Answer):
    """One attempt: the status answered and the first of what was said, or why there was no answer."""

    at: str
    response_code: int | None
    response_time_ms: int
    answer: str | None
    error: str | None


class DeliveryOut(
    Answer,
    json_schema_extra=example(
        id=sample_id("dlv"), endpoint=sample_id("hep"), event=sample_id("evt"), type="message.received", seq=1042,
        status="delivered", replay=None, response_code=200, response_time_ms=84,
        attempts=[{"at": MOMENT, "response_code": 200, "response_time_ms": 84, "answer": "ok", "error": None}],
        created_at=MOMENT, updated_at=MOMENT,
    ),
):
    """A delivery of one event to one endpoint, with its attempts."""

    id: str
    endpoint: str
    event: str
    type: str
    seq: int
    status: Literal["delivered", "retrying", "failed"]
    replay: str | None
    response_code: int | None
    response_time_ms: int
    attempts: list[DeliveryAttempt]
    created_at: str
    updated_at: str


@operation(
    "GET", "/webhooks/deliveries/", id="deliveries.list", permission="webhook.view", listing=DELIVERIES,
    returns=DeliveryOut, tag="webhooks",
)  # fmt: skip
async def list_deliveries(ctx: Context) -> dict[str, Any]:
    """List deliveries, the newest first; they are kept as long as the log."""
    return await deliveries.list_deliveries(ctx, DELIVERIES)


@operation(
    "GET", "/webhooks/deliveries/{id}/", id="deliveries.read", permission="webhook.view", returns=DeliveryOut,
    tag="webhooks",
)  # fmt: skip
async def read_delivery(ctx: Context, id: str) -> dict[str, Any]:
    """Show one delivery with all its attempts."""
    return await deliveries.read_delivery(ctx, id)


@operation(
    "POST", "/webhooks/deliveries/{id}/redeliver/", id="deliveries.redeliver", permission="webhook.manage",
    returns=DeliveryOut, effect=True, tag="webhooks",
)  # fmt: skip
async def redeliver(ctx: OperationContext, id: str) -> dict[str, Any]:
    """Post the event of a delivery once more, now, under the same `webhook-id`."""
    return await deliveries.redeliver(ctx, id)
