"""The words of the socket: close codes, limits, and frames as bytes.

Server frames are unmasked text frames (RFC 6455 §5.2) written by hand, so that one event becomes one bytes object
that every socket of a view is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from jinaconnect.core.events.event import Recorded

VERSION = 1
SUBPROTOCOL = "jina.v1"
HEARTBEAT_S = 25
AUTH_DEADLINE_S = 10
FRAME_BYTES = 65_536
REQUESTS_PER_S = 20
BUFFER_BYTES = 1_048_576
BUFFER_S = 10
MALFORMED_IN_A_ROW = 10
EXPIRY_NOTICE_S = 60
EVENTS_PER_FRAME = 100
EVENTS_FRAME_BYTES = 262_144  # what common clients take is 1 MiB, some proxies less; one event is never cut
FRAME_ROOM = 128  # of which what stands around the events takes at most

NOT_AUTHENTICATED = 4001
WITHDRAWN = 4003
VIOLATION = 4004
TOO_LARGE = 4009
TOO_MANY = 4101
RATE = 4102
AWAY = 4103
SLOW = 4201
RESTARTING = 4202
EXPIRED = 4203
SILENT = 4204

CLOSE_CODES: dict[int, tuple[str, str]] = {
    NOT_AUTHENTICATED: ("do not retry", "not authenticated"),
    WITHDRAWN: ("do not retry", "access withdrawn (member removed, key revoked, tenant suspended)"),
    VIOLATION: ("do not retry", "protocol violation"),
    TOO_LARGE: ("do not retry", "frame too large"),
    TOO_MANY: ("back off", "too many connections"),
    RATE: ("back off", "rate exceeded"),
    AWAY: ("back off", "a dependency is away"),
    SLOW: ("resume now", "too slow: resume from your cursor"),
    RESTARTING: ("resume now", "server is restarting"),
    EXPIRED: ("resume now", "token expired: renew, then resume"),
    SILENT: ("resume now", "heartbeat missed"),
}

_TEXT, _PING = 0x81, 0x89


def frame(payload: bytes, head: int = _TEXT) -> bytes:
    """Return one unfragmented, unmasked frame around a payload (RFC 6455 §5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((head, size)) + payload
    if size < 1 << 16:
        return bytes((head, 126)) + size.to_bytes(2, "big") + payload
    return bytes((head, 127)) + size.to_bytes(8, "big") + payload


PING = frame(b"", _PING)


def message(kind: str, **fields: Any) -> bytes:
    """Return a JSON text frame of type `kind`."""
    return frame(orjson.dumps({"type": kind, **fields}))


def events_frame(events: Sequence[Recorded], cursor: str) -> bytes:
    """Return the frame of some events; nothing in it depends on the client."""
    body = b",".join(event.json for event in events)
    return frame(b'{"type":"events","events":[' + body + b'],"cursor":"' + cursor.encode() + b'"}')


def events_frames(events: Sequence[Recorded], cursor: Callable[[int], str]) -> bytes:
    """Return the frames of some events, each within our bounds; `cursor` writes that of a number."""
    return b"".join(events_frame(part, cursor(part[-1].seq)) for part in portions(events))


def portions(events: Sequence[Recorded]) -> Iterator[Sequence[Recorded]]:
    """Cut events into portions that make one frame each."""
    begin = size = 0
    for place, event in enumerate(events):
        if place > begin and (
            size + len(event.json) > EVENTS_FRAME_BYTES - FRAME_ROOM or place - begin == EVENTS_PER_FRAME
        ):
            yield events[begin:place]
            begin, size = place, 0
        size += len(event.json) + 1
    if events:
        yield events[begin:]


def sse_block(event: Recorded, cursor: str) -> bytes:
    """Return one server-sent event (WHATWG HTML §9.2): its cursor as id, the event as data."""
    return b"id: " + cursor.encode() + b"\ndata: " + event.json + b"\n\n"


def hello(session: str) -> bytes:
    """Return the first frame of a connection."""
    limits = {
        "frame_bytes": FRAME_BYTES, "requests_per_s": REQUESTS_PER_S, "buffer_bytes": BUFFER_BYTES,
        "events_frame_bytes": EVENTS_FRAME_BYTES,
    }  # fmt: skip
    return message("hello", protocol=VERSION, session=session, heartbeat_s=HEARTBEAT_S, limits=limits)


def error(id: str | None, status: int, body: Mapping[str, Any]) -> bytes:
    """Return an `error` frame; `id` is that of the request it answers."""
    return message("error", id=id, status=status, **body)
