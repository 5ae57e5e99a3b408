"""Which events a reader gets: one predicate for live delivery, replay, long poll and server-sent events.

It reads only the event's own facts and the principal, so it needs no look-up and gives the same answer at any time.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

from jinaconnect.core.errors import Invalid, PermissionDenied
from jinaconnect.core.events.catalogue import CATALOGUE, TOPIC_PERMISSION, TOPICS
from jinaconnect.core.events.event import Recorded, contact_id
from jinaconnect.core.principal import Principal

FILTER_KEYS = ("contact", "conversation", "call", "channel", "assignee")


@dataclass(frozen=True, slots=True)
class View:
    """What a reader asked for and may see; equal views share their encoded frames.

    `person` narrows to what is assigned to one agent; `unassigned` widens that to what nobody holds.
    """

    scope: str
    topics: frozenset[str]
    types: frozenset[str] | None = None
    contact: str | None = None
    call: str | None = None
    channel: str | None = None
    assignee: str | None = None
    person: str | None = None
    unassigned: bool = False
    notices_of: str | None = None

    def shows(self, event: Recorded) -> bool:
        """Tell whether the event is in this view."""
        if event.topic not in self.topics or (self.types is not None and event.type not in self.types):
            return False
        if self.contact is not None and event.contact != self.contact:
            return False
        if self.call is not None and event.call != self.call:
            return False
        if self.channel is not None and event.channel != self.channel:
            return False
        seen = event.seen
        if self.assignee is not None and seen.assignee != self.assignee:
            return False
        if seen.only_user is not None and seen.only_user != self.notices_of:
            return False
        if self.person is None or event.topic not in ("inbox", "calls"):
            return True
        if self.person in (seen.assignee, seen.previous_assignee):
            return True
        return self.unassigned and seen.contact and seen.assignee is None


def allowed_topics(principal: Principal) -> frozenset[str]:
    """Return the topics a principal may read."""
    return _one(frozenset(t for t in TOPICS if t not in TOPIC_PERMISSION or principal.may(TOPIC_PERMISSION[t])))


@functools.lru_cache(maxsize=1 << len(TOPICS))
def _one(topics: frozenset[str]) -> frozenset[str]:
    return topics  # the same object for the same topics: thousands of idle readers hold one


def view_of(
    principal: Principal,
    topics: list[str] | None = None,
    types: list[str] | None = None,
    filters: Mapping[str, str] | None = None,
) -> View:
    """Return the view of a principal on their log.

    No topics means all allowed ones. Raises Invalid for names that do not exist, PermissionDenied for a topic the
    role does not open.
    """
    may = allowed_topics(principal)
    unknown = [topic for topic in topics or () if topic not in TOPICS]
    if unknown:
        raise Invalid.field("topics", f"unknown topic '{unknown[0][:40]}'; there are {', '.join(TOPICS)}")
    wanted = _one(frozenset(topics)) if topics else may
    if not wanted <= may:
        raise PermissionDenied(f"The role '{principal.role}' may not read: {', '.join(sorted(wanted - may))}.")
    strange = [name for name in types or () if name not in CATALOGUE]
    if strange:
        raise Invalid.field("types", f"unknown event type '{strange[0][:60]}'")
    chosen = dict(filters or {})
    for key in chosen:
        if key not in FILTER_KEYS:
            raise Invalid.field(f"filter.{key[:40]}", f"unknown; there are {', '.join(FILTER_KEYS)}")
    contact = chosen.get("contact")
    if "conversation" in chosen:
        contact = contact_id(chosen["conversation"])
        if chosen.get("contact", contact) != contact:
            raise Invalid.field("filter.conversation", "is not the conversation of that contact")
    channel = chosen.get("channel")
    return View(
        scope=principal.scope,
        topics=wanted,
        types=frozenset(types) if types else None,
        contact=contact,
        call=chosen.get("call"),
        channel=channel.upper() if channel else None,
        assignee=chosen.get("assignee"),
        person=principal.id if principal.assigned_only else None,
        unassigned=principal.assigned_only and principal.sees_unassigned,
        notices_of=principal.user_id,
    )
