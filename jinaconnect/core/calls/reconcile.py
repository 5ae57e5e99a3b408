"""After a break of the link: what to do with the calls we hold and the channels and bridges Asterisk has.

Read in this order, and the plan is safe: subscribe to events (and buffer them), take the snapshot, then read the
calls from the store. A call is stored before its channel is asked for, so a channel of ours in the snapshot without
a live call is one whose call is over; a call stored after the snapshot was taken is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from jinaconnect.core.calls.machine import IN_PROGRESS, RANK, RINGING, Answered, Fact, Gone, Ringing

PREFIX = "jc-"

_UP, _RINGING = "Up", frozenset({"Ring", "Ringing"})


def channel_id(call: str, leg: str) -> str:
    """Return the id of a call's channel; a leg's name has no hyphen."""
    return f"{PREFIX}{call}-{leg}"


def bridge_id(call: str, part: str = "") -> str:
    """Return the id of a call's bridge, or of a further one (a consultation) named by `part`."""
    return f"{PREFIX}{call}-{part}" if part else f"{PREFIX}{call}"


@dataclass(frozen=True, slots=True)
class HeldCall:
    """A live call of the store: `channel` decides its fate, `others` are its further legs.

    `channel` is None before the call was handed to Asterisk; `placed_at` is when it was.
    """

    id: str
    status: str
    channel: str | None
    others: frozenset[str] = frozenset()
    placed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as Asterisk lists it: `state` in Asterisk's words, `in_app` when our application owns it."""

    id: str
    state: str
    in_app: bool = True


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What Asterisk had at `taken_at`; `arriving` are channels whose entry is among the buffered events."""

    taken_at: datetime
    channels: tuple[Channel, ...] = ()
    bridges: tuple[str, ...] = ()
    arriving: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, each list in the order of what was given.

    `adopt`: calls that go on, with the facts that catch them up. `end`: calls whose channel is gone, with the fact.
    `wait`: calls the snapshot cannot know yet. `hang_up`: channels nobody needs. `delete_bridges`: likewise.
    """

    adopt: tuple[tuple[str, tuple[Fact, ...]], ...] = ()
    end: tuple[tuple[str, Fact], ...] = ()
    wait: tuple[str, ...] = ()
    hang_up: tuple[str, ...] = ()
    delete_bridges: tuple[str, ...] = ()


def reconcile(held: Iterable[HeldCall], snapshot: Snapshot) -> Plan:
    """Return the plan for one Asterisk; running it again after it was carried out gives no further orders."""
    present = {channel.id: channel for channel in snapshot.channels}
    adopt: list[tuple[str, tuple[Fact, ...]]] = []
    end: list[tuple[str, Fact]] = []
    wait: list[str] = []
    living: set[str] = set()
    needed: set[str] = set(snapshot.arriving)
    for call in held:
        channel = present.get(call.channel) if call.channel is not None else None
        if channel is not None:
            adopt.append((call.id, _catch_up(call, channel, snapshot.taken_at)))
        elif call.channel is None or (call.placed_at is not None and call.placed_at >= snapshot.taken_at):
            wait.append(call.id)
        else:
            end.append((call.id, Gone(snapshot.taken_at)))
            continue
        living.add(call.id)
        needed |= call.others
        if call.channel is not None:
            needed.add(call.channel)
    return Plan(
        adopt=tuple(adopt),
        end=tuple(end),
        wait=tuple(wait),
        hang_up=tuple(
            channel.id
            for channel in snapshot.channels
            if (channel.in_app or channel.id.startswith(PREFIX))
            and channel.id not in needed
            and not _belongs(channel.id, living)
        ),
        delete_bridges=tuple(
            bridge for bridge in snapshot.bridges if bridge.startswith(PREFIX) and not _belongs(bridge, living)
        ),
    )


def _belongs(name: str, living: set[str]) -> bool:
    """Tell whether an id is of a living call: `jc-<call>` or `jc-<call>-<part>`, a call id may hold hyphens."""
    if not name.startswith(PREFIX):
        return False
    rest = name.removeprefix(PREFIX)
    return rest in living or rest.rpartition("-")[0] in living


def _catch_up(call: HeldCall, channel: Channel, at: datetime) -> tuple[Fact, ...]:
    """Return what a channel's state tells that the call does not know yet."""
    if channel.state == _UP and RANK[call.status] < RANK[IN_PROGRESS]:
        return (Answered(at, inferred=True),)
    if channel.state in _RINGING and RANK[call.status] < RANK[RINGING]:
        return (Ringing(at, inferred=True),)
    return ()
