"""Placing a call: checked, recorded, answered; the owner of its switch dials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any, Literal

import orjson
from pydantic import Field, StringConstraints, field_validator

from jinaconnect.actions.billing.calls import CallQuote, call_covered, quote_call
from jinaconnect.actions.calls.admission import TooManyCalls, belongs, caller_contact, consent, let_in_paid
from jinaconnect.actions.calls.journal import Tell
from jinaconnect.actions.calls.outbound_routes import (
    FULL,
    OTHER_SWITCH,
    UNSUPPORTED,
    decide,
    left_of,
    render_decision,
    standing_by,
)
from jinaconnect.actions.contacts.addressing import contact_at
from jinaconnect.actions.context import Context, OperationContext
from jinaconnect.actions.ivr.compiling import unsayable
from jinaconnect.actions.ivr.templates import load_graph
from jinaconnect.actions.ports import Unsupported
from jinaconnect.actions.rating.rate_cards import card_for
from jinaconnect.actions.scoping import visible
from jinaconnect.actions.trunks.accounts import outbound_trunk
from jinaconnect.actions.trunks.targets import reach, sip_address, trunk_target
from jinaconnect.actions.trunks.voice_app import voice_app
from jinaconnect.core.calls import document
from jinaconnect.core.calls import plan as plans
from jinaconnect.core.calls.choosing import Decision
from jinaconnect.core.calls.plan import Plan
from jinaconnect.core.calls.rating import RateCard
from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Invalid, PermissionDenied, Unavailable
from jinaconnect.core.inbox.address import PHONE, Address
from jinaconnect.core.ivr.values import initial, render
from jinaconnect.core.rules import verdict as rules
from jinaconnect.core.schema import Id, Phone, Request, Text, cannot_be_kept, example
from jinaconnect.store.databases.mongo import Document
from jinaconnect.store.due import due_at
from jinaconnect.telephony.table import row

MAX_METADATA = 4096
CallCategory = Literal["MARKETING", "UTILITY"]  # a call is never just the answer to one
WAYS = ("tts_text", "audio_url", "flow_id", "template", "device")


class PlaceCall(
    Request,
    json_schema_extra=example(to_number="+12025550111", tts_text="Hello, your order is ready.", record=True),
):
    """A call to place: exactly one of `tts_text`, `audio_url`, `flow_id`, `template`, `device`."""

    to_number: Phone
    provider_config_id: Id | None = None
    from_number: Phone | None = None
    tts_text: Annotated[Text, StringConstraints(min_length=1, max_length=4000)] | None = None
    tts_voice: Annotated[str, StringConstraints(max_length=64)] | None = None
    tts_language: Annotated[str, StringConstraints(max_length=10)] | None = None
    audio_url: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = None
    flow_id: Id | None = None
    template: Id | None = None
    device: Annotated[str, StringConstraints(min_length=1, max_length=320)] | None = None
    timeout_s: int = Field(document.RING_S, ge=5, le=120)
    max_duration_s: int = Field(document.MAX_DURATION_S, ge=1, le=14_400)
    record: bool | None = None
    machine_detection: bool = False
    variables: dict[str, Any] = Field(default_factory=dict)
    contact: Id | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    category: CallCategory = "UTILITY"

    @field_validator("metadata", "variables")
    @classmethod
    def _small(cls, value: dict[str, Any]) -> dict[str, Any]:
        if any(not key or key.startswith("$") or "." in key or "\x00" in key for key in value):
            raise ValueError("keys must not be empty, begin with $ or hold a dot")
        wrong = cannot_be_kept(value)
        if wrong is not None:
            raise ValueError(wrong)
        if len(orjson.dumps(value)) > MAX_METADATA:
            raise ValueError(f"must be at most {MAX_METADATA} bytes")
        return value

    def way(self) -> str:
        """Return which of the five ways was chosen; raises Invalid for none or several."""
        chosen = [name for name in WAYS if getattr(self, name) is not None]
        if len(chosen) != 1:
            raise Invalid({name: [f"exactly one of {', '.join(WAYS)} is needed"] for name in chosen or ("tts_text",)})
        return chosen[0]


class DoNotCall(PermissionDenied):
    """The contact must not be called."""

    code = "do_not_call"


class OutsideHours(PermissionDenied):
    """People like the contact may not be called for this at this hour."""

    code = "outside_hours"


@dataclass(frozen=True, slots=True)
class CheckedCall:
    """A call that may be placed as far as its fields go, and the verdict on placing it now.

    `contact` is None where the number is new or withheld, `card` where no rate card covers it, `quote` where nothing
    is set aside for it, `decision` where no route was asked.
    """

    trunk: Document
    own: str
    to: str
    plan: Plan
    contact: Document | None
    recording: bool
    card: RateCard | None
    quote: CallQuote | None
    verdict: rules.Verdict
    decision: Decision | None = None


def may_go(verdict: rules.Verdict) -> None:
    """Raise DoNotCall for a contact who does not want calls, OutsideHours where it is too early or late for one."""
    match verdict:
        case rules.Refused(reason=reason):
            raise DoNotCall(reason)
        case rules.Deferred(until, rule, source):
            raise OutsideHours(f"The hours of '{rule}' ({source}) allow it from {iso(until)}.")


def call_verdict(
    contact: Document | None, number: str, category: CallCategory, now: datetime, *, own: str, provider: str
) -> rules.Verdict:
    """Return whether a number may be called now from one of ours (`own`) over a provider.

    `contact` is whose it is, None where it is nobody's.
    """
    to = {**(contact or {}), "phone": number}
    refused = rules.series_refusal(to, category, own)
    return refused or rules.verdict(to, category, "VOICE", now, provider=provider)


async def check_call(
    ctx: OperationContext, body: PlaceCall, unfit: Mapping[str, str] = MappingProxyType({})
) -> CheckedCall:
    """Check a call to place and change nothing; raises Invalid, Unsupported, NoPrice, NoRoute.

    The provider config that is named carries it; where none is, what the routes say, else the default. `unfit` says of
    provider configs why they cannot.
    """
    way, decision = body.way(), None
    if body.provider_config_id is None:

        async def wrong() -> dict[str, str]:
            return {**await _unsayable_over(ctx, body), **await _away_from(ctx, body.device), **unfit}

        decision = await decide(
            ctx, body.to_number, body.from_number, wrong, standing_by(ctx.ports.calls), way=way,
            detect=body.machine_detection,
        )  # fmt: skip
    first = None if decision is None else decision.order[0]
    trunk = await outbound_trunk(ctx, body.provider_config_id if first is None else first.provider_config)
    spec = row(trunk["provider"]).spec
    if spec.ways is not None and way not in spec.ways:
        raise Unsupported(f"A call over {spec.label} cannot be placed for '{way}'.")
    if body.machine_detection and not spec.detects:
        raise Unsupported(f"A call over {spec.label} cannot tell machines from people.")
    if body.from_number is None and (first is None or first.own is None) and not trunk["from_numbers"]:
        raise Invalid.field("from_number", "is required: the provider config has no numbers")
    own = body.from_number or (first and first.own) or trunk["from_numbers"][0]
    plan = await _plan(ctx, body, way, trunk, own)
    await _sayable(ctx, plan.purpose, trunk["provider"])
    contact, card = await _contact(ctx, body), await card_for(ctx.data, trunk, body.to_number, ctx.now())
    recorded = await consent(ctx, await voice_app(ctx.data), contact, theirs=body.to_number, own=own)
    return CheckedCall(
        trunk, own, body.to_number, plan, contact, recorded, card, await quote_call(ctx, card),
        call_verdict(contact, body.to_number, body.category, ctx.now(), own=own, provider=trunk["provider"]), decision,
    )  # fmt: skip


async def _unsayable_over(ctx: Context, body: PlaceCall) -> dict[str, str]:
    """Return the provider configs of routes that cannot be told the IVR of a call."""
    id = body.template or body.flow_id
    graph = await load_graph(ctx.data, id) if id is not None else None
    if graph is None:
        return {}
    rows = await ctx.data.select("trunks", {"deleted_at": None, "enabled": True}, fields={"provider": 1})
    return {each["_id"]: UNSUPPORTED for each in rows if unsayable(graph, each["provider"]) is not None}


async def _away_from(ctx: Context, device: str | None) -> dict[str, str]:
    """Return the provider configs of routes that are on another switch than the telephone that is to ring."""
    row = await ctx.data.find("devices", device) if device is not None and device.startswith("dev_") else None
    if row is None or row["kind"] != "softphone":
        return {}
    rows = await ctx.data.select("trunks", {"deleted_at": None, "enabled": True}, fields={"asterisk": 1})
    return {each["_id"]: OTHER_SWITCH for each in rows if each["asterisk"] not in (None, row["asterisk"])}


async def _sayable(ctx: Context, purpose: plans.Purpose, provider: str) -> None:
    """Raise Unsupported for an IVR with what the call's carrier cannot be told."""
    graph = await load_graph(ctx.data, purpose.template) if isinstance(purpose, plans.RunTemplate) else None
    wrong = None if graph is None else unsayable(graph, provider)
    if wrong is not None:
        raise Unsupported(wrong)


