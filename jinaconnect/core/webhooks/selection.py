"""Which events an endpoint is for, and which of them may not overtake each other."""

from __future__ import annotations

from collections.abc import Sequence

from jinaconnect.core.errors import Invalid
from jinaconnect.core.events.catalogue import CATALOGUE, TOPICS
from jinaconnect.core.events.event import Recorded

ALL = "*"


def types_of(patterns: Sequence[str], field: str = "events") -> frozenset[str] | None:
    """Return the event types that patterns name (`message.read`, `call.*`, `*`), None for all of them.

    Raises Invalid naming the pattern that fits nothing.
    """
    found: set[str] = set()
    every = False
    for place, pattern in enumerate(patterns):
        noun, star = pattern.removesuffix(ALL), pattern.endswith(".*")
        fitting = {name for name in CATALOGUE if name == pattern or (star and name.startswith(noun))}
        if pattern == ALL:
            every = True
        elif not fitting:
            raise Invalid.field(f"{field}.{place}", f"there are no events '{pattern[:60]}'")
        found |= fitting
    return None if every else frozenset(found)


def known_topics(topics: Sequence[str]) -> None:
    """Raise Invalid for a topic there is not."""
    for place, topic in enumerate(topics):
        if topic not in TOPICS:
            raise Invalid.field(f"topics.{place}", f"there are {', '.join(TOPICS)}")


def ordering_key(event: Recorded) -> str:
    """Return what an event is ordered within: its call, else its conversation, else the thing it is about."""
    return event.call or event.contact or event.subject
