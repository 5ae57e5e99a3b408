"""The names this gateway gives to things in Asterisk, chosen before the request so that a repeat is recognised.

A channel is `jc-<call>-<leg>`, a bridge `jc-<call>`; `call` is the call's id and holds no hyphen. A leg is a short
word such as `customer`, `agent`, `tap`. Playbacks and recordings carry the channel's or bridge's name and a number.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_CALL = re.compile(r"[A-Za-z0-9_]{1,64}")
_LEG = re.compile(r"[a-z0-9]{1,24}")
_CHANNEL = re.compile(r"jc-(?P<call>[A-Za-z0-9_]{1,64})-(?P<leg>[a-z0-9]{1,24})")
_BRIDGE = re.compile(r"jc-(?P<call>[A-Za-z0-9_]{1,64})")


class Leg(NamedTuple):
    """A channel of ours."""

    call: str
    leg: str


def channel_id(call: str, leg: str) -> str:
    """Return the channel id of a leg; raises ValueError for a call or leg that would make it ambiguous."""
    if not _CALL.fullmatch(call):
        raise ValueError(f"call id is not letters, digits and underscores: {call!r}")
    if not _LEG.fullmatch(leg):
        raise ValueError(f"leg is not lower-case letters and digits: {leg!r}")
    return f"jc-{call}-{leg}"


def bridge_id(call: str) -> str:
    """Return the bridge id of a call; raises ValueError as `channel_id`."""
    if not _CALL.fullmatch(call):
        raise ValueError(f"call id is not letters, digits and underscores: {call!r}")
    return f"jc-{call}"


def channel_of(name: str) -> Leg | None:
    """Return whose leg a channel id names, or None where the channel is not ours."""
    found = _CHANNEL.fullmatch(name)
    return Leg(found["call"], found["leg"]) if found else None


def call_of_bridge(name: str) -> str | None:
    """Return the call a bridge id names, or None where the bridge is not ours."""
    found = _BRIDGE.fullmatch(name)
    return found["call"] if found else None
