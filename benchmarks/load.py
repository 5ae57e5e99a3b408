"""The load: a crowd of WebSocket clients and a publisher, in one thread and without an event library.

The clients count events, they do not decode them: the load must not be what is measured. A marker that stands once
in every event is counted in the bytes as they come.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import os
import select
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from benchmarks.processes import Gateway, cpu_seconds

MARKER = b'"type":"message.received"'
PAUSE_S = 15.0  # between the pongs that keep a quiet socket open


def masked(payload: bytes, head: int = 0x81) -> bytes:
    """Return a client's frame (RFC 6455 §5.2) with a mask of zeros, which leaves the payload as it is."""
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes((head,)) + length + b"\0\0\0\0" + payload


PONG = masked(b"", 0x8A)


class Crowd:
    """Clients of one server, each subscribed to everything; with several keys they take turns with them."""

    def __init__(self, port: int, count: int, *keys: str | None) -> None:
        self._greetings = itertools.cycle(
            [self._handshake(port, key) + (b"" if key is None else masked(b'{"type":"subscribe"}')) for key in keys]
        )
        self._port = port
        self.clients: list[socket.socket] = []
        self._ends: dict[int, bytes] = {}
        self.by_number: dict[int, socket.socket] = {}
        self.deliveries = 0
        self._ponged = time.monotonic()
        while len(self.clients) < count:
            self._join(min(50, count - len(self.clients)))

    @staticmethod
    def _handshake(port: int, key: str | None) -> bytes:
        lines = [
            "GET /ws/ HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}", "Sec-WebSocket-Version: 13",
        ]  # fmt: skip
        if key is not None:
            lines.append(f"Authorization: Bearer {key}")
        return "\r\n".join([*lines, "", ""]).encode()

    def _join(self, count: int) -> None:
        joining = []
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", self._port), timeout=30)
            client.sendall(next(self._greetings))
            joining.append(client)
        for client in joining:
            heard = b""
            while b'"subscribed"' not in heard:
                part = client.recv(65536)
                if not part:
                    raise ConnectionError(f"closed while joining: {heard!r}")
                heard += part
            client.setblocking(False)
            self.clients.append(client)
            self.by_number[client.fileno()] = client
            self._ends[client.fileno()] = b""
        self.keep()

    def heard(self, number: int) -> None:
        """Take what one client was sent."""
        try:
            data = self.by_number[number].recv(1 << 20)
        except BlockingIOError:
            return
        if not data:
            raise ConnectionError("a client was cut off")
        data = self._ends[number] + data
        self.deliveries += data.count(MARKER)
        self._ends[number] = data[-len(MARKER) + 1 :]

    def keep(self) -> None:
        """Send pongs now and then."""
        if time.monotonic() - self._ponged > PAUSE_S:
            self._ponged = time.monotonic()
            for client in self.clients:
                client.send(PONG)

    def close(self) -> None:
        """Close every client."""
        for client in self.clients:
            client.close()


class Publisher(Protocol):
    """Whatever makes a server publish an event."""

    sockets: dict[int, socket.socket]

    def ready(self) -> bool:
        """Whether another event can be sent now."""

    def publish(self) -> None:
        """Send one event."""

    def heard(self, number: int) -> None:
        """Take an answer."""


class Lines:
    """Publishes by a line on a bare connection."""

    def __init__(self, port: int, event: bytes) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._event = event + b"\n"
        self.sockets: dict[int, socket.socket] = {}

    def ready(self) -> bool:
        """Lines need no answer."""
        return True

    def publish(self) -> None:
        """Send one line."""
        self._socket.sendall(self._event)

    def heard(self, number: int) -> None:
        """Nothing is answered."""


class Requests:
    """Sends HTTP requests on connections that are kept, one at a time on each; refusals end the run."""

    def __init__(self, port: int, connections: int, make: Callable[[], bytes]) -> None:
        self._make = make
        self.sockets = {}
        for _ in range(connections):
            connection = socket.create_connection(("127.0.0.1", port), timeout=30)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets[connection.fileno()] = connection
        self._idle = list(self.sockets)
        self._answers: dict[int, bytes] = {}
        self.answered = 0
        self.last = b""

    def ready(self) -> bool:
        """Whether a connection waits for work."""
        return bool(self._idle)

    def publish(self) -> None:
        """Send the next request."""
        number = self._idle.pop()
        self._answers[number] = b""
        self.sockets[number].sendall(self._make())

    def heard(self, number: int) -> None:
        """Take (a part of) an answer."""
        data = self._answers[number] + self.sockets[number].recv(1 << 18)
        head, gap, body = data.partition(b"\r\n\r\n")
        if not gap or len(body) < _length(head):
            if data == self._answers[number]:
                raise ConnectionError("the server closed a connection")
            self._answers[number] = data
            return
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"refused: {data[:500]!r}")
        self.answered += 1
        self.last = body
        self._idle.append(number)

    def close(self) -> None:
        """Close the connections."""
        for connection in self.sockets.values():
            connection.close()


