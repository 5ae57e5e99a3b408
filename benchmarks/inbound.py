"""From a customer's webhook to a subscriber: how soon at a steady pace, and how many a second at most."""

from __future__ import annotations

import json
import re
import select
import socket
import time
from typing import Any

from pymongo import MongoClient
from pymongo.write_concern import WriteConcern

from benchmarks.load import Crowd, Customers, Reports, Requests, fan
from benchmarks.peers.insert_one import document
from benchmarks.processes import SERVER_CORE, Gateway, gateway, started
from benchmarks.reading import fill
from benchmarks.rows import Row, median, percentile

PACE = 100  # messages a second
AT_ONCE = 64
_NUMBER = re.compile(rb'"n(\d+);"')


class Watcher:
    """One subscriber that notes when each numbered text arrives."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        self.seen: dict[int, float] = {}
        self._rest = b""

    def heard(self) -> None:
        """Take what has come."""
        data = self._rest + self.client.recv(1 << 20)
        now, end = time.monotonic(), 0
        for found in _NUMBER.finditer(data):
            self.seen.setdefault(int(found[1]), now)
            end = found.end()
        self._rest = data[max(end, len(data) - 20) :]


def _paced_webhooks(requests: Requests, customers: Customers, watcher: Watcher, count: int) -> list[float]:
    """Send webhooks at the pace, answered or not; returns seconds from due time to the subscriber."""
    poll = select.epoll()
    for number in (*requests.sockets, watcher.client.fileno()):
        poll.register(number, select.EPOLLIN)
    first, due = customers.sent, {}
    begun = time.monotonic() + 0.05
    give_up = begun + count / PACE + 30
    watched = watcher.client.fileno()
    while len(due) < count or any(number not in watcher.seen for number in due):
        now = time.monotonic()
        if now > give_up:
            raise TimeoutError("messages are missing")
        while len(due) < count and now >= begun + len(due) / PACE and requests.ready():
            due[first + len(due)] = begun + len(due) / PACE
            requests.publish()
        left = begun + len(due) / PACE - time.monotonic() if len(due) < count else 0.05
        for number, _ in poll.poll(max(0.0, min(0.05, left))):
            if number == watched:
                watcher.heard()
            else:
                requests.heard(number)
    poll.close()
    return [watcher.seen[number] - at for number, at in due.items()]


def paced_inserts(uri: str, count: int) -> list[float]:
    """Insert single documents at the pace; returns seconds from due time to the acknowledgement."""
    took = []
    with MongoClient[dict[str, Any]](uri) as client:
        bare = client["bench"].get_collection("bare", write_concern=WriteConcern(w="majority", j=True))
        bare.insert_one(document(0))
        begun = time.monotonic() + 0.05
        for number in range(count):
            due = begun + number / PACE
            time.sleep(max(0.0, due - time.monotonic()))
            bare.insert_one(document(number))
            took.append(time.monotonic() - due)
    return took


def latency(quick: bool) -> list[Row]:
    """Compare the 99th percentile of webhook → subscriber with that of one majority insert, in alternating slices."""
    slices, count = (3, 200) if quick else (6, 400)
    with gateway() as running:
        crowd = Crowd(running.port, 1, running.key)
        watcher = Watcher(crowd.clients[0])
        customers = Customers(running, 200)
        requests = Requests(running.port, 16, customers.request)
        _paced_webhooks(requests, customers, watcher, 200)
        ours: list[float] = []
        bare: list[float] = []
        for _ in range(slices):
            bare += paced_inserts(running.mongodb, count)
            ours += _paced_webhooks(requests, customers, watcher, count)
            crowd.keep()
        requests.close()
        crowd.close()
    mine, other = percentile(ours, 0.99) * 1000, percentile(bare, 0.99) * 1000
    halves = f"median {median(ours) * 1000:.1f} ms", f"median {median(bare) * 1000:.1f} ms"
    return [
        Row(f"webhook → subscriber at {PACE}/s, p99", mine / other, "x", f"{mine:.1f} ms ({halves[0]})",
            f"one majority insert {other:.1f} ms ({halves[1]})", 3, 2.5)
    ]  # fmt: skip


def bare_inserts(running: Gateway, seconds: float) -> dict[str, float]:
    """Return what bare inserts, many at once, managed in some seconds."""
    arguments = ["-m", "benchmarks.peers.insert_one", running.mongodb, str(AT_ONCE), str(seconds)]
    with started(arguments, ready="ready", core=SERVER_CORE) as process:
        assert process.stdout is not None
        found: dict[str, float] = json.loads(process.stdout.readline())
        return found


def sustained(quick: bool) -> list[Row]:
    """Compare signed webhooks a second, each until its event has reached a subscriber, with bare inserts a second."""
    seconds, rounds = (4.0, 1) if quick else (8.0, 3)
    ours, bare, cpu = [], [], []
    with gateway() as running:
        crowd = Crowd(running.port, 1, running.key)
        requests = Requests(running.port, AT_ONCE, Customers(running, 1_000).request)
        fan(running.pid, crowd, requests, 60, AT_ONCE, events=1_500)
        for _ in range(rounds):
            bare.append(bare_inserts(running, seconds)["per_second"])
            fanned = fan(running.pid, crowd, requests, seconds, 4 * AT_ONCE)
            ours.append(fanned.per_second)
            cpu.append(fanned.cpu_us)
        requests.close()
        crowd.close()
    ratio = median([mine / other for mine, other in zip(ours, bare, strict=True)])
    return [
        Row("inbound webhooks stored and published, sustained", ratio, "x",
            f"{median(ours):,.0f}/s ({median(cpu):,.0f} µs CPU each)",
            f"`insert_one`, {AT_ONCE} at once {median(bare):,.0f}/s", 0.7, 1, least=True)
    ]  # fmt: skip


def _each(running: Gateway, customers: Customers, count: int) -> float:
    """Return the median milliseconds of a webhook, one at a time."""
    took = []
    requests = Requests(running.port, 1, customers.request)
    poll = select.epoll()
    for number in requests.sockets:
        poll.register(number, select.EPOLLIN)
    for _ in range(count):
        begun, answered = time.monotonic(), requests.answered
        requests.publish()
        while requests.answered == answered:
            for number, _ in poll.poll(1.0):
                requests.heard(number)
        took.append((time.monotonic() - begun) * 1000)
    poll.close()
    requests.close()
    return median(took)


def by_size(quick: bool) -> list[Row]:
    """Compare a customer's message and a delivery report in a large tenant with the same in a small one."""
    many, turns, count = (100_000, 2, 50) if quick else (1_000_000, 5, 80)
    taken: list[list[tuple[float, float]]] = [[], []]
    with gateway() as small, gateway() as large:
        asked = []
        for running, size in ((small, 1_000), (large, many)):
            fill(running, size)
            customers, reports = Customers(running, 200), Reports(running)
            _each(running, customers, 50)
            _each(running, reports, 20)
            asked.append((running, customers, reports))
        for _ in range(turns):  # in turns: what disturbs one disturbs both
            for (running, customers, reports), took in zip(asked, taken, strict=True):
                took.append((_each(running, customers, count), _each(running, reports, count)))
    few, lots = ([median([turn[kind] for turn in took]) for kind in (0, 1)] for took in taken)
    return [
        Row(f"{what}, {many:,} contacts and messages against 1,000", lot / some, "x", f"{lot:.1f} ms",
            f"1,000 {some:.1f} ms", 1.2, 1.05)
        for what, some, lot in zip(("an inbound message", "a delivery report"), few, lots, strict=True)
    ]  # fmt: skip
