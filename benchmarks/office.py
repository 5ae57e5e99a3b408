"""The office: figures and search of a large inbox against a small one, and conversations on paper."""

from __future__ import annotations

import contextlib
import json
import threading
import time
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.write_concern import WriteConcern

from benchmarks.processes import Gateway, family, gateway, resident_kb
from benchmarks.reading import SEARCHES, asking_for, fill, get, times
from benchmarks.rows import Row, median
from jinaconnect.core.ids import encode
from jinaconnect.core.inbox import status
from jinaconnect.core.inbox.contact import new_contact
from jinaconnect.core.inbox.message import INCOMING, OUTGOING, new_message

STATS = "/team-inbox/api/stats/"
OF_EACH = 20  # messages of a conversation
DAYS = 28
FIRST_COUNT_S = 1800.0


def _events(running: Gateway, first: int, count: int) -> list[dict[str, Any]]:
    """Return events of messages of the last weeks, every other one an answer."""
    now, scope = datetime.now(UTC), f"{running.tenant['id']}:live"
    user = running.tenant["users"][0]["id"]
    rows = []
    for place in range(first, first + count):
        at, out = now - timedelta(seconds=DAYS * 86_400 * (1 - place / (first + count))), place % 2
        data = {
            "platform": "WHATSAPP", "direction": OUTGOING if out else INCOMING, "author": "USER" if out else "CONTACT",
            "tenant_user": user if out else None,
        }  # fmt: skip
        rows.append({
            "_id": encode("evt", int(at.timestamp() * 1000), place.to_bytes(10, "big")), "scope": scope, "at": at,
            "type": "message.queued" if out else "message.received", "recorded": at, "subject": f"msg_{place}",
            "actor": {"type": "user", "id": user}, "data": data, "contact": f"cnt_{place // OF_EACH}", "call": None,
            "channel": "WHATSAPP", "seen": {"c": True, "a": None, "b": None, "o": None}, "timeline": None,
            "history": None,
        })  # fmt: skip
    return rows


def _tell(running: Gateway, count: int) -> None:
    """Put events of messages into the log, and have the figures count them."""
    scope = f"{running.tenant['id']}:live"
    with MongoClient[dict[str, Any]](running.mongodb) as client:
        events = client["jinaconnect"].get_collection("events", write_concern=WriteConcern(w=1, j=False))
        newest = events.find_one({"scope": scope}, sort=[("seq", -1)])
        head = newest["seq"] if newest else 0
        for start in range(0, count, 5_000):
            batch = _events(running, start, min(5_000, count - start))
            events.insert_many([{**row, "seq": head + start + place} for place, row in enumerate(batch, 1)])
    ends = time.monotonic() + FIRST_COUNT_S
    while not json.loads(get(running.port, STATS, running.key))["complete"]:
        if time.monotonic() > ends:
            raise RuntimeError("the figures were not counted in time")
        time.sleep(0.5)


def figures(quick: bool) -> list[Row]:
    """Compare the inbox in figures, and searches of messages, of a large inbox with the same of 10,000 messages."""
    few, many, often = (1_000, 10_000, 3) if quick else (10_000, 1_000_000, 15)
    searches = [asking_for(path, {"search": text}) for path, text in SEARCHES if path.startswith("/team-inbox")]
    with gateway() as small, gateway() as large:
        for running, count in ((small, few), (large, many)):
            fill(running, count)
            _tell(running, count)
        of_few, of_many = times((small, large), [STATS, *searches], often)
    worst = max(searches, key=lambda path: of_many[path] / of_few[path])

    def row(what: str, path: str, reach: float) -> Row:
        return Row(f"{what}, {many:,} messages against {few:,}", of_many[path] / of_few[path], "x",
                   f"{of_many[path]:.1f} ms", f"{few:,} messages {of_few[path]:.1f} ms", reach)  # fmt: skip

    return [row("the inbox in figures", STATS, 1.5), row("search of a word in messages", worst, 2)]


