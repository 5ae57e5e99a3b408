"""Reading over REST: one contact, and the first page of a filtered list short and long."""

from __future__ import annotations

import json
import select
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import MongoClient
from pymongo.write_concern import WriteConcern

from benchmarks.load import Crowd, Customers, Requests, fan
from benchmarks.processes import Gateway, cpu_seconds, free_port, gateway, peer
from benchmarks.rows import Row, median
from jinaconnect.core.ids import encode
from jinaconnect.core.inbox.contact import new_contact

CONNECTIONS = 16
FILTER = "status=OPEN&page_size=50"


def _get(port: int, path: str, key: str) -> bytes:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        body: bytes = answer.read()
        return body


def _asking(path: str, key: str) -> Callable[[], bytes]:
    request = (
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\nAccept: application/json\r\n\r\n"
    ).encode()
    return lambda: request


def _cpu_per_request(pid: int, requests: Requests, seconds: float) -> float:
    """Keep every connection busy for some seconds; returns µs of the server's processor time per request."""
    poll = select.epoll()
    for number in requests.sockets:
        poll.register(number, select.EPOLLIN)
    ends = time.monotonic() + seconds
    cpu, answered = cpu_seconds(pid), requests.answered
    while time.monotonic() < ends:
        while requests.ready():
            requests.publish()
        for number, _ in poll.poll(1.0):
            requests.heard(number)
    used = (cpu_seconds(pid) - cpu) / (requests.answered - answered) * 1e6
    poll.close()
    return used


def one_contact(quick: bool) -> list[Row]:
    """Compare `GET /contacts/{id}/` with a bare Tornado handler that answers the same object."""
    seconds, rounds = (3.0, 1) if quick else (5.0, 3)
    ours, bare = [], []
    with gateway() as running:
        _meet_customers(running)
        contact = json.loads(_get(running.port, "/contacts/?page_size=1", running.key))["results"][0]
        path = f"/contacts/{contact['id']}/"
        port = free_port()
        with peer("tornado_json", str(port), given=json.dumps(contact) + "\n") as pid:
            for _ in range(rounds):
                for found, at, process in ((bare, port, pid), (ours, running.port, running.pid)):
                    requests = Requests(at, CONNECTIONS, _asking(path, running.key))
                    _cpu_per_request(process, requests, 0.5)
                    requests.close()
                    requests = Requests(at, CONNECTIONS, _asking(path, running.key))
                    found.append(_cpu_per_request(process, requests, seconds))
                    requests.close()
    ratio = median([mine / other for mine, other in zip(ours, bare, strict=True)])
    return [
        Row("`GET` one contact, CPU", ratio, "x", f"{median(ours):.0f} µs",
            f"bare Tornado JSON handler {median(bare):.0f} µs", 3, 2)
    ]  # fmt: skip


def _meet_customers(running: Gateway) -> None:
    crowd = Crowd(running.port, 1, running.key)
    requests = Requests(running.port, 8, Customers(running, 50).request)
    fan(running.pid, crowd, requests, 60, 8, events=50)
    requests.close()
    crowd.close()


def _fill(uri: str, scope: str, count: int) -> None:
    """Put contacts into a tenant as the gateway stores them, half of them open."""
    now = datetime.now(UTC)
    with MongoClient[dict[str, Any]](uri) as client:
        contacts = client["jinaconnect"].get_collection("contacts", write_concern=WriteConcern(w=1, j=False))
        for start in range(0, count, 5_000):
            rows = []
            for number in range(start, min(start + 5_000, count)):
                at = now - timedelta(seconds=count - number)
                doc = new_contact(
                    encode("cnt", int(at.timestamp() * 1000), number.to_bytes(10, "big")), source="MANUAL", by=None,
                    phone=f"+1303{number:07d}", first_name="Ann", last_name=f"Number {number}",
                    status="OPEN" if number % 2 else "CLOSED", created_at=at, updated_at=at,
                )  # fmt: skip
                rows.append({**doc, "scope": scope, "rev": 1, "pending": []})
            contacts.insert_many(rows, ordered=False)


def _first_pages(running: Gateway, seconds: float) -> list[float]:
    """Ask for the first page again and again, one at a time; returns the seconds each took."""
    took, ends = [], time.monotonic() + seconds
    while time.monotonic() < ends:
        begun = time.monotonic()
        _get(running.port, f"/contacts/?{FILTER}", running.key)
        took.append(time.monotonic() - begun)
    return took


def first_page(quick: bool) -> list[Row]:
    """Compare the first page of a filtered list of many rows with the same of 1,000."""
    many, seconds = (200_000, 3.0) if quick else (1_000_000, 6.0)
    medians = []
    for count in (1_000, many):
        with gateway() as running:
            _fill(running.mongodb, f"{running.tenant['id']}:live", count)
            answer = json.loads(_get(running.port, f"/contacts/?{FILTER}", running.key))
            if len(answer["results"]) != 50 or {row["status"] for row in answer["results"]} != {"OPEN"}:
                raise RuntimeError("this is not the page asked for")
            _first_pages(running, 2.0)
            medians.append(median(_first_pages(running, seconds)) * 1000)
    few, lots = medians
    return [
        Row(f"first page of a filtered list, {many:,} rows against 1,000", lots / few, "x", f"{lots:.1f} ms",
            f"1,000 rows {few:.1f} ms", 1.5, 1.1)
    ]  # fmt: skip
