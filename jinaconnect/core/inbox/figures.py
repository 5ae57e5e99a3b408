"""The inbox in figures: a fold of the log into a row for each conversation and sums for each day.

A conversation's row holds what its next event is measured against. A day's sums are kept in four views, of all, of a
platform, of who it belongs to, and of both; so a window is the sum of its days, whatever it is narrowed to. People who
wrote on several days are one: a day counts them by the day they were there before, and a window those who were not in
it before (`distinct`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from jinaconnect.core.events.event import ASSIGNEE
from jinaconnect.core.inbox.contact import CLOSED, OPEN, full_name
from jinaconnect.core.inbox.message import INCOMING

ALL = ""  # any platform, or anybody
STANDING = ""  # in place of a day: how things stand now
NEVER = "0"  # in place of the day before: there was none
TYPES = (
    "message.received", "message.queued", "conversation.opened", "conversation.assigned", "conversation.unassigned",
    "conversation.closed", "conversation.reopened", "contact.created", "contact.updated", "contact.merged",
    "contact.separated", "contact.deleted",
)  # fmt: skip
MOST_DAYS = 800  # a conversation's row knows so many days on which it had a message, the last ones
_EXACT_BELOW = 1_000  # longer times are kept to three figures, so that a day has few of them

Key = tuple[str, str, str]  # a day, a platform, a person
Tallies = dict[Key, Counter[str]]
Row = dict[str, Any]


def new_row() -> Row:
    """Return the row of a conversation nothing is known of.

    `fresh`: its next message opens it; `waits`: since when the customer waits for an answer, in Unix seconds; `first`:
    the next answer is the first one since it was opened. `story` is what people are told of it: how it went since it
    was opened last, and what was written in all.
    """
    return {
        "status": None, "holder": None, "taken": False, "platform": None, "gone": False, "fresh": False,
        "opened": None, "waits": None, "first": False, "seen": {}, "closed": {}, "story": new_story(),
    }  # fmt: skip


def new_story() -> Row:
    """Return the story of a conversation nothing is known of; times are Unix seconds, `days` those with a message."""
    return {
        "opened": None, "first_s": None, "closed": None, "resolved_s": None, "received": 0, "sent": 0, "responses": 0,
        "response_s": 0, "days": [],
    }  # fmt: skip


def seed(row: Row, contact: Mapping[str, Any]) -> None:
    """Have a row stand as the contact does, as far as the log has not told of it."""
    last = contact["chat"].get("last")
    if row["status"] is None:
        held, taken = contact["assigned_to_user"], contact["assigned_to_type"] != "UNASSIGNED"
        row.update(status=contact["status"], holder=held, taken=taken)
    if row["platform"] is None and last:
        row["platform"] = last["platform"]


def standing(row: Row) -> tuple[str, str | None, bool] | None:
    """Return as what a conversation counts among the open ones, None where it does not."""
    if row["status"] != OPEN or row["platform"] is None or row["gone"]:
        return None
    return row["platform"], row["holder"], row["taken"]


def stand(tallies: Tallies, days: Iterable[str], was: Any, now: Any) -> None:
    """Count a conversation that stands otherwise than before, on some days."""
    if was == now:
        return
    for each, way in ((was, -1), (now, 1)):
        if each is not None:
            platform, holder, taken = each
            for day in days:
                for view in _views(platform, holder):
                    _add(tallies, (day, *view), "open", way)
                    if not taken:
                        _add(tallies, (day, *view), "pending", way)


def fold(row: Row, event: Mapping[str, Any], zone: tzinfo, tallies: Tallies) -> None:
    """Bring a conversation's row, and the sums, up to one event of the log; both are changed."""
    row.setdefault("story", new_story())  # one of a version that told none
    recorded = event["recorded"].astimezone(zone)
    day = recorded.date().isoformat()
    was = standing(row)
    if event["type"].startswith("message."):
        _message(row, event, day, recorded.hour, tallies)
    else:
        _turn(row, event, day, tallies)
    stand(tallies, (day, STANDING), was, standing(row))


