"""Service targets: how soon a customer is to be answered and a conversation closed, and how that goes.

`chat.sla` holds how a conversation stands: whether its customer `waits`, `answered` once the first response was given,
and the targets that run (`response`, `resolution`), each with since when, by when, when to warn, and what was told. A
target is what the organisation asked for when it began; closing lets all go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from jinaconnect.core.attention.hours import Hours, ahead
from jinaconnect.core.clock import iso
from jinaconnect.core.inbox.contact import CLOSED
from jinaconnect.core.inbox.message import INCOMING

FIRST, NEXT, RESOLUTION = "first_response", "next_response", "resolution"
RUNNING, WARNED, BREACHED = "running", "warned", "breached"
WARN_PERCENT = 80
_PLACES = ("response", "resolution")

Sla = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Targets:
    """What an organisation asks of itself: minutes by target, at how many per cent it is warned, its hours."""

    minutes: Mapping[str, float]
    warn_percent: int
    hours: Hours | None
    zone: tzinfo

    def begun(self, kind: str, since: datetime) -> dict[str, Any] | None:
        """Return a target that runs from a moment on, None where the organisation has none of the kind."""
        minutes = self.minutes.get(kind)
        if not minutes:
            return None
        warn = ahead(since, minutes * self.warn_percent / 100, self.hours, self.zone)
        due = ahead(since, minutes, self.hours, self.zone)
        return {"kind": kind, "since": since, "warn": warn, "due": due, "state": RUNNING}


@dataclass(frozen=True, slots=True)
class Told:
    """What became of a target: `verb` is that of its event."""

    verb: str
    target: Mapping[str, Any]
    at: datetime

    def data(self) -> dict[str, Any]:
        """Return what its event tells beside the conversation."""
        held = self.target
        return {"target": held["kind"], "since": iso(held["since"]), "due_at": iso(held["due"]), "at": iso(self.at)}


def sla_of(contact: Mapping[str, Any]) -> Sla:
    """Return how a conversation stands."""
    held = contact["chat"].get("sla")
    return dict(held) if held else fresh()


def runs(contact: Mapping[str, Any]) -> bool:
    """Tell whether anything is known of a conversation's targets."""
    return bool(contact["chat"].get("sla"))


def fresh() -> Sla:
    """Return how a conversation stands that nobody has written into since it was begun or closed."""
    return {"waits": False, "answered": False, "response": None, "resolution": None}


def after_messages(
    contact: Mapping[str, Any], messages: Sequence[Mapping[str, Any]], targets: Targets | None
) -> tuple[Sla, list[Told]] | None:
    """Return how a conversation stands after messages, oldest first, and what came of its targets; None for no change.

    What customers write begins targets; what a person answers ends that of the response. A conversation in which
    nothing runs is left alone where the organisation has no targets.
    """
    before = sla_of(contact)
    sla, told = dict(before), list[Told]()
    for message in messages:
        at = message["created_at"]
        if _asks(message) and targets is not None:
            sla["resolution"] = sla["resolution"] or targets.begun(RESOLUTION, at)
            if not sla["waits"]:
                sla.update(waits=True, response=targets.begun(NEXT if sla["answered"] else FIRST, at))
        elif sla["waits"] and _answers(message):
            told += _met(sla["response"], at)
            sla.update(waits=False, answered=True, response=None)
    return None if sla == before else (sla, told)


def _asks(message: Mapping[str, Any]) -> bool:
    return bool(message["direction"] == INCOMING and not message.get("quiet") and message["author"] == "CONTACT")


def _answers(message: Mapping[str, Any]) -> bool:
    by_hand = message["author"] == "USER" and message.get("broadcast_row") is None
    return bool(message["direction"] != INCOMING and by_hand and not message["internal_note"])


def on_close(contact: Mapping[str, Any], at: datetime) -> list[Told]:
    """Return what comes of a conversation's targets by its being closed: an answer that is not late yet is let go."""
    sla = sla_of(contact)
    return [told for told in _met(sla["response"], at) if told.verb == "breached"] + _met(sla["resolution"], at)


def _met(target: Mapping[str, Any] | None, at: datetime) -> list[Told]:
    if target is None or target["state"] == BREACHED:
        return []
    return [Told("met" if at <= target["due"] else "breached", target, at)]


def _awaited(contact: Mapping[str, Any]) -> bool:
    """Tell whether anybody is waited for: not where a conversation is closed, or goes on as another contact's."""
    return contact["status"] != CLOSED and contact.get("merged_into") is None


def due_now(contact: Mapping[str, Any], now: datetime) -> tuple[Sla, list[Told]] | None:
    """Return how a conversation stands after what is due, and what is told of it; None where nothing is."""
    sla, told = sla_of(contact), list[Told]()
    for place in _PLACES:
        target = sla[place] if _awaited(contact) else None
        if target is None:
            continue
        if target["state"] != BREACHED and now >= target["due"]:
            sla[place] = {**target, "state": BREACHED}
            told.append(Told("breached", target, now))
        elif target["state"] == RUNNING and now >= target["warn"]:
            sla[place] = {**target, "state": WARNED}
            told.append(Told("warned", target, now))
    return (sla, told) if told else None


def moments(contact: Mapping[str, Any]) -> Iterable[datetime]:
    """Return when the gateway has to look at a conversation's targets."""
    for place in _PLACES:
        target = sla_of(contact)[place] if _awaited(contact) else None
        if target is not None and target["state"] != BREACHED:
            yield target["warn"] if target["state"] == RUNNING else target["due"]
