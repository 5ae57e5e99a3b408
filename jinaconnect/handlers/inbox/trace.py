"""`GET /messages/{id}/trace/`: did my customer get this?"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from jinaconnect.actions.context import Context
from jinaconnect.actions.inbox.trace import trace_message
from jinaconnect.core.events.payloads.base import EARLIER, LATER, MOMENT
from jinaconnect.core.inbox.platform import USUAL, PlatformName
from jinaconnect.core.schema import Answer, example, sample_id
from jinaconnect.handlers.edge.operation import operation


class MessageStep(Answer):
    """One step: that it was asked for, an attempt at the carrier, what the carrier reported, an end here, or that
    it has reported nothing in all the time it may take.
    """

    kind: Literal["queued", "received", "attempt", "report", "ended", "silent"]
    at: str
    request_id: str | None = None
    by: dict[str, str] | None = None
    attempt: int | None = None
    ms: int | None = None
    outcome: Literal["accepted", "refused", "unknown"] | None = None
    status: str | None = None
    told_at: str | None = None
    asked: bool | None = Field(None, description="Whether the carrier told it when it was asked, instead of by itself.")
    carrier_id: str | None = None
    code: str | None = None
    reason: str | None = None
    next_at: str | None = None


class MessageCharge(Answer):
    """A row of the ledger about the message: what was reserved, settled or given back."""

    id: str
    at: str
    key: str
    type: str
    change: float
    reserved_change: float
    currency: str


class MessageTrace(
    Answer,
    json_schema_extra=example(
        id=sample_id("msg"), direction="OUTGOING", platform=USUAL, channel_app_id=sample_id("wap"),
        status="delivered", carrier_id="wamid.HBgLMTIwMjU1NTAxMTEVAgARGBI5", request_id=sample_id("req"), steps=[
            {"kind": "queued", "at": EARLIER, "request_id": sample_id("req"),
             "by": {"type": "api_key", "id": sample_id("key")}},
            {"kind": "attempt", "at": MOMENT, "ms": 212, "attempt": 1, "outcome": "accepted",
             "carrier_id": "wamid.HBgLMTIwMjU1NTAxMTEVAgARGBI5", "code": None, "reason": None, "next_at": None},
            {"kind": "report", "at": LATER, "told_at": LATER, "status": "DELIVERED",
             "carrier_id": "wamid.HBgLMTIwMjU1NTAxMTEVAgARGBI5", "code": None, "reason": None},
        ],
        charges=[
            {"id": sample_id("txn"), "at": EARLIER, "key": f"message:{sample_id('msg')}:reserve", "type": "CONSUMPTION",
             "change": -0.0135, "reserved_change": 0.0135, "currency": "USD"},
        ],
    ),
):
    """What became of a message: the request that asked for it, every attempt, every report, in order.

    `charges` are there for those who see the ledger.
    """

    id: str
    direction: Literal["INCOMING", "OUTGOING"]
    platform: PlatformName
    channel_app_id: str | None
    status: str | None
    carrier_id: str | None
    request_id: str | None
    steps: list[MessageStep]
    charges: list[MessageCharge] | None


@operation(
    "GET", "/messages/{id}/trace/", id="messages.trace", permission="inbox.view", returns=MessageTrace, tag="inbox"
)
async def trace(ctx: Context, id: str) -> dict[str, Any]:
    """Show what became of a message, in order: every attempt with the carrier's id and answer, report and charge."""
    return await trace_message(ctx, id)
