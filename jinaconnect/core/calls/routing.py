"""Where an inbound call goes: the number's own route, else the trunk's default route, else it is rejected with 404."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinaconnect.core.calls import causes
from jinaconnect.core.calls.numbers import plus_form
from jinaconnect.core.errors import Invalid

RING_S = 30
RING_LIMITS_S = (5, 120)
MAX_CHAIN = 5
REFUSALS = tuple(cause for cause in causes.CAUSES if cause not in causes.NEVER_OURS)


@dataclass(frozen=True, slots=True)
class ToTemplate:
    """Run an IVR template."""

    template: str


@dataclass(frozen=True, slots=True)
class ToDevice:
    """Ring a user's devices for `ring_s` seconds."""

    user: str
    ring_s: int = RING_S


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse the call with a canonical cause."""

    cause: str = causes.CALL_REJECTED


Stop = ToTemplate | ToDevice | Reject
Route = tuple[Stop, ...]

UNROUTED: Route = (Reject(causes.NUMBER_UNALLOCATED),)


@dataclass(frozen=True, slots=True)
class Resolution:
    """The stops of a call in order, the last never a device, and who said so: "number", "trunk" or "none"."""

    route: Route
    source: str

    @property
    def rejected(self) -> str | None:
        """Return the cause when the call is refused without ringing anyone, else None."""
        first = self.route[0]
        return first.cause if isinstance(first, Reject) else None


def read_route(data: Any, name: str = "route") -> Route:
    """Return the stops a route document describes; raises Invalid naming the faulty part of field `name`.

    `{"type":"template","template":id}`, `{"type":"device","user":id,"ring_s":30,"then":route?}` or
    `{"type":"reject","cause":"CALL_REJECTED"}`. A device without `then` ends in a rejection for want of an answer.
    """
    stops: list[Stop] = []
    for _ in range(MAX_CHAIN):
        if not isinstance(data, Mapping):
            raise Invalid.field(name, "must be an object with a type: template, device or reject")
        match data.get("type"):
            case "template":
                return (*stops, ToTemplate(_text(data, "template", name)))
            case "reject":
                cause = data.get("cause", causes.CALL_REJECTED)
                if cause not in REFUSALS:
                    raise Invalid.field(f"{name}.cause", f"must be one of {', '.join(REFUSALS)}")
                return (*stops, Reject(cause))
            case "device":
                stops.append(ToDevice(_text(data, "user", name), _ring_s(data, name)))
                if data.get("then") is None:
                    return (*stops, Reject(causes.NO_ANSWER))
                data, name = data["then"], f"{name}.then"
            case _:
                raise Invalid.field(f"{name}.type", "must be template, device or reject")
    raise Invalid.field(name, f"a chain has at most {MAX_CHAIN} stops")


def resolve(called: str, numbers: Mapping[str, Route], default: Route | None) -> Resolution:
    """Return where a call to `called` goes; `numbers` maps the trunk's numbers (`+` form) to their routes."""
    route = numbers.get(plus_form(called))
    if route is not None:
        return Resolution(route, "number")
    if default is not None:
        return Resolution(default, "trunk")
    return Resolution(UNROUTED, "none")


def _text(data: Mapping[str, Any], key: str, name: str) -> str:
    value = data.get(key)
    if not isinstance(value, str) or not value.strip() or len(value) > 64:
        raise Invalid.field(f"{name}.{key}", "must be an id")
    return value.strip()


def _ring_s(data: Mapping[str, Any], name: str) -> int:
    value = data.get("ring_s", RING_S)
    low, high = RING_LIMITS_S
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise Invalid.field(f"{name}.ring_s", f"must be whole seconds from {low} to {high}")
    return value
