"""What a call is for: a value of its own for each purpose, and the one form they are stored in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Say:
    """Speak a text to the customer, then end; `template` is what it was taken from."""

    text: str
    voice: str | None = None
    language: str | None = None
    template: str | None = None


@dataclass(frozen=True, slots=True)
class PlayAudio:
    """Play a file to the customer, then end."""

    url: str
    template: str | None = None


@dataclass(frozen=True, slots=True)
class RunTemplate:
    """Lead the customer through an IVR."""

    template: str


@dataclass(frozen=True, slots=True)
class RingAgent:
    """Ring a telephone, then the customer, and connect both; `agent` are the fields of its leg."""

    agent: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FromDevice:
    """A telephone of ours has dialled: connect it with the number."""


@dataclass(frozen=True, slots=True)
class FollowRoute:
    """A call that came in goes along its route; `ringing` while it is at a stop that rings telephones."""

    ringing: bool = False


@dataclass(frozen=True, slots=True)
class SecondLeg:
    """A leg of the call `of`, which keeps it."""

    of: str


Purpose = Say | PlayAudio | RunTemplate | RingAgent | FromDevice | FollowRoute | SecondLeg


@dataclass(frozen=True, slots=True)
class Plan:
    """A call's plan.

    `target` (endpoint and number as its carrier wants it) and `caller` are of calls we dial, `route` and `place` (which
    of its stops) of those that come in. `variables` are what an IVR begins with.
    """

    purpose: Purpose
    target: Mapping[str, str] | None = None
    caller: str = ""
    record: bool = False
    variables: Mapping[str, Any] = field(default_factory=dict)
    route: Mapping[str, Any] | None = None
    place: int | None = None

    @property
    def connects(self) -> bool:
        """Tell whether a customer who answers, or is answered, is brought together with a person."""
        match self.purpose:
            case RingAgent() | FromDevice() | FollowRoute(ringing=True):
                return True
        return False

    @property
    def announces(self) -> bool:
        """Tell whether one announcement is all the customer is to hear."""
        return isinstance(self.purpose, Say | PlayAudio)


def of(call: Mapping[str, Any]) -> Plan:
    """Return the plan of a stored call; one that was erased has lost what is personal."""
    held = call["plan"]
    return Plan(
        _purpose(held), held.get("target"), held.get("caller", ""), bool(held.get("record")),
        held.get("variables", {}), held.get("route"), held.get("place"),
    )  # fmt: skip


def host_of(call: Mapping[str, Any]) -> str | None:
    """Return the call that keeps this one, None for a call of its own."""
    purpose = _purpose(call["plan"])
    return purpose.of if isinstance(purpose, SecondLeg) else None


def _purpose(held: Mapping[str, Any]) -> Purpose:
    match held["kind"]:
        case "tts":
            return Say(
                held.get("tts_text", ""), held.get("tts_voice"), held.get("tts_language"), held.get("template")
            )
        case "audio":
            return PlayAudio(held.get("audio_url", ""), held.get("template"))
        case "template":
            return RunTemplate(held["template"])
        case "device":
            return RingAgent(held.get("agent", {}))
        case "outward":
            return FromDevice()
        case "route":
            return FollowRoute(held.get("stop") == "device")
        case "leg":
            return SecondLeg(held["of"])
        case kind:
            raise ValueError(f"no call has a plan of kind '{kind}'")


def stored(plan: Plan) -> dict[str, Any]:
    """Return a plan as it is stored."""
    held = purpose_stored(plan.purpose)
    if plan.route is not None or plan.place is not None:
        stop = {"stop": ""} if isinstance(plan.purpose, RunTemplate) else {}
        return {"route": plan.route, "place": plan.place, "record": plan.record, **stop, **held}
    if plan.target is None:
        return held
    dialled = {"target": dict(plan.target), "caller": plan.caller, "record": plan.record, **held}
    return dialled if isinstance(plan.purpose, FromDevice) else {**dialled, "variables": dict(plan.variables)}


def purpose_stored(purpose: Purpose) -> dict[str, Any]:
    """Return the fields a purpose is stored in."""
    match purpose:
        case Say():
            said = {"tts_text": purpose.text, "tts_voice": purpose.voice, "tts_language": purpose.language}
            return {"kind": "tts", **said, **_from(purpose.template)}
        case PlayAudio():
            return {"kind": "audio", "audio_url": purpose.url, **_from(purpose.template)}
        case RunTemplate():
            return {"kind": "template", "template": purpose.template}
        case RingAgent():
            return {"kind": "device", "agent": dict(purpose.agent)}
        case FromDevice():
            return {"kind": "outward"}
        case FollowRoute():
            return {"kind": "route", **({"stop": "device"} if purpose.ringing else {})}
        case SecondLeg():
            return {"kind": "leg", "of": purpose.of}


def at_stop(purpose: Purpose, place: int) -> dict[str, Any]:
    """Return the stored fields that change when a call that came in goes to the stop `place` of its route."""
    fields = purpose_stored(purpose)
    return {**fields, "stop": ""} if isinstance(purpose, RunTemplate) else {**fields, "place": place}


def _from(template: str | None) -> dict[str, Any]:
    return {} if template is None else {"template": template}
