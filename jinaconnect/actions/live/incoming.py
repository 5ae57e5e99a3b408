"""Calls that come in: whose they are, where they go, and their row; or their refusal, told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog

from jinaconnect.actions.billing.calls import quote_call
from jinaconnect.actions.calls.admission import TooManyCalls, belongs, caller_contact, consent, let_in, let_in_paid
from jinaconnect.actions.calls.arrivals import numbers_of, route_of, tell_rejected
from jinaconnect.actions.calls.journal import Tell
from jinaconnect.actions.calls.outbound_routes import decide, left_of, render_decision, standing_on
from jinaconnect.actions.calls.placing import call_verdict, may_go
from jinaconnect.actions.context import Context, Services, system_context
from jinaconnect.actions.live.driver import SwitchFleet
from jinaconnect.actions.rating.rate_cards import card_for
from jinaconnect.actions.trunks.accounts import open_sip, outbound_trunk
from jinaconnect.actions.trunks.claims import claimant
from jinaconnect.actions.trunks.routes import purpose_at
from jinaconnect.actions.trunks.targets import called_number, home_of, trunk_target
from jinaconnect.actions.trunks.voice_app import require_voice, voice_app
from jinaconnect.actions.worker import Worker
from jinaconnect.core.calls import causes, machine
from jinaconnect.core.calls import document as calls
from jinaconnect.core.calls import plan as plans
from jinaconnect.core.calls.numbers import country_of, subscriber
from jinaconnect.core.calls.privacy import WITHHELD
from jinaconnect.core.errors import GatewayError, PermissionDenied, Unavailable
from jinaconnect.core.schema import e164
from jinaconnect.store.databases.mongo import Document
from jinaconnect.telephony.switch import CUSTOMER, IncomingCall, Switch
from jinaconnect.telephony.trunks.pjsip import config_of, device_of

logger = structlog.get_logger(__name__)


async def admit(
    services: Services, worker: Worker, fleet: SwitchFleet, switch: Switch, arrived: IncomingCall
) -> Document | None:  # fmt: skip
    """Return the call of what arrived, stored; None when it was refused. Raises SwitchError, Unavailable."""
    if arrived.from_device:
        return await _from_device(services, worker, switch, arrived)
    hidden = ""
    if await switch.withheld(arrived):
        arrived, hidden = replace(arrived, caller=WITHHELD), arrived.caller
    found = await _owner(services, fleet, switch.name, arrived)
    if found is None:
        logger.warning("arrival.unknown_trunk", switch=switch.name, endpoint=arrived.endpoint)
        await switch.refuse(arrived.channel, causes.rejection_code(causes.NUMBER_UNALLOCATED))
        return None
    trunk, called = found
    ctx = system_context(services, trunk["scope"], "telephony")
    app = await voice_app(ctx.data)
    enabled = app["is_enabled"] and trunk["enabled"]
    resolution, route = route_of(await numbers_of(ctx, called), trunk, called)
    cause = resolution.rejected if enabled else causes.NUMBER_UNALLOCATED
    if cause is None:
        try:
            return await _let_in(ctx, worker, switch, app, trunk, called, route, arrived, hidden)
        except TooManyCalls:
            cause = causes.USER_BUSY
    await switch.refuse(arrived.channel, causes.rejection_code(cause))
    await tell_rejected(
        ctx, trunk, caller=arrived.caller, called=called, cause=cause, source=resolution.source, at=arrived.at
    )
    return None


async def _owner(
    services: Services, fleet: SwitchFleet, name: str, arrived: IncomingCall
) -> tuple[Document, str] | None:  # fmt: skip
    """Return the trunk a call belongs to, and the number called; None where that is not known.

    The trunk the switch named, unless several tenants are at its address: then whoever claims the number, and for a
    number nobody claims the trunk that has registered under it. Anything else may be anybody's and is nobody's.
    """
    id = config_of(arrived.endpoint)
    named = None if id is None else await fleet.trunk(name, id)
    if named is None:
        return None
    called = called_number(services, named, arrived.called, await _home(services, named))
    ids = fleet.alike(name, named["_id"])
    if len(ids) < 2:
        return named, called
    alike = [each for other in ids if (each := await fleet.trunk(name, other)) is not None]
    found = claimant(called, named, alike, await services.store.across("numbers", {"number": called}))
    if found is None and any(each["scope"] != named["scope"] for each in alike):
        found = _registered(services, arrived.called, sorted(alike, key=lambda each: str(each["_id"])))
        return None if found is None else (found, called)
    return found or named, called


async def _home(services: Services, trunk: Document) -> str:
    """Return the country of a trunk that has no numbers of its own to call from, by one that is called over it."""
    if trunk["from_numbers"]:
        return ""
    row = await services.store.within(trunk["scope"]).find_one("numbers", {"provider_config": trunk["_id"]})
    return "" if row is None else home_of([row["number"]])


def _registered(services: Services, called: str, trunks: Sequence[Document]) -> Document | None:
    """Return the oldest trunk whose account at the carrier is called, as one that has registered is."""
    for each in trunks:
        given = open_sip(services, each) if each["credentials"] else None
        if given is not None and given.registration_required and called and subscriber(called) == given.sip_username:
            return each
    return None


async def _let_in(
    ctx: Context, worker: Worker, switch: Switch, app: Document, trunk: Document, called: str, route: Document | None,
    arrived: IncomingCall, hidden: str,
) -> Document:
    id = ctx.ids.new("call")
    caller = _number(ctx.services, trunk, arrived.caller, country_of(called))
    contact = await caller_contact(ctx, caller)
    plan = plans.Plan(purpose_at(route, 0), record=trunk["recording_enabled"], route=route, place=0)
    doc = calls.new_call(
        id, direction=calls.INBOUND, from_number=caller[:24], to_number=called[:24],
        provider_config=trunk["_id"], switch=switch.name, plan=plans.stored(plan), at=ctx.now(),
        provider_call_id=arrived.reference or arrived.channel, placed_at=ctx.now(),
        legs={CUSTOMER: {**calls.leg("customer", channel=arrived.channel, number=caller[:24]), "state": calls.RINGING}},
        metadata={"recording_allowed": await consent(ctx, app, contact, theirs=caller, own=called)}, **belongs(contact),
        **_kept_hidden(ctx.services, id, hidden),
    )  # fmt: skip
    rings = (machine.Dialing(ctx.now()), machine.Ringing(ctx.now()))
    return (await let_in(ctx, worker, trunk, doc, source="sip", facts=rings)).doc


def _kept_hidden(services: Services, call: str, number: str) -> dict[str, Any]:
    """Return who a caller was that withheld their number, sealed, where this deployment has to be able to tell."""
    if not number or not services.settings.keep_withheld:
        return {}
    return {"caller_sealed": services.secrets.seal(number, f"calls/{call}/caller")}


def _number(services: Services, trunk: Document, text: str, country: str) -> str:
    """Return a caller's number; one without a country's code is of the country that was called."""
    try:
        return e164(called_number(services, trunk, text, home_of(trunk["from_numbers"]) or country)) if text else ""
    except ValueError:
        return subscriber(text)


async def _check_may_dial(ctx: Context, user: str) -> None:
    """Raise PermissionDenied where a telephone's person may not place calls over REST either."""
    await require_voice(ctx)
    services, tenant = ctx.services, ctx.principal.tenant
    member = next((each for each in await services.people.memberships(user) if each["scope"] == tenant), None)
    role = None if member is None else await services.registry.role(tenant, member["role"])
    if role is None or not role["permissions"].get("voice.call"):
        raise PermissionDenied("The telephone's person may not place calls.")


