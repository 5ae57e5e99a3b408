"""Calls on a real Asterisk: how many a second through an IVR, how soon a key is seen, and many at once."""

from __future__ import annotations

import json
import re
import select
import tempfile
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from benchmarks.inbound import PACE, paced_inserts
from benchmarks.load import Crowd
from benchmarks.processes import Gateway, cpu_seconds, peer, proportional_kb, settle
from benchmarks.rows import Row, median, percentile
from benchmarks.telephony import APP, Calling, asterisk, call, calling, telephone_gateway

AT_ONCE = 100
LISTENS_MS = 200  # how long a caller listens before the key
MENU = {"prompt_tts": "Please press one.", "max_digits": 1, "timeout_seconds": 20}
LONG = {"prompt_tts": "Please type.", "max_digits": 32, "timeout_seconds": 120, "inter_digit_s": 60}
TERMINAL = ("call.completed", "call.failed", "call.canceled")
_SENT = re.compile(
    r"^-{5,} (\S+ \S+)\n\S+ message sent[^\n]*:\n\nINFO sip.*?^Call-ID: (\S+)\r?\nCSeq: (\d+)", re.MULTILINE | re.DOTALL
)


def ivr(quick: bool) -> list[Row]:
    """Compare IVR calls a second, stored with everything that follows, with an application that stores nothing."""
    calls, rounds = (400, 1) if quick else (1_500, 3)
    ours: list[float] = []
    bare: list[float] = []
    shares: list[float] = []
    cpu: list[float] = []
    failed = 0
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="jc-bench-") as name:
            folder = Path(name)
            with (
                asterisk(folder / "bare", knows_callers=True) as exchange,
                peer("ari_nothing", exchange.root, APP, "jinaconnect", exchange.password, core=None),
            ):
                call(exchange, folder / "calls", calls=100, at_once=AT_ONCE, rate=100, wait_ms=LISTENS_MS)
                told = call(exchange, folder / "calls", calls=calls, at_once=AT_ONCE, rate=1_000, wait_ms=LISTENS_MS)
                bare.append(calls / told.seconds)
                failed += told.failed
            with telephone_gateway(folder / "own", MENU) as (running, exchange):
                crowd = Crowd(running.port, 1, running.key)  # counts the inbox entries, the last thing of each call
                call(exchange, folder / "calls", calls=100, at_once=AT_ONCE, rate=100, wait_ms=LISTENS_MS)
                _until_counted(crowd, 100)
                used, used_there = cpu_seconds(running.pid), cpu_seconds(exchange.pid)
                begun = time.monotonic()
                going = calling(exchange, folder / "calls", calls=calls, at_once=AT_ONCE, rate=1_000,
                                wait_ms=LISTENS_MS)  # fmt: skip
                _until_counted(crowd, 100 + calls)
                ours.append(calls / (time.monotonic() - begun))
                told = going.finished()
                cpu.append((cpu_seconds(running.pid) - used) / calls * 1000)
                shares.append(cpu[-1] / ((cpu_seconds(exchange.pid) - used_there) / calls * 1000))
                failed += told.failed
                crowd.close()
    if failed:
        raise RuntimeError(f"{failed} calls did not go as they should")
    ratio = median([mine / other for mine, other in zip(ours, bare, strict=True)])
    share = median(shares)
    return [
        Row("IVR calls, stored with their inbox entries, sustained", ratio, "x", f"{median(ours):.0f}/s",
            f"an ARI application that stores nothing {median(bare):.0f}/s", 0.55, 0.7, least=True),
        Row("… CPU per call", share, "x", f"{median(cpu):.1f} ms", f"Asterisk {median(cpu) / share:.1f} ms", 2, 1),
    ]  # fmt: skip


def _until_counted(crowd: Crowd, count: int) -> None:
    """Wait until a subscriber has seen as many inbox entries."""
    ends = time.monotonic() + 300
    poll = select.epoll()
    for number in crowd.by_number:
        poll.register(number, select.EPOLLIN)
    while crowd.deliveries < count:
        if time.monotonic() > ends:
            raise TimeoutError(f"{count - crowd.deliveries} calls have no inbox entry")
        for number, _ in poll.poll(0.2):
            crowd.heard(number)
        crowd.keep()
    poll.close()


class Keys:
    """A subscriber that notes when each key of each call is seen, by the call's SIP Call-ID."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd = crowd
        self._client = crowd.clients[0]
        self._names: dict[str, str] = {}
        self._rest = b""
        self.seen: dict[str, list[float]] = {}

    def watch(self, calls: Calling) -> None:
        """Listen until the calls have ended."""
        poll = select.epoll()
        poll.register(self._client.fileno(), select.EPOLLIN)
        while calls.process.poll() is None or poll.poll(0.5):
            if poll.poll(0.2):
                self._heard(self._client.recv(1 << 20), time.time())
            self._crowd.keep()
        poll.close()

    def _heard(self, data: bytes, now: float) -> None:
        frames, self._rest = _frames(self._rest + data)
        for frame in frames:
            message = json.loads(frame)
            for event in message.get("events", [message]):
                match event.get("type"):
                    case "call.created":
                        self._names[event["call_id"]] = event["data"]["provider_call_id"]
                    case "call.dtmf":
                        self.seen.setdefault(self._names[event["call_id"]], []).append(now)


def _frames(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the text frames a server sent (unmasked, RFC 6455 §5.2), and what is not whole yet."""
    frames = []
    while len(data) >= 2:
        size, place = data[1] & 0x7F, 2
        if size > 125:
            place = 4 if size == 126 else 10
            size = int.from_bytes(data[2:place], "big")
        if len(data) < place + size:
            break
        if data[0] & 0x0F == 1:
            frames.append(data[place : place + size])
        data = data[place + size :]
    return frames, data


