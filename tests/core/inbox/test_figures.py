"""The fold of the inbox: whatever window is asked for says what looking through all events says."""

from __future__ import annotations

import random
import statistics
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from jinaconnect.core.inbox.figures import (
    ALL,
    STANDING,
    Row,
    Tallies,
    Window,
    fold,
    median,
    new_row,
    part,
    summary,
)

BEGIN = datetime(2026, 3, 1, 6, tzinfo=UTC)
DAYS, PEOPLE, PLACES = 20, ("usr_a", "usr_b"), ("SMS", "RCS")
Event = dict[str, Any]


class World:
    """Conversations that go on by chance, and the events that tell of them."""

    def __init__(self, seed: int) -> None:
        self.chance, self.now, self.events = random.Random(seed), BEGIN, list[Event]()
        self.state: dict[str, dict[str, Any]] = {}

    def tell(self, type: str, contact: str, data: Event, by: str = "user") -> None:
        held = self.state[contact]["holder"]
        self.events.append({
            "type": type, "contact": contact, "at": self.now, "recorded": self.now, "call": None,
            "actor": {"type": by}, "seen": {"a": held}, "data": data,
        })  # fmt: skip

    def turn(self, type: str, contact: str) -> None:
        state = self.state[contact]
        kind = "USER" if state["holder"] else "UNASSIGNED"
        held = {"assigned_to_user": state["holder"], "assigned_to_type": kind}
        self.tell(type, contact, {"status": state["status"], "platform": None, "assignment": held})

    def message(self, contact: str, direction: str, **rest: Any) -> None:
        if direction == "INCOMING" and self.state[contact]["status"] == "CLOSED":
            self.state[contact]["status"] = "OPEN"
            self.turn("conversation.reopened", contact)
        place = self.chance.choice(PLACES)
        data = {"platform": place, "direction": direction, "author": "USER", "tenant_user": None, **rest}
        kind = "message.received" if direction == "INCOMING" else "message.queued"
        self.tell(kind, contact, data, "user")

    def step(self) -> None:
        self.now += timedelta(minutes=self.chance.randint(1, 240))
        contact = f"cnt_{self.chance.randint(1, 7)}"
        if contact not in self.state:
            self.state[contact] = {"status": "OPEN", "holder": None}
            self.turn("conversation.opened", contact)
        state = self.state[contact]
        what = self.chance.choice(("in", "in", "out", "hold", "close"))
        if what == "in":
            self.message(contact, "INCOMING", author="CONTACT")
        elif what == "out":
            self.message(contact, "OUTGOING", tenant_user=self.chance.choice(PEOPLE))
        elif what == "hold":
            state["holder"] = self.chance.choice((*PEOPLE, None))
            self.turn("conversation.assigned" if state["holder"] else "conversation.unassigned", contact)
        elif state["status"] == "OPEN":
            state["status"] = "CLOSED"
            self.turn("conversation.closed", contact)


def folded(events: list[Event]) -> Tallies:
    rows: dict[str, Row] = {}
    tallies: Tallies = {}
    for event in events:
        fold(rows.setdefault(event["contact"], new_row()), event, UTC, tallies)
    return tallies


def view(tallies: Tallies, platform: str = ALL, person: str = ALL) -> list[Any]:
    """The rows of a view as the store keeps them: names with a dot are inner documents."""
    rows = []
    for (day, where, who), sums in tallies.items():
        if (where, who) == (platform, person):
            row: dict[str, Any] = {"day": day}
            for name, count in sums.items():
                outer, _, inner = name.partition(".")
                if inner:
                    row.setdefault(outer, {})[inner] = count
                else:
                    row[name] = count
            rows.append(row)
    return rows


