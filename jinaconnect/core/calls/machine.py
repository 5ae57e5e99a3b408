"""The life of a call: facts go in, a state that only moves forward and the events to record come out.

    QUEUED → INITIATING → RINGING → IN_PROGRESS → COMPLETED
       └──────────┴───────────┴──────────┴───────→ FAILED | CANCELED

Facts come late, twice and out of order, from Asterisk, from carriers' webhooks and from ourselves. A fact that would
move a call back changes nothing; whatever the order, one terminal event is recorded and no second one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

from jinaconnect.core.calls import causes

QUEUED, INITIATING, RINGING, IN_PROGRESS = "QUEUED", "INITIATING", "RINGING", "IN_PROGRESS"
COMPLETED, FAILED, CANCELED = "COMPLETED", "FAILED", "CANCELED"

RANK: Mapping[str, int] = {
    QUEUED: 0, INITIATING: 1, RINGING: 2, IN_PROGRESS: 3, COMPLETED: 4, FAILED: 4, CANCELED: 4,
}  # fmt: skip
STATUSES = tuple(RANK)
TERMINAL = frozenset({COMPLETED, FAILED, CANCELED})
TERMINAL_EVENT: Mapping[str, str] = {COMPLETED: "call.completed", FAILED: "call.failed", CANCELED: "call.canceled"}

RING, DURATION = "ring", "duration"


@dataclass(frozen=True, slots=True)
class Call:
    """What the machine knows of a call; the field names are those of the stored call.

    `started_at` is the moment of the answer, `duration_seconds` the time from it to `ended_at`, rounded to whole
    seconds, None when never answered. `ending` is why we are ending it ourselves: "cancel", "ring" (nobody answered in
    time), "duration" (the longest time is over) or a hangup cause after a fault of ours. `heard_q850` and `heard_sip`
    keep what a hangup request told before the end itself is reported.
    """

    status: str = QUEUED
    dialing_at: datetime | None = None
    ringing_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_seconds: int | None = None
    hangup_cause: str = ""
    sip_code: int | None = None
    inferred: bool = False
    ending: str = ""
    bridged_with: str = ""
    heard_q850: int | None = None
    heard_sip: int | None = None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Call:
        """Return the state a stored call holds; keys that are missing take their defaults."""
        return cls(**{item.name: row[item.name] for item in fields(cls) if item.name in row})

    @property
    def ended(self) -> bool:
        """Tell whether the call is over."""
        return self.status in TERMINAL

    @property
    def pdd_ms(self) -> int | None:
        """Return milliseconds from dialing to the first ringing or answer, None when there was neither."""
        heard = [moment for moment in (self.ringing_at, self.started_at) if moment is not None]
        if self.dialing_at is None or not heard:
            return None
        return max(0, round((min(heard) - self.dialing_at) / timedelta(milliseconds=1)))


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened at `at`; `inferred` when we conclude it rather than having been told."""

    at: datetime
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class Dialing(Fact):
    """The call was handed to its carrier."""


@dataclass(frozen=True, slots=True)
class Ringing(Fact):
    """The far end rings (SIP 180)."""


@dataclass(frozen=True, slots=True)
class Progress(Fact):
    """Early media came (SIP 183): counts as ringing, since the caller hears the network's own tone."""


@dataclass(frozen=True, slots=True)
class Answered(Fact):
    """The call was answered (SIP 200)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridged(Fact):
    """The caller hears another leg, named `peer`."""

    peer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Digit(Fact):
    """A key was pressed by `source` ("customer" or "agent"); already collected once, see `core.calls.dtmf`."""

    digit: str
    duration_ms: int
    source: str = "customer"


@dataclass(frozen=True, slots=True, kw_only=True)
class HangupRequested(Fact):
    """A party asked for the end; its cause is remembered, the end itself comes as Hangup."""

    q850: int | None = None
    sip_code: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup(Fact):
    """The call is over.

    `cause` is canonical, where the carrier's own word was mapped already; else it follows from `q850` and `sip_code`.
    `answered` is set by carriers whose final report says that the call had been answered, with `talk_seconds`: an
    answer that was reported late or never is then supplied. `by_caller` is set where the party that called us has
    ended it: before the answer it gave up.
    """

    q850: int | None = None
    sip_code: int | None = None
    cause: str | None = None
    answered: bool = False
    talk_seconds: int | None = None
    by_caller: bool = False


@dataclass(frozen=True, slots=True)
class Gone(Fact):
    """The channel is not there any more and nobody told how it ended."""

    inferred: bool = True


@dataclass(frozen=True, slots=True)
class CancelRequested(Fact):
    """We want the call to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedOut(Fact):
    """A limit of ours passed: RING or DURATION."""

    limit: str = RING


@dataclass(frozen=True, slots=True, kw_only=True)
class Faulted(Fact):
    """We refuse the call or cannot go on with it (an IVR that runs in circles).

    It fails with the canonical `cause`, answered or not.
    """

    cause: str = causes.INTERWORKING


@dataclass(frozen=True, slots=True)
class Emitted:
    """An event to record: its type, its time and its payload."""

    type: str
    at: datetime
    payload: dict[str, Any]


Outcome = tuple[Call, tuple[Emitted, ...]]