def _conversation(running: Gateway, count: int) -> str:
    """Put a conversation of so many messages of the last weeks into the store, and return its contact's id."""
    now, scope = datetime.now(UTC), f"{running.tenant['id']}:live"
    stored: dict[str, Any] = {"scope": scope, "rev": 1, "pending": [], "words": []}
    made = int((now - timedelta(days=DAYS)).timestamp() * 1000)
    contact = new_contact(
        encode("cnt", made, count.to_bytes(10, "big")), source="MANUAL", by=None, phone=f"+1304{2_000_000 + count}",
        first_name="Ann", last_name="Lee", created_at=now, updated_at=now,
    )  # fmt: skip
    rows = []
    for place in range(count):
        at, out = now - timedelta(days=DAYS) * (1 - place / count), place % 2
        message = new_message(
            encode("msg", int(at.timestamp() * 1000), (count * 10**6 + place).to_bytes(10, "big")),
            contact=contact["_id"], platform="WHATSAPP", direction=OUTGOING if out else INCOMING, type="TEXT",
            content={"type": "text", "body": {"text": f"Parcel {place} has not arrived yet; where is it, please?"}},
            author="USER" if out else "CONTACT", app=running.whatsapp["app_id"], timestamp=at,
            status=status.SENT if out else status.RECEIVED, number=place + 1, created_at=at, updated_at=at,
        )  # fmt: skip
        rows.append({**message, **stored})
    with MongoClient[dict[str, Any]](running.mongodb) as client:
        client["jinaconnect"]["contacts"].insert_one({**contact, **stored})
        client["jinaconnect"]["messages"].insert_many(rows)
    return str(contact["_id"])


def _members(pid: int) -> set[int]:
    while True:
        with contextlib.suppress(OSError):  # a thread has ended while it was looked at
            return set(family(pid))


class _Largest:
    """The most memory that a process which was not there before has had meanwhile."""

    def __init__(self, running: Gateway) -> None:
        self.mb = 0.0
        self._pid, self._known, self._ended = running.pid, _members(running.pid), threading.Event()
        self._thread = threading.Thread(target=self._look)

    def _look(self) -> None:
        while not self._ended.wait(0.01):
            for pid in _members(self._pid) - self._known:
                with contextlib.suppress(OSError, LookupError):  # it has ended
                    self.mb = max(self.mb, resident_kb(pid) / 1024)

    def __enter__(self) -> _Largest:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()


def _printed(running: Gateway, contact: str) -> tuple[float, float]:
    """Return the seconds that a conversation on paper takes, and the megabytes of what sets it."""
    today = datetime.now(UTC).date()
    body = {"chat_id": contact, "start_date": str(today - timedelta(days=DAYS + 2)), "end_date": str(today)}
    request = urllib.request.Request(
        f"http://127.0.0.1:{running.port}/team-inbox/api/export-pdf/", data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {running.key}", "Content-Type": "application/json"},
    )  # fmt: skip
    with _Largest(running) as largest:
        begun = time.monotonic()
        with urllib.request.urlopen(request, timeout=120) as answer:
            if not answer.read().startswith(b"%PDF"):
                raise RuntimeError("this is no PDF")
        took = time.monotonic() - begun
    return took, largest.mb


def paper(quick: bool) -> list[Row]:
    """Set conversations of 1,000 and 10,000 messages as PDF: the time of the request, and the memory of the setter."""
    wanted: Sequence[tuple[int, float]] = ((1_000, 1.0),) if quick else ((1_000, 1.0), (10_000, 5.0))
    rows = []
    with gateway(pinned=False) as running:
        for count, reach in wanted:
            contact = _conversation(running, count)
            _printed(running, contact)
            found = [_printed(running, contact) for _ in range(1 if quick else 3)]
            took, memory = median([each[0] for each in found]), max(each[1] for each in found)
            rows += [
                Row(f"PDF of {count:,} messages", took, " s", f"{took:.2f} s", "", reach),
                Row(f"… memory, {count:,} messages", memory, " MB", f"{memory:.0f} MB", "", 400),
            ]
    return rows