def _message(row: Row, event: Mapping[str, Any], day: str, hour: int, tallies: Tallies) -> None:
    data, at = event["data"], event["at"].timestamp()
    platform = data["platform"]
    if row["status"] is None:  # older than the log
        holder = event["seen"][ASSIGNEE]
        row.update(status=OPEN, holder=holder, taken=holder is not None)
    row["platform"] = platform
    story = row["story"]
    if row["fresh"]:
        row.update(fresh=False, opened=at, first=True)
        story.update(opened=at, first_s=None, closed=None, resolved_s=None)
    if day not in story["days"][-1:]:
        story["days"] = [*story["days"], day][-MOST_DAYS:]
    story["received" if data["direction"] == INCOMING else "sent"] += 1
    for view in _views(platform, row["holder"]):
        _once(row["seen"], "chats", day, view, tallies)
    if data["direction"] == INCOMING:
        for view in _views(platform, row["holder"]):
            _add(tallies, (day, *view), "received")
            _add(tallies, (day, *view), f"hours.{hour}")
        if row["waits"] is None and event["call"] is None:  # nobody waits for an answer to a call
            row["waits"] = at
        return
    for view in _views(platform, data["tenant_user"]):
        _add(tallies, (day, *view), "sent")
    answers = data["author"] == "USER" and event["actor"]["type"] != "broadcast"
    if row["waits"] is None or not answers:
        return
    seconds = max(0, round(at - row["waits"]))
    story.update(responses=story["responses"] + 1, response_s=story["response_s"] + seconds)
    if row["first"]:
        story["first_s"] = seconds
    for view in _views(platform, data["tenant_user"]):
        key = (day, *view)
        _add(tallies, key, "responses")
        _add(tallies, key, "response_s", seconds)
        if row["first"]:
            _add(tallies, key, "firsts")
            _add(tallies, key, "first_s", seconds)
            _add(tallies, key, f"first.{_rounded(seconds)}")
    row.update(waits=None, first=False)


def _turn(row: Row, event: Mapping[str, Any], day: str, tallies: Tallies) -> None:
    """Take over how a conversation stands by an event of it or of its contact."""
    data, kind, at = event["data"], event["type"], event["at"].timestamp()
    held = data.get("assignment", data)
    before, row["status"] = row["status"], data["status"]
    if kind == "contact.created" or (before is None and kind == "conversation.opened"):
        row["fresh"] = True
    if data["status"] == CLOSED and (before == OPEN or (before is None and kind == "conversation.closed")):
        for view in _views(row["platform"] or ALL, row["holder"]):
            key = (day, *view)
            _once(row["closed"], "closed", day, view, tallies)
            if row["opened"] is not None:
                _add(tallies, key, "resolved")
                _add(tallies, key, "resolved_s", max(0, round(at - row["opened"])))
        lasted = None if row["opened"] is None else max(0, round(at - row["opened"]))
        row["story"].update(closed=at, resolved_s=lasted)
        row.update(fresh=False, opened=None, waits=None, first=False)
    elif data["status"] == OPEN and (before == CLOSED or kind == "conversation.reopened"):
        row.update(fresh=False, opened=at, waits=None, first=True)
        row["story"].update(opened=at, first_s=None, closed=None, resolved_s=None)
    row.update(holder=held["assigned_to_user"], taken=held["assigned_to_type"] != "UNASSIGNED")
    if kind.startswith("contact."):
        row["gone"] = kind == "contact.deleted" or data["merged_into"] is not None
    elif row["platform"] is None:
        row["platform"] = data["platform"]


def _views(platform: str, person: str | None) -> set[tuple[str, str]]:
    return {(where, who) for where in (ALL, platform) for who in (ALL, person or ALL)}


def _add(tallies: Tallies, key: Key, name: str, by: int = 1) -> None:
    tallies.setdefault(key, Counter())[name] += by


def _once(days: dict[str, str], name: str, day: str, view: tuple[str, str], tallies: Tallies) -> None:
    """Count a conversation on a day, once, by the day before on which it was counted in the same view."""
    place = "|".join(view)
    before = days.get(place, NEVER)
    if before < day:
        days[place] = day
        _add(tallies, (day, *view), f"{name}.{before}")


def _rounded(seconds: int) -> int:
    if seconds < _EXACT_BELOW:
        return seconds
    step = int(10 ** (len(str(seconds)) - 3))
    return seconds // step * step


# --- what is answered --------------------------------------------------------------------------------------------


def earlier(day: date, days: int) -> date:
    """Return the day so many days before, or the first there is."""
    return date.fromordinal(max(1, day.toordinal() - days))


@dataclass(frozen=True, slots=True)
class Window:
    """Days of the organisation's zone, the first and the last included."""

    first: date
    last: date

    @property
    def before(self) -> Window:
        """The window of as many days that ends where this one begins."""
        return Window(earlier(self.first, (self.last - self.first).days + 1), earlier(self.first, 1))

    def has(self, day: str) -> bool:
        """Tell whether a day lies in it."""
        return str(self.first) <= day <= str(self.last)


def _sums(rows: Iterable[Mapping[str, Any]], window: Window) -> Counter[str]:
    found: Counter[str] = Counter()
    for row in rows:
        if window.has(row["day"]):
            found.update({name: value for name, value in row.items() if type(value) is int})
    return found


def distinct(rows: Iterable[Mapping[str, Any]], name: str, window: Window) -> int:
    """Return how many conversations a window has that are counted by the day before."""
    inside = (row.get(name, {}) for row in rows if window.has(row["day"]))
    return sum(count for days in inside for before, count in days.items() if before < str(window.first))