def apply(call: Call, fact: Fact) -> Outcome:
    """Return the state after `fact` and the events it causes; unchanged state and no events when it tells nothing new.

    A key pressed is recorded even after the end, as carriers' reports may overtake each other; nothing else is.
    """
    if isinstance(fact, Digit):
        payload = {"digit": fact.digit, "duration_ms": fact.duration_ms, "from": fact.source}
        return call, (_event("call.dtmf", fact, payload),)
    if call.ended:
        return call, ()
    match fact:
        case Dialing():
            return _climb(replace(call, dialing_at=call.dialing_at or fact.at), INITIATING, fact, "call.dialing", {})
        case Ringing() | Progress():
            early = {"early_media": True} if isinstance(fact, Progress) else {}
            return _climb(replace(call, ringing_at=call.ringing_at or fact.at), RINGING, fact, "call.ringing", early)
        case Answered():
            return _climb(replace(call, started_at=call.started_at or fact.at), IN_PROGRESS, fact, "call.answered", {})
        case Bridged():
            if fact.peer == call.bridged_with:
                return call, ()
            return replace(call, bridged_with=fact.peer), (_event("call.bridged", fact, {"with": fact.peer}),)
        case HangupRequested():
            return replace(call, heard_q850=fact.q850 or call.heard_q850, heard_sip=fact.sip_code or call.heard_sip), ()
        case CancelRequested():
            return _resolve(call, fact, "cancel")
        case TimedOut():
            # Answered in the same instant: the ring limit has lost.
            stale = fact.limit == RING and call.started_at is not None
            return (call, ()) if stale else _resolve(call, fact, fact.limit)
        case Faulted():
            return _resolve(call, fact, fact.cause)
        case Hangup():
            return _end(call, fact)
        case Gone():
            return _end(call, Hangup(fact.at, inferred=fact.inferred))
    return call, ()


def whole_seconds(span: timedelta) -> int:
    """Return a time as it is shown: the nearest whole second, a half counting as one."""
    return int(span / timedelta(seconds=1) + 0.5)


def fold(call: Call, facts: tuple[Fact, ...] | list[Fact]) -> Outcome:
    """Return `apply` over several facts, the events in order."""
    told: list[Emitted] = []
    for fact in facts:
        call, events = apply(call, fact)
        told.extend(events)
    return call, tuple(told)


def changed(before: Call, after: Call) -> dict[str, Any]:
    """Return the fields of `after` that differ, ready to be stored."""
    new = {item.name: getattr(after, item.name) for item in fields(Call)}
    return {name: value for name, value in new.items() if value != getattr(before, name)}


def _event(name: str, fact: Fact, payload: Mapping[str, Any]) -> Emitted:
    return Emitted(name, fact.at, {**payload, "inferred": fact.inferred})


def _climb(known: Call, status: str, fact: Fact, name: str, payload: Mapping[str, Any]) -> Outcome:
    """Keep what became known of times; move up and tell it only where the rung is higher."""
    if RANK[status] <= RANK[known.status]:
        return known, ()
    return replace(known, status=status), (_event(name, fact, payload),)


def _resolve(call: Call, fact: Fact, reason: str) -> Outcome:
    """Note why we end the call (the first reason stands); one that has reached no carrier is over at once."""
    call = call if call.ending else replace(call, ending=reason)
    return _end(call, Hangup(fact.at, inferred=fact.inferred)) if call.status == QUEUED else (call, ())


def _end(call: Call, fact: Hangup) -> Outcome:
    told: tuple[Emitted, ...] = ()
    if call.started_at is None and fact.answered:
        talked = timedelta(seconds=max(0, fact.talk_seconds or 0))
        call, told = apply(call, Answered(fact.at - talked, inferred=True))
    answered = call.started_at is not None
    ended_at = max(fact.at, call.started_at) if call.started_at is not None else fact.at
    duration = None if call.started_at is None else whole_seconds(ended_at - call.started_at)
    # Asterisk uses codes above 699 for ends that are not SIP's.
    sip_code = next((code for code in (fact.sip_code, call.heard_sip) if code and 100 <= code <= 699), None)
    status, cause = _judge(call, fact, sip_code, answered)
    payload: dict[str, Any] = {"hangup_cause": cause, "duration_seconds": duration}
    if answered:
        given = next((q850 for q850 in (fact.q850, call.heard_q850) if q850 not in (None, 0, 16)), None)
        reason = {} if call.ending else causes.carrier_reason(given, sip_code)
        payload.update({"carrier_reason": reason} if reason else {})
        sip_code = None  # its answer was 200; a later one is of another request
    ended = replace(
        call, status=status, ended_at=ended_at, duration_seconds=duration, hangup_cause=cause, sip_code=sip_code,
        inferred=fact.inferred,
    )  # fmt: skip
    if sip_code is not None:
        payload["sip_code"] = sip_code
    if status == CANCELED and not call.ending:
        payload["by"] = "caller"
    return ended, (*told, Emitted(TERMINAL_EVENT[status], ended_at, {**payload, "inferred": fact.inferred}))


def _judge(call: Call, fact: Hangup, sip_code: int | None, answered: bool) -> tuple[str, str]:
    """Return the terminal status and its cause."""
    if call.ending in causes.CAUSES:
        return FAILED, call.ending
    q850 = fact.q850 if fact.q850 in causes.CAUSE_OF_Q850 else call.heard_q850 or fact.q850
    if answered:
        told = causes.after_answer(fact.cause) if fact.cause else causes.hangup_cause(q850, sip_code, answered=True)
        return COMPLETED, causes.NORMAL_CLEARING if call.ending else told
    told = fact.cause or causes.hangup_cause(q850, sip_code, answered=False)
    if call.ending == "cancel":
        return CANCELED, causes.NORMAL_CLEARING
    if call.ending == RING:
        return FAILED, causes.NO_ANSWER
    gave_up = fact.by_caller and told in (causes.NORMAL_CLEARING, causes.UNKNOWN)
    return (CANCELED, causes.NORMAL_CLEARING) if gave_up else (FAILED, told)