async def _from_device(
    services: Services, worker: Worker, switch: Switch, arrived: IncomingCall
) -> Document | None:  # fmt: skip
    """A telephone of ours dials: an outbound call over its tenant's trunk, the telephone being its first leg."""
    device = await services.store.anywhere("devices", device_of(arrived.endpoint))
    if device is None or device["asterisk"] != switch.name or device["deleted_at"] is not None:
        await switch.refuse(arrived.channel, causes.rejection_code(causes.CALL_REJECTED))
        return None
    ctx = system_context(services, device["scope"], "telephony")
    try:
        await _check_may_dial(ctx, device["user"])
        trunk = await outbound_trunk(ctx, None)
        number = e164(called_number(services, trunk, arrived.called))
        decision = await decide(
            ctx, number, None, _all_fit, standing_on(services, switch.name), way="device", detect=False
        )  # fmt: skip
        first = None if decision is None else decision.order[0]
        trunk = trunk if first is None else await outbound_trunk(ctx, first.provider_config)
        contact = await caller_contact(ctx, number)
        if (first is None or first.own is None) and not trunk["from_numbers"]:
            raise ValueError("the trunk has no number of its own")
        own = (first and first.own) or trunk["from_numbers"][0]
        may_go(call_verdict(contact, number, "UTILITY", ctx.now(), own=own, provider=trunk["provider"]))
        target = trunk_target(services, trunk, number, own)
        recorded = await consent(ctx, await voice_app(ctx.data), contact, theirs=number, own=own)
        doc = calls.new_call(
            ctx.ids.new("call"), direction=calls.OUTBOUND, from_number=own, to_number=number,
            provider_config=trunk["_id"], switch=switch.name, at=ctx.now(), user=device["user"],
            plan=plans.stored(plans.Plan(
                plans.FromDevice(), target.dialled, target.caller, record=trunk["recording_enabled"]
            )),
            legs={"a0n1": {**calls.leg("agent", channel=arrived.channel, user=device["user"], device=device["_id"]),
                           "state": calls.RINGING}},
            metadata={"recording_allowed": recorded}, **belongs(contact),
            routing=None if decision is None else left_of(decision, None),
        )  # fmt: skip
        decided = [] if decision is None else [Tell("call.routed", render_decision(decision))]
        quoted = await quote_call(ctx, await card_for(ctx.data, trunk, number, ctx.now()))
        return (await let_in_paid(ctx, worker, trunk, doc, quoted, source="agent", tell=decided)).doc
    except (GatewayError, ValueError) as error:
        logger.info("arrival.device_refused", switch=switch.name, device=device["_id"], error=str(error))
        await switch.refuse(arrived.channel, causes.rejection_code(_why(error)))
        return None


async def _all_fit() -> Mapping[str, str]:
    return {}


def _why(error: Exception) -> str:
    """Return what a telephone that is refused is told."""
    match error:
        case TooManyCalls():
            return causes.USER_BUSY
        case Unavailable():
            return causes.RESOURCE_UNAVAILABLE
        case _:
            return causes.CALL_REJECTED
