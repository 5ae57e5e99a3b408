"""The state of one trunk as it is kept: what was seen goes in, changed fields and what is to be told come out. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from jinaconnect.core.calls import health

REACHABLE, UNREACHABLE, UNKNOWN = "reachable", "unreachable", "unknown"
REGISTERED, UNREGISTERED, REJECTED = "registered", "unregistered", "rejected"
ASTERISK_DOWN = "asterisk_down"
SAMPLES = 100
LOST_WITHIN = timedelta(minutes=5)
FLOOR_WINDOW = "1h"

_NO_CALLS = health.Figures()
_EVENT = {health.UP: "trunk.up", health.DEGRADED: "trunk.degraded", health.DOWN: "trunk.down"}


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at a trunk.

    `answers` is whether its carrier answers now, None where that cannot be said. `samples` are OPTIONS asked since
    the look before, (when, milliseconds or None for no answer). `registration` is None for a trunk that does not
    register or has no answer yet. `recent` are the figures of the last hour's calls.
    """

    at: datetime
    answers: bool | None
    samples: tuple[tuple[datetime, float | None], ...] = ()
    registration: str | None = None
    recent: health.Figures = _NO_CALLS


class Tell(NamedTuple):
    """An event to record."""

    type: str
    data: dict[str, Any]


def new_state(id: str, asterisk: str, at: datetime) -> dict[str, Any]:
    """Return the row of a trunk nothing is known of."""
    return {
        "_id": id, "asterisk": asterisk, "contact": {"state": UNKNOWN, "rtt_ms": None}, "registration": None,
        "options": [], "reach": {"state": health.UNKNOWN, "since": None, "recent": []}, "status": health.UNKNOWN,
        "since": at, "changed_at": at, "away": False,
    }  # fmt: skip


def away(row: Mapping[str, Any], at: datetime) -> tuple[dict[str, Any], list[Tell]]:
    """Return what changes when a trunk's Asterisk is away, and what is to be told: nothing goes over the trunk.

    What is known of the carrier stays, for it has done nothing.
    """
    if row.get("away"):
        return {}, []
    down = Tell("trunk.down", {"status": health.DOWN, "reason": ASTERISK_DOWN})
    return {"away": True, "changed_at": at}, [] if row["status"] == health.DOWN else [down]


def decide(
    row: Mapping[str, Any], asterisk: str, seen: Seen, rule: health.Rule, floor: health.Floor
) -> tuple[dict[str, Any], list[Tell]]:
    """Return the fields of a row that change with what was seen, and what is to be told of it."""
    before = row["reach"]
    reach = health.Reach(before["state"], before["since"], tuple(before["recent"]))
    if seen.answers is not None:
        reach, _ = health.observe(reach, seen.answers, seen.at, rule)
    kept = row["registration"]
    old = None if kept is None else kept["state"]
    status = health.trunk_status(reach, seen.registration, seen.recent, floor)
    if status == health.UNKNOWN and seen.registration == REGISTERED and seen.answers is None:
        status = health.UP  # never asked, but it has answered our REGISTER
    fields = {
        "asterisk": asterisk,
        "contact": {"state": _contact(seen.answers), "rtt_ms": _rtt(seen, row["contact"]["rtt_ms"])},
        "registration": kept if seen.registration == old else _registration(seen),
        "options": [*row["options"], *([at, rtt] for at, rtt in seen.samples)][-SAMPLES:],
        "reach": {"state": reach.state, "since": reach.since, "recent": list(reach.recent)},
        "status": status,
    }
    changed = {name: value for name, value in fields.items() if row[name] != value}
    tells = _registration_tells(old, seen.registration, status)
    back = bool(row.get("away"))
    if back:
        changed["away"] = False
    if status != row["status"] or (back and status != health.DOWN):
        changed["since"] = seen.at
        if status in _EVENT:
            tells.append(Tell(_EVENT[status], {"status": status, "reason": _reason(status, reach, seen)}))
    if changed:
        changed["changed_at"] = seen.at
    return changed, tells


def _contact(answers: bool | None) -> str:
    if answers is None:
        return UNKNOWN
    return REACHABLE if answers else UNREACHABLE


def _rtt(seen: Seen, before: float | None) -> float | None:
    if not seen.answers:
        return None
    measured = [rtt for _, rtt in seen.samples if rtt is not None]
    return measured[-1] if measured else before


def _registration(seen: Seen) -> dict[str, Any] | None:
    return None if seen.registration is None else {"state": seen.registration, "since": seen.at}


def _registration_tells(old: str | None, new: str | None, status: str) -> list[Tell]:
    if old == new:
        return []
    data = {"status": status, "registration": new, "reason": new or UNREGISTERED}
    if new == REGISTERED:
        return [Tell("trunk.registered", data)]
    # One that only waits for its first answer has nothing that ended.
    failed = new in (REJECTED, UNREACHABLE) and old not in (REJECTED, UNREACHABLE)
    return [Tell("trunk.unregistered", data)] if old == REGISTERED or failed else []


def _reason(status: str, reach: health.Reach, seen: Seen) -> str:
    if status == health.UP:
        return REACHABLE if reach.state == health.UP else REGISTERED
    if status == health.DOWN:
        return UNREACHABLE
    return "answer_ratio" if seen.registration in (None, REGISTERED) else str(seen.registration)


def options_view(samples: list[list[Any]], now: datetime) -> dict[str, Any]:
    """Return percentiles of the round trips kept (milliseconds) and how many were lost in the last five minutes."""
    times = [rtt for _, rtt in samples if rtt is not None]
    lost = sum(1 for at, rtt in samples if rtt is None and at > now - LOST_WITHIN)
    return {"p50_ms": health.percentile(times, 50), "p99_ms": health.percentile(times, 99), "lost_5m": lost}
