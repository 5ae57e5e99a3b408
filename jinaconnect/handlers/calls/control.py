"""`/voice/api/calls/{id}/<action>/`: what people order of a live call."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator

from jinaconnect.actions.calls.reading import controllable_call
from jinaconnect.actions.context import Context
from jinaconnect.core.calls import document as d
from jinaconnect.core.calls import plan as plans
from jinaconnect.core.calls.dtmf import TIMING_LIMITS_MS, key_script
from jinaconnect.core.errors import Conflict, Invalid
from jinaconnect.core.schema import Answer, Request, Text, example
from jinaconnect.handlers.calls.calls import CallOut
from jinaconnect.handlers.calls.operation import voice_operation

_LOW, _HIGH = TIMING_LIMITS_MS


class Hangup(Request, json_schema_extra=example(reason="Wrong number.")):
    """An optional word on why."""

    reason: Annotated[Text, StringConstraints(max_length=200)] | None = None


class HungUp(Answer):
    """Whether the call was ended by this request; one that was over already stays as it was."""

    call_id: str
    hung_up: bool
    status: str | None = None


class Nothing(Request, json_schema_extra=example()):
    """No fields."""


class TransferCall(Request, json_schema_extra=example(to="+12025550188", mode="attended")):
    """Whom to hand the customer to, and how."""

    to: Annotated[Text, StringConstraints(min_length=3, max_length=320)]
    mode: Literal["blind", "attended"] = "blind"
    via: Literal["auto", "refer", "bridge"] = "auto"


class Side(Request, json_schema_extra=example(side="customer")):
    """Whose words are not heard."""

    side: Literal["customer", "agent"] = "customer"


class Play(Request, json_schema_extra=example(tts_text="One moment, please.", to="customer")):
    """What to play, and to whom: exactly one of `audio_url` and `tts_text`."""

    audio_url: Annotated[str, StringConstraints(min_length=1, max_length=512)] | None = None
    tts_text: Annotated[Text, StringConstraints(min_length=1, max_length=4000)] | None = None
    to: Literal["both", "customer", "agent"] = "both"


class Keys(Request, json_schema_extra=example(digits="12w34#")):
    """Keys to press; `w` waits 500 ms."""

    digits: str
    between_ms: int = Field(100, ge=_LOW, le=_HIGH)
    duration_ms: int = Field(100, ge=_LOW, le=_HIGH)

    @field_validator("digits", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Record(Request, json_schema_extra=example(do="start")):
    """What the recording is to do."""

    do: Literal["start", "pause", "resume", "stop"]


class Consultation(CallOut):
    """The call; for an attended transfer the id of the consultation, under which it is completed or cancelled."""

    consultation: str | None = None


async def _order(ctx: Context, id: str, action: str, body: dict[str, Any]) -> dict[str, Any]:
    doc = await controllable_call(ctx, id)
    control = ctx.services.calls.carrying(doc)
    return await control.order(doc, action, body, ctx.principal.actor(), ctx.ids.new("ord"))


async def _call(ctx: Context, id: str, action: str, body: dict[str, Any]) -> dict[str, Any]:
    call: dict[str, Any] = (await _order(ctx, id, action, body))["call"]
    return call


@voice_operation(
    "POST", "calls/{id}/hangup/", id="calls.hangup", permission="voice.control", body=Hangup, returns=HungUp,
    effect=True,
)  # fmt: skip
async def hangup(ctx: Context, id: str, body: Hangup) -> dict[str, Any]:
    """End a call; one that has ended already is answered with `hung_up: false` and its status."""
    doc = await controllable_call(ctx, id)
    if not d.ended(doc):
        action = "hangup" if plans.host_of(doc) is None else "leave"
        try:
            await ctx.services.calls.carrying(doc).order(
                doc, action, {"reason": body.reason}, ctx.principal.actor(), ctx.ids.new("ord")
            )
            return {"call_id": id, "hung_up": True}
        except Conflict:
            doc = await ctx.data.get("calls", id)
            if not d.ended(doc):
                raise
    return {"call_id": id, "hung_up": False, "status": doc["status"]}


@voice_operation(
    "POST", "calls/{id}/transfer/", id="calls.transfer", permission="voice.control", body=TransferCall,
    returns=Consultation, effect=True, errors=(409,),
)  # fmt: skip
async def transfer(ctx: Context, id: str, body: TransferCall) -> dict[str, Any]:
    """Hand the customer to an E.164 number, a `sip:` address or a device.

    A blind transfer asks the carrier (SIP REFER) and falls back to a leg of ours where the carrier does not do it; an
    attended one answers the consultation's call, to be completed or cancelled.
    """
    answer = await _order(ctx, id, "transfer", body.model_dump())
    return {**answer["call"], "consultation": answer.get("consultation")}


async def _of_consultation(ctx: Context, id: str, action: str) -> dict[str, Any]:
    """`id` is the consultation's own call, or the call it is held for."""
    doc = await controllable_call(ctx, id)
    return await _call(ctx, plans.host_of(doc) or id, action, {})


