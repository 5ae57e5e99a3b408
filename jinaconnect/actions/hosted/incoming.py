"""Calls that come in at an HTTP carrier: their row, once however often they are told, or their refusal."""

from __future__ import annotations

from typing import Any

from jinaconnect.actions.calls.admission import TooManyCalls, belongs, caller_contact, consent, let_in
from jinaconnect.actions.calls.arrivals import route_of, tell_rejected
from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.hosted.control import longest
from jinaconnect.actions.trunks.routes import purpose_at
from jinaconnect.actions.trunks.voice_app import voice_app
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls import causes, machine
from jinaconnect.core.calls import document as calls
from jinaconnect.core.calls import plan as plans
from jinaconnect.core.calls.numbers import plus_form
from jinaconnect.core.calls.privacy import WITHHELD
from jinaconnect.core.calls.routing import Reject, Resolution, ToTemplate
from jinaconnect.core.schema import e164
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.store.tenant import Duplicate
from jinaconnect.telephony.provider import Arrival


async def admit(services: Services, worker: Worker, trunk: Document, arrived: Arrival) -> Document | None:
    """Return the call of what arrived, stored; None when it is refused. Raises Unavailable."""
    ctx = system_context(services, trunk["scope"], "telephony")
    app, called = await voice_app(ctx.data), _number(arrived.called)
    resolution, route = await route_of(ctx, trunk, called)
    place, cause = _stop(resolution)
    if not (app["is_enabled"] and trunk["enabled"]):
        cause = causes.NUMBER_UNALLOCATED
    if cause is None:
        try:
            return await _let_in(ctx, worker, trunk, arrived, called, app, route, place)
        except TooManyCalls:
            cause = causes.USER_BUSY
    caller = _number(arrived.caller) or WITHHELD
    await tell_rejected(
        ctx, trunk, caller=caller, called=called, cause=cause, source=resolution.source, at=ctx.now()
    )
    return None


async def known(services: Services, trunk: Document, call_id: str) -> Document | None:
    """Return the call that came in under a carrier's id, None where none did."""
    wanted = {"provider_config": trunk["_id"], "hosted.arrived": call_id}
    return await services.store.within(trunk["scope"]).find_one("calls", wanted) if call_id else None


def _stop(resolution: Resolution) -> tuple[int, str | None]:
    """Return the stop of a route that answers here, or why none does: telephones of ours are not rung from there."""
    for place, stop in enumerate(resolution.route):
        if isinstance(stop, ToTemplate):
            return place, None
        if isinstance(stop, Reject):
            return place, stop.cause
    return 0, causes.NUMBER_UNALLOCATED


def _number(text: str) -> str:
    try:
        return e164(text) if text else ""
    except ValueError:
        return plus_form(text)


async def _let_in(
    ctx: Context, worker: Worker, trunk: Document, arrived: Arrival, called: str, app: Document,
    route: Document | None, place: int,
) -> Document:  # fmt: skip
    caller, now = _number(arrived.caller) or WITHHELD, ctx.now()
    contact = await caller_contact(ctx, caller)
    plan = plans.Plan(purpose_at(route, place), record=trunk["recording_enabled"], route=route, place=place)
    hosted: dict[str, Any] = {**calls.hosted(trunk["provider"]), "asked": now, "arrived": arrived.call_id}
    doc = calls.new_call(
        ctx.ids.new("call"), direction=calls.INBOUND, from_number=caller[:24], to_number=called[:24],
        provider_config=trunk["_id"], switch=None, plan=plans.stored(plan), at=now, provider_call_id=arrived.call_id,
        placed_at=now, hosted=hosted, metadata={"recording_allowed": await consent(ctx, app, contact)},
        **belongs(contact),
    )  # fmt: skip
    doc["due"] = due_at(now + longest(doc))
    rings = (machine.Dialing(now), machine.Ringing(now))
    try:
        return (await let_in(ctx, worker, trunk, doc, source="carrier", facts=rings)).doc
    except Duplicate:  # told twice at one moment
        held = await known(ctx.services, trunk, arrived.call_id)
        if held is None:
            raise
        return held
