"""A call's history: the rows its events leave behind, as `call-events` and as the timeline.

Every fact has a `place` (1, 2, 3… in the order the call's keeper learnt them); those that are events of the public
history have a `sequence` of their own, without holes. A row without a sequence is a detail for the timeline alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from jinaconnect.core.clock import iso

# The names of older call histories; an event that is not here goes by its own name.
_EVENT_TYPES = {
    "call.created": "initiated",
    "call.dialing": "initiated",
    "call.ringing": "ringing",
    "call.answered": "answered",
    "call.dtmf": "dtmf",
    "call.recording_started": "recording_started",
    "call.recording_stopped": "recording_completed",
    "call.transferred": "transferred",
    "transcript.ready": "transcribed",
    "transcript.failed": "transcript_failed",
    "call.completed": "completed",
    "call.failed": "failed",
    "call.canceled": "failed",
}

SOURCES = ("ari", "sip", "ivr", "agent", "carrier", "system")


def event_type(name: str) -> str:
    """Return the name of an event in `call-events`."""
    return _EVENT_TYPES.get(name, name.partition(".")[2])


def entry(place: int, sequence: int | None, source: str, *, inferred: bool) -> dict[str, Any]:
    """Return what an event carries of its place in its call's history."""
    return {"place": place, "sequence": sequence, "source": source, "inferred": inferred}


def history_rows(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the row of an event, after those of the details it carries; `event` as it waits beside its call."""
    held = dict(event["history"])
    details = held.pop("details", ())
    row = {
        "_id": "cev_" + event["_id"].partition("_")[2], "call": event["call"], "type": event["type"],
        "payload": event["data"], "at": event["at"], "actor": event["actor"], **held,
    }  # fmt: skip
    return [*details, row]


def detail_row(
    id: str, call: str, place: int, source: str, type: str, at: datetime, detail: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the row of a fact that is no event: it shows in the timeline alone."""
    return {
        "_id": id, "call": call, "type": type, "payload": dict(detail), "at": at, "actor": None, "place": place,
        "sequence": None, "source": source, "inferred": False,
    }  # fmt: skip


def render_event(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row as `call-events` shows it."""
    return {
        "id": row["_id"], "call": row["call"], "sequence": row["sequence"], "event_type": event_type(row["type"]),
        "type": row["type"], "payload": row["payload"], "occurred_at": iso(row["at"]),
    }  # fmt: skip


def render_timeline(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows (by place) as timeline items, milliseconds counted from the first."""
    ordered = sorted(rows, key=lambda row: (row["at"], row["place"]))
    if not ordered:
        return []
    zero = ordered[0]["at"]
    return [
        {
            "at": iso(row["at"]), "offset_ms": round((row["at"] - zero).total_seconds() * 1000),
            "source": row["source"], "type": row["type"],
            "detail": {**row["payload"], **({"by": row["actor"]} if row["source"] == "agent" else {})},
            "inferred": row["inferred"],
        }
        for row in ordered
    ]  # fmt: skip
