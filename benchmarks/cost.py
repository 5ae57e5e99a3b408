"""What one webhook costs: operations of the database, and processor time of gateway and database.

Operations are counted by the database's own profiler; a deployment of several processes costs as much as one does.
"""

from __future__ import annotations

import contextlib
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks.load import Customers, Requests
from benchmarks.processes import Gateway, cpu_seconds, family, free_port, gateway, pin
from benchmarks.rows import Row

PROCESSES = 4
PROFILE_BYTES = 256 * 1024 * 1024


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """Run a Redis of its own; yields its address."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="jc-redis-") as folder:
        command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait(10)


@contextlib.contextmanager
def deployment(processes: int) -> Iterator[Gateway]:
    """Run a gateway of so many processes; nothing is pinned, since the processes share the cores."""
    with contextlib.ExitStack() as held:
        settings = {"JC_REDIS__URL": held.enter_context(redis())} if processes > 1 else {}
        running = held.enter_context(gateway(pinned=False, settings=settings, processes=processes))
        for member in family(running.pid):
            pin(member)
        yield running


@dataclass(frozen=True, slots=True)
class Cost:
    """What one webhook cost, on average."""

    operations: float
    gateway_ms: float
    database_ms: float

    def __str__(self) -> str:
        return f"{self.operations:.1f} operations, {self.gateway_ms:.2f} + {self.database_ms:.2f} ms"


class Meter:
    """Counts a deployment's database operations and processor time."""

    def __init__(self, running: Gateway) -> None:
        self._client: MongoClient[dict[str, Any]] = MongoClient(running.mongodb)
        self._database = self._client["jinaconnect"]
        members = family(running.pid)
        self._mongod = [pid for pid in members if "mongod" in Path(f"/proc/{pid}/comm").read_text()]
        self._gateway = [pid for pid in members if pid not in self._mongod]

    def close(self) -> None:
        """Let the database go."""
        self._client.close()

    def _used(self) -> tuple[float, float]:
        return sum(map(cpu_seconds, self._gateway)), sum(map(cpu_seconds, self._mongod))

    def operations(self, running: Gateway, customers: Customers, at_once: int, count: int) -> float:
        """Return the operations per webhook, by the profiler."""
        self._database.command("profile", 0)
        self._database.drop_collection("system.profile")
        self._database.create_collection("system.profile", capped=True, size=PROFILE_BYTES)
        self._database.command("profile", 2)
        send(running, customers, at_once, count)
        self._database.command("profile", 0)
        seen = self._database["system.profile"].count_documents(
            {"appName": "jinaconnect", "ns": {"$not": {"$regex": "system.profile$"}}}
        )
        return seen / count

    def processor(self, running: Gateway, customers: Customers, at_once: int, count: int) -> tuple[float, float]:
        """Return the milliseconds per webhook of gateway and database."""
        before = self._used()
        send(running, customers, at_once, count)
        after = self._used()
        return (after[0] - before[0]) / count * 1e3, (after[1] - before[1]) / count * 1e3

    def cost(self, running: Gateway, customers: Customers, at_once: int, count: int) -> Cost:
        """Return what a webhook costs; profiled and metered apart, since profiling is work too."""
        operations = self.operations(running, customers, at_once, count)
        return Cost(operations, *self.processor(running, customers, at_once, count))


def send(running: Gateway, customers: Customers, at_once: int, count: int) -> None:
    """Send webhooks and wait for their answers, and until what they brought has been told and tidied up."""
    requests = Requests(running.port, at_once, customers.request)
    left = count
    poll = select.epoll()
    for number in requests.sockets:
        poll.register(number, select.EPOLLIN)
    while requests.answered < count:
        while left and requests.ready():
            requests.publish()
            left -= 1
        for number, _ in poll.poll(1.0):
            requests.heard(number)
    poll.close()
    requests.close()
    with MongoClient[dict[str, Any]](running.mongodb, appname="bench") as client:
        database = client["jinaconnect"]
        ends, untold = time.monotonic() + 30, {"pending.0": {"$exists": True}}
        while database["inbound"].estimated_document_count() or database["messages"].find_one(untold):
            if time.monotonic() > ends:
                raise TimeoutError("webhooks are left over")
            time.sleep(0.05)


def webhook_costs(quick: bool) -> list[Row]:
    """Measure the cost of a webhook with one process and with several."""
    count = 100 if quick else 400
    costs: dict[tuple[int, str, int], Cost] = {}
    first = 10_000
    for processes in (1, PROCESSES):
        with deployment(processes) as running:
            meter = Meter(running)
            known = Customers(running, 200, first)
            send(running, known, 8, 400)
            for at_once in (1, 8, 64):
                amount = count * (1 if at_once == 1 else 4)
                costs[processes, "known", at_once] = meter.cost(running, known, at_once, amount)
                first += 100_000
                new = Customers(running, 1_000_000, first)
                costs[processes, "new", at_once] = meter.cost(running, new, at_once, amount)
            meter.close()
    for key, cost in costs.items():
        print(key, cost, flush=True)
    rows = []
    for who, reach, stretch in (("known", 8, 6), ("new", 10, 8)):
        worst = max(costs[processes, who, 1].operations for processes in (1, PROCESSES))
        shown = ", ".join(f"{processes}: {costs[processes, who, 1].operations:.1f}" for processes in (1, PROCESSES))
        rows.append(Row(f"operations per webhook, one at a time, {who} customer", worst, "",
                        f"by processes: {shown}", "", reach, stretch))  # fmt: skip
    one, many = costs[1, "new", 8], costs[PROCESSES, "new", 8]
    ratio = (many.gateway_ms + many.database_ms) / (one.gateway_ms + one.database_ms)
    rows.append(
        Row(f"processor time per webhook, {PROCESSES} processes against 1, 8 at once", ratio, "x",
            f"{many.gateway_ms:.2f} + {many.database_ms:.2f} ms",
            f"one process {one.gateway_ms:.2f} + {one.database_ms:.2f} ms", 1.2, 1.05)
    )  # fmt: skip
    return rows
