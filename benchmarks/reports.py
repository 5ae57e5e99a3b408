"""Delivery reports, as a carrier sends them after a broadcast: mixed, each of them twice; none may be lost."""

from __future__ import annotations

import random
import select
import time
from typing import Any

from pymongo import MongoClient

from benchmarks.inbound import AT_ONCE, bare_inserts
from benchmarks.load import Reports, Requests
from benchmarks.processes import Gateway, cpu_seconds, gateway
from benchmarks.reading import fill
from benchmarks.rows import Row, median

STATUSES = ("delivered", "read")


class Mixed(Reports):
    """Reports that messages of a stretch were delivered and read, each told twice, in any order."""

    def __init__(self, running: Gateway, messages: range) -> None:
        super().__init__(running)
        self._left = [(number, status) for number in messages for status in STATUSES for _ in range(2)]
        self.count = len(self._left)
        random.shuffle(self._left)
        self._plain = self._template
        self._number = 0

    def carrier_id(self, number: int) -> str:
        """Return the id that the carrier gave the message of the next report."""
        return f"wamid.old{2 * self._number + 1}"

    def request(self) -> bytes:
        """Return the next report as an HTTP request."""
        self._number, status = self._left.pop()
        self._template = self._plain.replace('"delivered"', f'"{status}"')
        return super().request()


def _sent(running: Gateway, reports: Mixed) -> float:
    """Send all reports, so many at once; returns how many a second were answered."""
    requests = Requests(running.port, AT_ONCE, reports.request)
    poll = select.epoll()
    for number in requests.sockets:
        poll.register(number, select.EPOLLIN)
    begun, published = time.monotonic(), 0
    while requests.answered < reports.count:
        while published < reports.count and requests.ready():
            requests.publish()
            published += 1
        for number, _ in poll.poll(1.0):
            requests.heard(number)
    took = time.monotonic() - begun
    poll.close()
    requests.close()
    return reports.count / took


def _lost(running: Gateway, within_s: float = 60) -> int:
    """Return of how many messages it is not known that they were read; what is put off has some time."""
    ends = time.monotonic() + within_s
    with MongoClient[dict[str, Any]](running.mongodb) as client:
        while True:
            unread = {"direction": "OUTGOING", "status": {"$ne": "READ"}}
            lost = client["jinaconnect"]["messages"].count_documents(unread)
            if not lost or time.monotonic() > ends:
                return lost
            time.sleep(0.5)


def reports(quick: bool) -> list[Row]:
    """Compare reports a second with bare inserts a second; count what is lost."""
    rounds, messages = (1, 1_000) if quick else (3, 2_500)
    ours, bare, cpu = [], [], []
    with gateway() as running:
        fill(running, 2 * rounds * messages)
        for place in range(rounds):
            bare.append(bare_inserts(running, 4.0)["per_second"])
            mixed, used = Mixed(running, range(place * messages, (place + 1) * messages)), cpu_seconds(running.pid)
            ours.append(_sent(running, mixed))
            cpu.append((cpu_seconds(running.pid) - used) / mixed.count * 1e6)
        lost = _lost(running)
    ratio = median([mine / other for mine, other in zip(ours, bare, strict=True)])
    sent = 4 * rounds * messages
    return [
        Row("delivery reports, mixed and doubled", ratio, "x",
            f"{median(ours):,.0f}/s ({median(cpu):,.0f} µs CPU each)",
            f"`insert_one`, {AT_ONCE} at once {median(bare):,.0f}/s", 0.5, least=True),
        Row(f"… lost of {sent:,}", lost, "", f"{lost}", "", 0),
    ]  # fmt: skip
