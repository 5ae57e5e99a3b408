"""Outbound webhooks: how many deliveries a second, to slow endpoints, beside dead ones, and what waiting costs."""

from __future__ import annotations

import json
import secrets
import select
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient

from benchmarks.inbound import PACE
from benchmarks.load import Customers, Requests
from benchmarks.processes import (
    LOAD_CORE,
    SERVER_CORE,
    Gateway,
    cpu_seconds,
    free_port,
    gateway,
    peer,
    resident_kb,
    started,
)
from benchmarks.rows import Row, median, percentile
from jinaconnect.core.clock import system_clock
from jinaconnect.core.ids import Ids
from jinaconnect.realtime.webhooks import AT_ONCE

_SETTINGS = {"JC_OUTBOUND__ALLOW_NETWORKS": "127.0.0.0/8"}
KEYS = 1_000


class Site:
    """A gateway and a receiver."""

    def __init__(self, running: Gateway, port: int) -> None:
        self.gateway = running
        self.port = port
        self.customers = Customers(running, 200)

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        """Ask the gateway something."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.gateway.port}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {key or self.gateway.key}", "Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def endpoint(self, path: str, port: int | None = None, key: str | None = None) -> str:
        """Add an endpoint; returns its id."""
        url = f"http://127.0.0.1:{port or self.port}{path}"
        asked = {"url": url, "events": ["message.received"]}
        id: str = self.ask("POST", "/webhooks/endpoints/", asked, key)["id"]
        return id

    def heard(self) -> tuple[dict[str, int], dict[str, float]]:
        """Return how much was answered by path, and when each text came."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/told", timeout=60) as answer:
            told = json.loads(answer.read())
            return told["told"], told["seen"]

    def total(self, prefix: str) -> int:
        """Return how much was answered on paths that begin so."""
        return sum(count for path, count in self.heard()[0].items() if path.startswith(prefix))

    def write(self, count: int, pace: float = PACE) -> dict[int, float]:
        """Have customers write at a pace; returns when each numbered text was due."""
        requests = Requests(self.gateway.port, 16, self.customers.request)
        poll = select.epoll()
        for number in requests.sockets:
            poll.register(number, select.EPOLLIN)
        due: dict[int, float] = {}
        begun = time.monotonic() + 0.05
        answered = 0
        while answered < count:
            while len(due) < count and time.monotonic() >= begun + len(due) / pace and requests.ready():
                due[self.customers.sent] = begun + len(due) / pace
                requests.publish()
            for number, _ in poll.poll(0.005):
                requests.heard(number)
            answered = requests.answered
        poll.close()
        requests.close()
        return due

    def grow(self, count: int, scope: str | None = None) -> None:
        """Add to the log what customers might have written, without asking the gateway."""
        with MongoClient[dict[str, Any]](self.gateway.mongodb) as client:
            events = client["jinaconnect"]["events"]
            row = events.find_one({"type": "message.received"})
            assert row is not None
            row["scope"] = scope or row["scope"]
            head = events.find_one({"scope": row["scope"]}, sort=[("seq", -1)])
            ids, seq = Ids(system_clock, secrets.token_bytes), 0 if head is None else head["seq"]
            for first in range(0, count, 2_000):
                events.insert_many([
                    {**row, "_id": ids.new("evt"), "seq": seq + 1 + n, "contact": f"cnt_{n % KEYS}"}
                    for n in range(first, min(count, first + 2_000))
                ])  # fmt: skip


@contextmanager
def site() -> Iterator[Site]:
    """Run a gateway beside a receiver, with one message in its log."""
    port = free_port()
    with gateway(settings=_SETTINGS) as running, peer("hook_receiver", str(port), core=LOAD_CORE):
        here = Site(running, port)
        here.write(5)
        yield here


def _rate(here: Site, path: str, wanted: int, within_s: float = 120) -> float:
    """Return deliveries a second from the first of some to the last."""
    first = here.total(path)
    begun, count = 0.0, first
    ends = time.monotonic() + within_s
    while count < first + wanted:
        if time.monotonic() > ends:
            raise TimeoutError(f"{wanted - count + first} deliveries are missing")
        time.sleep(0.05)
        count = here.total(path)
        if not begun and count > first:
            begun, first, wanted = time.monotonic(), count, wanted - (count - first)
    return wanted / (time.monotonic() - begun)


def _loop(here: Site, seconds: float) -> float:
    arguments = ["-m", "benchmarks.peers.post_loop", f"http://127.0.0.1:{here.port}/now", str(AT_ONCE), str(seconds)]
    with started(arguments, ready="ready", core=SERVER_CORE) as process:
        assert process.stdout is not None
        found: float = json.loads(process.stdout.readline())["per_second"]
        return found