@voice_operation(
    "POST", "calls/{id}/complete/", id="calls.complete", permission="voice.control", body=Nothing, returns=CallOut,
    effect=True, errors=(409,), aliases=("calls/{id}/transfer/complete/",),
)  # fmt: skip
async def complete(ctx: Context, id: str, body: Nothing) -> dict[str, Any]:
    """Connect the customer with the consulted party; the agent leaves."""
    return await _of_consultation(ctx, id, "complete")


@voice_operation(
    "POST", "calls/{id}/cancel/", id="calls.cancel", permission="voice.control", body=Nothing, returns=CallOut,
    effect=True, errors=(409,), aliases=("calls/{id}/transfer/cancel/",),
)  # fmt: skip
async def cancel(ctx: Context, id: str, body: Nothing) -> dict[str, Any]:
    """End the consultation; agent and customer talk on."""
    return await _of_consultation(ctx, id, "cancel")


@voice_operation(
    "POST", "calls/{id}/hold/", id="calls.hold", permission="voice.control", body=Nothing, returns=CallOut,
    effect=True, errors=(409,),
)  # fmt: skip
async def hold(ctx: Context, id: str, body: Nothing) -> dict[str, Any]:
    """Let the customer hear music until the call is taken up again."""
    return await _call(ctx, id, "hold", {})


@voice_operation(
    "POST", "calls/{id}/unhold/", id="calls.unhold", permission="voice.control", body=Nothing, returns=CallOut,
    effect=True, errors=(409,),
)  # fmt: skip
async def unhold(ctx: Context, id: str, body: Nothing) -> dict[str, Any]:
    """Take up a call that is on hold."""
    return await _call(ctx, id, "unhold", {})


@voice_operation(
    "POST", "calls/{id}/mute/", id="calls.mute", permission="voice.control", body=Side, returns=CallOut, effect=True,
    errors=(409,),
)  # fmt: skip
async def mute(ctx: Context, id: str, body: Side) -> dict[str, Any]:
    """Keep what one side says from being heard."""
    return await _call(ctx, id, "mute", body.model_dump())


@voice_operation(
    "POST", "calls/{id}/unmute/", id="calls.unmute", permission="voice.control", body=Side, returns=CallOut,
    effect=True, errors=(409,),
)  # fmt: skip
async def unmute(ctx: Context, id: str, body: Side) -> dict[str, Any]:
    """Let a side be heard again."""
    return await _call(ctx, id, "unmute", body.model_dump())


@voice_operation(
    "POST", "calls/{id}/play/", id="calls.play", permission="voice.control", body=Play, returns=CallOut, effect=True,
    errors=(409, 502),
)  # fmt: skip
async def play(ctx: Context, id: str, body: Play) -> dict[str, Any]:
    """Play audio or speak a text to both sides, or to one alone."""
    if (body.audio_url is None) == (body.tts_text is None):
        raise Invalid({"audio_url": ["exactly one of audio_url and tts_text is needed"]})
    return await _call(ctx, id, "play", body.model_dump())


@voice_operation(
    "POST", "calls/{id}/stop-play/", id="calls.stop_play", permission="voice.control", body=Nothing, returns=CallOut,
    effect=True, errors=(409,),
)  # fmt: skip
async def stop_play(ctx: Context, id: str, body: Nothing) -> dict[str, Any]:
    """Stop what is being played."""
    return await _call(ctx, id, "stop-play", {})


@voice_operation(
    "POST", "calls/{id}/dtmf/", id="calls.dtmf", permission="voice.control", body=Keys, returns=CallOut, effect=True,
    errors=(409,),
)  # fmt: skip
async def dtmf(ctx: Context, id: str, body: Keys) -> dict[str, Any]:
    """Press keys towards the customer."""
    key_script(body.digits, body.between_ms, body.duration_ms)
    return await _call(ctx, id, "dtmf", body.model_dump())


@voice_operation(
    "POST", "calls/{id}/record/", id="calls.record", permission="voice.control", body=Record, returns=CallOut,
    effect=True, errors=(409,),
)  # fmt: skip
async def record(ctx: Context, id: str, body: Record) -> dict[str, Any]:
    """Start, pause (silence in the file), resume or stop the recording; 409 `consent_required` without consent."""
    return await _call(ctx, id, "record", body.model_dump())
