"""`/voice/api/calls/{id}/<action>/`: what people order of a live call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator

from jinaconnect.actions.calls.reading import controllable_call
from jinaconnect.actions.context import OperationContext
from jinaconnect.core.calls import document
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


class HoldCall(Request, json_schema_extra=example(at_most_s=20)):
    """How long the customer waits at the most; as long as it takes when left out."""

    at_most_s: Annotated[int, Field(ge=1, le=3600)] | None = None


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


async def _order(ctx: OperationContext, id: str, action: str, body: dict[str, Any]) -> dict[str, Any]:
    doc = await controllable_call(ctx, id)
    control = ctx.ports.calls.carrying(doc)
    return await control.order(doc, action, body, ctx.principal.actor(), ctx.ids.new("ord"))


@voice_operation(
    "POST", "calls/{id}/hangup/", id="calls.hangup", permission="voice.control", body=Hangup, returns=HungUp,
    effect=True,
)  # fmt: skip
async def hangup(ctx: OperationContext, id: str, body: Hangup) -> dict[str, Any]:
    """End a call; one that has ended already is answered with `hung_up: false` and its status."""
    doc = await controllable_call(ctx, id)
    if not document.ended(doc):
        action = "hangup" if plans.host_of(doc) is None else "leave"
        try:
            await ctx.ports.calls.carrying(doc).order(
                doc, action, {"reason": body.reason}, ctx.principal.actor(), ctx.ids.new("ord")
            )
            return {"call_id": id, "hung_up": True}
        except Conflict:
            doc = await ctx.data.get("calls", id)
            if not document.ended(doc):
                raise
    return {"call_id": id, "hung_up": False, "status": doc["status"]}


@voice_operation(
    "POST", "calls/{id}/transfer/", id="calls.transfer", permission="voice.control", body=TransferCall,
    returns=Consultation, effect=True, errors=(409,),
)  # fmt: skip
async def transfer(ctx: OperationContext, id: str, body: TransferCall) -> dict[str, Any]:
    """Hand the customer to an E.164 number, a `sip:` address or a device.

    A blind transfer asks the carrier (SIP REFER) and falls back to a leg of ours where the carrier does not do it; an
    attended one answers the consultation's call, to be completed or cancelled.
    """
    answer = await _order(ctx, id, "transfer", body.model_dump())
    return {**answer["call"], "consultation": answer.get("consultation")}


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing to have a call do: its path and action, its body, and what it is described by.

    `check` raises what the body's schema cannot say. With `of_host` the id of a consultation stands for the call it is
    held for.
    """

    action: str
    says: str
    body: type[Request] = Nothing
    check: Callable[[Any], None] = lambda body: None
    of_host: bool = False
    errors: tuple[int, ...] = (409,)
    aliases: tuple[str, ...] = ()


def _one_source(body: Play) -> None:
    if (body.audio_url is None) == (body.tts_text is None):
        raise Invalid({"audio_url": ["exactly one of audio_url and tts_text is needed"]})


def _digits(body: Keys) -> None:
    key_script(body.digits, body.between_ms, body.duration_ms)


VERBS = (
    Verb("complete", "Connect the customer with the consulted party; the agent leaves.", of_host=True,
         aliases=("calls/{id}/transfer/complete/",)),
    Verb("cancel", "End the consultation; agent and customer talk on.", of_host=True,
         aliases=("calls/{id}/transfer/cancel/",)),
    Verb("hold", "Let the customer hear music until the call is taken up again, at most for `at_most_s`: then it ends.",
         HoldCall),
    Verb("unhold", "Take up a call that is on hold."),
    Verb("mute", "Keep what one side says from being heard.", Side),
    Verb("unmute", "Let a side be heard again.", Side),
    Verb("play", "Play audio or speak a text to both sides, or to one alone.", Play, _one_source, errors=(409, 502)),
    Verb("stop-play", "Stop what is being played."),
    Verb("dtmf", "Press keys towards the customer.", Keys, _digits),
    Verb("record", "Start, pause (silence in the file), resume or stop the recording; 409 `consent_required` without "
         "consent.", Record),
)  # fmt: skip


def _declare(verb: Verb) -> None:
    async def run(ctx: OperationContext, id: str, body: Any) -> dict[str, Any]:
        verb.check(body)
        if verb.of_host:
            id = plans.host_of(await controllable_call(ctx, id)) or id
        call: dict[str, Any] = (await _order(ctx, id, verb.action, body.model_dump()))["call"]
        return call

    run.__doc__ = verb.says
    declare = voice_operation(
        "POST", f"calls/{{id}}/{verb.action}/", id=f"calls.{verb.action.replace('-', '_')}",
        permission="voice.control", body=verb.body, returns=CallOut, effect=True, errors=verb.errors,
        aliases=verb.aliases,
    )  # fmt: skip
    declare(run)


for _verb in VERBS:
    _declare(_verb)
