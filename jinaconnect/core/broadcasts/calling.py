"""A broadcast that is spoken: what became of each call, who is called again, and which keys were pressed where."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from jinaconnect.core.broadcasts import states
from jinaconnect.core.calls import causes, machine

ANSWERED, MACHINE, BUSY, NO_ANSWER = "answered", "machine", "busy", "no_answer"
REFUSED, CANCELED, DOUBTED = "failed", "canceled", "unknown"
OUTCOMES = (ANSWERED, MACHINE, BUSY, NO_ANSWER, REFUSED, CANCELED, DOUBTED)
FINAL = frozenset({ANSWERED, MACHINE, CANCELED, DOUBTED})  # after which nobody is called again by themselves
_OF_CAUSE = {
    causes.USER_BUSY: BUSY, causes.NO_ANSWER: NO_ANSWER, causes.NO_USER_RESPONSE: NO_ANSWER,
}  # fmt: skip

# What asks for another try later, of the carrier and not of who is called.
PASSING = frozenset({causes.NETWORK_OUT_OF_ORDER, causes.NORMAL_TEMPORARY_FAILURE, causes.RESOURCE_UNAVAILABLE})
PASSING_RETRIES = 3
PASSING_PAUSE = timedelta(seconds=60)  # doubled at each retry
RETRY_AFTER_MINUTES = 15
MOST_ANSWERS = 50  # kept of one call


def outcome_of(call: Mapping[str, Any]) -> str:
    """Return what became of a call that has ended; one that may have been dialled and was never heard of is unknown."""
    if call["status"] == machine.COMPLETED and call["duration_seconds"]:
        return MACHINE if call["metadata"].get("answered_by") == MACHINE else ANSWERED
    if call["status"] == machine.CANCELED:
        return CANCELED
    if call["status"] == machine.FAILED and call["inferred"] and call["dialing_at"] is not None:
        return DOUBTED
    return _OF_CAUSE.get(call["hangup_cause"], REFUSED)


def again_at(
    options: Mapping[str, Any], retries: int, outcome: str, cause: str, now: datetime
) -> datetime | None:
    """Return when a recipient is called again, None where they are not; nobody is of whom nothing was heard."""
    if outcome in FINAL:
        return None
    retry = options.get("retry")
    if retry is not None and outcome in retry["on"]:
        later: datetime = now + timedelta(minutes=retry["after_minutes"])
        return later if retries < retry["times"] else None
    if cause in PASSING and retries < PASSING_RETRIES:
        return now + PASSING_PAUSE * float(2**retries)
    return None


def ended(call: Mapping[str, Any], answers: Sequence[Mapping[str, Any]], now: datetime) -> dict[str, Any]:
    """Return the fields of a recipient after the last call to them has ended."""
    outcome = outcome_of(call)
    told = {"outcome": outcome, "seconds": call["duration_seconds"], "answers": list(answers), "updated_at": now}
    if outcome in (ANSWERED, MACHINE):
        return {**told, "status": states.DELIVERED, "delivered_at": call["ended_at"], "error_code": None}
    if outcome == DOUBTED:
        text = "The carrier was asked, and nothing was heard of the call since."
        return {**told, "status": states.UNKNOWN, "error_code": DOUBTED, "response": text}
    cause = CANCELED if outcome == CANCELED else call["hangup_cause"]
    return {**told, "status": states.FAILED, "failed_at": call["ended_at"], "error_code": cause}


def keys_pressed(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return `{node, digits}` of a call's history by place: what the customer pressed at each node of its IVR."""
    found: list[dict[str, Any]] = []
    node: str | None = None
    begun = True
    for row in rows:
        payload = row["payload"]
        if row["type"] == "call.ivr_step":
            node, begun = payload["node"], True
        elif row["type"] == "call.dtmf" and payload["from"] == "customer":
            if begun:
                found.append({"node": node, "digits": ""})
            found[-1]["digits"] += payload["digit"]
            begun = False
    return found[:MOST_ANSWERS]


def spoken_figures(groups: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return calls by what became of them, how long was talked and what it cost, of groups `{_id, n, …}`.

    A group's `_id` has the fields of a call that tell its outcome; calls that live are `live`.
    """
    counts = {"live": 0, **dict.fromkeys(OUTCOMES, 0)}
    seconds, written, costs = 0, 0, dict[str, float]()
    for group in groups:
        key = group["_id"]
        name = outcome_of(key) if key["status"] in machine.TERMINAL else "live"
        counts[name] += group["n"]
        seconds += group["seconds"]
        written += group["written"]
        if key["cost_currency"] and group["cost"]:
            costs[key["cost_currency"]] = costs.get(key["cost_currency"], 0.0) + float(str(group["cost"]))
    return {
        "calls": sum(counts.values()), **counts, "seconds": seconds, "sms_fallbacks": written,
        "cost": [{"currency": name, "amount": round(amount, 6)} for name, amount in sorted(costs.items())],
    }  # fmt: skip