def _stood(rows: Iterable[Mapping[str, Any]], name: str, at: date) -> int:
    """Return how many stood so at the end of a day: those of now, without what came after."""
    return sum(row.get(name, 0) * (1 if row["day"] == STANDING else -1 if row["day"] > str(at) else 0) for row in rows)


def _mean(total: int, count: int, per: int = 1) -> float | None:
    return round(total / count / per, 1) if count else None


def median(counts: Mapping[int, int]) -> float | None:
    """Return the median of values told as how many there are of each, None of nothing."""
    total, passed, lower = sum(counts.values()), 0, None
    for value, count in sorted(counts.items()):
        passed += count
        if lower is None and 2 * passed >= total:
            lower = value
            if 2 * passed > total:
                return float(value)
        elif lower is not None and count:
            return (lower + value) / 2
    return None


def _change(now: int, before: int) -> float | None:
    return round(100 * (now - before) / before, 1) if before else None


def summary(rows: list[Mapping[str, Any]], window: Window) -> dict[str, Any]:
    """Return the figures of a window; rows are a view's days from the window before it on, and how it stands."""
    sums, earlier = _sums(rows, window), window.before
    chats, closed = distinct(rows, "chats", window), distinct(rows, "closed", window)
    opened, pending = _stood(rows, "open", window.last), _stood(rows, "pending", window.last)
    firsts: Counter[int] = Counter()
    hours = [0] * 24
    for row in rows:
        if window.has(row["day"]):
            firsts.update({int(seconds): count for seconds, count in row.get("first", {}).items()})
            for hour, count in row.get("hours", {}).items():
                hours[int(hour)] += count
    return {
        "total_chats": chats, "open_chats": opened, "closed_chats": closed, "pending_chats": pending,
        "active_chats": opened - pending,
        "avg_resolution_time_minutes": _mean(sums["resolved_s"], sums["resolved"], 60),
        "comparison": {
            "total_change_percent": _change(chats, distinct(rows, "chats", earlier)),
            "open_change_percent": _change(opened, _stood(rows, "open", earlier.last)),
            "closed_change_percent": _change(closed, distinct(rows, "closed", earlier)),
        },
        "avg_first_response_seconds": _mean(sums["first_s"], sums["firsts"]),
        "median_first_response_seconds": median(firsts),
        "avg_response_seconds": _mean(sums["response_s"], sums["responses"]),
        "open_conversations": sum(row.get("open", 0) for row in rows if row["day"] == STANDING),
        "by_hour": hours,
    }  # fmt: skip


def traffic(rows: Iterable[Mapping[str, Any]], window: Window | None) -> dict[str, int]:
    """Return how many messages came and went in a window, in all days where none is given."""
    of_days = [row for row in rows if row["day"] != STANDING and (window is None or window.has(row["day"]))]
    return {name: sum(row.get(name, 0) for row in of_days) for name in ("received", "sent")}


def part(rows: list[Mapping[str, Any]], window: Window) -> dict[str, Any]:
    """Return the figures of one platform or person."""
    sums = _sums(rows, window)
    return {
        "total_chats": distinct(rows, "chats", window), "closed_chats": distinct(rows, "closed", window),
        "open_conversations": sum(row.get("open", 0) for row in rows if row["day"] == STANDING),
        "messages_received": sums["received"], "messages_sent": sums["sent"],
        "avg_first_response_seconds": _mean(sums["first_s"], sums["firsts"]),
        "avg_response_seconds": _mean(sums["response_s"], sums["responses"]),
        "avg_resolution_time_minutes": _mean(sums["resolved_s"], sums["resolved"], 60),
    }  # fmt: skip


COLUMNS = (
    "contact_id", "contact_name", "phone", "platform", "status", "assigned_to_user", "assigned_to_name", "opened_at",
    "first_response_seconds", "closed_at", "resolution_seconds", "waiting_since", "messages_received", "messages_sent",
    "responses", "avg_response_seconds", "last_day",
)  # fmt: skip


def conversation_cells(
    contact: str, row: Row, named: Mapping[str, Any] | None, holders: Mapping[str, str], zone: tzinfo
) -> list[str]:
    """Return a conversation as a row of a file; who was removed has no name."""
    story = {**new_story(), **row.get("story", {})}

    def moment(seconds: float | None) -> str:
        return "" if seconds is None else datetime.fromtimestamp(seconds, zone).isoformat(timespec="seconds")

    cells: tuple[Any, ...] = (
        contact, full_name(named) if named else None, named and named["phone"], row["platform"], row["status"],
        row["holder"], holders.get(row["holder"] or ""), moment(story["opened"]), story["first_s"],
        moment(story["closed"]), story["resolved_s"], moment(row["waits"]), story["received"], story["sent"],
        story["responses"], _mean(story["response_s"], story["responses"]), (story["days"] or [None])[-1],
    )  # fmt: skip
    return ["" if cell is None else str(cell) for cell in cells]