def _length(head: bytes) -> int:
    place = head.lower().index(b"content-length:")
    return int(head[place + 15 :].split(b"\r\n", 1)[0])


class Customers:
    """Customers who write on WhatsApp: signed webhooks in Meta's form, one text each."""

    def __init__(self, gateway: Gateway, count: int, first: int = 10_000) -> None:
        self._whatsapp = gateway.whatsapp
        self._count = count
        self._first = first
        self._run = os.urandom(4).hex()
        self.sent = 0
        # Addressed by the phone number id, which every message carries.
        self._template = json.dumps({
            "object": "whatsapp_business_account",
            "entry": [{"id": "0", "changes": [{"field": "messages", "value": {
                "messaging_product": "whatsapp",
                "metadata": {"display_phone_number": "12025550199", "phone_number_id": "@ADDRESS@"},
                "contacts": [{"profile": {"name": "Ann Bench"}, "wa_id": "@FROM@"}],
                "messages": [{"from": "@FROM@", "id": "@ID@", "timestamp": "@TIME@", "type": "text",
                              "text": {"body": "@TEXT@"}}],
            }}]}],
        })  # fmt: skip
        self._template = self._template.replace("@ADDRESS@", self._whatsapp["phone_number_id"])

    def carrier_id(self, number: int) -> str:
        """Return the id that the carrier gave a message."""
        return f"wamid.B{self._run}{number:012d}"

    def request(self) -> bytes:
        """Return the next webhook as an HTTP request; its text is `n<number>`."""
        number, self.sent = self.sent, self.sent + 1
        values = {
            "@FROM@": f"1202{5_500_000 + (self._first + number) % self._count:07d}",
            "@ID@": self.carrier_id(number), "@TIME@": str(int(time.time())), "@TEXT@": f"n{number};",
        }  # fmt: skip
        text = self._template
        for name, value in values.items():
            text = text.replace(name, value)
        body = text.encode()
        sign = hmac.new(self._whatsapp["app_secret"].encode(), body, hashlib.sha256).hexdigest()
        head = (
            f"POST {self._whatsapp['webhook_path']} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"X-Hub-Signature-256: sha256={sign}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Reports(Customers):
    """Reports of the carrier that messages which went out were delivered: those of odd numbers, `wamid.old<number>`."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway, 1)
        self._template = json.dumps({
            "object": "whatsapp_business_account",
            "entry": [{"id": "0", "changes": [{"field": "messages", "value": {
                "messaging_product": "whatsapp",
                "metadata": {"display_phone_number": "12025550199",
                             "phone_number_id": self._whatsapp["phone_number_id"]},
                "statuses": [{"id": "@ID@", "status": "delivered", "timestamp": "@TIME@",
                              "recipient_id": "12025550111"}],
            }}]}],
        })  # fmt: skip

    def carrier_id(self, number: int) -> str:
        """Return the id that the carrier gave a message."""
        return f"wamid.old{2 * number + 1}"


@dataclass(frozen=True, slots=True)
class Fanned:
    """What a run delivered; `cpu_us` is the server's processor time per delivery."""

    deliveries: int
    seconds: float
    cpu_us: float

    @property
    def per_second(self) -> float:
        """Deliveries a second."""
        return self.deliveries / self.seconds


def fan(pid: int, crowd: Crowd, publisher: Publisher, seconds: float, window: int, events: int = 1 << 60) -> Fanned:
    """Keep `window` events on their way to the crowd for some seconds, then wait for the rest.

    An event is on its way until every client has it. Stops early after `events` events.
    """
    poll = select.epoll()
    for number in (*crowd.by_number, *publisher.sockets):
        poll.register(number, select.EPOLLIN)
    count, first = len(crowd.clients), crowd.deliveries
    sent = 0
    cpu, begun = cpu_seconds(pid), time.monotonic()
    ends = begun + seconds
    measured: Fanned | None = None
    while True:
        done = crowd.deliveries - first
        now = time.monotonic()
        if measured is None and (now >= ends or sent >= events):
            measured = Fanned(done, now - begun, (cpu_seconds(pid) - cpu) / max(1, done) * 1e6)
            ends = now
        if measured is not None:
            if done >= sent * count:
                break
            if now > ends + 60:
                raise TimeoutError(f"{sent * count - done} deliveries are missing")
        else:
            while sent * count < done + window * count and publisher.ready() and sent < events:
                publisher.publish()
                sent += 1
        for number, _ in poll.poll(0.05):
            if number in crowd.by_number:
                crowd.heard(number)
            else:
                publisher.heard(number)
        crowd.keep()
    poll.close()
    if measured.deliveries == 0 or events < 1 << 60:
        done = crowd.deliveries - first
        took = time.monotonic() - begun
        return Fanned(done, took, (cpu_seconds(pid) - cpu) / max(1, done) * 1e6)
    return measured
