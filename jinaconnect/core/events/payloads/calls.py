"""Events of calls: the call as it begins, then what happened to it with the status right after."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from jinaconnect.core.calls.fallback import REASONS
from jinaconnect.core.calls.machine import STATUSES
from jinaconnect.core.calls.supervision import HEARERS, MODES
from jinaconnect.core.events.payloads.base import MOMENT, Count, Payload, Stamp, like
from jinaconnect.core.schema import Given, OneOf, sample_id

Status = Annotated[str, OneOf(STATUSES)]
CALL = {
    "id": sample_id("call"), "provider_config": sample_id("trk"), "provider_call_id": f"pending-{sample_id('call')}",
    "direction": "outbound", "from_number": "+12025550123", "to_number": "+12025550111", "contact": sample_id("cnt"),
    "parent_call": None, "flow_session": None, "broadcast": None, "team_inbox_message": None, "status": "QUEUED",
    "started_at": None, "ended_at": None, "duration_seconds": None, "hangup_cause": "", "sip_code": None,
    "inferred": False, "recording_url": "", "recording_duration_seconds": None, "cost_amount": None,
    "cost_currency": "", "cost_source": "", "cost": None, "provider_cost": None, "metadata": {"order": "4711"},
    "user": sample_id("usr"),
    "asterisk": "main", "template": None, "held": False, "muted": [], "recording": None,
    "legs": [
        {"name": "customer", "role": "customer", "state": "new", "user": None, "device": None,
         "number": "+12025550111", "call": None},
    ],
    "created_at": MOMENT, "updated_at": MOMENT,
}  # fmt: skip
FACT = {"status": "IN_PROGRESS", "inferred": False}
_ENDED = {
    "status": "COMPLETED", "inferred": False, "hangup_cause": "NORMAL_CLEARING", "duration_seconds": 74,
}  # fmt: skip
_UNANSWERED = {**_ENDED, "status": "FAILED", "hangup_cause": "USER_BUSY", "duration_seconds": None, "sip_code": 486}
TAPED = {**FACT, "recording": sample_id("rec")}
_HEARD = {
    **FACT, "supervision": sample_id("sup"), "user": sample_id("usr"), "mode": "whisper", "heard_by": "agent",
}  # fmt: skip


class Leg(Payload):
    """One party of a call."""

    name: str
    role: Literal["customer", "agent", "party"]
    state: Literal["new", "dialing", "ringing", "up", "ended"]
    user: str | None
    device: str | None
    number: str | None
    call: str | None


class Taping(Payload):
    """The recording of a call that is being made."""

    id: str
    state: str


class CallCost(Payload):
    """What a call costs, and what the wallet was charged for it (null where nobody is charged)."""

    amount: float
    currency: str
    source: Literal["local_ratecard", "provider"]
    rate_card: str | None
    billable_seconds: Count | None
    charged: float | None
    charged_currency: str | None


class ProviderCost(Payload):
    """What the carrier says a call costs: in a report of its, when asked, or in a file that was imported.

    `difference` is how much more that is than our own cost; null where the two cannot be compared.
    """

    amount: float
    currency: str
    source: Literal["reported", "fetched", "imported"]
    difference: float | None
    at: Stamp


class CallData(Payload, json_schema_extra=like(CALL)):
    """A call."""

    id: str
    provider_config: str | None
    provider_call_id: str
    direction: Literal["inbound", "outbound"]
    from_number: str
    to_number: str
    contact: str | None
    parent_call: str | None
    flow_session: str | None
    broadcast: str | None
    team_inbox_message: str | None
    status: Status
    started_at: Stamp | None
    ended_at: Stamp | None
    duration_seconds: Count | None
    hangup_cause: str
    sip_code: int | None
    inferred: bool
    recording_url: str
    recording_duration_seconds: Count | None
    cost_amount: float | None
    cost_currency: str
    cost_source: str
    cost: CallCost | None
    provider_cost: ProviderCost | None
    metadata: dict[str, Any]
    user: str | None
    asterisk: str | None
    template: str | None
    held: bool
    muted: list[str]
    recording: Taping | None
    legs: list[Leg]
    created_at: Stamp
    updated_at: Stamp


class CallState(Payload, json_schema_extra=like(FACT)):
    """What is told of every fact of a call: its status right after, and whether we only conclude the fact."""

    status: Status
    inferred: bool


class CallCreated(CallData, json_schema_extra=like(CALL)):
    """A call was asked for, or came in."""


class CallDialing(CallState, json_schema_extra=like(FACT, status="INITIATING")):
    """The call was handed to its carrier."""


class CallRinging(CallState, json_schema_extra=like(FACT, status="RINGING")):
    """The far end rings."""

    early_media: Given[Literal[True]] = None


class CallAnswered(CallState, json_schema_extra=like(FACT)):
    """The call was answered."""


class CallAnsweredBy(CallState, json_schema_extra=like(FACT, answered_by="human")):
    """The carrier has found out who answered; it may do so while the call goes on."""

    answered_by: Literal["human", "machine", "screened", "unknown"]


_INSTEAD = {
    "status": "FAILED", "inferred": False, "cause": "USER_BUSY", "attempted": True, "skipped_reason": None,
    "success": True, "sms_message_id": sample_id("msg"), "error": None,
}  # fmt: skip


class CallSmsFallback(CallState, json_schema_extra=like(_INSTEAD)):
    """A text message went in place of a call that reached nobody, or why none did."""

    cause: str
    attempted: bool
    skipped_reason: Annotated[str, OneOf(REASONS)] | None
    success: bool = Field(description="Whether the message was taken for sending; its own events tell what follows.")
    sms_message_id: str | None
    error: str | None


class CallBridged(CallState, json_schema_extra=like({**FACT, "with": "agent"})):
    """The parties hear each other."""

    peer: str = Field(alias="with", description="The leg that the customer hears.")


class CallDtmf(CallState, json_schema_extra=like({**FACT, "digit": "1", "duration_ms": 120, "from": "customer"})):
    """A key was pressed."""

    digit: str
    duration_ms: Count
    source: Literal["customer", "agent"] = Field(alias="from")


class CallIvrStep(CallState, json_schema_extra=like(FACT, node="hello", kind="voice.play")):
    """The IVR entered a node."""

    node: str
    kind: str


class CallPlayed(CallState, json_schema_extra=like(FACT, ok=True, to="both")):
    """A prompt was played into the call."""

    ok: bool
    to: Given[Literal["customer", "agent", "both"]] = None


class CallHeld(CallState, json_schema_extra=like(FACT)):
    """The call was put on hold."""


class CallResumed(CallState, json_schema_extra=like(FACT)):
    """The call goes on after a hold."""


class CallSide(CallState, json_schema_extra=like(FACT, side="customer")):
    """A fact of one side of a call."""

    side: Literal["customer", "agent"]


class CallMuted(CallSide, json_schema_extra=like(FACT, side="customer")):
    """A side of the call is not heard."""


class CallUnmuted(CallSide, json_schema_extra=like(FACT, side="customer")):
    """A side of the call is heard again."""


class CallKeysSent(CallState, json_schema_extra=like(FACT, digits="12#")):
    """Keys were pressed towards the customer."""

    digits: str


class CallTransferring(CallState, json_schema_extra=like(FACT, to="+12025550177", mode="blind", via="dial")):
    """A transfer has begun."""

    to: str
    mode: Literal["blind", "attended"]
    via: Given[str] = None


class CallTransferred(CallState, json_schema_extra=like(FACT, ok=True, to="+12025550177", mode="blind")):
    """The call was transferred, or its transfer has failed."""

    ok: bool | None = Field(description="Null where the agents have taken the transfer back.")
    to: Given[str] = None
    mode: Given[Literal["blind", "attended"]] = None


class CallTape(CallState, json_schema_extra=like(TAPED)):
    """A fact of a call's recording."""

    recording: str