async def place_call(ctx: OperationContext, body: PlaceCall) -> dict[str, Any]:
    """Record a call and have it dialled.

    Raises Invalid, DoNotCall, OutsideHours, InsufficientBalance, TooManyCalls, Unavailable, NotSupported.
    """
    full: dict[str, str] = {}
    while True:
        checked = await check_call(ctx, body, full)
        may_go(checked.verdict)
        call_covered(checked.quote)
        standing = await ctx.ports.calls.over(checked.trunk).standing(checked.trunk)
        if not standing.ready:  # nothing is left to be dialled later
            raise Unavailable(standing.text, code=standing.code, retry_after=standing.retry_after)
        try:
            return document.render_call(await dial(ctx, body, checked), [])
        except TooManyCalls:
            if checked.decision is None or len(checked.decision.order) == 1:
                raise
            full[checked.trunk["_id"]] = FULL


async def dial(
    ctx: OperationContext, body: PlaceCall, checked: CheckedCall, *, id: str | None = None,
    actor: Mapping[str, str] | None = None, **fields: Any,
) -> Document:  # fmt: skip
    """Record a call that was checked and have it dialled; returns it.

    Raises InsufficientBalance, TooManyCalls, NotSupported.

    With an `id` that a call has already it raises Duplicate: nobody is dialled twice. `fields` are the call's, besides.
    """
    trunk = checked.trunk
    control, spec = ctx.ports.calls.over(trunk), row(trunk["provider"]).spec
    contact = checked.contact or await caller_contact(ctx, body.to_number)
    doc = document.new_call(
        id or ctx.ids.new("call"), direction=document.OUTBOUND, from_number=checked.own, to_number=body.to_number,
        provider_config=trunk["_id"], switch=trunk["asterisk"], plan=plans.stored(checked.plan), at=ctx.now(),
        timeout_s=body.timeout_s, max_duration_s=body.max_duration_s, user=ctx.principal.user_id,
        metadata={**body.metadata, **_static(checked.plan.purpose), "recording_allowed": checked.recording},
        category=body.category, routing=_routing(body, checked),
        **belongs(contact), **(_hosted(ctx, spec.name, body) if spec.hosted else {}), **fields,
    )  # fmt: skip
    decided = [] if checked.decision is None else [Tell("call.routed", render_decision(checked.decision))]
    source = "system" if ctx.principal.kind == "system" else "agent"
    paid = let_in_paid(ctx, ctx.ports.worker, trunk, doc, checked.quote, source=source, actor=actor, tell=decided)
    written = ctx.wrote(await paid)
    control.place(written)
    return written


