"""`/voice/api/calls/` and `/voice/api/call-events/`: placing calls and reading them."""

from __future__ import annotations

from typing import Any, Literal

from jinaconnect.actions.calls import reading as calls
from jinaconnect.actions.calls.outbound_routes import render_decision
from jinaconnect.actions.calls.placing import CheckedCall, PlaceCall, check_call, place_call
from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.scoping import visible
from jinaconnect.core.billing.money import shown
from jinaconnect.core.calls.machine import STATUSES
from jinaconnect.core.calls.rating import cost_by
from jinaconnect.core.events.payloads.base import like
from jinaconnect.core.events.payloads.calls import CALL, CallData
from jinaconnect.core.events.payloads.routing import RouteDecision
from jinaconnect.core.paging import (
    MOMENT,
    Filter,
    Listing,
    choice_filter,
    one_of,
    parse_moment,
    text_filter,
    time_filter,
)
from jinaconnect.core.schema import Answer
from jinaconnect.handlers.calls.operation import voice_operation
from jinaconnect.handlers.edge.operation import Reply, dry_run
from jinaconnect.handlers.edge.verdict import VerdictOut, render_verdict


def _bound(operator: str) -> Filter:
    return Filter("started_at", lambda text: {operator: parse_moment(text)}, ("",), MOMENT)


CALLS = Listing(
    filters={
        "status": choice_filter("status", STATUSES),
        "direction": Filter("direction", str.lower, schema=one_of("inbound", "outbound")),
        "contact_id": text_filter("contact"), "started_at": time_filter("started_at"),
        "started_at_from": _bound("$gte"), "started_at_to": _bound("$lte"),
        "provider_config": text_filter("provider_config"), "user": text_filter("user"),
        "parent_call": text_filter("parent_call"),
    },
    orderings={"started_at": "started_at", "created_at": "_id"},
)  # fmt: skip
EVENTS = Listing(
    filters={"call_id": text_filter("call"), "event_type": text_filter("type")},
    orderings={"sequence": "sequence"}, default=(("call", 1), ("sequence", 1)),
)  # fmt: skip


class CallEventOut(Answer):
    """One entry of a call's history."""

    id: str
    call: str
    sequence: int
    event_type: str
    type: str
    payload: dict[str, Any]
    occurred_at: str


class CallOut(CallData):
    """A call."""


class Transcription(Answer):
    """What was said in a recording; null for roles that may not listen."""

    recording: str
    text: str
    provider: str | None
    confidence: float | None
    language: str | None = None


class CallDetail(CallOut, json_schema_extra=like(CALL, recent_events=[])):
    """A call with the end of its history and its transcription."""

    recent_events: list[CallEventOut]
    transcription: Transcription | None = None


class CallFact(Answer):
    """One fact of a call."""

    at: str
    offset_ms: int
    source: Literal["ari", "sip", "ivr", "agent", "carrier", "system"]
    type: str
    detail: dict[str, Any]
    inferred: bool


class CallTimeline(Answer):
    """Everything that happened in a call."""

    call: CallOut
    items: list[CallFact]


class CallPrice(Answer):
    """What a call costs by the rate card that counts for it.

    `set_aside` is what the wallet holds of it while it lasts, null where nobody is charged.
    """

    per_minute: str
    currency: str
    rate_card: str
    destination_prefix: str
    billing_increment_seconds: int
    minimum_seconds: int
    set_aside: float | None
    set_aside_currency: str | None


class CallPreview(Answer):
    """A call that was asked about and not placed."""

    dry_run: Literal[True]
    provider_config_id: str
    from_number: str
    to_number: str
    contact: str | None
    recording_allowed: bool
    price: CallPrice | None
    verdict: VerdictOut
    routing: RouteDecision | None = None


def render_preview(ctx: Context, checked: CheckedCall) -> dict[str, Any]:
    """Return a checked call as `CallPreview` describes it; a contact one may not see is shown as none."""
    contact = checked.contact
    if contact is not None and not visible(ctx.principal, contact):
        contact = None
    return {
        "dry_run": True, "provider_config_id": checked.trunk["_id"], "from_number": checked.own,
        "to_number": checked.to, "contact": None if contact is None else contact["_id"],
        "recording_allowed": checked.recording,
        "price": _price(checked), "verdict": render_verdict(checked.verdict),
        "routing": None if checked.decision is None else render_decision(checked.decision),
    }  # fmt: skip


def _price(checked: CheckedCall) -> dict[str, Any] | None:
    card, quote = checked.card, checked.quote
    if card is None:
        return None
    return {
        "per_minute": str(cost_by(card, 60).amount), "currency": card.currency, "rate_card": card.id,
        "destination_prefix": card.prefix, "billing_increment_seconds": card.billing_increment_seconds,
        "minimum_seconds": card.minimum_seconds, "set_aside": None if quote is None else shown(quote.amount),
        "set_aside_currency": None if quote is None else quote.currency,
    }  # fmt: skip


@voice_operation(
    "POST", "calls/", id="calls.place", permission="voice.call", body=PlaceCall, returns=CallDetail, status=201,
    effect=True, dry_run=CallPreview, errors=(429, 501, 503), aliases=("calls/initiate/",),
)  # fmt: skip
async def place(ctx: OperationContext, body: PlaceCall) -> dict[str, Any] | Reply:
    """Place a call that speaks a text, plays audio, runs an IVR or connects an agent's telephone.

    201 means recorded, what follows comes as events. 403 `do_not_call` or `outside_hours`, 429 `too_many_calls` at
    the trunk's cap, 503 `trunk_down` or `asterisk_down`: nothing is kept to be dialled later.
    """
    if dry_run(ctx):
        return Reply(render_preview(ctx, await check_call(ctx, body)))
    return await place_call(ctx, body)


@voice_operation("GET", "calls/", id="calls.list", permission="voice.view", listing=CALLS, returns=CallOut)
async def list_calls(ctx: Context) -> dict[str, Any]:
    """List the calls, newest first; agents get their own and those of contacts assigned to them."""
    return await calls.list_calls(ctx, CALLS)


@voice_operation("GET", "calls/{id}/", id="calls.read", permission="voice.view", returns=CallDetail)
async def read_call(ctx: Context, id: str) -> dict[str, Any]:
    """Show a call with its last 20 events and its transcription."""
    return await calls.read_call(ctx, id)


@voice_operation("GET", "calls/{id}/timeline/", id="calls.timeline", permission="voice.view", returns=CallTimeline)
async def timeline(ctx: Context, id: str) -> dict[str, Any]:
    """Show every fact of a call in order on one clock, marked where it was inferred."""
    return await calls.timeline(ctx, id)


@voice_operation(
    "GET", "call-events/", id="call_events.list", permission="voice.view", listing=EVENTS, returns=CallEventOut
)
async def list_events(ctx: Context) -> dict[str, Any]:
    """List the events of calls, by call and sequence."""
    return await calls.list_events(ctx, EVENTS)


@voice_operation("GET", "call-events/{id}/", id="call_events.read", permission="voice.view", returns=CallEventOut)
async def read_event(ctx: Context, id: str) -> dict[str, Any]:
    """Show one event of a call."""
    return await calls.read_event(ctx, id)