class CallRecordingStarted(CallTape, json_schema_extra=like(TAPED)):
    """The call is being recorded."""


class CallRecordingPaused(CallTape, json_schema_extra=like(TAPED)):
    """The recording is silent for a while."""


class CallRecordingResumed(CallTape, json_schema_extra=like(TAPED)):
    """The recording goes on."""


class CallRecordingStopped(CallTape, json_schema_extra=like(TAPED)):
    """The recording has ended; its file follows."""


class CallSupervision(CallState, json_schema_extra=like(_HEARD)):
    """Somebody of ours is in the call beside its parties; `user` is null for an API key."""

    supervision: str
    user: str | None
    mode: Annotated[str, OneOf(MODES)]
    heard_by: Annotated[str, OneOf(HEARERS)] = Field(description="Who hears the supervisor.")


class CallSupervisionStarted(CallSupervision, json_schema_extra=like(_HEARD, mode="listen", heard_by="nobody")):
    """A supervisor hears the call from now on."""


class CallSupervisionChanged(CallSupervision, json_schema_extra=like(_HEARD, reason="asked")):
    """A supervisor is heard by others than before: they wanted it, or whom they spoke to is not there any more."""

    reason: Literal["asked", "parted"]


class CallSupervisionEnded(CallSupervision, json_schema_extra=like(_HEARD, reason="left")):
    """A supervisor hears the call no more: they left, were sent away, the call ended, or what allowed it changed."""

    reason: Literal["left", "ended", "call_ended", "interrupted", "failed", "not_allowed"]


class CarrierReason(Payload, json_schema_extra=like({}, q850=31)):
    """What a carrier gave as its reason for ending an answered call: a cause of Q.850, a SIP status."""

    q850: Given[int] = None
    sip_code: Given[int] = None


class CallEnd(CallState, json_schema_extra=like(_ENDED)):
    """How a call ended."""

    hangup_cause: str
    duration_seconds: Count | None
    sip_code: Given[int] = None
    carrier_reason: Given[CarrierReason] = None
    by: Given[Literal["caller"]] = None


class CallCompleted(CallEnd, json_schema_extra=like(_ENDED)):
    """An answered call is over."""


class CallFailed(CallEnd, json_schema_extra=like(_UNANSWERED)):
    """The call was not answered, or broke."""


class CallCanceled(
    CallEnd,
    json_schema_extra=like(_UNANSWERED, status="CANCELED", hangup_cause="ORIGINATOR_CANCEL", sip_code=487),
):
    """The call was given up before its answer."""


class CallRejected(
    Payload,
    json_schema_extra=like(
        {}, from_number="+12025550111", to_number="+12025550123", provider_config=sample_id("trk"),
        hangup_cause="UNALLOCATED_NUMBER", sip_code=404, route="none",
    ),
):  # fmt: skip
    """A call that came in was refused."""

    from_number: str
    to_number: str
    provider_config: str
    hangup_cause: str
    sip_code: int
    route: str