def _routing(body: PlaceCall, checked: CheckedCall) -> dict[str, Any] | None:
    """Return the routes that are left to a call, should its carrier fail it."""
    return None if checked.decision is None else left_of(checked.decision, body.from_number)


def _hosted(ctx: Context, provider: str, body: PlaceCall) -> dict[str, Any]:
    """Return what a call at an HTTP carrier has besides: work that is due, the asking for it."""
    detect = {"detect": True} if body.machine_detection else {}
    return {"hosted": {**document.hosted(provider), **detect}, "due": due_at(ctx.now())}


def _static(purpose: plans.Purpose) -> dict[str, Any]:
    """Return what is shown of a call that says one thing."""
    match purpose:
        case plans.Say(text, voice, language):
            told = {"tts_text": text, "tts_voice": voice, "tts_language": language}
        case plans.PlayAudio(url):
            told = {"audio_url": url}
        case _:
            return {}
    told = {name: value for name, value in told.items() if value}
    return {"static_play": told} if told else {}


async def _contact(ctx: Context, body: PlaceCall) -> Document | None:
    """Return the contact of a call; raises Invalid on `contact`.

    A number is dialled whoever's contact has it, and also where nobody's has: were one refused, placing a call would
    tell an agent which numbers are customers.
    """
    if body.contact is None:
        return await contact_at(ctx.data, Address(PHONE, body.to_number))
    found = await ctx.data.find("contacts", body.contact)
    if found is None or found["deleted_at"] is not None or not visible(ctx.principal, found):
        raise Invalid.field("contact", "there is no such contact")
    return found