def keys(quick: bool) -> list[Row]:
    """Compare the 99th percentile of key → subscriber with that of one majority insert at the same pace.

    The callers stay until all have pressed their last key: fifty ends of calls within half a second are another figure.
    """
    slices, calls, each = (2, 25, 10) if quick else (5, 50, 20)
    apart = int(calls / PACE * 1000)  # every caller's own pace, so that all of them together press at the usual one
    ours: list[float] = []
    bare: list[float] = []
    with tempfile.TemporaryDirectory(prefix="jc-bench-") as name:
        folder = Path(name)
        with telephone_gateway(folder / "own", LONG) as (running, exchange):
            crowd = Crowd(running.port, 1, running.key)
            for number in range(slices + 1):
                watcher = Keys(crowd)
                inserts = paced_inserts(running.mongodb, calls * each)
                begun = calling(exchange, folder / "calls", calls=calls, at_once=calls, rate=PACE, wait_ms=apart,
                                keys=each, hangs_up=True, stays_ms=2 * apart, messages=True)  # fmt: skip
                watcher.watch(begun)
                told = begun.finished()
                pressed = _pressed(told.messages)
                if told.failed or {id: len(times) for id, times in pressed.items()} != {
                    id: len(times) for id, times in watcher.seen.items()
                }:
                    raise RuntimeError(f"{told.failed} calls failed, or keys were lost")
                if number:  # the first warms up
                    bare += inserts
                    ours += [seen - sent for id, times in pressed.items()
                             for sent, seen in zip(times, watcher.seen[id], strict=True)]  # fmt: skip
            crowd.close()
    mine, other = percentile(ours, 0.99) * 1000, percentile(bare, 0.99) * 1000
    return [
        Row(f"key → subscriber at {PACE}/s, p99", mine / other, "x",
            f"{mine:.1f} ms (median {median(ours) * 1000:.1f} ms)",
            f"one majority insert {other:.1f} ms (median {median(bare) * 1000:.1f} ms)", 3, 2.5)
    ]  # fmt: skip


def _pressed(log: str) -> dict[str, list[float]]:
    """Return when each key of each call was pressed, from SIPp's log; a repeated request is one key."""
    first: dict[tuple[str, int], float] = {}
    for moment, id, sequence in _SENT.findall(log):
        first.setdefault((id, int(sequence)), datetime.fromisoformat(moment).timestamp())
    found: dict[str, list[float]] = {}
    for (id, _), at in sorted(first.items(), key=lambda item: item[1]):
        found.setdefault(id, []).append(at)
    return found


def many(quick: bool) -> list[Row]:
    """Keep many calls up for a minute: how many of their ends are recorded, and what they hold in memory."""
    calls, minute = (100, 10) if quick else (500, 60)
    rate = 25
    apart = 10_000
    with tempfile.TemporaryDirectory(prefix="jc-bench-") as name:
        folder = Path(name)
        with telephone_gateway(folder / "own", LONG) as (running, exchange):
            call(exchange, folder / "calls", calls=20, at_once=20, rate=rate, wait_ms=100, hangs_up=True)
            before = _resting(running)
            stay = (calls // rate + minute) * 1000
            turns = stay // apart + 1
            peaks, after = [], []
            short = calls * 1000 // rate // apart + 2
            for keep in (short, short, turns):  # first as wide but shorter: what is reused afterwards is held by then
                begun = calling(exchange, folder / "calls", calls=calls, at_once=calls, rate=rate, wait_ms=apart,
                                keys=keep, hangs_up=True)  # fmt: skip
                peaks.append(_peak(running, begun, calls))
                failed = begun.finished().failed
                if failed:
                    raise RuntimeError(f"{failed} calls did not go as they should")
                after.append(_resting(running))
            ends = _ends(running)
    right = sum(1 for count in ends.values() if count == 1)
    whole = 3 * calls + 20
    return [
        Row(f"{calls} calls at once for a minute: with exactly one terminal event", 100 * right / whole, " %",
            f"{right} of {whole} calls", "", 100, least=True),
        Row("… memory per live call", (peaks[0] - before) / calls, " KB",
            f"{before / 1024:.0f} MB → {peaks[0] / 1024:.0f} MB", "", 60),
        Row("… memory after the calls, against after the round before", after[-1] / after[-2], "x",
            f"{after[-1] / 1024:.0f} MB", f"{after[-2] / 1024:.0f} MB", 1.05),
    ]  # fmt: skip


def _resting(running: Gateway) -> float:
    settle(running.pid)
    return proportional_kb(running.pid)


def _peak(running: Gateway, calls: Calling, count: int) -> float:
    """Return the most memory held while calls are up, once all of them are."""
    most = 0.0
    with MongoClient[dict[str, Any]](running.mongodb) as client:
        rows = client["jinaconnect"]["calls"]
        while calls.process.poll() is None:
            if rows.count_documents({"status": "IN_PROGRESS"}) == count:
                most = max(most, proportional_kb(running.pid))
            time.sleep(0.5)
    if not most:
        raise RuntimeError(f"there were never {count} calls at once")
    return most


def _ends(running: Gateway) -> Counter[str]:
    with MongoClient[dict[str, Any]](running.mongodb) as client:
        return Counter(event["call"] for event in client["jinaconnect"]["events"].find({"type": {"$in": TERMINAL}}))