def expected(events: list[Event], window: Window) -> dict[str, Any]:
    """The same figures by looking through everything."""
    chats, closed, wrote = set(), set(), set()
    status: dict[str, str] = {}
    opened: dict[str, Any] = {}
    holder: dict[str, Any] = {}
    waits: dict[str, datetime] = {}
    first: dict[str, bool] = {}
    firsts, answers, resolved = [], [], []
    for event in events:
        day, contact, data = event["recorded"].date(), event["contact"], event["data"]
        inside = window.first <= day <= window.last
        if day > window.last:
            break
        if not event["type"].startswith("message."):
            was, status[contact] = status.get(contact), data["status"]
            holder[contact] = data["assignment"]["assigned_to_user"]
            if event["type"] == "conversation.reopened":
                opened[contact], first[contact] = event["at"], True
            if was == "OPEN" and data["status"] == "CLOSED":
                waits.pop(contact, None)
                first.pop(contact, None)
                begun = opened.pop(contact, None)
                if inside:
                    closed.add(contact)
                    resolved += [(event["at"] - begun).total_seconds()] if begun else []
            continue
        if contact not in wrote and status[contact] == "OPEN":
            opened[contact], first[contact] = event["at"], True
        wrote.add(contact)
        if inside:
            chats.add(contact)
        if data["direction"] == "INCOMING":
            waits.setdefault(contact, event["at"])
        elif contact in waits:
            took = (event["at"] - waits.pop(contact)).total_seconds()
            if inside:
                answers.append(took)
                firsts += [took] if first.get(contact) else []
            first.pop(contact, None)
    stand = [contact for contact in wrote if status[contact] == "OPEN"]
    return {
        "total_chats": len(chats), "closed_chats": len(closed), "open_chats": len(stand),
        "pending_chats": sum(holder[contact] is None for contact in stand),
        "avg_response_seconds": round(statistics.mean(answers), 1) if answers else None,
        "avg_first_response_seconds": round(statistics.mean(firsts), 1) if firsts else None,
        "avg_resolution_time_minutes": round(statistics.mean(resolved) / 60, 1) if resolved else None,
        "firsts": sorted(firsts),
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_every_window_says_what_all_events_say(seed: int) -> None:
    world = World(seed)
    while world.now < BEGIN + timedelta(days=DAYS):
        world.step()
    rows = view(folded(world.events))
    first = BEGIN.date()
    for _ in range(25):
        start = first + timedelta(days=world.chance.randint(0, DAYS - 1))
        window = Window(start, start + timedelta(days=world.chance.randint(0, 9)))
        told, wanted = summary(rows, window), expected(world.events, window)
        firsts = wanted.pop("firsts")
        assert {name: told[name] for name in wanted} == wanted, window
        near = statistics.median(firsts) if firsts else None
        assert told["median_first_response_seconds"] == (None if near is None else pytest.approx(near, rel=0.011))


def test_parts_add_up_to_the_whole() -> None:
    world = World(77)
    while world.now < BEGIN + timedelta(days=DAYS):
        world.step()
    tallies = folded(world.events)
    window = Window(date(2026, 3, 4), date(2026, 3, 17))
    whole = part(view(tallies), window)
    places = [part(view(tallies, place), window) for place in PLACES]
    for name in ("messages_received", "messages_sent", "open_conversations"):
        assert sum(place[name] for place in places) == whole[name], name
    people = [part(view(tallies, person=who), window) for who in PEOPLE]
    assert sum(who["messages_sent"] for who in people) == whole["messages_sent"]
    told = [
        event for event in world.events
        if event["type"] == "message.queued" and window.has(str(event["recorded"].date()))
    ]  # fmt: skip
    sent = Counter(event["data"]["tenant_user"] for event in told)
    assert [who["messages_sent"] for who in people] == [sent[who] for who in PEOPLE]
    open_now = [row for row in view(tallies, PLACES[0], PEOPLE[0]) if row["day"] == STANDING]
    assert all(row["open"] >= row.get("pending", 0) >= 0 for row in open_now)


@pytest.mark.parametrize(
    ("values", "middle"), [([], None), ([3], 3), ([1, 2], 1.5), ([1, 2, 9], 2), ([4, 4, 4, 9], 4), ([1, 1, 2, 2], 1.5)]
)
def test_the_median_of_counts_is_the_median(values: list[int], middle: float | None) -> None:
    assert median(Counter(values)) == middle