async def _plan(ctx: Context, body: PlaceCall, way: str, trunk: Document, own: str) -> Plan:
    reached = trunk_target(ctx.services, trunk, body.to_number, own)
    variables = initial(body.variables)
    match way:
        case "tts_text":
            text = render(body.tts_text or "", variables)
            purpose: plans.Purpose = plans.Say(text, body.tts_voice, body.tts_language)
        case "audio_url":
            purpose = plans.PlayAudio(body.audio_url or "")
        case "device":
            purpose = plans.RingAgent(await _agent(ctx, body.device or "", trunk, own))
        case _:
            purpose = await _template(ctx, way, (body.flow_id if way == "flow_id" else body.template) or "", variables)
    record = trunk["recording_enabled"] if body.record is None else body.record
    return Plan(purpose, reached.dialled, reached.caller, record, variables)


async def _agent(ctx: Context, device: str, trunk: Document, own: str) -> dict[str, Any]:
    call = {"provider_config": trunk["_id"], "direction": document.OUTBOUND, "from_number": own}
    if device.startswith("sip:"):
        await sip_address(ctx.services, device, "device")
    elif not device.startswith("dev_"):
        raise Invalid.field("device", "must be a device id or a sip: address")
    try:
        reached = (await reach(ctx.services, ctx.data, call, to=device))[0]
    except Invalid as error:
        raise Invalid.field("device", "there is no such telephone") from error
    if reached.device is not None and reached.user != ctx.principal.user_id:
        ctx.principal.require("voice.manage")  # a telephone that rings is its person's own affair
    user = reached.user or ctx.principal.user_id
    return {"endpoint": reached.endpoint, "to": reached.to, "user": user, "device": reached.device}


async def _template(ctx: Context, field: str, id: str, variables: Mapping[str, Any]) -> plans.Purpose:
    row = await ctx.data.find("voice_templates", id)
    if row is None or row.get("deleted_at") is not None:
        raise Invalid.field(field, "there is no such template")
    match row["template_kind"]:
        case "ivr_menu":
            return plans.RunTemplate(id)
        case "tts_script":
            text = render(row["tts_text"] or "", variables)
            return plans.Say(text, row["tts_voice"], row["tts_language"], template=id)
        case _:
            return plans.PlayAudio(row["audio_url"], template=id)
