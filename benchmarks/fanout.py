"""Fan-out: processor time per delivery, deliveries a second, memory of a subscriber, and one that stops reading."""

from __future__ import annotations

import time

from benchmarks.load import Crowd, Customers, Fanned, Lines, Requests, fan
from benchmarks.processes import Gateway, free_port, gateway, peer, resident_kb, settle
from benchmarks.rows import Row, median
from jinaconnect.realtime.protocol import BUFFER_S

CLIENTS = 1_000
WINDOW = 256  # events on their way at once
WARM_ROUNDS, STEADY_KB = 5, 256  # what a server holds has settled when a round adds less than this
EVENT = (
    b'{"type":"events","events":[{"id":"evt_","type":"message.received","padding":"' + b"x" * 1100 + b'"}]}'
)  # as long as the gateway's event of the same message; checked by the run


def _through_gateway(running: Gateway, crowd: Crowd, seconds: float) -> Fanned:
    requests = Requests(running.port, WINDOW, Customers(running, 200).request)
    fan(running.pid, crowd, requests, 60, WINDOW, events=200)  # the customers become known
    fanned = fan(running.pid, crowd, requests, seconds, WINDOW)
    requests.close()
    return fanned


def _through_peer(name: str, event: bytes, seconds: float) -> Fanned:
    sockets, lines = free_port(), free_port()
    with peer(name, str(sockets), str(lines)) as pid:
        crowd = Crowd(sockets, CLIENTS, None)
        publisher = Lines(lines, event)
        fan(pid, crowd, publisher, 60, WINDOW, events=20)
        fanned = fan(pid, crowd, publisher, seconds, WINDOW)
        crowd.close()
        return fanned


def fan_out(quick: bool) -> list[Row]:
    """Measure saturated fan-out of one tenant's events to 1000 sockets."""
    seconds, rounds = (4.0, 1) if quick else (8.0, 3)
    ours, plain, burst = [], [], []
    with gateway() as running:
        crowd = Crowd(running.port, CLIENTS, running.key)
        event = EVENT
        for _ in range(rounds):
            plain.append(_through_peer("tornado_sockets", event, seconds))
            burst.append(_through_peer("websockets_broadcast", event, seconds))
            crowd.keep()
            ours.append(_through_gateway(running, crowd, seconds))
        crowd.close()
    cpu = median([mine.cpu_us / other.cpu_us for mine, other in zip(ours, plain, strict=True)])
    rate = median([mine.per_second / other.per_second for mine, other in zip(ours, plain, strict=True)])
    over = median([mine.per_second / other.per_second for mine, other in zip(ours, burst, strict=True)])
    mine, other, third = (
        (median([f.cpu_us for f in found]), median([f.per_second for f in found])) for found in (ours, plain, burst)
    )
    return [
        Row("CPU per delivery, saturated, 1000 sockets", cpu, "x", f"{mine[0]:.1f} µs",
            f"plain Tornado `write_message` {other[0]:.1f} µs", 0.20, 0.12),
        Row("deliveries a second, saturated", rate, "x", f"{mine[1]:,.0f}", f"plain Tornado {other[1]:,.0f}",
            5, 8, least=True),
        Row("the same against `websockets.broadcast()`", over, "x", f"{mine[1]:,.0f}", f"{third[1]:,.0f}",
            3, least=True),
    ]  # fmt: skip


def idle_subscribers(quick: bool) -> list[Row]:
    """Measure what an authenticated subscriber costs in memory while nothing happens."""
    with gateway() as running:
        warm = Crowd(running.port, 100, running.key)  # what a first client loads is not the price of each
        settle(running.pid)
        before = resident_kb(running.pid)
        crowd = Crowd(running.port, CLIENTS, running.key)
        settle(running.pid)
        each = (resident_kb(running.pid) - before) / CLIENTS
        crowd.close()
        warm.close()
    sockets, lines = free_port(), free_port()
    with peer("tornado_sockets", str(sockets), str(lines)) as pid:
        warm = Crowd(sockets, 100, None)
        settle(pid)
        before = resident_kb(pid)
        crowd = Crowd(sockets, CLIENTS, None)
        settle(pid)
        plain = (resident_kb(pid) - before) / CLIENTS
        crowd.close()
        warm.close()
    return [
        Row("memory per idle authenticated subscriber", each, " KB", f"{each:.1f} KB",
            f"plain Tornado {plain:.1f} KB", 17, 14)
    ]  # fmt: skip


def stopped_client(quick: bool) -> list[Row]:
    """Let one of 51 clients stop reading while events go on; the others must get all of them.

    What the load itself makes a server grow by is not the client's: as many events with nobody stopped come before,
    until they add no more, and what the last of them still added is taken off.
    """
    events = 6_000 if quick else 12_000
    with gateway() as running:
        crowd = Crowd(running.port, 50, running.key)
        requests = Requests(running.port, WINDOW, Customers(running, 200).request)

        def peak() -> int:
            found = resident_kb(running.pid)
            for _ in range(events // 500):
                fan(running.pid, crowd, requests, 60, WINDOW, events=500)
                found = max(found, resident_kb(running.pid))
            return found

        before, held = peak(), 0
        for _ in range(WARM_ROUNDS):
            held, before = before, max(before, peak())
            if before - held < STEADY_KB:
                break
        stopped = Crowd(running.port, 1, running.key)
        delivered = crowd.deliveries
        grown = max(0, peak() - before - (before - held)) / 1024
        share = (crowd.deliveries - delivered) / (events // 500 * 500 * len(crowd.clients)) * 100
        how = _ended(stopped)
        requests.close()
        crowd.close()
    return [
        Row("a client that stops reading: growth of the server", grown if "cut off" in how else float("inf"), " MB",
            f"{grown:.1f} MB, {how}", "", 2),
        Row("… what the 50 others got of everything", share, " %", f"{share:.1f} %", "", 100, least=True),
    ]  # fmt: skip


def _ended(crowd: Crowd) -> str:
    """Read what a client was sent to its end, once it has read nothing for long enough, and tell how that came.

    A client that reads again too late finds the connection closed without a close frame: what was waiting for it,
    the frame included, is given up after some seconds.
    """
    time.sleep(BUFFER_S + 2)
    client = crowd.clients[0]
    client.settimeout(5)
    last = b""
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        try:
            data = client.recv(1 << 20)
        except TimeoutError:
            return "still open"
        except ConnectionResetError:
            return "cut off"
        if not data:
            place = last.rfind(b"\x88")
            code = int.from_bytes(last[place + 2 : place + 4], "big")
            return f"cut off with {code}" if 4000 <= code < 5000 else "cut off"
        last = (last + data)[-200:]
    return "still open"