def deliveries(quick: bool) -> list[Row]:
    """Compare deliveries a second with a bare loop of POSTs; slow endpoints; what a long log and waiting cost."""
    count, rounds, long = (4_000, 1, 100_000) if quick else (6_000, 3, 1_000_000)
    ours, bare, cpu = [], [], []
    with site() as here:
        id = here.endpoint("/now")
        path = f"/webhooks/endpoints/{id}/"
        for _ in range(rounds):
            bare.append(_loop(here, 3.0))
            here.ask("POST", f"{path}pause/")
            here.grow(count)
            used = cpu_seconds(here.gateway.pid)
            here.ask("POST", f"{path}resume/")
            ours.append(_rate(here, "/now", count))
            cpu.append((cpu_seconds(here.gateway.pid) - used) / count * 1e6)
        few = median(ours)
        here.ask("DELETE", path)
        many, grown = _waiting(here, long)
    ratio = median([mine / other for mine, other in zip(ours, bare, strict=True)])
    return [
        Row("webhook deliveries", ratio, "x", f"{few:,.0f}/s ({median(cpu):,.0f} µs CPU each)",
            f"a bare aiohttp loop, {AT_ONCE} at once {median(bare):,.0f}/s", 0.5, least=True),
        Row(f"… with {long:,} waiting against {count:,}", many / few, "x", f"{many:,.0f}/s", f"{few:,.0f}/s", 0.8,
            least=True),
        Row(f"… memory with {long:,} waiting, over none", grown, " MB", f"{grown:.1f} MB", "", 16),
    ]  # fmt: skip


def _waiting(here: Site, count: int) -> tuple[float, float]:
    """Return deliveries a second with so many waiting, and how many megabytes the gateway grew meanwhile.

    They are another organisation's, whose log the gateway has not touched yet: what it does for its own appends is not
    what is measured.
    """
    other = here.gateway.tenants[1]
    here.grow(count, f"{other['id']}:live")
    before = resident_kb(here.gateway.pid)
    id = here.endpoint("/now/many", key=other["keys"]["live"]["owner"])
    path = f"/webhooks/endpoints/{id}/replay/"
    here.ask("POST", path, {"after": "start"}, key=other["keys"]["live"]["owner"])
    rate = _rate(here, "/now/many", count // 4)
    return rate, (resident_kb(here.gateway.pid) - before) / 1024


def slow_endpoints(quick: bool) -> list[Row]:
    """Deliver to a hundred endpoints that take 200 ms each."""
    with site() as here:
        for number in range(100):
            here.endpoint(f"/slow/{number}")
        here.grow(40 if quick else 100)
        here.write(1)
        rate = _rate(here, "/slow", 3_000 if quick else 8_000)
    return [
        Row("webhook deliveries to 100 endpoints that take 200 ms", rate, "/s", f"{rate:,.0f}/s", "", 400, least=True)
    ]  # fmt: skip


def beside_dead_ones(quick: bool) -> list[Row]:
    """Compare the 99th percentile of message → endpoint beside an endpoint that is dead and one that never answers."""
    slices, count = (2, 150) if quick else (4, 300)
    alone: list[float] = []
    beside: list[float] = []
    with site() as here:
        for number in range(4):
            here.endpoint(f"/now/{number}")
        bad = [here.endpoint("/never"), here.endpoint("/dead", free_port())]
        for id in bad:
            here.ask("POST", f"/webhooks/endpoints/{id}/pause/")
        here.write(100)
        for _ in range(slices):
            for kept, order in ((alone, "pause"), (beside, "resume")):
                for id in bad:
                    here.ask("POST", f"/webhooks/endpoints/{id}/{order}/")
                due = here.write(count)
                kept += _latencies(here, due)
    mine, other = percentile(beside, 0.99) * 1000, percentile(alone, 0.99) * 1000
    return [
        Row("message → endpoint, p99, beside a dead one and one that never answers", mine / other, "x",
            f"{mine:.1f} ms", f"without {other:.1f} ms", 1.1)
    ]  # fmt: skip


def _latencies(here: Site, due: dict[int, float]) -> list[float]:
    ends = time.monotonic() + 20
    while True:
        seen = here.heard()[1]
        found = [seen[f"/now/{n} {number}"] - at for number, at in due.items() for n in range(4)
                 if f"/now/{n} {number}" in seen]  # fmt: skip
        if len(found) == 4 * len(due):
            return found
        if time.monotonic() > ends:
            raise TimeoutError(f"{4 * len(due) - len(found)} deliveries are missing")
        time.sleep(0.2)
