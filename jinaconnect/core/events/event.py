"""An event: what happened, to what, by whom; and what clients get of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from jinaconnect.core.clock import iso
from jinaconnect.core.errors import Invalid
from jinaconnect.core.events.catalogue import CATALOGUE
from jinaconnect.core.principal import parse_scope

ERASED = "event.erased"  # the type of what has been taken from the log
MAX_BYTES = 64 * 1024  # of an event's data as JSON; what people write is bounded so that its events stay within
# Events of these types take their place in the contact's timeline; their number is the sequence number.
_NUMBERED = ("message.received", "message.queued", "message.noted")

# How the facts of a visibility are called where many of them are kept.
CONTACT, ASSIGNEE, PREVIOUS_ASSIGNEE, ONLY_USER = "c", "a", "b", "o"


@dataclass(frozen=True, slots=True)
class Visibility:
    """The facts that decide who may see an event, fixed when it happens.

    `assignee` holds the contact then, `previous_assignee` held it until this event, `only_user` is the one person
    concerned (notifications). None everywhere: no contact is involved.
    """

    contact: bool = False
    assignee: str | None = None
    previous_assignee: str | None = None
    only_user: str | None = None

    def stored(self) -> dict[str, Any]:
        """Return the form kept with an event."""
        return {
            CONTACT: self.contact, ASSIGNEE: self.assignee, PREVIOUS_ASSIGNEE: self.previous_assignee,
            ONLY_USER: self.only_user,
        }  # fmt: skip

    @classmethod
    def of_stored(cls, kept: Mapping[str, Any]) -> Visibility:
        """Return what is kept with an event."""
        return cls(kept[CONTACT], kept[ASSIGNEE], kept[PREVIOUS_ASSIGNEE], kept[ONLY_USER])


@dataclass(frozen=True, slots=True)
class Event:
    """A fact on its way to the log; `data` is ready for JSON (no dates, no database types).

    `timeline` is the entry it leaves in its contact's conversation, `history` the row it leaves among its call's
    events.
    """

    id: str
    type: str
    occurred_at: datetime
    actor: Mapping[str, str]
    subject: str
    data: Mapping[str, Any]
    contact: str | None = None
    call: str | None = None
    channel: str | None = None
    seen: Visibility = field(default_factory=Visibility)
    timeline: Mapping[str, Any] | None = None
    history: Mapping[str, Any] | None = None

    def row(self) -> dict[str, Any]:
        """Return the form kept beside a document and in the log; raises Invalid for more than readers are sent."""
        try:
            size = len(orjson.dumps(self.data))
        except TypeError as error:
            raise Invalid(f"This cannot be told: {error}"[:300]) from error
        if size > MAX_BYTES:
            raise Invalid(f"This cannot be told: {self.type} would be larger than {MAX_BYTES} bytes.")
        return {
            "_id": self.id,
            "type": self.type,
            "at": self.occurred_at,
            "actor": dict(self.actor),
            "subject": self.subject,
            "data": dict(self.data),
            "contact": self.contact,
            "call": self.call,
            "channel": self.channel,
            "seen": self.seen.stored(),
            "timeline": None if self.timeline is None else dict(self.timeline),
            "history": None if self.history is None else dict(self.history),
        }

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Event:
        """Return the event that `row()` wrote."""
        same = ("type", "actor", "subject", "data", "contact", "call", "channel", "timeline", "history")
        kept = {name: row[name] for name in same}
        return cls(id=row["_id"], occurred_at=row["at"], seen=Visibility.of_stored(row["seen"]), **kept)


def conversation_id(contact: str) -> str:
    """Return the conversation id of a contact: every contact has exactly one conversation."""
    return "conv_" + contact.partition("_")[2]


def contact_id(conversation: str) -> str:
    """Return the contact id behind a conversation id."""
    return "cnt_" + conversation.partition("_")[2]


def takes_number(event_type: str) -> bool:
    """Tell whether an event's sequence number is its subject's place in the timeline."""
    return event_type in _NUMBERED


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event the log has numbered; `json` is its wire form, encoded once for every door."""

    scope: str
    seq: int
    id: str
    type: str
    topic: str
    subject: str
    contact: str | None
    call: str | None
    channel: str | None
    seen: Visibility
    json: bytes


def recorded(scope: str, row: Mapping[str, Any]) -> Recorded:
    """Return the recorded event of a log row."""
    kind = CATALOGUE[row["type"]]
    contact = row["contact"]
    _, mode = parse_scope(scope)
    wire = {
        "id": row["_id"],
        "seq": row["seq"],
        "type": row["type"],
        "mode": mode,
        "occurred_at": iso(row["at"]),
        "recorded_at": iso(row["recorded"]),
        "actor": row["actor"],
        "subject": {"type": kind.subject, "id": row["subject"]},
        "contact_id": contact,
        "conversation_id": None if contact is None else conversation_id(contact),
        "call_id": row["call"],
        "data": row["data"],
    }
    return Recorded(
        scope, row["seq"], row["_id"], row["type"], kind.topic, row["subject"], contact, row["call"],
        row["channel"], Visibility.of_stored(row["seen"]), _exact(orjson.dumps(wire)),
    )  # fmt: skip


def _exact(data: bytes) -> bytes:
    """Return the same bytes in memory of their size: orjson's own keep up to sixteen times as much."""
    return bytes(memoryview(data))
