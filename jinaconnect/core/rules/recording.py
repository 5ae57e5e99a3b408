"""Whether the law of either end of a call asks for everybody's consent to its recording.

The rows are in `recording.yaml`, dated and with their source.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from jinaconnect.core.rules.place import Place
from jinaconnect.core.rules.rows import RecordingRule, recording_rules


def all_party_rule(ends: Iterable[Place], day: date) -> RecordingRule | None:
    """Return the first rule of those places that asks everybody in a call on a day, None where none of them does."""
    for place in ends:
        for rule in recording_rules():
            if rule.binds(day) and rule.country == place.country and (not rule.states or place.state in rule.states):
                return rule
    return None
